from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caloserve.generator.manifest import Figure
from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.fidelity.bins import half_width, measure_bins
from caloserve_training.fidelity.figures import draw_case, figures_of
from caloserve_training.fidelity.memorising import measure_novelty


@pytest.fixture(scope="module")
def reference(eplus_file: Path) -> ShowerSample:
    return read_showers(eplus_file).select(slice(200))


def figures(spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]], reference: ShowerSample) -> dict[str, Figure]:
    def draw(energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        np.testing.assert_array_equal(energy, reference.energy)
        return spoil(reference.cells) * np.float32(1.0 - 1e-6 * seed)

    case = draw_case(draw, reference, particle="eplus")
    return {figure.name: figure for figure in figures_of(case, measure_bins(case), (), measure_novelty(case))}


def test_full_simulation_against_itself_agrees(reference: ShowerSample) -> None:
    found = figures(lambda cells: cells, reference)
    for name, figure in found.items():
        if figure.reference is not None:
            assert figure.value == pytest.approx(figure.reference, rel=5e-2, abs=1e-9), name
    assert sum(found[f"e_tot_ratio_{where}_gev"].sample_size for where in ("1_10", "10_30", "30_60", "60_100")) == 200


def test_a_wrong_energy_shows_beside_its_error(reference: ShowerSample) -> None:
    ratio = figures(lambda cells: cells * np.float32(1.1), reference)["e_tot_ratio_30_60_gev"]
    assert ratio.value == pytest.approx(1.1, rel=1e-3)
    assert ratio.uncertainty is not None
    assert 0 < ratio.uncertainty < 0.01
    assert figures(lambda cells: cells * np.float32(1.1), reference)["e_tot_above_e"].value > 0.9


def test_half_width_is_the_deviation_of_a_normal() -> None:
    assert half_width(np.random.default_rng(0).normal(size=50_000)) == pytest.approx(1.0, abs=0.02)
