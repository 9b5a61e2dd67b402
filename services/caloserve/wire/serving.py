"""What every server process does: listen, tell its addresses, health and metrics, and stop calmly."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import click
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from caloserve.calorimeter.errors import SettingsError
from caloserve.wire.channels import SERVER_OPTIONS
from caloserve.wire.memory import keep_freed_memory

_DRAIN_S = 0.2
"""Between telling that no calls are welcome and refusing them: callers that watch the health go elsewhere meanwhile."""

_GRACE_S = 5.0
"""For calls under way."""

_SWITCH_INTERVAL_S = 0.0003
"""How long Python's threads wait for one another: a model that has run waits for the event loop, by default 5 ms."""

stop_with_stdin_option = click.option(
    "--stop-with-stdin",
    is_flag=True,
    help="Stop when standard input ends too, as a pipe does when the process at its other end is gone.",
)


class Listener:
    """A gRPC server with the standard health service, and its Prometheus endpoint.

    Args:
        address: HOST:PORT, port 0 for a free one, or unix:PATH.
        metrics_address: HOST:PORT, likewise.
        registry: the metrics to show.
        service_names: full names of the gRPC services whose health is told, besides the whole server's.
        stop_with_stdin: stop when standard input ends too.
    """

    def __init__(
        self,
        address: str,
        metrics_address: str,
        registry: CollectorRegistry,
        service_names: Sequence[str],
        *,
        stop_with_stdin: bool = False,
    ) -> None:
        keep_freed_memory()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self.server = grpc.aio.server(options=SERVER_OPTIONS)
        self._address = address
        self._metrics_address = metrics_address
        self._registry = registry
        self._service_names = service_names
        self._stop_with_stdin = stop_with_stdin
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.server)
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def listening(self, name: str) -> AsyncIterator[None]:
        """Listen while inside, health UNKNOWN at first; print one JSON line that tells ``name`` and the addresses.

        Raises:
            SettingsError: an address cannot be listened on.
        """
        await self._set_health(health_pb2.HealthCheckResponse.UNKNOWN)
        address = self._bind()
        metrics_address, stop_metrics = self._serve_metrics()
        await self.server.start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        if self._stop_with_stdin:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)
        click.echo(json.dumps({"name": name, "address": address, "metrics_address": metrics_address}))
        try:
            yield
        finally:
            await self._health.enter_graceful_shutdown()
            await asyncio.sleep(_DRAIN_S)
            await self.server.stop(_GRACE_S)
            stop_metrics()

    async def serving(self) -> None:
        """Tell the world that calls are welcome."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def not_serving(self) -> None:
        """Tell the world that calls are in vain, and will be until the process is started again."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)

    async def stopped(self) -> None:
        """Wait until told to stop, by SIGINT, SIGTERM or the end of standard input."""
        await self._stop.wait()

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stop.set()

    async def _set_health(self, status: int) -> None:
        for name in ("", *self._service_names):
            await self._health.set(name, status)

    def _bind(self) -> str:
        if _somebody_answers(self._address):  # gRPC would take a socket file over without a word
            raise SettingsError(f"cannot listen on {self._address}: it is in use")
        try:
            port = self.server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise SettingsError(f"cannot listen on {self._address}: is it in use?") from error
        return self._address if self._address.startswith("unix:") else f"{self._address.rpartition(':')[0]}:{port}"

    def _serve_metrics(self) -> tuple[str, Callable[[], None]]:
        host, _, port = self._metrics_address.rpartition(":")
        try:
            server, thread = start_http_server(int(port), host.strip("[]"), self._registry)
        except (OSError, ValueError) as error:
            raise SettingsError(f"cannot serve metrics on {self._metrics_address}: {error}") from error

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return f"{host}:{server.server_port}", stop


def _somebody_answers(address: str) -> bool:
    """Whether a server listens at a unix socket already."""
    scheme, _, path = address.partition(":")
    if scheme != "unix":
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path.removeprefix("//")) == 0
