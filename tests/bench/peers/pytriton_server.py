"""The model behind Triton's core and its Python backend, by PyTriton.

Run as ``pytriton_server.py MODEL GRPC_PORT HTTP_PORT METRICS_PORT THREADS ROWS_PER_BATCH``.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from showers import ShowerModel

CELLS = 504

if __name__ == "__main__":
    path, grpc_port, http_port, metrics_port, threads, batch_size = sys.argv[1:]
    model = ShowerModel(Path(path), int(threads))

    @batch  # type: ignore[untyped-decorator]  # installed in another environment
    def make(energy: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return {"cells": model.make(energy.reshape(-1))}

    config = TritonConfig(
        grpc_address="127.0.0.1",
        grpc_port=int(grpc_port),
        http_address="127.0.0.1",
        http_port=int(http_port),
        metrics_port=int(metrics_port),
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="showers",
            infer_func=make,
            inputs=[Tensor(name="energy", dtype=np.float32, shape=(1,))],
            outputs=[Tensor(name="cells", dtype=np.float32, shape=(CELLS,))],
            # As its documentation advises, the batcher does not wait: it takes what came while the model was at work.
            config=ModelConfig(max_batch_size=int(batch_size), batcher=DynamicBatcher(max_queue_delay_microseconds=0)),
        )
        triton.serve()
