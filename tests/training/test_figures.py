from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caloserve.generator.manifest import Figure
from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.figures import classifier_auc, compute_figures, half_width


@pytest.fixture(scope="module")
def reference(eplus_file: Path) -> ShowerSample:
    return read_showers(eplus_file).select(slice(200))


def figures_of(
    spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]], reference: ShowerSample
) -> dict[str, Figure]:
    def draw(energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        np.testing.assert_array_equal(energy, reference.energy)
        return spoil(reference.cells) * np.float32(1.0 - 1e-6 * seed)

    return {figure.name: figure for figure in compute_figures(draw, reference)}


def test_full_simulation_against_itself_agrees(reference: ShowerSample) -> None:
    figures = figures_of(lambda cells: cells, reference)
    for name, figure in figures.items():
        if figure.reference is not None:
            assert figure.value == pytest.approx(figure.reference, rel=5e-2, abs=1e-9), name
    assert sum(figures[f"e_tot_ratio_{where}_gev"].sample_size for where in ("1_10", "10_30", "30_60", "60_100")) == 200


def test_a_wrong_shower_shows(reference: ShowerSample) -> None:
    figures = figures_of(lambda cells: np.roll(cells, 5, axis=1) * np.float32(1.1), reference)
    assert figures["e_tot_ratio_30_60_gev"].value == pytest.approx(1.1, rel=1e-3)
    assert figures["e_tot_above_e"].value > 0.9
    assert figures["auc_shapes"].value > 0.8
    assert figures["auc_cells"].value > 0.8


def test_a_classifier_cannot_tell_one_law_from_itself() -> None:
    chooser = np.random.default_rng(0)
    first, second = chooser.normal(size=(2, 500, 4))
    assert classifier_auc(first, second) == pytest.approx(0.5, abs=0.06)


def test_half_width_is_the_deviation_of_a_normal() -> None:
    assert half_width(np.random.default_rng(0).normal(size=50_000)) == pytest.approx(1.0, abs=0.02)
