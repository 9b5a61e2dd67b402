"""How each server is asked for e+ showers: its connections, its requests, its answers."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.geometry import CALOGAN
from caloserve.v1 import generator_pb2
from caloserve_bench import requests
from caloserve_bench.clients import (
    BYTES_PER_SHOWER,
    SHOWERS,
    Exchange,
    channels,
    grpc_exchange,
)
from caloserve_bench.http_exchange import http_exchange, post
from caloserve_bench.inference_protocol import INFER, infer_request
from caloserve_bench.load import FailedError
from caloserve_bench.peer_servers import PeerServer
from caloserve_bench.raw import Model
from caloserve_bench.servers import Served

_CHECKED: Final = 100
_READY_S: Final = 60.0
_POLL_S: Final = 0.5
_RESPONSE_MEV_PER_GEV: Final = (950, 1050)
_MLSERVER_PREFIX_BYTES: Final = 4  # the length of each element of bytes


@dataclass(frozen=True)
class Door:
    """One server, as its clients see it."""

    name: str
    pids: Callable[[], tuple[int, ...]]
    """All its processes; some servers start more when they load their model."""
    connect: Callable[[int], Sequence[Exchange]]
    """Opens so many connections."""
    prepare: Callable[[int, int], bytes]
    """A request for so many showers of an event."""
    read: Callable[[bytes, int], NDArray[np.float32]]
    """The cells in an answer with so many showers, shape (n, cells)."""
    awake: Callable[[], AbstractContextManager[None]] = nullcontext
    """To be entered while it is asked."""

    async def check(self) -> None:
        """Wait until it answers; raise AssertionError unless e+ showers come out."""
        with self.awake():
            cells = self.read(await self._first_answer(), _CHECKED)
        response = float(np.mean(cells.sum(axis=1) / np.array(requests.energies(_CHECKED, 1))))
        low, high = _RESPONSE_MEV_PER_GEV
        if not low < response < high:
            raise AssertionError(f"{self.name} made no e+ showers: {response:.1f} MeV per GeV")

    async def _first_answer(self) -> bytes:
        """Servers listen before they have loaded their model."""
        request = self.prepare(_CHECKED, 1)
        deadline = time.monotonic() + _READY_S
        while True:
            (exchange,) = self.connect(1)
            try:
                return await exchange(request)
            except (FailedError, OSError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_POLL_S)


def our_door(served: Served) -> Door:
    """The generator."""
    connect = partial(_grpc, served.generator.address, SHOWERS)
    return Door("caloserve", lambda: served.generator_pids, connect, _our_request, _our_cells)


def peer_door(server: PeerServer) -> Door:
    """Another server's fastest documented way to carry numbers."""
    address = server.address
    if server.name == "litserve":
        json_post = partial(_json_post, address)
        return Door(server.name, server.pids, partial(_http, address), json_post, _last_rows, server.awake)
    read = _mlserver_cells if server.name == "mlserver" else _last_rows
    return Door(server.name, server.pids, partial(_grpc, address, INFER), _infer_request, read, server.awake)


def triton_door(address: str, model: Model) -> Door:
    """A Triton that was started elsewhere and runs the model with its ONNX Runtime backend: it is sent the latents."""

    def prepare(count: int, event_id: int) -> bytes:
        energies = np.array(requests.energies(count, event_id), dtype=np.float32)
        return infer_request("showers", {"latent": model.batch(count).latent, "energy": energies[:, np.newaxis]})

    return Door("triton", tuple, partial(_grpc, address, INFER), prepare, _last_rows)


def _grpc(address: str, method: str, count: int) -> list[Exchange]:
    return [grpc_exchange(channel, method) for channel in channels(address, count)]


def _http(address: str, count: int) -> list[Exchange]:
    return [http_exchange(address) for _ in range(count)]


def _our_request(count: int, event_id: int) -> bytes:
    return requests.showers(count, event_id).SerializeToString()


def _json_post(address: str, count: int, event_id: int) -> bytes:
    body = json.dumps({"energies_gev": requests.energies(count, event_id)})
    return post(address, "/predict", "application/json", body.encode())


def _infer_request(count: int, event_id: int) -> bytes:
    energies = np.array(requests.energies(count, event_id), dtype=np.float32)
    return infer_request("showers", {"energy": energies[:, np.newaxis]})


def _our_cells(answer: bytes, count: int) -> NDArray[np.float32]:
    tensor = generator_pb2.GenerateShowersResponse.FromString(answer).showers.cells_mev
    return _last_rows(tensor.data, count)


def _mlserver_cells(answer: bytes, count: int) -> NDArray[np.float32]:
    row = _MLSERVER_PREFIX_BYTES + BYTES_PER_SHOWER
    rows = np.frombuffer(answer[-row * count :], dtype=np.uint8).reshape(count, row)
    return np.ascontiguousarray(rows[:, _MLSERVER_PREFIX_BYTES:]).view("<f4")


def _last_rows(answer: bytes, count: int) -> NDArray[np.float32]:
    """The cells at the end of an answer."""
    return np.frombuffer(answer[-BYTES_PER_SHOWER * count :], dtype="<f4").reshape(count, CALOGAN.cells)
