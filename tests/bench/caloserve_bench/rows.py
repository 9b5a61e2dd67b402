"""The lines of the table: what was measured, the goal, and what was reached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from caloserve_bench.endurance import Endurance
from caloserve_bench.ours import (
    BULK,
    ENERGIES_BATCH,
    ENERGIES_GEV,
    EVENT_SIZES,
    OUTPUTS,
    OUTSTANDING,
    SMALL_CLIENTS,
)
from caloserve_bench.slices import Series, Spread

BULK_GOAL: Final = 0.90
"""Of ONNX Runtime alone, for a model of 0.03 ms per shower."""

ONE_SHOWER_GOAL_MS: Final = 0.5
ROUTER_GOAL_MS: Final = 1.0
ROUTER_MOONSHOT_MS: Final = 0.6

TABLE_III_MS: Final = {1: 13.1, 10: 5.11, 128: 2.19, 1024: 2.03}
"""arXiv:1705.02355, Table III: the paper's generator on its CPU, ms per shower by batch size."""

SOAK_GOAL_MB: Final = 1.0
"""Growth of memory per minute."""

GEANT4_MS: Final = 1772
"""The same table: full simulation, ms per shower."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    line: str
    what: str
    rate: Spread | None = None
    """Showers per second."""
    latencies_ms: tuple[float, float, float] | None = None
    """p50, p95 and p99 of a call."""
    cpu_us: float | None = None
    """Processor time of the servers per shower."""
    client_share: float | None = None
    """How busy the process that asks was."""
    goal: str = ""
    reached: str = ""
    met: bool | None = None
    """None where there is no goal."""


def row(line: str, what: str, series: Series, *, goal: str = "", reached: str = "", met: bool | None = None) -> Row:
    """A line with everything that a series tells."""
    return Row(
        line=line,
        what=what,
        rate=series.rate(),
        latencies_ms=(series.latency_ms(0.5), series.latency_ms(0.95), series.latency_ms(0.99)),
        cpu_us=series.cpu_us().median,
        client_share=series.client_share().median,
        goal=goal,
        reached=f"{series.failed()} CALLS FAILED {reached}" if series.failed() else reached,
        met=met,
    )


def our_rows(series: Mapping[str, Series]) -> list[Row]:
    """Lines (a) to (f), those of them that were measured."""
    return [*_bulk(series), *_events(series), *_small(series), *_one_shower(series), *_paper(series)]


def overload_row(endurance: Endurance) -> Row:
    """Ten times too much: what came of it, and the memory before and after."""
    before, after = endurance.resident_mb[0], endurance.resident_mb[-1]
    refused = endurance.series.refused_share()
    return row(
        "over",
        f"overload: {endurance.series.name}",
        endurance.series,
        goal="p99 bounded, memory flat",
        reached=f"{refused:.1%} refused; memory {before:.0f} MB after 1 slice, {after:.0f} MB at the end",
    )


def soak_row(endurance: Endurance) -> Row:
    """Line (e) for long."""
    growth = endurance.growth_mb_per_minute
    return row(
        "soak",
        f"{endurance.minutes[-1]:.1f} minutes: {endurance.series.name}",
        endurance.series,
        goal=f"memory grows less than {SOAK_GOAL_MB:g} MB/min",
        reached=f"{growth:+.2f} MB/min, {endurance.resident_mb[-1]:.0f} MB at the end",
        met=growth < SOAK_GOAL_MB,
    )


def with_quartiles(value: Spread, digits: int) -> str:
    """A median and its quartiles, as ``0.93 (0.92-0.95)``."""
    return f"{value.median:.{digits}f} ({value.low:.{digits}f}-{value.high:.{digits}f})"


def _bulk(series: Mapping[str, Series]) -> Iterator[Row]:
    for name, found in series.items():
        if name.startswith("raw "):
            what = f"ONNX Runtime alone, {name.removeprefix('raw ').removesuffix(' free')} rows{_where(name)}"
            yield row("a", what, found, reached=f"{1e3 / found.rate().median:.4f} ms/shower")
    for line, server, goal in (("b", "generator", BULK_GOAL), ("c", "router", None)):
        for name, what in (
            ("unary", f"{OUTSTANDING} calls of {BULK}"),
            ("stream", f"{OUTSTANDING} streams"),
            ("unary free", f"{OUTSTANDING} calls of {BULK}"),
        ):
            asked, raw = series.get(f"{server} {name}"), series.get(f"raw {BULK}{_free(name)}")
            if asked and raw:
                ratio, saved = asked.rate_over(raw), asked.cpu_saved_over(raw)
                yield row(
                    line,
                    f"{server}, {what}{_where(name)}",
                    asked,
                    goal=f"at least {goal:.2f} of raw" if goal else "",
                    reached=f"{with_quartiles(ratio, 2)} of raw; by processor time {saved.median:.2f}",
                    met=ratio.median >= goal if goal else None,
                )


def _free(name: str) -> str:
    return " free" if name.endswith(" free") else ""


def _where(name: str) -> str:
    return ", unpinned" if _free(name) else ""


def _events(series: Mapping[str, Series]) -> Iterator[Row]:
    for size in EVENT_SIZES:
        for output in OUTPUTS:
            if found := series.get(f"event {size} {output}"):
                rate = found.rate().median / size
                yield row("d", f"mixed events of {size}, {output}", found, reached=f"{rate:.0f} events/s")


def _small(series: Mapping[str, Series]) -> Iterator[Row]:
    for server in ("generator", "router"):
        if found := series.get(f"{server} small"):
            goal = "3 x the best peer: make bench-peers" if server == "generator" else ""
            yield row("e", f"{server}, {SMALL_CLIENTS} clients of 1-10 showers", found, goal=goal)


def _one_shower(series: Mapping[str, Series]) -> Iterator[Row]:
    engine = series.get("one shower engine")
    if engine is None:
        return
    yield row("one", "one shower: sampling and inference in process", engine)
    for wire in ("tcp", "unix"):
        echo, generator, router = (series.get(f"one shower {name} {wire}") for name in ("echo", "generator", "router"))
        if echo:
            yield row("one", f"nothing: an empty call, {wire}", echo)
        if generator:
            over = generator.latency_over_ms(engine)
            yield row(
                "one",
                f"one shower: generator, {wire}",
                generator,
                goal=f"engine + {ONE_SHOWER_GOAL_MS} ms at most",
                reached=f"engine + {with_quartiles(over, 2)} ms",
                met=over.median <= ONE_SHOWER_GOAL_MS,
            )
        if generator and router:
            over = router.latency_over_ms(generator)
            yield row(
                "one",
                f"one shower: router, {wire}",
                router,
                goal=f"generator + {ROUTER_GOAL_MS} ms at most (dream: {ROUTER_MOONSHOT_MS})",
                reached=f"generator + {with_quartiles(over, 2)} ms",
                met=over.median <= ROUTER_GOAL_MS,
            )


_WHERE: Final = {"engine": "sampling and inference in process", "generator": "asked from the generator"}


def _paper(series: Mapping[str, Series]) -> Iterator[Row]:
    for name, found in series.items():
        release, batch, rest = name.rpartition("batch ")
        if batch:
            size, where = rest.split()
            took = found.latency_ms(0.5) / int(size)
            goal = TABLE_III_MS[int(size)]
            yield row(
                "f",
                f"{release}batch {size}: {_WHERE[where]}",
                found,
                goal=f"the paper: {goal} ms/shower",
                reached=f"{took:.3f} ms/shower, {goal / took:.0f} x",
                met=took <= goal,
            )
    low, high = (series.get(f"energy {energy:g} engine") for energy in ENERGIES_GEV)
    if low and high:
        for energy, found in zip(ENERGIES_GEV, (low, high), strict=True):
            took = found.latency_ms(0.5) / ENERGIES_BATCH
            yield row(
                "f",
                f"{energy:g} GeV, batch {ENERGIES_BATCH}, in process",
                found,
                goal=f"Geant4, 1-100 GeV on average: {GEANT4_MS} ms/shower",
                reached=f"{took:.3f} ms/shower; rate over that at 1 GeV {with_quartiles(found.rate_over(low), 2)}",
            )
