import math
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES, latents
from caloserve.generator.engine import Engine
from caloserve.generator.manifest import Fidelity, Figure, Manifest
from caloserve.generator.physics import BUDGET_SHARE, COST_SHARE, ENERGY_BINS_GEV, LivePhysics, interval_for
from caloserve.generator.releases import ReleaseStore
from caloserve.generator.settings import Provider
from caloserve.v1 import shower_pb2
from standin_release import write_release

OK, EXTRAPOLATED, INVALID = (
    shower_pb2.SHOWER_STATUS_OK,
    shower_pb2.SHOWER_STATUS_EXTRAPOLATED,
    shower_pb2.SHOWER_STATUS_INVALID_CELLS,
)
ROOT = Path(__file__).parents[2]
NOTHING_KNOWN = Fidelity("", 0, ())


def fidelity(mean: Callable[[str, int, int], float]) -> Fidelity:
    return Fidelity(
        "",
        0,
        tuple(
            Figure(f"{quantity}_mean_{low}_{high}_gev", 0.0, mean(quantity, low, high), "", 100)
            for quantity in ("response", "f_0", "f_1", "f_2")
            for low, high in ENERGY_BINS_GEV
        ),
    )


def shower(e_0: float, e_1: float, e_2: float) -> np.ndarray:
    """Flattened cells with these energies in the three layers, MeV."""
    cells = np.zeros(504, dtype=np.float32)
    for layer, energy in zip(CALOGAN.layers, (e_0, e_1, e_2), strict=True):
        cells[layer.span] = energy / layer.cells
    return cells


def look(physics: LivePhysics, energies: list[float], cells: list[np.ndarray], statuses: list[int]) -> None:
    physics.look(np.array(energies, np.float32), np.array(statuses, np.int32), np.array(cells))


def test_known_showers_give_known_sums_in_their_bins() -> None:
    physics = LivePhysics(NOTHING_KNOWN, CALOGAN)
    showers = [shower(1000, 3000, 0), shower(2000, 2000, 4000), shower(0, 36_000, 9000)]
    look(physics, [5.0, 10.0, 60.0], showers, [OK] * 3)
    assert physics.quantities == ("response", "f_0", "f_1", "f_2")
    assert physics.counts.tolist() == [1, 1, 0, 1]
    np.testing.assert_allclose(physics.sums[0], [0.8, 0.8, 0, 0.75], rtol=1e-5)
    np.testing.assert_allclose(physics.sums[1:, 0], [0.25, 0.75, 0], rtol=1e-5)
    np.testing.assert_allclose(physics.sums[1:, 1], [0.25, 0.25, 0.5], rtol=1e-5)
    np.testing.assert_allclose(physics.sums[1:, 3], [0, 0.8, 0.2], rtol=1e-5)
    look(physics, [7.0], [shower(2800, 4200, 0)], [OK])
    assert physics.counts.tolist() == [2, 1, 0, 1]
    np.testing.assert_allclose(physics.sums[:, 0], [1.8, 0.65, 1.35, 0], rtol=1e-5)


def test_only_good_showers_of_the_domain_are_looked_at() -> None:
    physics = LivePhysics(NOTHING_KNOWN, CALOGAN)
    energies = [0.5, 99.0, 100.0, 500.0, 20.0, 20.0, math.nan]
    look(physics, energies, [shower(1, 1, 1)] * 7, [OK, OK, OK, EXTRAPOLATED, INVALID, EXTRAPOLATED, INVALID])
    assert physics.counts.tolist() == [0, 0, 0, 1]
    look(physics, [50.0], [shower(1, 1, 1)], [INVALID])
    assert physics.counts.sum() == 1


def test_an_empty_shower_has_no_response_and_no_fractions() -> None:
    physics = LivePhysics(NOTHING_KNOWN, CALOGAN)
    look(physics, [50.0], [shower(0, 0, 0)], [OK])
    assert physics.counts[2] == 1
    assert not physics.sums.any()


def test_without_figures_nothing_is_expected() -> None:
    physics = LivePhysics(NOTHING_KNOWN, CALOGAN)
    assert physics.expects == (False,) * 4
    physics = LivePhysics(fidelity(lambda *_: 0.5), CALOGAN)
    assert physics.expects == (True,) * 4
    assert (physics.reference == 0.5).all()


