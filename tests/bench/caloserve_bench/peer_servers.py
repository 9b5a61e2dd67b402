"""Other model servers with the very same model, each in an environment of its own, set as its documentation advises."""

import json
import os
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caloserve_bench.processors import descendants

_BENCH: Final = Path(__file__).parents[1]
_ENVIRONMENTS: Final = _BENCH.parents[1] / ".venv" / "peers"
_START_S: Final = 90.0
_STOP_S: Final = 20.0

# What served 64 clients best, of 16 to 64 requests or 512 to 2048 rows and of waiting 0 to 10 ms.
_REQUESTS_PER_BATCH: Final = 64
_ROWS_PER_BATCH: Final = 512
_BATCH_WAIT_S: Final = 0.010


@dataclass(frozen=True)
class PeerServer:
    """A running server."""

    name: str
    address: str
    process: "subprocess.Popen[bytes]"

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run, and stop it again when left: some servers are busy even when nobody asks."""
        os.killpg(self.process.pid, signal.SIGCONT)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGSTOP)

    def pids(self) -> tuple[int, ...]:
        """All its processes."""
        return descendants(self.process.pid)


@contextmanager
def running_peers(names: Sequence[str], model: Path, threads: int) -> Iterator[list[PeerServer]]:
    """Start them and wait until they listen; end them when left."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="caloserve-bench-")))
        yield [running.enter_context(_running(name, model, threads, folder)) for name in names]


@contextmanager
def _running(name: str, model: Path, threads: int, folder: Path) -> Iterator[PeerServer]:
    ports = _free_ports(3)
    command, environment = _COMMANDS[name](model, ports, threads, folder)
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | environment,
            start_new_session=True,  # all its processes are stopped, woken and ended together
        )
    try:
        _wait_until_listening(process, ports[0], log)
        yield PeerServer(name, f"127.0.0.1:{ports[0]}", process)
    finally:
        _stop(process)


def _litserve(
    model: Path,
    ports: Sequence[int],
    threads: int,
    folder: Path,  # noqa: ARG001 (needs no folder)
) -> tuple[list[str], Mapping[str, str]]:
    script = str(_BENCH / "peers" / "litserve_server.py")
    batching = [str(_REQUESTS_PER_BATCH), str(_BATCH_WAIT_S)]
    return [_python("litserve"), script, str(model), str(ports[0]), str(threads), *batching], {}


def _mlserver(model: Path, ports: Sequence[int], threads: int, folder: Path) -> tuple[list[str], Mapping[str, str]]:
    grpc_port, http_port, metrics_port = ports
    settings = {
        "host": "127.0.0.1",
        "grpc_port": grpc_port,
        "http_port": http_port,
        "metrics_port": metrics_port,
        "parallel_workers": 0,
        "debug": False,
    }
    model_settings = {
        "name": "showers",
        "implementation": "mlserver_runtime.ShowerRuntime",
        "max_batch_size": _REQUESTS_PER_BATCH,
        "max_batch_time": _BATCH_WAIT_S,
        "parameters": {"uri": str(model), "extra": {"threads": threads}},
    }
    home = folder / "showers"
    home.mkdir()
    (home / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (home / "model-settings.json").write_text(json.dumps(model_settings), encoding="utf-8")
    command = [str(_ENVIRONMENTS / "mlserver" / "bin" / "mlserver"), "start", str(home)]
    return command, {"PYTHONPATH": str(_BENCH / "peers")}


def _pytriton(
    model: Path,
    ports: Sequence[int],
    threads: int,
    folder: Path,  # noqa: ARG001 (needs no folder)
) -> tuple[list[str], Mapping[str, str]]:
    script = str(_BENCH / "peers" / "pytriton_server.py")
    arguments = [str(model), *map(str, ports), str(threads), str(_ROWS_PER_BATCH)]
    # Triton's backend is linked with libpython, and must not find another one than its standard library's.
    library = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}
    return [_python("pytriton"), script, *arguments], library


_COMMANDS: Final[Mapping[str, Callable[[Path, Sequence[int], int, Path], tuple[list[str], Mapping[str, str]]]]] = {
    "litserve": _litserve,
    "mlserver": _mlserver,
    "pytriton": _pytriton,
}


def _python(name: str) -> str:
    return str(_ENVIRONMENTS / name / "bin" / "python")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.stem} does not listen; its log ends:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End it, and whatever it leaves behind."""
    os.killpg(process.pid, signal.SIGCONT)
    process.terminate()
    try:
        process.wait(_STOP_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
