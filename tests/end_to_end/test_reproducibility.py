import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caloserve.calorimeter import PARTICLES
from caloserve.generator.settings import service_settings
from caloserve.stack.stack import Stack, wait_until_loaded
from caloserve_client import CaloServeClient
from served_generator import running_generator

SEED, EVENT_ID = 20171, 42
NAMES = {particle.pdg_id: name for name, particle in PARTICLES.items()}

Generators = dict[str, CaloServeClient]


def mixed(count: int) -> list[tuple[int, float]]:
    random = np.random.default_rng(count)
    return list(zip(random.choice(list(NAMES), count).tolist(), random.uniform(1, 100, count).tolist(), strict=True))


@pytest.fixture(scope="module")
def particles() -> list[tuple[int, float]]:
    return mixed(300)


@pytest.fixture(scope="module")
def event_cells(router: CaloServeClient, particles: list[tuple[int, float]]) -> np.ndarray:
    return router.generate_event(particles, seed=SEED, event_id=EVENT_ID).cells_mev


def test_releases_are_proved_bitwise_in_every_bucket(generators: Generators) -> None:
    for name, client in generators.items():
        for release in client.describe(name).releases:
            assert release.determinism == "bitwise", f"{name} {release.version}"


def test_an_event_equals_its_showers_asked_one_by_one_from_the_generators(
    generators: Generators, particles: list[tuple[int, float]], event_cells: np.ndarray
) -> None:
    for index, (pdg_id, energy) in enumerate(particles):
        name = NAMES[pdg_id]
        alone = generators[name].generate_showers(name, [energy], seed=SEED, event_id=EVENT_ID, indices=[index])
        assert alone.cells_mev[0].tobytes() == event_cells[index].tobytes()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_and_in_any_batch_of_any_size_and_order(
    generators: Generators, particles: list[tuple[int, float]], event_cells: np.ndarray, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(list(PARTICLES)))
    of_kind = [index for index, (pdg_id, _) in enumerate(particles) if NAMES[pdg_id] == name]
    indices = data.draw(st.lists(st.sampled_from(of_kind), min_size=1, max_size=200))
    energies = [particles[index][1] for index in indices]
    batch = generators[name].generate_showers(name, energies, seed=SEED, event_id=EVENT_ID, indices=indices)
    assert batch.cells_mev.tobytes() == event_cells[indices].tobytes()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_and_from_a_process_started_later_with_any_number_of_threads(
    particles: list[tuple[int, float]], event_cells: np.ndarray, threads: str
) -> None:
    name = list(PARTICLES)[int(threads)]
    of_kind = [index for index, (pdg_id, _) in enumerate(particles) if NAMES[pdg_id] == name]
    energies = [particles[index][1] for index in of_kind]
    releases = service_settings(name).parent / "releases"
    with (
        running_generator(releases, "--threads", threads, particle=name) as server,
        CaloServeClient(server.address) as client,
    ):
        wait_until_loaded(Stack(server, (server,)), threading.Event())
        batch = client.generate_showers(name, energies, seed=SEED, event_id=EVENT_ID, indices=of_kind)
    assert batch.cells_mev.tobytes() == event_cells[of_kind].tobytes()


def test_an_event_of_ten_thousand_particles(router: CaloServeClient) -> None:
    particles = mixed(10_000)
    event = router.generate_event(particles, seed=SEED, event_id=EVENT_ID, output="both")
    assert event.cells_mev.shape == (10_000, 504)
    assert event.ok.all()
    assert (event.cells_mev >= 0).all()
    assert np.isfinite(event.cells_mev).all()
    assert len(np.unique(event.cells_mev, axis=0)) == 10_000
    first = router.generate_event(particles[:700], seed=SEED, event_id=EVENT_ID)
    assert first.cells_mev.tobytes() == event.cells_mev[:700].tobytes()
    total = np.zeros(504)
    for shower in event.cells_mev:
        total += shower
    assert event.sum_cells is not None
    assert event.sum_cells.tobytes() == total.astype(np.float32).tobytes()


def test_deposits_stay_below_the_energy_of_the_particles(router: CaloServeClient) -> None:
    particles = mixed(2000)
    event = router.generate_event(particles, seed=1)
    share = event.e_tot_mev / (1e3 * event.energies_gev)
    assert np.mean(share > 1.01) < 0.005
    em = event.pdg_ids != 211
    assert 0.97 < share[em].mean() < 1.0
    assert 0.2 < share[~em].mean() < 0.4
