from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve_training.data import batch_rows, file_sha256, flip_indices, read_showers
from caloserve_training.errors import DataError


def test_reads_cells_in_the_order_of_the_geometry(eplus_file: Path) -> None:
    sample = read_showers(eplus_file)
    assert sample.cells.shape == (1000, CALOGAN.cells)
    assert sample.cells.dtype == np.float32
    assert sample.origin.startswith("Geant4 11.4.1 FTFP_BERT, ")
    with h5py.File(eplus_file) as file:
        for layer, image in zip(CALOGAN.layers, CALOGAN.split(sample.cells), strict=True):
            np.testing.assert_array_equal(image, file[f"layer_{layer.index}"])
        np.testing.assert_array_equal(sample.energy, file["energy"][:, 0])


def test_showers_of_the_reference_are_left_out(training_file: Path, reference_file: Path) -> None:
    showers, reference = read_showers(training_file), read_showers(reference_file)
    kept = showers.without(reference)
    assert len(kept) == 300
    np.testing.assert_array_equal(kept.cells, showers.cells[:300])
    assert not set(kept.digests()) & set(reference.digests())


def test_order_does_not_hide_a_reference_shower(training_file: Path) -> None:
    showers = read_showers(training_file)
    shuffled = showers.select(np.random.default_rng(1).permutation(len(showers)))
    assert len(showers.without(shuffled)) == 0


def test_refuses_what_is_not_a_shower_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.hdf5"
    path.write_text("no showers here")
    with pytest.raises(DataError, match="not a shower file"):
        read_showers(path)


def test_refuses_negative_cells(training_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "negative.hdf5"
    path.write_bytes(training_file.read_bytes())
    with h5py.File(path, "r+") as file:
        file["layer_1"][3, 4, 5] = -1.0
    with pytest.raises(DataError, match="not negative"):
        read_showers(path)


def test_flips_mirror_the_images(eplus_file: Path) -> None:
    cells = read_showers(eplus_file).cells[:5]
    images = [CALOGAN.split(cells[:, flip]) for flip in flip_indices()]
    for plain, phi, eta, both in zip(*images, strict=True):
        np.testing.assert_array_equal(phi, plain[:, ::-1])
        np.testing.assert_array_equal(eta, plain[:, :, ::-1])
        np.testing.assert_array_equal(both, plain[:, ::-1, ::-1])


@given(flip=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_flips_undo_themselves_and_keep_shower_shapes(flip: int, seed: int) -> None:
    cells = np.random.default_rng(seed).exponential(size=(3, CALOGAN.cells)).astype(np.float32)
    flipped = cells[:, flip_indices()[flip]]
    np.testing.assert_array_equal(flipped[:, flip_indices()[flip]], cells)
    for shape in SHOWER_SHAPES.values():
        np.testing.assert_allclose(shape(flipped), shape(cells), rtol=1e-5)


def test_batches_pass_over_every_row_once_an_epoch() -> None:
    epochs = [np.concatenate([batch_rows(3 * epoch + place, 12, 4, seed=3) for place in (1, 2, 3)]) for epoch in (0, 1)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
    np.testing.assert_array_equal(batch_rows(2, 12, 4, seed=3), epochs[0][4:8])


def test_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
