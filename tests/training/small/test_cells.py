from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caloserve.calorimeter import CALOGAN
from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.small import spectrum
from caloserve_training.small.cells import SHAPE_NORMALS, CellModel

REFERENCE = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def pions() -> ShowerSample:
    return read_showers(REFERENCE / "piplus.hdf5").select(slice(200))


@pytest.fixture(scope="module")
def model(pions: ShowerSample) -> CellModel:
    """Untrained networks with a real spectrum."""
    model = CellModel(hidden=8)
    energy, layer_energies = pions.energy[:, np.newaxis], pions.layer_energies()
    model.conditions.adapt(energy, layer_energies)
    log_expected = np.asarray(model.log_expected(model.conditions(energy, layer_energies), layer_energies))
    model.set_spectrum(spectrum.measure_spectrum(pions.cells, log_expected))
    return model


def draw(model: CellModel, sample: ShowerSample) -> NDArray[np.float32]:
    chooser = np.random.default_rng(0)
    shape = chooser.standard_normal((len(sample), SHAPE_NORMALS), dtype=np.float32)
    noise = chooser.standard_normal((len(sample), CALOGAN.cells), dtype=np.float32)
    return np.asarray(model(sample.energy[:, np.newaxis], sample.layer_energies(), shape, noise))


def test_cells_add_up_to_the_layer_energies(model: CellModel, pions: ShowerSample) -> None:
    cells = draw(model, pions)
    assert (cells >= 0).all()
    made = ShowerSample(pions.energy, cells, "").layer_energies()
    np.testing.assert_allclose(made, pions.layer_energies(), rtol=5e-5)


def test_an_empty_layer_stays_empty_and_a_faint_one_has_a_hit(model: CellModel, pions: ShowerSample) -> None:
    energies = np.array([[50.0, 200.0, 0.0], [50.0, 200.0, 1e-9]], dtype=np.float32)
    chooser = np.random.default_rng(0)
    noise = chooser.standard_normal((2, CALOGAN.cells), dtype=np.float32) - 4.0
    cells = np.asarray(model(pions.energy[:2, np.newaxis], energies, np.zeros((2, SHAPE_NORMALS), np.float32), noise))
    last = cells[:, CALOGAN.layers[-1].span]
    assert (last[0] == 0).all()
    assert last[1].sum() == pytest.approx(1e-9, rel=1e-4)


def test_a_symmetrised_expectation_is_the_same_in_every_mirror(model: CellModel, pions: ShowerSample) -> None:
    model.symmetrise_mean()
    layer_energies = pions.layer_energies()
    expected = np.asarray(
        model.log_expected(model.conditions(pions.energy[:, np.newaxis], layer_energies), layer_energies)
    )
    for flip in model.flips:
        np.testing.assert_allclose(expected[:, flip], expected, atol=1e-4)
