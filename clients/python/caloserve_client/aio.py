"""The client for asyncio."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Self, Unpack

import grpc
from numpy.typing import ArrayLike

from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc
from caloserve_client.batches import require_all_made
from caloserve_client.channel import DEFAULT_TIMEOUT, ChannelOptions, channel_options, errors_of
from caloserve_client.events import Event, EventAssembly, EventStream, decode_event
from caloserve_client.generators import Generator, GeneratorDescription, decode_description, decode_generators
from caloserve_client.limits import SHOWERS_PER_CHUNK, SMALL, Limits, decode_limits, stream_timeout
from caloserve_client.requests import (
    Choices,
    EventRequest,
    Options,
    Output,
    ParticleLike,
    ShowersRequest,
    event_request,
    showers_request,
)
from caloserve_client.showers import Showers, ShowersAssembly, ShowersStream, decode_showers


class AsyncCaloServeClient:
    """Asks a router, or a single generator, for showers, with the methods of ``CaloServeClient`` as coroutines.

    Args:
        target: gRPC address, such as ``"localhost:50050"`` or ``"unix:///run/caloserve.sock"``.
        timeout: seconds for a call, None for no limit; a stream gets them for every 1536 showers it carries.
        credentials: TLS; None for plain text.
        options: gRPC channel options, which win over the client's own.

    All methods raise ``ClientError``s: RequestRejectedError for a request that can never be served,
    NotFoundError, OverloadedError, UnavailableError, DeadlineExceededError, NotImplementedByServerError,
    ServerFailedError, and BadAnswerError for an answer that does not fit the contract.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
        options: ChannelOptions = (),
    ) -> None:
        settings = channel_options(options)
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, options=settings)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=settings)
        self.target = target
        self._timeout = timeout
        self._events = event_pb2_grpc.EventServiceStub(self._channel)
        self._generators = generator_pb2_grpc.ShowerGeneratorServiceStub(self._channel)
        self._event_limits: Limits | None = None
        self._shower_limits: dict[str, Limits] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Calls in progress fail."""
        await self._channel.close()

    async def generate_event(
        self,
        particles: Iterable[ParticleLike],
        *,
        event_id: int = 0,
        seed: int = 0,
        output: Output = "per_shower",
        releases: Mapping[str, str] | None = None,
        indices: ArrayLike | None = None,
        partial: bool = False,
        **options: Unpack[Choices],
    ) -> Event:
        """See ``CaloServeClient.generate_event``."""
        request = event_request(
            particles,
            seed=seed,
            event_id=event_id,
            output=output,
            releases=releases,
            indices=indices,
            options=Options(**options),
        )
        if (await self._limits_of_event(request)).fits_one_answer(len(request)):
            with errors_of(self.target):
                response = await self._events.GenerateEvent(request.message(), timeout=self._timeout)
            event = decode_event(response, request)
        else:
            assembly = EventAssembly(request)
            async for chunk in self._stream_event(request):
                assembly.add(chunk)
            event = assembly.result()
        require_all_made(event, partial=partial)
        return event

    async def iter_event(
        self,
        particles: Iterable[ParticleLike],
        *,
        event_id: int = 0,
        seed: int = 0,
        output: Output = "per_shower",
        releases: Mapping[str, str] | None = None,
        indices: ArrayLike | None = None,
        partial: bool = False,
        **options: Unpack[Choices],
    ) -> AsyncIterator[Event]:
        """See ``CaloServeClient.iter_event``."""
        request = event_request(
            particles,
            seed=seed,
            event_id=event_id,
            output=output,
            releases=releases,
            indices=indices,
            options=Options(**options),
        )
        async with aclosing(self._stream_event(request)) as chunks:
            async for chunk in chunks:
                require_all_made(chunk, partial=partial)
                yield chunk

    async def generate_showers(
        self,
        particle: str,
        energies_gev: ArrayLike,
        *,
        seed: int = 0,
        event_id: int = 0,
        indices: ArrayLike | None = None,
        release: str | None = None,
        partial: bool = False,
        **options: Unpack[Choices],
    ) -> Showers:
        """See ``CaloServeClient.generate_showers``."""
        request = showers_request(
            particle,
            energies_gev,
            seed=seed,
            event_id=event_id,
            indices=indices,
            release=release,
            options=Options(**options),
        )
        if (await self._limits_of_showers(request)).fits_one_answer(len(request)):
            with errors_of(self.target):
                response = await self._generators.GenerateShowers(request.message(), timeout=self._timeout)
            showers = decode_showers(response, request)
        else:
            assembly = ShowersAssembly(request)
            async for chunk in self._stream_showers(request):
                assembly.add(chunk)
            showers = assembly.result()
        require_all_made(showers, partial=partial)
        return showers

    async def iter_showers(
        self,
        particle: str,
        energies_gev: ArrayLike,
        *,
        seed: int = 0,
        event_id: int = 0,
        indices: ArrayLike | None = None,
        release: str | None = None,
        partial: bool = False,
        **options: Unpack[Choices],
    ) -> AsyncIterator[Showers]:
        """See ``CaloServeClient.iter_showers``."""
        request = showers_request(
            particle,
            energies_gev,
            seed=seed,
            event_id=event_id,
            indices=indices,
            release=release,
            options=Options(**options),
        )
        async with aclosing(self._stream_showers(request)) as chunks:
            async for chunk in chunks:
                require_all_made(chunk, partial=partial)
                yield chunk

    async def describe(self, particle: str = "") -> GeneratorDescription:
        """See ``CaloServeClient.describe``."""
        message = generator_pb2.DescribeGeneratorRequest(particle=particle)
        with errors_of(self.target):
            return decode_description(await self._generators.DescribeGenerator(message, timeout=self._timeout))

    async def list_generators(self) -> tuple[Generator, ...]:
        """See ``CaloServeClient.list_generators``."""
        return decode_generators(await self._list())

    async def _list(self) -> event_pb2.ListGeneratorsResponse:
        with errors_of(self.target):
            return await self._events.ListGenerators(event_pb2.ListGeneratorsRequest(), timeout=self._timeout)

    async def _limits_of_event(self, request: EventRequest) -> Limits:
        if len(request) <= SHOWERS_PER_CHUNK:
            return SMALL
        if self._event_limits is None:
            self._event_limits = decode_limits((await self._list()).limits)
        return self._event_limits

    async def _limits_of_showers(self, request: ShowersRequest) -> Limits:
        if len(request) <= SHOWERS_PER_CHUNK:
            return SMALL
        if request.particle not in self._shower_limits:
            self._shower_limits[request.particle] = (await self.describe(request.particle)).limits
        return self._shower_limits[request.particle]

    async def _stream_event(self, request: EventRequest) -> AsyncGenerator[Event, None]:
        stream = EventStream(request)
        message = event_pb2.GenerateEventStreamRequest(request=request.message())
        with errors_of(self.target):
            call = self._events.GenerateEventStream(message, timeout=stream_timeout(self._timeout, len(request)))
            try:
                async for answer in call:
                    yield stream.decode(answer)
            finally:
                call.cancel()  # does nothing once the stream has ended
        stream.finish()

    async def _stream_showers(self, request: ShowersRequest) -> AsyncGenerator[Showers, None]:
        for part in request.parts((await self._limits_of_showers(request)).stream_size):
            async with aclosing(self._stream_part(replace(part, release=request.release))) as chunks:
                async for chunk in chunks:
                    # Later streams ask for the release that made the first, whatever becomes the default meanwhile.
                    request = replace(request, release=chunk.provenance.release_version or request.release)
                    yield chunk

    async def _stream_part(self, request: ShowersRequest) -> AsyncGenerator[Showers, None]:
        stream = ShowersStream(request)
        message = generator_pb2.GenerateShowersStreamRequest(request=request.message())
        with errors_of(self.target):
            call = self._generators.GenerateShowersStream(message, timeout=stream_timeout(self._timeout, len(request)))
            try:
                async for answer in call:
                    yield stream.decode(answer)
            finally:
                call.cancel()  # does nothing once the stream has ended
        stream.finish()
