import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN, geometry_named
from caloserve.calorimeter.errors import InvalidRequestError


def test_layers_are_those_of_the_paper() -> None:
    assert [layer.shape for layer in CALOGAN.layers] == [(3, 96), (12, 12), (12, 6)]
    assert CALOGAN.cells == 504
    assert [(layer.z_min_mm, layer.z_max_mm) for layer in CALOGAN.layers] == [(-240, -150), (-150, 197), (197, 240)]


def test_every_layer_covers_the_same_square() -> None:
    for layer in CALOGAN.layers:
        assert layer.n_phi * layer.cell_phi_mm == 480
        assert layer.n_eta * layer.cell_eta_mm == 480


def test_splitting_and_flattening_undo_each_other() -> None:
    cells = np.arange(2 * 504, dtype=np.float32).reshape(2, 504)
    images = CALOGAN.split(cells)
    assert [image.shape for image in images] == [(2, 3, 96), (2, 12, 12), (2, 12, 6)]
    assert images[1][0, 1, 2] == cells[0, 288 + 12 + 2]
    np.testing.assert_array_equal(CALOGAN.flatten(*images), cells)


def test_splitting_copies_nothing() -> None:
    cells = np.zeros((3, 504), dtype=np.float32)
    assert all(np.shares_memory(image, cells) for image in CALOGAN.split(cells))


def test_positions_are_the_centres_of_the_cells() -> None:
    positions = CALOGAN.positions_mm
    assert positions.shape == (504, 3)
    np.testing.assert_allclose(positions[0], [-160.0, -237.5, -195.0])
    np.testing.assert_allclose(positions[288], [-220.0, -220.0, 23.5])
    np.testing.assert_allclose(positions[503], [220.0, 200.0, 218.5])
    for layer in CALOGAN.layers:
        np.testing.assert_allclose(positions[layer.span, :2].mean(axis=0), 0.0, atol=1e-12)


def test_an_unknown_geometry_is_named() -> None:
    assert geometry_named("calogan-504-v1") is CALOGAN
    with pytest.raises(InvalidRequestError, match="'atlas'"):
        geometry_named("atlas")
