"""ShowerGeneratorService on the router: requests and answers go through to the right generator as bytes."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from caloserve.router.backends import Backend, Backends
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
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "GenerateShowers": grpc.unary_unary_rpc_method_handler(
                self._unary(
                    "GenerateShowers", lambda raw: generator_pb2.GenerateShowersRequest.FromString(raw).particle
                )
            ),
            "GenerateShowersStream": grpc.unary_stream_rpc_method_handler(self._stream),
            "DescribeGenerator": grpc.unary_unary_rpc_method_handler(
                self._unary(
                    "DescribeGenerator", lambda raw: generator_pb2.DescribeGeneratorRequest.FromString(raw).particle
                )
            ),
        }
        return grpc.method_handlers_generic_handler(service.full_name, methods)

    def _unary(self, method: str, particle_of: Callable[[bytes], str]) -> Any:  # noqa: ANN401 (an aio handler)
        async def forward(request: bytes, context: Context) -> bytes:
            async with self._metrics.call(method, context):
                backend = self._backends.named(particle_of(request))
                with self._metrics.backend(backend.particle.name):
                    return await backend.forward(method, request, context.time_remaining())

        return forward

    async def _stream(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        method = "GenerateShowersStream"
        async with self._metrics.call(method, context):
            wanted = generator_pb2.GenerateShowersStreamRequest.FromString(request)
            backend: Backend = self._backends.named(wanted.request.particle)
            with self._metrics.backend(backend.particle.name):
                async for chunk in backend.forward_stream(method, request, context.time_remaining()):
                    yield chunk
