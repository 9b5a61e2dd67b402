"""Clients of the gRPC services, bare: they send prepared bytes and count what comes."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import grpc

from caloserve.wire.channels import CHANNEL_OPTIONS
from caloserve_bench.load import Ask, RefusedError

SHOWERS: Final = "/caloserve.v1.ShowerGeneratorService/GenerateShowers"
SHOWER_STREAM: Final = "/caloserve.v1.ShowerGeneratorService/GenerateShowersStream"
EVENT: Final = "/caloserve.v1.EventService/GenerateEvent"

_OPTIONS: Final = [*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]


def channels(address: str, count: int) -> list[grpc.aio.Channel]:
    """Connections, each a real one of its own."""
    return [grpc.aio.insecure_channel(address, options=_OPTIONS) for _ in range(count)]


def unary_client(
    channel: grpc.aio.Channel, method: str, requests: Sequence[bytes], sizes: Sequence[int], first: int = 0
) -> Ask:
    """Asks one request after the other, beginning with the ``first``; their ``sizes`` are in showers."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)

    async def ask(number: int) -> AsyncIterator[int]:
        which = (first + number) % len(requests)
        try:
            await call(requests[which])
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from error
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
            raise _refused(error) from error

    return ask


def _refused(error: grpc.aio.AioRpcError) -> Exception:
    return RefusedError(error.details()) if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else error
