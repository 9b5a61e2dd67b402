"""Line (g): other servers with the very same model, asked the same, in one interleaved run with ours."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

from caloserve_bench import requests
from caloserve_bench.clients import client
from caloserve_bench.contenders import Contender
from caloserve_bench.doors import Door
from caloserve_bench.load import Ask, ask_on_and_on
from caloserve_bench.ours import BULK, OUTSTANDING, SMALL_CLIENTS
from caloserve_bench.processors import Cores
from caloserve_bench.rows import Row, row, with_quartiles
from caloserve_bench.slices import Series, Slice

PEERS: Final = {
    "litserve": "LitServe",
    "mlserver": "MLServer",
    "pytriton": "PyTriton: Triton core with Python backend",
}
"""By the name of their environment."""

TRITON: Final = "Triton with its ONNX Runtime backend"
"""Measured where its image can be had."""

SMALL_GOAL: Final = 3.0
"""Times the best peer's showers per second."""

_LOADS: Final = {
    "small": f"{SMALL_CLIENTS} clients of 1-10 showers",
    "small free": f"{SMALL_CLIENTS} clients of 1-10 showers, unpinned",
    "bulk": f"{OUTSTANDING} calls of {BULK}",
    "bulk free": f"{OUTSTANDING} calls of {BULK}, unpinned",
    "one": "one client, one shower at a time",
}
_BULK_REQUESTS: Final = 16
_LONG, _SHORT = 1.5, 0.4

Measure = Callable[[float], Awaitable[Slice]]


def contenders(doors: Sequence[Door], cores: Cores) -> list[Contender]:
    """Every load on every server; the same load on all of them, one after the other."""
    per_door = [list(_loads(door, cores)) for door in doors]
    return [contender for same_load in zip(*per_door, strict=True) for contender in same_load]


def rows(series: Mapping[str, Series]) -> list[Row]:
    """The loads in turn: ours, then the peers, best first."""
    return [found for load in _LOADS for found in _rows_of_load(series, load)]


def _loads(door: Door, cores: Cores) -> Iterator[Contender]:
    """The loads of lines (b) and (e), with and without cores of one's own, and single showers."""
    pids = door.pids()
    pinned = {(os.getpid(),): cores.client, pids: cores.server}
    small = _measure(_clients(door, requests.SMALL_SIZES, SMALL_CLIENTS, SMALL_CLIENTS), door, pids)
    bulk = _measure(_clients(door, [BULK] * _BULK_REQUESTS, OUTSTANDING, OUTSTANDING), door, pids)
    one = _measure(_clients(door, [1], 1, 1), door, pids)
    yield Contender(f"{door.name} small", small, pinned, _LONG)
    yield Contender(f"{door.name} small free", small, weight=_LONG)
    yield Contender(f"{door.name} bulk", bulk, pinned)
    yield Contender(f"{door.name} bulk free", bulk)
    yield Contender(f"{door.name} one", one, weight=_SHORT)


def _clients(door: Door, sizes: Sequence[int], clients: int, connections: int) -> list[Ask]:
    prepared = [door.prepare(size, event) for event, size in enumerate(sizes)]
    exchanges = door.connect(connections)
    return [
        client(exchanges[number % connections], prepared, sizes, first)
        for number, first in enumerate(requests.turns(clients, len(sizes)))
    ]


def _measure(clients: Sequence[Ask], door: Door, pids: Sequence[int]) -> Measure:
    async def measure(seconds: float) -> Slice:
        with door.awake():
            return await ask_on_and_on(clients, seconds, pids)

    return measure


def _rows_of_load(series: Mapping[str, Series], load: str) -> Iterator[Row]:
    ours = series[f"caloserve {load}"]
    titles = PEERS | {"triton": TRITON}
    peers = {title: series[f"{name} {load}"] for name, title in titles.items() if f"{name} {load}" in series}
    ranked = sorted(peers.items(), key=lambda peer: peer[1].rate().median, reverse=True)
    goal = reached = ""
    met = None
    if ranked:
        best, found = ranked[0]
        ratio = ours.rate_over(found)
        lower = ours.latency_ms(0.99) < min(peer.latency_ms(0.99) for peer in peers.values())
        wanted = SMALL_GOAL if load.startswith("small") else 1.0
        goal = f"{wanted:g} x the best peer, lower p99" if wanted > 1 else "no worse than any peer"
        reached = f"{with_quartiles(ratio, 2)} x {best}; p99 {'lower' if lower else 'higher'}"
        if found.cpu_us().median:  # a server elsewhere does not tell
            reached += f"; by processor time {ours.cpu_saved_over(found).median:.2f} x"
        met = ratio.median >= wanted and (lower or wanted == 1)
    yield row("g", f"CaloServe: {_LOADS[load]}", ours, goal=goal, reached=reached, met=met)
    for title, found in ranked:
        yield row("g", f"{title}: {_LOADS[load]}", found)
    if TRITON not in peers:
        yield Row("g", f"{TRITON}: {_LOADS[load]}", reached="not measured, its image is not at hand")
