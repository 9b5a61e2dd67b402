"""ShowerGeneratorService on the router: requests and answers go through to the right generator as bytes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from caloserve.calorimeter.errors import InvalidRequestError
from caloserve.router.backends import Backends
from caloserve.router.metrics import RouterMetrics
from caloserve.v1 import generator_pb2

Context = grpc.aio.ServicerContext[bytes, bytes]


class Passthrough:
    """Reads which particle a request is for, and nothing else."""

    def __init__(self, backends: Backends, metrics: RouterMetrics) -> None:
        self._backends = backends
        self._metrics = metrics

    def handler(self) -> grpc.GenericRpcHandler:
        """The handlers of the service's methods, for ``server.add_generic_rpc_handlers``."""
        service = generator_pb2.DESCRIPTOR.services_by_name["ShowerGeneratorService"]
        # No serializers are named: messages come and go as bytes.
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "GenerateShowers": grpc.unary_unary_rpc_method_handler(
                self._unary("GenerateShowers", generator_pb2.GenerateShowersRequest)
            ),
            "GenerateShowersStream": grpc.unary_stream_rpc_method_handler(self._stream),
            "DescribeGenerator": grpc.unary_unary_rpc_method_handler(
                self._unary("DescribeGenerator", generator_pb2.DescribeGeneratorRequest)
            ),
        }
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _unary(self, method: str, kind: Any) -> Callable[[bytes, Context], Awaitable[bytes]]:  # noqa: ANN401
        async def forward(request: bytes, context: Context) -> bytes:
            async with self._metrics.call(method, context):
                backend = self._backends.named(_parse(kind, request).particle)
                with self._metrics.backend(backend.particle.name):
                    answer = await backend.forward(method, request, context.time_remaining())
                self._metrics.passed(backend.particle.name, len(answer))
                return answer

        return forward

    async def _stream(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        method = "GenerateShowersStream"
        async with self._metrics.call(method, context):
            backend = self._backends.named(_parse(generator_pb2.GenerateShowersStreamRequest, request).request.particle)
            with self._metrics.backend(backend.particle.name):
                chunks = backend.forward_stream(method, request, context.time_remaining())
                async with aclosing(chunks):
                    async for chunk in chunks:
                        self._metrics.passed(backend.particle.name, len(chunk))
                        yield chunk


def _parse(kind: Any, raw: bytes) -> Any:  # noqa: ANN401 (a generated message class and its message)
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise InvalidRequestError("request", f"is not a {kind.DESCRIPTOR.name}") from error
