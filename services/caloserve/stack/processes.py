"""Starts server processes, learns their addresses, and ends them all."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence

from caloserve.calorimeter.errors import StackError

_STOP_TIMEOUT_S = 10.0


class ServerProcess:
    """``caloserve ARGUMENTS`` in a process of its own. Its addresses are known once it listens."""

    def __init__(self, *arguments: str) -> None:
        self.name = self.address = self.metrics_address = ""
        self._arguments = arguments
        self.process = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", "caloserve", *arguments, "--stop-with-stdin"],
            stdin=subprocess.PIPE,  # ends with this process, however it ends
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal reaches the whole group: only the parent is to see it, and to end these in order.
            start_new_session=True,
        )

    def wait_until_listening(self) -> None:
        """Learn the name and the addresses that the process tells; raise StackError when it ends instead."""
        assert self.process.stdout is not None  # noqa: S101 (a pipe was asked for)
        with self.process.stdout as announcement:
            line = announcement.readline()
        if not line:
            raise StackError(f"caloserve {' '.join(self._arguments)}: ended with status {self.process.wait()}")
        told = json.loads(line)
        self.name, self.address, self.metrics_address = told["name"], told["address"], told["metrics_address"]

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self.process.poll() is None


def stop(processes: Sequence[ServerProcess]) -> None:
    """Ask all to end and wait; those that do not are killed."""
    for server in processes:
        if server.running:
            server.process.send_signal(signal.SIGTERM)
    for server in processes:
        try:
            server.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
        if server.process.stdin is not None:
            server.process.stdin.close()
