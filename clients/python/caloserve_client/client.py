"""The client for ordinary (blocking) code."""

from collections import abc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from typing import Self, Unpack

import grpc
from numpy.typing import ArrayLike

from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc
from caloserve_client.batches import require_all_made
from caloserve_client.channel import DEFAULT_TIMEOUT, ChannelOptions, channel_options, errors_of
from caloserve_client.events import Event, EventStream, assemble_event, decode_event
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
from caloserve_client.showers import Showers, ShowersStream, assemble_showers, decode_showers


class CaloServeClient:
    """Asks a router, or a single generator, for showers. Safe to share between threads.

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
            self._channel = grpc.insecure_channel(target, options=settings)
        else:
            self._channel = grpc.secure_channel(target, credentials, options=settings)
        self.target = target
        self._timeout = timeout
        self._events = event_pb2_grpc.EventServiceStub(self._channel)
        self._generators = generator_pb2_grpc.ShowerGeneratorServiceStub(self._channel)
        self._event_limits: Limits | None = None
        self._shower_limits: dict[str, Limits] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Calls in progress fail."""
        self._channel.close()

    def generate_event(
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
        """Showers for all particles of an event, in order, whatever their kinds.

        Args:
            particles: ``EventParticle``s, or pairs of a PDG id or name and a kinetic energy in GeV.
            event_id: number of the event, 0 to 2**64 - 1.
            seed: 0 to 2**64 - 1; the same seed, event and particles give the same showers.
            output: one image per particle, their sum, or both.
            releases: release by particle name, each as ``release`` of ``generate_showers``; a kind not named gets its
                generator's default.
            indices: index of each particle's random stream, shape (n,); its position by default. Parts of one event
                that are asked for by themselves need them.
            partial: return the answer even if showers were not made.
            options: ``energy_policy``, ``domain_policy``, ``encoding`` and the like; see ``Options``.

        Raises:
            ShowersFailedError: a shower was not made, and ``partial`` is false. It carries the answer.
        """
        request = event_request(
            particles,
            seed=seed,
            event_id=event_id,
            output=output,
            releases=releases,
            indices=indices,
            options=Options(**options),
        )
        if self._limits_of_event(request).fits_one_answer(len(request)):
            with errors_of(self.target):
                response = self._events.GenerateEvent(request.message(), timeout=self._timeout)
            event = decode_event(response, request)
        else:
            event = assemble_event(self._stream_event(request), request)
        require_all_made(event, partial=partial)
        return event

    def iter_event(
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
    ) -> Iterator[Event]:
        """The same event in chunks of some hundred particles, as they are made. A sum comes with the last chunk.

        Arguments and exceptions are those of ``generate_event``; ShowersFailedError carries the chunk.
        """
        request = event_request(
            particles,
            seed=seed,
            event_id=event_id,
            output=output,
            releases=releases,
            indices=indices,
            options=Options(**options),
        )
        with closing(self._stream_event(request)) as chunks:
            for chunk in chunks:
                require_all_made(chunk, partial=partial)
                yield chunk

    def generate_showers(
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
        """Showers of one kind of particle.

        Args:
            particle: its name: "eplus", "gamma" or "piplus".
            energies_gev: kinetic energies, shape (n,).
            seed: 0 to 2**64 - 1; the same seed, event, index and energy give the same shower.
            event_id: number of the event, 0 to 2**64 - 1.
            indices: index of each shower in its event, shape (n,); 0, 1, ... n-1 by default.
            release: a version as in "0.2.0" or "calogan2017-0.1.0", or a family as in "calogan2017" for its newest; the
                generator's default if not given. The answer's provenance says which version it was.
            partial: return the answer even if showers were not made.
            options: ``energy_policy``, ``domain_policy``, ``encoding`` and the like; see ``Options``.

        Raises:
            ShowersFailedError: a shower was not made, and ``partial`` is false. It carries the answer.
        """
        request = showers_request(
            particle,
            energies_gev,
            seed=seed,
            event_id=event_id,
            indices=indices,
            release=release,
            options=Options(**options),
        )
        if self._limits_of_showers(request).fits_one_answer(len(request)):
            with errors_of(self.target):
                response = self._generators.GenerateShowers(request.message(), timeout=self._timeout)
            showers = decode_showers(response, request)
        else:
            showers = assemble_showers(self._stream_showers(request), request)
        require_all_made(showers, partial=partial)
        return showers

    def iter_showers(
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
    ) -> Iterator[Showers]:
        """The same showers in chunks of some hundred, as they are made, however many.

        Arguments and exceptions are those of ``generate_showers``; ShowersFailedError carries the chunk.
        """
        request = showers_request(
            particle,
            energies_gev,
            seed=seed,
            event_id=event_id,
            indices=indices,
            release=release,
            options=Options(**options),
        )
        with closing(self._stream_showers(request)) as chunks:
            for chunk in chunks:
                require_all_made(chunk, partial=partial)
                yield chunk

    def describe(self, particle: str = "") -> GeneratorDescription:
        """What the generator of a kind of particle serves, how good it is, and within which limits.

        Args:
            particle: its name; may be left out where ``target`` is a generator itself.
        """
        message = generator_pb2.DescribeGeneratorRequest(particle=particle)
        with errors_of(self.target):
            return decode_description(self._generators.DescribeGenerator(message, timeout=self._timeout))

    def list_generators(self) -> tuple[Generator, ...]:
        """The generators behind the router, those that cannot be reached too."""
        return decode_generators(self._list())

    def _list(self) -> event_pb2.ListGeneratorsResponse:
        with errors_of(self.target):
            return self._events.ListGenerators(event_pb2.ListGeneratorsRequest(), timeout=self._timeout)

    def _limits_of_event(self, request: EventRequest) -> Limits:
        if len(request) <= SHOWERS_PER_CHUNK:
            return SMALL
        if self._event_limits is None:
            self._event_limits = decode_limits(self._list().limits)
        return self._event_limits

    def _limits_of_showers(self, request: ShowersRequest) -> Limits:
        if len(request) <= SHOWERS_PER_CHUNK:
            return SMALL
        if request.particle not in self._shower_limits:
            self._shower_limits[request.particle] = self.describe(request.particle).limits
        return self._shower_limits[request.particle]

    def _stream_event(self, request: EventRequest) -> abc.Generator[Event, None, None]:
        stream = EventStream(request)
        message = event_pb2.GenerateEventStreamRequest(request=request.message())
        with errors_of(self.target):
            call = self._events.GenerateEventStream(message, timeout=stream_timeout(self._timeout, len(request)))
            try:
                for answer in call:
                    yield stream.decode(answer)
            finally:
                call.cancel()  # does nothing once the stream has ended
        stream.finish()

    def _stream_showers(self, request: ShowersRequest) -> abc.Generator[Showers, None, None]:
        for part in request.parts(self._limits_of_showers(request).stream_size):
            for chunk in self._stream_part(replace(part, release=request.release)):
                # Later streams ask for the release that made the first, whatever becomes the default meanwhile.
                request = replace(request, release=chunk.provenance.release_version or request.release)
                yield chunk

    def _stream_part(self, request: ShowersRequest) -> abc.Generator[Showers, None, None]:
        stream = ShowersStream(request)
        message = generator_pb2.GenerateShowersStreamRequest(request=request.message())
        with errors_of(self.target):
            call = self._generators.GenerateShowersStream(message, timeout=stream_timeout(self._timeout, len(request)))
            try:
                for answer in call:
                    yield stream.decode(answer)
            finally:
                call.cancel()  # does nothing once the stream has ended
        stream.finish()
