"""An exported generator on ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray


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
