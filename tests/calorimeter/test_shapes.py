import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES


def shower(**cells: dict[tuple[int, int], float]) -> np.ndarray:
    """One shower (1, 504) with the given cells of ``layer_0`` .. ``layer_2``, MeV."""
    images = [np.zeros(layer.shape, dtype=np.float32) for layer in CALOGAN.layers]
    for name, energies in cells.items():
        for place, energy in energies.items():
            images[int(name[-1])][place] = energy
    return CALOGAN.flatten(*images)[np.newaxis]


def value(name: str, cells: np.ndarray) -> float:
    return float(SHOWER_SHAPES[name](cells)[0])


def test_all_variables_of_table_iv_are_there() -> None:
    per_layer = {
        f"{name}_{i}" for name in ("e", "f", "e_ratio", "sigma_phi", "sigma_eta", "occupancy") for i in range(3)
    }
    assert set(SHOWER_SHAPES) == {"e_tot", "d", "l_d", "s_d", "sigma_sd"} | per_layer


def test_energies_and_depth() -> None:
    cells = shower(layer_0={(1, 48): 100.0}, layer_1={(6, 6): 300.0}, layer_2={(0, 0): 100.0})
    assert value("e_tot", cells) == 500
    assert [value(f"f_{i}", cells) for i in range(3)] == [0.2, 0.6, 0.2]
    assert value("d", cells) == 2
    assert value("l_d", cells) == 500
    assert value("s_d", cells) == 1
    assert value("sigma_sd", cells) == pytest.approx(np.sqrt((300 + 400) / 500 - 1))


def test_ratio_of_the_brightest_cells() -> None:
    cells = shower(layer_1={(6, 6): 3.0, (6, 7): 1.0, (0, 0): 0.5})
    assert value("e_ratio_1", cells) == 0.5
    assert value("e_ratio_1", shower(layer_1={(6, 6): 3.0})) == 1


def test_widths_are_in_mm_along_each_axis() -> None:
    cells = shower(layer_0={(0, 48): 1.0, (2, 48): 1.0})
    assert value("sigma_phi_0", cells) == pytest.approx(160)
    assert value("sigma_eta_0", cells) == pytest.approx(0, abs=1e-6)
    cells = shower(layer_2={(5, 0): 1.0, (5, 1): 1.0})
    assert value("sigma_phi_2", cells) == pytest.approx(0, abs=1e-6)
    assert value("sigma_eta_2", cells) == pytest.approx(40)


def test_occupancy_counts_hit_cells() -> None:
    assert value("occupancy_2", shower(layer_2={(0, 0): 1e-9, (1, 1): 5.0})) == pytest.approx(2 / 72)


@pytest.mark.parametrize("name", SHOWER_SHAPES)
def test_an_empty_shower_has_zero_of_everything(name: str) -> None:
    assert value(name, np.zeros((1, 504), dtype=np.float32)) == 0


@given(cells=hnp.arrays(np.float32, (3, 504), elements=st.floats(0, 1e5, width=32), fill=st.sampled_from([0.0, 1.0])))
def test_variables_are_finite_within_bounds_and_blind_to_neighbours(cells: np.ndarray) -> None:
    for name, shape in SHOWER_SHAPES.items():
        values = shape(cells)
        assert values.shape == (3,)
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0)
        np.testing.assert_array_equal(shape(cells[1:2]), values[1:2])
        if name.startswith(("f_", "e_ratio_", "occupancy_")):
            assert np.all(values <= 1 + 1e-9)


@given(scale=st.floats(0.1, 10))
def test_fractions_do_not_depend_on_the_scale(scale: float) -> None:
    cells = np.random.default_rng(0).exponential(size=(4, 504))
    for name in ("f_1", "e_ratio_0", "s_d", "sigma_sd", "sigma_eta_1", "occupancy_2"):
        np.testing.assert_allclose(SHOWER_SHAPES[name](cells * scale), SHOWER_SHAPES[name](cells), rtol=1e-9)
