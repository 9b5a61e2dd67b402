import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter.errors import InvalidRequestError, LimitExceededError, NotBuiltError, NotFoundError
from caloserve.generator.manifest import Manifest
from caloserve.generator.orders import Order, read_order
from caloserve.v1 import generator_pb2, shower_pb2
from standin_release import write_release


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_release(tmp_path_factory.mktemp("eplus"), "eplus")


def request(**fields: object) -> generator_pb2.GenerateShowersRequest:
    asked = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0, 50.0, 90.0], seed=1, event_id=2)
    asked.MergeFrom(generator_pb2.GenerateShowersRequest(**fields))  # type: ignore[arg-type]
    return asked


def read(asked: generator_pb2.GenerateShowersRequest, manifest: Manifest) -> Order:
    return read_order(asked, manifest, most=1000, advice="split it")


def test_indices_count_from_zero_unless_given(manifest: Manifest) -> None:
    assert read(request(), manifest).indices.tolist() == [0, 1, 2]
    assert read(request(indices=[5, 2**64 - 1, 5]), manifest).indices.tolist() == [5, 2**64 - 1, 5]


def test_another_number_of_indices_is_refused(manifest: Manifest) -> None:
    with pytest.raises(InvalidRequestError, match="indices: 2 for 3 showers"):
        read(request(indices=[1, 2]), manifest)


def test_an_empty_request_is_refused(manifest: Manifest) -> None:
    with pytest.raises(InvalidRequestError, match="energies_gev: is empty"):
        read(generator_pb2.GenerateShowersRequest(particle="eplus"), manifest)


def test_too_many_showers_are_refused_with_advice(manifest: Manifest) -> None:
    with pytest.raises(LimitExceededError, match="energies_gev: 3 showers, at most 2 per call; split it"):
        read_order(request(), manifest, most=2, advice="split it")


def test_another_particle_is_not_found(manifest: Manifest) -> None:
    asked = request()
    asked.particle = "kaon"
    with pytest.raises(NotFoundError, match="particle: 'kaon'"):
        read(asked, manifest)


@pytest.mark.parametrize("bad", [0.0, -3.0, math.nan, math.inf, -math.inf])
def test_an_impossible_energy_is_named_with_its_index(manifest: Manifest, bad: float) -> None:
    with pytest.raises(InvalidRequestError, match=r"energies_gev\[3\]: .* is not a positive, finite"):
        read(request(energies_gev=[bad]), manifest)


def test_an_energy_outside_the_domain_is_refused_by_default(manifest: Manifest) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"energies_gev\[3\]: 150 GeV is outside the training domain, 1-100 GeV"
    ):
        read(request(energies_gev=[150.0]), manifest)


def test_the_ends_of_the_domain_belong_to_it(manifest: Manifest) -> None:
    assert read(request(energies_gev=[1.0, 100.0]), manifest).wanted.all()


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (shower_pb2.DOMAIN_POLICY_FLAG, shower_pb2.SHOWER_STATUS_EXTRAPOLATED),
        (shower_pb2.DOMAIN_POLICY_ALLOW, shower_pb2.SHOWER_STATUS_OK),
    ],
)
def test_the_domain_policy_can_let_it_through(
    manifest: Manifest, policy: shower_pb2.DomainPolicy, status: shower_pb2.ShowerStatus
) -> None:
    order = read(request(energies_gev=[150.0], options=shower_pb2.GenerationOptions(domain_policy=policy)), manifest)
    assert order.statuses.tolist() == [shower_pb2.SHOWER_STATUS_OK] * 3 + [status]
    assert order.wanted.all()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (shower_pb2.GenerationOptions(energy_policy=9), "energy_policy: 9"),  # type: ignore[arg-type]
        (shower_pb2.GenerationOptions(domain_policy=shower_pb2.DOMAIN_POLICY_FULL_SIMULATION), "domain_policy: .*FULL"),
        (shower_pb2.GenerationOptions(encoding=77), "encoding: 77"),  # type: ignore[arg-type]
    ],
)
def test_choices_that_are_not_built_are_named(
    manifest: Manifest, options: shower_pb2.GenerationOptions, field: str
) -> None:
    with pytest.raises(NotBuiltError, match=rf"options\.{field}.* is not built yet"):
        read(request(options=options), manifest)


