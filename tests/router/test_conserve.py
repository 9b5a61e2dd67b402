"""Energy that is conserved, from the generators through the router."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc, shower_pb2
from caloserve.wire.tensors import read_cells

EPLUS, GAMMA, PIPLUS = -11, 22, 211
NAMES = {EPLUS: "eplus", GAMMA: "gamma", PIPLUS: "piplus"}
TOLERANCE = 2.0
"""The stand-in pions deposit three times their energy on average, photons twice, positrons 1.5 times."""
PARTICLES = [((EPLUS, GAMMA, PIPLUS)[row % 3], 1.0 + row % 60) for row in range(600)]

Events = event_pb2_grpc.EventServiceStub
Generators = dict[str, generator_pb2_grpc.ShowerGeneratorServiceStub]
Made = tuple[np.ndarray, np.ndarray]


def conserve(**fields: Any) -> shower_pb2.GenerationOptions:
    return shower_pb2.GenerationOptions(energy_policy=shower_pb2.ENERGY_POLICY_CONSERVE, **fields)


def event(rows: list[int], options: shower_pb2.GenerationOptions) -> event_pb2.GenerateEventRequest:
    chosen = [PARTICLES[row] for row in rows]
    return event_pb2.GenerateEventRequest(
        particles=[event_pb2.Particle(pdg_id=kind, kinetic_energy_gev=energy) for kind, energy in chosen],
        seed=5,
        event_id=6,
        indices=rows,
        options=options,
    )


def cells(batch: shower_pb2.ShowerBatch) -> np.ndarray:
    return read_cells(batch.cells_mev, (len(batch.statuses), CALOGAN.cells), CALOGAN)


@pytest.fixture(scope="module")
def whole(events: Events) -> Made:
    """Cells and attempts of all particles in one event."""
    answer = events.GenerateEvent(event(list(range(len(PARTICLES))), conserve(energy_tolerance=TOLERANCE)))
    assert set(answer.showers.statuses) == {shower_pb2.SHOWER_STATUS_OK}
    return cells(answer.showers), np.array(answer.showers.attempts)


def test_no_shower_deposits_more_than_it_may(whole: Made) -> None:
    made, attempts = whole
    energies_mev = 1e3 * np.array([energy for _, energy in PARTICLES])
    assert (made.sum(axis=1, dtype=np.float64) <= energies_mev * (1 + TOLERANCE)).all()
    kinds = np.array([kind for kind, _ in PARTICLES])
    assert attempts[kinds == PIPLUS].max() > attempts[kinds != PIPLUS].max() == 1
    assert 1.5 < attempts[kinds == PIPLUS].mean() < 3


@settings(max_examples=15)
@given(rows=st.lists(st.integers(0, 599), min_size=1, max_size=60, unique=True), bitmap=st.booleans())
def test_a_shower_is_the_same_in_any_event(events: Events, whole: Made, rows: list[int], *, bitmap: bool) -> None:
    options = conserve(energy_tolerance=TOLERANCE, encoding=2 if bitmap else 1)
    answer = events.GenerateEvent(event(rows, options)).showers
    assert cells(answer).tobytes() == whole[0][rows].tobytes()
    expected = whole[1][rows].tolist()
    assert list(answer.attempts) == (expected if max(expected) > 1 else [])


def test_alone_from_its_generator_and_in_a_stream(events: Events, generator_stubs: Generators, whole: Made) -> None:
    made, attempts = whole
    options = conserve(energy_tolerance=TOLERANCE)
    for row in range(30):
        kind, energy = PARTICLES[row]
        alone = generator_stubs[NAMES[kind]].GenerateShowers(
            generator_pb2.GenerateShowersRequest(
                particle=NAMES[kind], energies_gev=[energy], seed=5, event_id=6, indices=[row], options=options
            )
        )
        assert cells(alone.showers)[0].tobytes() == made[row].tobytes()
        assert list(alone.showers.attempts or [1]) == [attempts[row]]
    request = event_pb2.GenerateEventStreamRequest(request=event(list(range(600)), options))
    chunks = [chunk.chunk.showers for chunk in events.GenerateEventStream(request)]
    assert [len(chunk.statuses) for chunk in chunks] == [512, 88]
    assert np.concatenate([cells(chunk) for chunk in chunks]).tobytes() == made.tobytes()
    assert [*chunks[0].attempts, *chunks[1].attempts] == attempts.tolist()


def test_a_shower_is_the_first_draw_that_conserves(events: Events, whole: Made) -> None:
    made, attempts = whole
    once = [row for row in range(600) if attempts[row] == 1]
    as_generated = events.GenerateEvent(event(once, shower_pb2.GenerationOptions())).showers
    assert cells(as_generated).tobytes() == made[once].tobytes()
    assert not as_generated.attempts
    limited = events.GenerateEvent(
        event(list(range(600)), conserve(energy_tolerance=TOLERANCE, max_attempts=2))
    ).showers
    assert list(limited.attempts) == np.minimum(attempts, 2).tolist()
    given_up = np.array(limited.statuses) == shower_pb2.SHOWER_STATUS_ENERGY_NOT_CONSERVED
    assert given_up.tolist() == (attempts > 2).tolist()
    assert [error.row for error in limited.errors] == np.flatnonzero(given_up).tolist()
    assert not cells(limited)[given_up].any()
    assert cells(limited)[~given_up].tobytes() == made[~given_up].tobytes()
