"""The servers under test, as processes of their own."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from caloserve.stack.processes import ServerProcess
from caloserve.stack.stack import Stack, running_stack, wait_until_loaded
from caloserve_bench.processors import descendants


@dataclass(frozen=True)
class Served:
    """Router, generators and echo, all reached in one way."""

    stack: Stack
    echo_address: str
    echo_pid: int

    @property
    def generator(self) -> ServerProcess:
        """The generator of e+."""
        return next(server for server in self.stack.generators if server.name == "eplus")

    @property
    def generator_pids(self) -> tuple[int, ...]:
        """The e+ generator's processes."""
        return descendants(self.generator.process.pid)

    @property
    def router_pids(self) -> tuple[int, ...]:
        """The router's processes."""
        return descendants(self.stack.router.process.pid)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of router and generators."""
        return tuple(pid for server in self.stack.processes for pid in descendants(server.process.pid))


@dataclass(frozen=True)
class Servers:
    """Everything once on the loopback interface and once on unix sockets."""

    tcp: Served
    unix: Served


@contextmanager
def running_servers(threads: int) -> Iterator[Servers]:
    """Start everything, with the installed releases, and wait until it serves; end it when left."""
    with ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="caloserve-bench-"))
        sockets = Path(folder)
        echo_tcp, echo_unix, echo_pid = running.enter_context(_running_echo(sockets / "echo.sock"))
        stacks = [
            running.enter_context(running_stack(address, "127.0.0.1:0", None, f"--threads={threads}"))
            for address in ("127.0.0.1:0", f"unix:{sockets / 'router.sock'}")
        ]
        for stack in stacks:
            wait_until_loaded(stack, threading.Event())
        yield Servers(Served(stacks[0], echo_tcp, echo_pid), Served(stacks[1], echo_unix, echo_pid))


@contextmanager
def _running_echo(socket: Path) -> Iterator[tuple[str, str, int]]:
    command = [sys.executable, "-m", "caloserve_bench.echo", "127.0.0.1:0", f"unix:{socket}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tcp, unix = process.stdout.readline().split()
        yield tcp, unix, process.pid
        process.stdin.close()
