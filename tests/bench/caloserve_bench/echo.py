"""The least that a call costs: a server with our options that answers nothing with nothing."""

import asyncio
import sys
from typing import Any

import grpc

from caloserve.wire.channels import SERVER_OPTIONS

METHOD = "/bench.Echo/Echo"


async def serve(*addresses: str) -> None:
    """Listen on all addresses, print them as they were bound, and serve until standard input ends."""
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_echo)
    server = grpc.aio.server(options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"Echo": handler}),))
    ports = [server.add_insecure_port(address) for address in addresses]
    await server.start()
    bound = [
        address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
        for address, port in zip(addresses, ports, strict=True)
    ]
    print(*bound, flush=True)  # noqa: T201 (for the process that started this one)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0.2)


async def _echo(request: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> bytes:  # noqa: ARG001 (gRPC's form)
    return request


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
