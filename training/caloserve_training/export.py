"""Export of a trained generator to one ONNX graph, and the proof that it does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

from caloserve.calorimeter import CALOGAN
from caloserve_training.errors import ExportError
from caloserve_training.small.model import LATENT_SIZE
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.small.model import ShowerGenerator

OPSET = 18
BATCH = "batch"
PROBES = 512
BATCH_SIZES = (1, 2, 3, 7, 8, 32, 64, 128, 256)
TOLERANCE = 1e-3
"""Of a shower's energy: float32 sums in another order can move a cell across the edge of a table's step."""


def export_onnx(generator: ShowerGenerator) -> bytes:
    """The generator as a graph from ``latent`` and ``energy`` to ``cells``, the batch dimension named ``batch``."""

    def make_cells(latent: Tensor, energy: Tensor) -> dict[str, Tensor]:
        return {"cells": generator(latent, energy)}

    signature = [
        tf.TensorSpec((None, LATENT_SIZE), tf.float32, name="latent"),
        tf.TensorSpec((None, 1), tf.float32, name="energy"),
    ]
    model, _ = tf2onnx.convert.from_function(tf.function(make_cells), input_signature=signature, opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    del model.graph.value_info[:]
    model.graph.name = "shower_generator"
    model.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class OnnxGenerator:
    """An exported generator on ONNX Runtime, one thread."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.latent_size = int(self._session.get_inputs()[0].shape[1])

    def __call__(self, latent: NDArray[np.float32], energy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cells in MeV, ``(n, 504)``, from normals ``(n, latent_size)`` and energies in GeV ``(n,)``."""
        (cells,) = self._session.run(["cells"], {"latent": latent, "energy": energy[:, np.newaxis]})
        return np.asarray(cells, dtype=np.float32)

    def draw(self, energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        """Showers of the given energies from NumPy's normals."""
        normals = np.random.default_rng(seed).standard_normal((len(energy), self.latent_size), dtype=np.float32)
        return self(normals, energy)


def check_export(generator: ShowerGenerator, exported: OnnxGenerator) -> float:
    """Largest difference from Keras, as a share of a shower's energy.

    Raises:
        ExportError: the two differ, a cell is negative or not finite, or a row depends on the batch it is in.
    """
    chooser = np.random.default_rng(0)
    latent = chooser.standard_normal((PROBES, exported.latent_size), dtype=np.float32)
    energy = np.geomspace(0.1, 1000.0, PROBES, dtype=np.float32)
    cells = exported(latent, energy)
    if cells.shape != (PROBES, CALOGAN.cells) or not np.isfinite(cells).all() or (cells < 0).any():
        raise ExportError("the graph makes cells that are negative or not finite")
    expected = np.asarray(generator(latent, energy[:, np.newaxis]))
    difference = np.abs(cells - expected).max(axis=1) / (1000.0 * energy)
    # A switch whose probability meets its uniform to the last bit may fall either way; more than one row is an error.
    if np.sort(difference)[-2] > TOLERANCE:
        raise ExportError(f"the graph differs from Keras by {difference.max():.2g} of the energy")
    for size in BATCH_SIZES:
        for start in range(0, PROBES - size + 1, size):
            part = slice(start, start + size)
            if not np.array_equal(exported(latent[part], energy[part]), cells[part]):
                raise ExportError(f"the bits of a shower depend on its batch: {size} differs from {PROBES}")
    return float(np.sort(difference)[-2])
