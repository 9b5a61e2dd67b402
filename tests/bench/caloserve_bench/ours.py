"""Our contenders: ONNX Runtime alone, the generator, the router, and what a single shower takes."""

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

import grpc

from caloserve.v1 import event_pb2, generator_pb2
from caloserve.wire.channels import CHANNEL_OPTIONS, SHOWERS_PER_CHUNK
from caloserve_bench import requests
from caloserve_bench.clients import EVENT, SHOWER_STREAM, SHOWERS, channels, client, grpc_exchange, stream_client
from caloserve_bench.contenders import Contender, Places
from caloserve_bench.echo import METHOD as ECHO
from caloserve_bench.load import ask_on_and_on, repeat
from caloserve_bench.processors import Cores
from caloserve_bench.raw import Model
from caloserve_bench.servers import Served, Servers
from caloserve_bench.slices import Slice

OUTSTANDING: Final = 4
BULK: Final = 512
SMALL_CLIENTS: Final = 64
OVERLOAD: Final = 10
EVENT_SIZES: Final = (10, 100, 1000)
OUTPUTS: Final = {"PER_SHOWER": event_pb2.EVENT_OUTPUT_PER_SHOWER, "SUM": event_pb2.EVENT_OUTPUT_SUM}
BATCHES: Final = (1, 10, 128, 1024)
ENERGIES_GEV: Final = (1.0, 100.0)
ENERGIES_BATCH: Final = 128

_STREAM: Final = 4 * BULK
_PREPARED: Final = 16
_LONG, _SHORT = 1.5, 0.4

Measure = Callable[[float], Awaitable[Slice]]


def our_contenders(servers: Servers, model: Model, others: Sequence[Model], cores: Cores) -> list[Contender]:
    """Everything of lines (a) to (f), in the order in which it is measured; of the ``others`` line (f) only."""
    return [
        *_bulk(servers.tcp, model, cores),
        *_events(servers.tcp),
        small_requests("generator small", servers.tcp.generator.address, servers.tcp.generator_pids, cores),
        small_requests("router small", servers.tcp.stack.router.address, servers.tcp.pids, None),
        *_one_shower(servers, model),
        *_batch_sizes(servers.tcp, model),
        *_energies(model),
        *(contender for other in others for contender in _batch_sizes(servers.tcp, other, other.version)),
    ]


def raw_bulk(model: Model, cores: Cores | None) -> Contender:
    """ONNX Runtime with ready-made latents, on the server's core if told: what bulk rates are compared with."""
    batch = model.batch(BULK)

    def work() -> int:
        model.run_cut(batch)
        return BULK

    if cores is None:
        return Contender(f"raw {BULK} free", _here(work))
    return Contender(f"raw {BULK}", _here(work), {(os.getpid(),): cores.server})


def generator_bulk(served: Served, cores: Cores | None) -> Contender:
    """Line (b): four calls outstanding, the server on its core and this process on another, if told."""
    name, places = ("generator unary free", {}) if cores is None else ("generator unary", _direct(served, cores))
    return Contender(name, _unary_bulk(served.generator.address, served.generator_pids), places)


def small_requests(
    name: str, address: str, pids: tuple[int, ...], cores: Cores | None, clients: int = SMALL_CLIENTS
) -> Contender:
    """Line (e): clients that ask for 1 to 10 showers, with a connection each unless there are more than 64."""
    sizes = requests.SMALL_SIZES
    prepared = [requests.showers(size, event).SerializeToString() for event, size in enumerate(sizes)]
    asks = [
        client(grpc_exchange(channel, SHOWERS), prepared, sizes, first)
        for channel, first in zip(_shared(address, clients), requests.turns(clients, len(sizes)), strict=True)
    ]
    places: Places = {} if cores is None else {(os.getpid(),): cores.client, pids: cores.server}
    return Contender(name, lambda seconds: ask_on_and_on(asks, seconds, pids), places, _LONG)


def overloads(served: Served) -> list[Contender]:
    """Ten times as much as lines (b) and (e) ask."""
    clients, calls = OVERLOAD * SMALL_CLIENTS, OVERLOAD * OUTSTANDING
    generator, router = served.generator.address, served.stack.router.address
    return [
        small_requests(f"generator {clients} clients", generator, served.generator_pids, None, clients),
        small_requests(f"router {clients} clients", router, served.pids, None, clients),
        Contender(f"generator {calls} calls of {BULK}", _unary_bulk(generator, served.generator_pids, calls)),
    ]


def _shared(address: str, clients: int) -> list[grpc.aio.Channel]:
    connections = channels(address, min(clients, SMALL_CLIENTS))
    return [connections[client % len(connections)] for client in range(clients)]


def _direct(served: Served, cores: Cores) -> Places:
    return {(os.getpid(),): cores.client, served.generator_pids: cores.server}


