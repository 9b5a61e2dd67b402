"""The same model for every peer: energies to showers, with ONNX Runtime set as the service sets it.

The latents are drawn with NumPy's own float32 normals, which is faster than random streams that can be drawn again.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

LARGEST_BATCH = 256


class ShowerModel:
    """A release's ``model.onnx``."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._latent_size = next(node.shape[1] for node in self._session.get_inputs() if node.name == "latent")
        self._random = np.random.default_rng(7)

    def make(self, energies_gev: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cells in MeV, shape (n, cells), for energies of shape (n,)."""
        parts = [energies_gev[start : start + LARGEST_BATCH] for start in range(0, len(energies_gev), LARGEST_BATCH)]
        made = [self._run(part) for part in parts]
        return made[0] if len(made) == 1 else np.concatenate(made)

    def _run(self, energies_gev: NDArray[np.float32]) -> NDArray[np.float32]:
        latent = self._random.standard_normal((len(energies_gev), self._latent_size), dtype=np.float32)
        (cells,) = self._session.run(["cells"], {"latent": latent, "energy": energies_gev[:, np.newaxis]})
        return np.asarray(cells, dtype=np.float32)
