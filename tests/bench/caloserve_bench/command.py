"""``python -m caloserve_bench ours``, ``soak`` and ``peers``: one command, one table."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from caloserve_bench.contenders import Contender, interleave
from caloserve_bench.doors import our_door, peer_door, triton_door
from caloserve_bench.endurance import Endurance, endure
from caloserve_bench.machine import Machine
from caloserve_bench.ours import our_contenders, overloads, small_requests
from caloserve_bench.peer_servers import running_peers
from caloserve_bench.peers import PEERS, contenders
from caloserve_bench.peers import rows as peer_rows
from caloserve_bench.processors import Cores, descendants
from caloserve_bench.raw import Model, other_families
from caloserve_bench.report import Report
from caloserve_bench.rows import Row, our_rows, overload_row, soak_row
from caloserve_bench.servers import running_servers
from caloserve_bench.slices import Series

_OVERLOAD_SLICES: Final = 3
_OVERLOAD_WEIGHT: Final = 5  # a call that waits for long must still end within its slice
_SOAK_SLICE_S: Final = 5.0

Command = Callable[..., None]


def _options(command: Command) -> Command:
    """What all the commands are told."""
    for option in (
        click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1), help="Of ONNX Runtime."),
        click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write all as JSON."),
        click.option("--record", is_flag=True, help="Add the table to docs/benchmarks.md."),
    ):
        command = option(command)
    return command


def _rounds(command: Command) -> Command:
    """How long an interleaved run lasts."""
    for option in (
        click.option("--rounds", default=10, show_default=True, type=click.IntRange(min=1)),
        click.option("--seconds", default=0.8, show_default=True, type=float, help="Length of most slices."),
    ):
        command = option(command)
    return command


@click.group()
def bench() -> None:
    """Measure how fast the services are."""


@bench.command()
@_rounds
@_options
@click.option("--only", multiple=True, metavar="NAME", help="Only contenders in whose name this occurs.")
def ours(
    only: tuple[str, ...], rounds: int, seconds: float, threads: int, *, json_path: Path | None, record: bool
) -> None:
    """ONNX Runtime alone, the generator and the router, goal and figure side by side."""
    machine = Machine.here()
    rows, series = asyncio.run(_ours(only, rounds, seconds, threads))
    settings = {"rounds": rounds, "seconds": seconds, "threads": threads}
    _tell(Report("bench", machine, settings, rows, series), json_path, record=record)


@bench.command()
@_options
@click.option("--minutes", default=10.0, show_default=True, type=float)
def soak(minutes: float, threads: int, *, json_path: Path | None, record: bool) -> None:
    """Line (e) for long: does memory grow?"""
    machine = Machine.here()
    endurances = asyncio.run(_soak(minutes, threads))
    rows = [soak_row(endurance) for endurance in endurances]
    series = {endurance.series.name: endurance.series for endurance in endurances}
    report = Report("bench-soak", machine, {"minutes": minutes, "threads": threads}, rows, series)
    _tell(report, json_path, record=record)


@bench.command()
@_rounds
@_options
@click.option(
    "--peer", "names", multiple=True, default=tuple(PEERS), type=click.Choice(list(PEERS)), help="Only these."
)
@click.option(
    "--triton", metavar="HOST:PORT", help="Where tests/bench/peers/triton_onnxruntime listens, if it was started."
)
def peers(
    names: tuple[str, ...],
    triton: str | None,
    rounds: int,
    seconds: float,
    threads: int,
    *,
    json_path: Path | None,
    record: bool,
) -> None:
    """The generator beside other Python model servers with the same model."""
    machine = Machine.here()
    series = asyncio.run(_peers(names, triton, rounds, seconds, threads))
    settings = {"rounds": rounds, "seconds": seconds, "threads": threads}
    _tell(Report("bench-peers", machine, settings, peer_rows(series), series), json_path, record=record)


async def _peers(
    names: tuple[str, ...], triton: str | None, rounds: int, seconds: float, threads: int
) -> Mapping[str, Series]:
    model, cores = Model(threads), Cores.of_this_machine()
    with running_servers(threads) as servers, running_peers(names, model.path, threads) as others:
        doors = [our_door(servers.tcp), *map(peer_door, others)]
        if triton is not None:
            doors.append(triton_door(triton, model))
        for door in doors:
            await door.check()
        pids = descendants(os.getpid())
        chosen = contenders(doors, cores)
        with _progress(rounds * len(chosen)) as measured:
            return await interleave(chosen, rounds=rounds, seconds=seconds, pids=pids, cores=cores, measured=measured)


async def _ours(
    only: tuple[str, ...], rounds: int, seconds: float, threads: int
) -> tuple[list[Row], Mapping[str, Series]]:
    model, cores = Model(threads), Cores.of_this_machine()
    others = [Model(threads, version) for version in other_families()]
    with running_servers(threads) as servers:
        pids = descendants(os.getpid())
        contenders = _chosen(our_contenders(servers, model, others, cores), only)
        beyond = _chosen(overloads(servers.tcp), only)
        with _progress(rounds * len(contenders) + _OVERLOAD_SLICES * len(beyond)) as measured:
            series = await interleave(
                contenders, rounds=rounds, seconds=seconds, pids=pids, cores=cores, measured=measured
            )
            borne = [
                await endure(load, servers.tcp.pids, _OVERLOAD_SLICES, _OVERLOAD_WEIGHT * seconds, measured)
                for load in beyond
            ]
    rows = [*our_rows(series), *(overload_row(endurance) for endurance in borne)]
    return rows, series | {endurance.series.name: endurance.series for endurance in borne}


async def _soak(minutes: float, threads: int) -> list[Endurance]:
    slices = max(5, round(60 * minutes / _SOAK_SLICE_S))
    with running_servers(threads) as servers, _progress(slices) as measured:
        served = servers.tcp
        load = small_requests("router small", served.stack.router.address, served.pids, None)
        return [await endure(load, served.pids, slices, _SOAK_SLICE_S, measured)]


def _chosen(contenders: list[Contender], only: tuple[str, ...]) -> list[Contender]:
    return [contender for contender in contenders if not only or any(word in contender.name for word in only)]


@contextmanager
def _progress(slices: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error; what is yielded moves it on."""
    columns = TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=slices)
        yield lambda: progress.advance(task)


def _tell(report: Report, json_path: Path | None, *, record: bool) -> None:
    report.show()
    if json_path is not None:
        report.write(json_path)
    if record:
        report.record()
