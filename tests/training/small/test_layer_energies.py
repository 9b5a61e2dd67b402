from pathlib import Path

import numpy as np
import pytest

from caloserve_training.data import read_showers
from caloserve_training.small.layer_energies import (
    MINIMUM_IONISING_LIMIT_MEV,
    NORMALS,
    LayerEnergyModel,
    make_targets,
    rank_gauss_knots,
    to_scores,
)

REFERENCE = Path(__file__).parents[2] / "data"


def test_scores_of_a_sample_are_standard_normal() -> None:
    values = np.random.default_rng(0).exponential(size=4000)
    scores = to_scores(values, rank_gauss_knots(values))
    assert scores.mean() == pytest.approx(0.0, abs=0.01)
    assert scores.std() == pytest.approx(1.0, abs=0.01)
    assert np.all(np.diff(scores[np.argsort(values)]) >= 0)


def test_an_empty_last_layer_is_a_class_of_its_own() -> None:
    sample = read_showers(REFERENCE / "eplus.hdf5")
    targets = make_targets(sample.energy, sample.layer_energies(), hadronic=False)
    np.testing.assert_array_equal(targets.switches[:, 1] == 1, sample.layer_energies()[:, 2] == 0)
    assert targets.switches[:, 0].sum() == 0


def test_pions_that_cross_are_a_class_of_their_own() -> None:
    sample = read_showers(REFERENCE / "piplus.hdf5")
    targets = make_targets(sample.energy, sample.layer_energies(), hadronic=True)
    crossed = sample.layer_energies().sum(axis=1) < MINIMUM_IONISING_LIMIT_MEV
    np.testing.assert_array_equal(targets.switches[:, 0] == 1, crossed)
    assert 0.1 < crossed.mean() < 0.5


@pytest.mark.parametrize("hadronic", [False, True])
def test_layer_energies_stay_finite_and_below_the_particle_at_any_energy(*, hadronic: bool) -> None:
    sample = read_showers(REFERENCE / ("piplus.hdf5" if hadronic else "eplus.hdf5"))
    model = LayerEnergyModel(hadronic=hadronic)
    model.set_knots(make_targets(sample.energy, sample.layer_energies(), hadronic=hadronic).knots)
    energy = np.geomspace(0.1, 1000.0, 500, dtype=np.float32)[:, np.newaxis]
    normals = np.random.default_rng(0).standard_normal((500, NORMALS)).astype(np.float32) * 3
    deposits = np.asarray(model(energy, normals))
    assert np.isfinite(deposits).all()
    assert (deposits >= 0).all()
    assert (deposits.sum(axis=1) <= 1000.0 * energy[:, 0]).all()
