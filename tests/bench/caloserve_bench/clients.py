"""Bare clients: they send prepared bytes and count what comes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import grpc

from caloserve.calorimeter.geometry import CALOGAN
from caloserve.wire.channels import MAX_MESSAGE_BYTES
from caloserve_bench.load import Ask, FailedError, RefusedError

SHOWERS: Final = "/caloserve.v1.ShowerGeneratorService/GenerateShowers"
SHOWER_STREAM: Final = "/caloserve.v1.ShowerGeneratorService/GenerateShowersStream"
EVENT: Final = "/caloserve.v1.EventService/GenerateEvent"

BYTES_PER_SHOWER: Final = 4 * CALOGAN.cells

Exchange = Callable[[bytes], Awaitable[bytes]]
"""Sends a request and waits for its answer; raises RefusedError or FailedError."""

OPTIONS: Final = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # each channel a connection of its own
]
"""What the Python client of this project sets too, and no more: not every server expects a keepalive."""


def channels(address: str, count: int) -> list[grpc.aio.Channel]:
    """So many connections."""
    return [grpc.aio.insecure_channel(address, options=OPTIONS) for _ in range(count)]


def grpc_exchange(channel: grpc.aio.Channel, method: str) -> Exchange:
    """Unary calls of a method."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)

    async def exchange(request: bytes) -> bytes:
        try:
            return await call(request)
        except grpc.aio.AioRpcError as error:
            raise _ended(error) from error

    return exchange


def client(
    exchange: Exchange,
    prepared: Sequence[bytes],
    sizes: Sequence[int],
    first: int = 0,
    bytes_per_shower: int = BYTES_PER_SHOWER,
) -> Ask:
    """Asks one request after the other, beginning with the ``first``; their ``sizes`` are in showers.

    An answer too short to hold what was asked raises AssertionError.
    """

    async def ask(number: int) -> AsyncIterator[int]:
        which = (first + number) % len(prepared)
        answer = await exchange(prepared[which])
        if len(answer) < sizes[which] * bytes_per_shower:
            raise AssertionError(f"{len(answer)} bytes do not hold {sizes[which]} showers")
        yield sizes[which]

    return ask


def stream_client(channel: grpc.aio.Channel, method: str, request: bytes, sizes: Sequence[int]) -> Ask:
    """Asks for the same stream again and again; ``sizes`` are the showers in each message of it."""
    call: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)

    async def ask(number: int) -> AsyncIterator[int]:  # noqa: ARG001 (each is the same)
        left = list(sizes)
        try:
            async for _ in call(request):
                yield left.pop(0)
        except grpc.aio.AioRpcError as error:
            raise _ended(error) from error

    return ask


def _ended(error: grpc.aio.AioRpcError) -> RefusedError | FailedError:
    kind = RefusedError if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else FailedError
    return kind(f"{error.code().name}: {error.details()}")
