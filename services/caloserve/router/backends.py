"""The generators behind the router, each with its replicas."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from caloserve.calorimeter.errors import NotFoundError, quoted
from caloserve.calorimeter.particles import PARTICLES, Particle
from caloserve.v1 import generator_pb2, generator_pb2_grpc
from caloserve.wire.channels import CHANNEL_OPTIONS, REPLICAS_OPTIONS

_SERVICE: Final = generator_pb2.DESCRIPTOR.services_by_name["ShowerGeneratorService"].full_name
_REASON_TIMEOUT_S: Final = 0.5


class Backend:
    """The generator of one kind of particle, in one or more replicas behind one target.

    Calls go round the replicas that serve, and to another one when one is lost. ``forward`` and ``forward_stream`` pass
    bytes through unread.
    """

    def __init__(self, particle: Particle, target: str) -> None:
        self.particle = particle
        self.target = target
        # Reaches replicas that do not serve too, and so learns why not.
        self._any_replica = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        self._channel = grpc.aio.insecure_channel(
            target, options=REPLICAS_OPTIONS, interceptors=[_ReasonInterceptor(self._any_replica)]
        )
        self.stub: generator_pb2_grpc.ShowerGeneratorServiceAsyncStub = generator_pb2_grpc.ShowerGeneratorServiceStub(
            self._channel
        )

    async def forward(self, method: str, request: bytes, timeout_s: float | None) -> bytes:
        """Pass a serialized request on and the serialized answer back; raise AioRpcError as the generator did."""
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(f"/{_SERVICE}/{method}")
        return await call(request, timeout=timeout_s)

    async def forward_stream(self, method: str, request: bytes, timeout_s: float | None) -> AsyncGenerator[bytes]:
        """The same for a stream of answers."""
        call: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(f"/{_SERVICE}/{method}")
        stream = call(request, timeout=timeout_s)
        try:
            async for message in stream:
                yield message
        finally:
            stream.cancel()  # or a generator whose stream nobody reads any more would wait for its reader for ever

    async def answers(self, timeout_s: float) -> bool:
        """Whether a generator's process answers at all, serving or not."""
        try:
            await health_pb2_grpc.HealthStub(self._any_replica).Check(
                health_pb2.HealthCheckRequest(), timeout=timeout_s
            )
        except grpc.aio.AioRpcError:
            return False
        return True

    async def close(self) -> None:
        """Close the channels; calls under way are cancelled."""
        await self._channel.close()
        await self._any_replica.close()


class Backends:
    """All generators: ``by_name`` of their particle, and ``by_pdg_id``."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self.by_name = {name: Backend(PARTICLES[name], target) for name, target in targets.items()}
        self.by_pdg_id = {backend.particle.pdg_id: backend for backend in self.by_name.values()}

    def named(self, particle: str) -> Backend:
        """The generator of ``particle``; raise NotFoundError when there is none."""
        try:
            return self.by_name[particle]
        except KeyError:
            served = ", ".join(self.by_name)
            raise NotFoundError(
                "particle", f"{quoted(particle)} has no generator here; there is one for {served}"
            ) from None

    async def close(self) -> None:
        """Close every channel."""
        for backend in self.by_name.values():
            await backend.close()


class _ReasonInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Lets a call that found no serving replica end with the reason that a replica gives for not serving."""

    def __init__(self, any_replica: grpc.aio.Channel) -> None:
        self._stub: generator_pb2_grpc.ShowerGeneratorServiceAsyncStub = generator_pb2_grpc.ShowerGeneratorServiceStub(
            any_replica
        )

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[grpc.aio.UnaryUnaryCall[Any, Any]]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,  # noqa: ANN401 (any message)
    ) -> Any:  # noqa: ANN401 (the call)
        call = await continuation(client_call_details, request)
        if await call.code() is grpc.StatusCode.UNAVAILABLE:
            try:
                await self._stub.DescribeGenerator(generator_pb2.DescribeGeneratorRequest(), timeout=_REASON_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    raise
        return call
