from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.v1 import event_pb2, shower_pb2, tensor_pb2
from caloserve_client import EventParticle, RequestRejectedError
from caloserve_client.requests import EventRequest, Options, ShowersRequest, event_request, showers_request


def showers(energies: Any, **changes: Any) -> ShowersRequest:
    arguments: dict[str, Any] = {"seed": 0, "event_id": 0, "indices": None, "release": None, "options": Options()}
    return showers_request("eplus", energies, **arguments | changes)


def event(particles: Any, **changes: Any) -> EventRequest:
    arguments: dict[str, Any] = {
        "seed": 0,
        "event_id": 0,
        "output": "per_shower",
        "releases": None,
        "indices": None,
        "options": Options(),
    }
    return event_request(particles, **arguments | changes)


def test_showers_as_they_are_sent() -> None:
    options = Options(
        energy_policy="conserve",
        energy_tolerance=0.25,
        max_attempts=7,
        domain_policy="flag",
        encoding="bitmap",
        geometry_id="calogan-504-v1",
    )
    message = showers([1.5, 2.5], seed=2**64 - 1, event_id=3, indices=[7, 2**64 - 1], options=options).message()
    assert list(message.energies_gev) == [1.5, 2.5]
    assert list(message.indices) == [7, 2**64 - 1]
    assert (message.seed, message.event_id, message.release) == (2**64 - 1, 3, "")
    assert message.failure_policy == shower_pb2.FAILURE_POLICY_PER_SHOWER
    assert message.options.energy_policy == shower_pb2.ENERGY_POLICY_CONSERVE
    assert (message.options.energy_tolerance, message.options.max_attempts) == (0.25, 7)
    assert message.options.encoding == tensor_pb2.ENCODING_BITMAP
    assert message.options.domain_policy == shower_pb2.DOMAIN_POLICY_FLAG
    assert message.options.geometry_id == "calogan-504-v1"
    by_default = showers([1.5]).message().options
    assert not by_default.HasField("energy_tolerance")
    assert not by_default.HasField("max_attempts")


def test_an_event_as_it_is_sent() -> None:
    given_particles = [EventParticle(2212, 1.0), ("gamma", 2), (np.int64(-11), np.float32(3))]
    message = event(given_particles, output="both", releases={"gamma": "0.1.0"}).message()
    assert [(sent.pdg_id, sent.kinetic_energy_gev) for sent in message.particles] == [
        (2212, 1.0),
        (22, 2.0),
        (-11, 3.0),
    ]
    assert message.output == event_pb2.EVENT_OUTPUT_BOTH
    assert dict(message.releases) == {"gamma": "0.1.0"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 2**64}, "seed"),
        ({"event_id": -1}, "event_id"),
        ({"seed": 1.5}, "seed"),
        ({"indices": [1]}, r"indices: shape \(1,\)"),
        ({"indices": [1, -1]}, "indices"),
        ({"indices": [0.5, 1.0]}, "indices"),
        ({"indices": np.array([1, -1])}, "indices"),
        ({"indices": [0, 2**64]}, "indices"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(RequestRejectedError, match=named):
        showers([1.0, 2.0], **changes)


@pytest.mark.parametrize("energies", [[[1.0]], 5.0, ["many"]])
def test_bad_energies(energies: Any) -> None:
    with pytest.raises(RequestRejectedError, match="energies_gev") as failure:
        showers(energies)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("particle", [("proton", 1.0), (1.5, 1.0), (22,), 22, ("gamma", "much"), (2**40, 1.0)])
def test_bad_particles_are_named(particle: Any) -> None:
    with pytest.raises(RequestRejectedError, match=r"particles\[1\]"):
        event([(22, 1.0), particle])


def test_bad_choices_are_named() -> None:
    with pytest.raises(RequestRejectedError, match="domain_policy: 'never' is not one of refuse, flag"):
        Options(domain_policy="never")  # type: ignore[arg-type]
    with pytest.raises(RequestRejectedError, match="energy_policy"):
        Options(energy_policy="never")  # type: ignore[arg-type]
    with pytest.raises(RequestRejectedError, match="encoding: 'zip' is not one of dense, bitmap"):
        Options(encoding="zip")  # type: ignore[arg-type]
    with pytest.raises(RequestRejectedError, match="energy_tolerance: 'some' is not a number"):
        Options(energy_tolerance="some")  # type: ignore[arg-type]
    with pytest.raises(RequestRejectedError, match=r"max_attempts: -1 is outside 0 to 2\*\*32 - 1"):
        Options(max_attempts=-1)
    with pytest.raises(RequestRejectedError, match="output"):
        event([], output="all")


def test_an_energy_beyond_float32_is_left_to_the_server() -> None:
    assert np.isinf(showers([1e300]).energies_gev).all()


@given(count=st.integers(0, 50), size=st.integers(1, 60))
def test_parts_make_the_whole(count: int, size: int) -> None:
    whole = showers(np.arange(count, dtype=np.float32), indices=np.arange(count)[::-1])
    parts = list(whole.parts(size))
    assert all(len(part) <= size for part in parts)
    assert [part.first_row for part in parts] == [start * size for start in range(len(parts))]
    np.testing.assert_array_equal(np.concatenate([part.energies_gev for part in parts]), whole.energies_gev)
    np.testing.assert_array_equal(np.concatenate([part.indices for part in parts]), whole.indices)
