"""The model behind LitServe: energies as JSON, showers as bytes.

Run as ``litserve_server.py MODEL PORT THREADS REQUESTS_PER_BATCH BATCH_TIMEOUT``.
"""

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from fastapi import Response
from numpy.typing import NDArray

from showers import ShowerModel

Cells = NDArray[np.float32]


class ShowerApi(litserve.LitAPI):  # type: ignore[misc]  # installed in another environment
    """Batches whole requests; a batch's showers are made at once."""

    def __init__(self, model: Path, threads: int, **batching: Any) -> None:
        super().__init__(**batching)
        self._path, self._threads = model, threads

    def setup(self, device: str) -> None:  # noqa: ARG002 (LitServe's form)
        self._model = ShowerModel(self._path, self._threads)

    def decode_request(self, request: dict[str, list[float]]) -> NDArray[np.float32]:
        return np.array(request["energies_gev"], dtype=np.float32)

    def batch(self, inputs: list[NDArray[np.float32]]) -> tuple[NDArray[np.float32], list[int]]:
        return np.concatenate(inputs), [len(energies) for energies in inputs]

    def predict(self, x: tuple[NDArray[np.float32], list[int]]) -> tuple[Cells, list[int]]:
        energies, sizes = x
        return self._model.make(energies), sizes

    def unbatch(self, output: tuple[Cells, list[int]]) -> list[Cells]:
        cells, sizes = output
        return np.split(cells, np.cumsum(sizes)[:-1])

    def encode_response(self, output: Cells) -> Response:
        return Response(content=output.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    model, port, threads, batch_size, batch_timeout = sys.argv[1:]
    api = ShowerApi(Path(model), int(threads), max_batch_size=int(batch_size), batch_timeout=float(batch_timeout))
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