def _bulk(served: Served, model: Model, cores: Cores) -> Iterator[Contender]:
    """Lines (a), (b) and (c)."""
    largest = model.batch(model.largest_batch)

    def work() -> int:
        return len(model.run(largest))

    router, direct = served.stack.router.address, _direct(served, cores)
    # The router shares the client's core: the generator has its own to itself, as in (a).
    routed: Places = {(os.getpid(), *served.router_pids): cores.client, served.generator_pids: cores.server}
    yield Contender(f"raw {model.largest_batch}", _here(work), {(os.getpid(),): cores.server})
    yield raw_bulk(model, cores)
    yield generator_bulk(served, cores)
    yield Contender("generator stream", _stream_bulk(served.generator.address, served.generator_pids), direct)
    yield Contender("router unary", _unary_bulk(router, served.pids), routed)
    yield Contender("router stream", _stream_bulk(router, served.pids), routed)
    yield raw_bulk(model, None)
    yield generator_bulk(served, None)
    yield Contender("router unary free", _unary_bulk(router, served.pids))


def _unary_bulk(address: str, pids: Sequence[int], outstanding: int = OUTSTANDING) -> Measure:
    prepared = [requests.showers(BULK, event).SerializeToString() for event in range(_PREPARED)]
    (channel,) = channels(address, 1)
    exchange = grpc_exchange(channel, SHOWERS)
    asks = [client(exchange, prepared, [BULK] * _PREPARED, first) for first in range(outstanding)]
    return lambda seconds: ask_on_and_on(asks, seconds, pids)


def _stream_bulk(address: str, pids: Sequence[int]) -> Measure:
    sizes = list(requests.chunk_sizes(_STREAM, SHOWERS_PER_CHUNK))
    (channel,) = channels(address, 1)
    asks = [
        stream_client(channel, SHOWER_STREAM, requests.shower_stream(_STREAM, event).SerializeToString(), sizes)
        for event in range(OUTSTANDING)
    ]
    return lambda seconds: ask_on_and_on(asks, seconds, pids)


def _events(served: Served) -> Iterator[Contender]:
    """Line (d): all kinds of particles, all processes on any core."""
    for size in EVENT_SIZES:
        for name, output in OUTPUTS.items():
            prepared = [requests.mixed_event(size, event, output).SerializeToString() for event in range(_PREPARED)]
            yield Contender(f"event {size} {name}", _event_load(served, prepared, size), weight=0.7)


def _event_load(served: Served, prepared: Sequence[bytes], size: int) -> Measure:
    (channel,) = channels(served.stack.router.address, 1)
    exchange = grpc_exchange(channel, EVENT)
    sizes = [size] * _PREPARED
    asks = [client(exchange, prepared, sizes, first, bytes_per_shower=0) for first in range(OUTSTANDING)]  # sums
    return lambda seconds: ask_on_and_on(asks, seconds, served.pids)


def _one_shower(servers: Servers, model: Model) -> Iterator[Contender]:
    """One client that asks for one shower at a time and reads it; and what of it is not ours to mend."""
    batch = model.batch(1)
    yield Contender("one shower engine", _here(lambda: len(model.draw_and_run(batch))), weight=_SHORT)
    request = requests.showers(1, 1)
    for wire, served in (("tcp", servers.tcp), ("unix", servers.unix)):
        yield _asked_from_here(
            f"one shower echo {wire}", _echo_call(served.echo_address), 1, (served.echo_pid,), _SHORT
        )
        for name, address, pids in (
            ("generator", served.generator.address, served.generator_pids),
            ("router", served.stack.router.address, served.pids),
        ):
            yield _asked_from_here(f"one shower {name} {wire}", _shower_call(address, request), 1, pids, _SHORT)


def _batch_sizes(served: Served, model: Model, release: str = "") -> Iterator[Contender]:
    """Line (f): in this process, and asked from the generator."""
    for size in BATCHES:
        name = f"{release} batch {size}".lstrip()
        yield _drawn_here(f"{name} engine", model, size, None)
        call = _shower_call(served.generator.address, requests.showers(size, 1, release))
        yield _asked_from_here(f"{name} generator", call, size, served.generator_pids, _SHORT)


def _energies(model: Model) -> Iterator[Contender]:
    """Line (f): does it depend on the energy?"""
    for energy in ENERGIES_GEV:
        yield _drawn_here(f"energy {energy:g} engine", model, ENERGIES_BATCH, energy)


def _drawn_here(name: str, model: Model, size: int, energy_gev: float | None) -> Contender:
    batch = model.batch(size, energy_gev)
    return Contender(name, _here(lambda: len(model.draw_and_run(batch))), weight=_SHORT)


def _here(work: Callable[[], int]) -> Measure:
    """In this process, in the event loop's thread: nothing else is to happen meanwhile."""

    async def measure(seconds: float) -> Slice:
        return repeat(work, seconds)

    return measure


def _asked_from_here(
    name: str, call: Callable[[], object], size: int, pids: tuple[int, ...], weight: float
) -> Contender:
    def work() -> int:
        call()
        return size

    async def measure(seconds: float) -> Slice:
        return repeat(work, seconds, pids)

    return Contender(name, measure, weight=weight)


def _shower_call(address: str, request: generator_pb2.GenerateShowersRequest) -> Callable[[], object]:
    """The call of a plain blocking client."""
    call: Any = _channel(address).unary_unary(
        SHOWERS,
        request_serializer=generator_pb2.GenerateShowersRequest.SerializeToString,
        response_deserializer=generator_pb2.GenerateShowersResponse.FromString,
    )
    return lambda: call(request)


def _echo_call(address: str) -> Callable[[], object]:
    call: Any = _channel(address).unary_unary(ECHO)
    return lambda: call(b"")


def _channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, CHANNEL_OPTIONS)
