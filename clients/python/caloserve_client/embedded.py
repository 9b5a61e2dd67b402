"""A whole stack as a child process, for a notebook or a script that has no server at hand."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

from caloserve_client.errors import EmbeddedStackError

_LOG_LINES = 5
_ENDING_S = 2.0  # between the last output of a process and its end
_COMMAND = (sys.executable, "-m", "caloserve", "serve", "--port", "0", "--stop-with-stdin")


class EmbeddedStack:
    """Runs ``caloserve serve`` on a free port of this machine for the length of a ``with`` block.

    Args:
        command: what to start instead; it must announce itself as ``caloserve serve`` does.
        start_timeout: seconds until it must be ready.
        stop_timeout: seconds it gets to shut down before it is killed.

    Raises:
        EmbeddedStackError: on entering, if it does not get ready; the message ends with the last lines of its log.
    """

    def __init__(
        self, command: Sequence[str] = _COMMAND, *, start_timeout: float = 60.0, stop_timeout: float = 60.0
    ) -> None:
        self._command = list(command)
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._target = ""

    @property
    def target(self) -> str:
        """Address for ``CaloServeClient``; empty while the stack is down."""
        return self._target

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()  # a pipe that nobody reads would stop the stack once it is full
        try:
            # A session of its own: Ctrl-C reaches the caller only, and all of the stack can be ended together.
            self._process = subprocess.Popen(  # noqa: S603 (the caller's command)
                self._command,
                stdin=subprocess.PIPE,  # ends with the caller, however the caller ends
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,
            )
            self._target = self._address(self._first_line(self._process))
        except OSError as error:
            self._stop()
            raise EmbeddedStackError(f"cannot start {self._command[0]}: {error.strerror}") from error
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _first_line(self, process: subprocess.Popen[bytes]) -> bytes:
        if process.stdout is None:
            raise EmbeddedStackError("the embedded stack has no output")
        deadline = time.monotonic() + self._start_timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._failed(f"was not ready after {self._start_timeout:g} s")
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    raise self._failed(f"{_ending(process)} before it was ready")
                line += data
        return line

    def _address(self, line: bytes) -> str:
        try:
            return str(json.loads(line)["address"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._failed(f"announced itself as {line.decode(errors='replace').strip()!r}") from error

    def _failed(self, what: str) -> EmbeddedStackError:
        lines: list[str] = []
        if self._log is not None:
            self._log.seek(0)
            text = self._log.read().decode(errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
        tail = f"; its log ends: {' | '.join(lines[-_LOG_LINES:])}" if lines else ""
        return EmbeddedStackError(f"the embedded stack {what}{tail}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(self._stop_timeout)
            except subprocess.TimeoutExpired:
                pass
            finally:  # an impatient Ctrl-C comes here too
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()
        if self._log is not None:
            self._log.close()
            self._log = None
        self._target = ""


def _ending(process: subprocess.Popen[bytes]) -> str:
    """How a process went that says nothing any more."""
    try:
        return f"ended with exit status {process.wait(_ENDING_S)}"
    except subprocess.TimeoutExpired:
        return "closed its output"