def test_another_geometry_is_refused(manifest: Manifest) -> None:
    with pytest.raises(InvalidRequestError, match=r"options\.geometry_id: 'atlas'"):
        read(request(options=shower_pb2.GenerationOptions(geometry_id="atlas")), manifest)


def test_an_oblique_incidence_is_not_built(manifest: Manifest) -> None:
    straight = shower_pb2.Impact(direction=shower_pb2.Vector3(z=1))
    broken = shower_pb2.Impact(phi_mm=math.nan)
    oblique = shower_pb2.Impact(direction=shower_pb2.Vector3(x=0.1, z=0.99))
    assert read(request(impacts=[straight] * 3), manifest).wanted.all()
    with pytest.raises(NotBuiltError, match=r"impacts\[1\]"):
        read(request(impacts=[straight, oblique, straight]), manifest)
    with pytest.raises(InvalidRequestError, match=r"impacts\[2\]"):
        read(request(impacts=[straight, straight, broken]), manifest)
    with pytest.raises(InvalidRequestError, match="impacts: 1 for 3"):
        read(request(impacts=[straight]), manifest)


energies = st.lists(st.sampled_from([10.0, -1.0, math.nan, 500.0, 100.0]), min_size=1, max_size=40)


@given(energies_gev=energies)
def test_per_shower_every_bad_row_has_a_status_and_a_reason(manifest: Manifest, energies_gev: list[float]) -> None:
    asked = generator_pb2.GenerateShowersRequest(
        particle="eplus", energies_gev=energies_gev, failure_policy=shower_pb2.FAILURE_POLICY_PER_SHOWER
    )
    order = read(asked, manifest)
    good = [math.isfinite(energy) and 1 <= energy <= 100 for energy in energies_gev]
    assert order.wanted.tolist() == good
    assert order.plain == all(good)
    assert sorted(error.row for error in order.errors()) == [row for row, fine in enumerate(good) if not fine]
    assert all(order.statuses[error.row] == error.status and error.message for error in order.errors())


@given(energies_gev=energies, cut=st.integers(0, 40))
def test_an_order_can_be_cut_anywhere(manifest: Manifest, energies_gev: list[float], cut: int) -> None:
    asked = generator_pb2.GenerateShowersRequest(
        particle="eplus", energies_gev=energies_gev, failure_policy=shower_pb2.FAILURE_POLICY_PER_SHOWER
    )
    order = read(asked, manifest)
    parts = [order.rows(0, cut), order.rows(cut, len(order))]
    np.testing.assert_array_equal(np.concatenate([part.indices for part in parts]), order.indices)
    np.testing.assert_array_equal(np.concatenate([part.statuses for part in parts]), order.statuses)
    assert {part.plain for part in parts} == {order.plain}
    first = [(error.row, error.message) for error in parts[0].errors()]
    second = [(error.row + cut, error.message) for error in parts[1].errors()]
    assert sorted(first + second) == sorted((error.row, error.message) for error in order.errors())


def test_an_unknown_failure_policy_is_not_taken_for_another(manifest: Manifest) -> None:
    with pytest.raises(NotBuiltError, match="failure_policy: 77"):
        read(request(failure_policy=77), manifest)


def test_what_a_caller_sent_is_quoted_at_no_length(manifest: Manifest) -> None:
    asked = request()
    asked.particle = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 5000
    with pytest.raises(NotFoundError) as caught:
        read(asked, manifest)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isascii()


def test_a_million_bad_energies_are_refused_at_once(manifest: Manifest) -> None:
    asked = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[-1.0] * 1_000_000)
    asked.energies_gev[0] = 10.0
    with pytest.raises(InvalidRequestError, match=r"energies_gev\[1\]"):
        read_order(asked, manifest, most=1_000_000, advice="")
    asked.failure_policy = shower_pb2.FAILURE_POLICY_PER_SHOWER
    order = read_order(asked, manifest, most=1_000_000, advice="")
    assert len(order.rows(0, 512).errors()) == 511