def test_a_straight_line_in_the_logarithm_is_expected_exactly_at_any_energy() -> None:
    def mean(_: str, low: int, high: int) -> float:
        energies = np.linspace(low, high, 100_001)
        return float(np.mean(0.9 - 0.15 * np.log(energies)))

    physics = LivePhysics(fidelity(mean), CALOGAN)
    for energy in (1.0, 2.0, 9.9, 12.0, 35.0, 61.0, 99.0):
        before = physics.expected.copy()
        look(physics, [energy], [shower(1, 1, 1)], [OK])
        np.testing.assert_allclose((physics.expected - before).sum(axis=1), 0.9 - 0.15 * math.log(energy), rtol=1e-4)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(1, 99))
def test_what_is_expected_never_falls(means: list[float], energy: float) -> None:
    bins = dict(zip(ENERGY_BINS_GEV, means, strict=True))
    physics = LivePhysics(fidelity(lambda _, low, high: bins[low, high]), CALOGAN)
    look(physics, [energy], [shower(1, 1, 1)], [OK])
    assert (physics.expected >= 0).all()


@pytest.mark.parametrize("particle", ["eplus", "gamma", "piplus"])
def test_full_simulation_has_its_own_reference(particle: str) -> None:
    manifest = Manifest.read(max((ROOT / "services" / particle / "releases").glob("*/manifest.json")))
    with h5py.File(ROOT / "tests" / "data" / f"{particle}.hdf5") as file:
        energies = file["energy"][:, 0].astype(np.float32)
        cells = CALOGAN.flatten(*(file[f"layer_{layer.index}"][:] for layer in CALOGAN.layers)).astype(np.float32)
    physics = LivePhysics(manifest.fidelity, CALOGAN)
    physics.look(energies, np.full(len(energies), OK, dtype=np.int32), cells)
    assert physics.counts.sum() == len(energies)
    np.testing.assert_allclose(physics.sums / physics.counts, physics.reference, atol=1e-4)
    np.testing.assert_allclose(physics.expected / physics.counts, physics.reference, atol=0.015)
    for quantity, sums in zip(physics.quantities[1:], physics.sums[1:], strict=True):
        assert sums.sum() == pytest.approx(SHOWER_SHAPES[quantity](cells).sum(), rel=1e-5)


def test_one_batch_in_the_interval_is_due() -> None:
    physics = LivePhysics(NOTHING_KNOWN, CALOGAN)
    physics.interval = 3
    assert [physics.due(1.0) for _ in range(7)] == [True, False, False, True, False, False, True]


def test_nothing_is_due_beyond_the_budget() -> None:
    physics = LivePhysics(NOTHING_KNOWN, CALOGAN)
    assert physics.due(1.0)
    physics.seconds = 3.2 * BUDGET_SHARE
    assert [physics.due(1.0) for _ in range(4)] == [False, False, True, True]
    assert BUDGET_SHARE < 0.02


@given(st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_the_interval_keeps_looking_below_its_share(look_s: float, make_s: float) -> None:
    interval = interval_for(look_s, make_s)
    assert interval >= 1
    assert look_s / interval <= COST_SHARE * make_s * (1 + 1e-9)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    write_release(tmp_path, "eplus")
    return Engine(ReleaseStore(tmp_path, "eplus").load("0.1.0"), Provider.CPU, threads=1)


@pytest.mark.parametrize("rows", [1, 32, 512])
def test_looking_costs_less_than_two_percent_of_making(engine: Engine, rows: int) -> None:
    physics = LivePhysics(fidelity(lambda *_: 0.5), CALOGAN)
    physics.calibrate(engine)
    energies = np.geomspace(1, 99, rows, dtype=np.float32)
    statuses = np.full(rows, OK, dtype=np.int32)
    shares = []
    for _ in range(5):
        making = looking = 0.0
        for _ in range(2 * physics.interval):
            began = time.perf_counter()
            cells = engine.run(latents(0, 0, range(rows), 0, engine.latent_size), energies)
            made = time.perf_counter()
            making += made - began
            if physics.due(made - began):
                physics.look(energies, statuses, np.abs(cells))
                looking += time.perf_counter() - made
        shares.append(looking / making)
    assert min(shares) < 0.02, f"1 in {physics.interval}: {shares}"
