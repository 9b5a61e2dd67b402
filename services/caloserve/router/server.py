"""The router's process."""

import logging
from collections.abc import Mapping

from caloserve.router.backends import Backends
from caloserve.router.metrics import RouterMetrics
from caloserve.router.passthrough import Passthrough
from caloserve.router.servicer import EventServicer
from caloserve.v1 import event_pb2, generator_pb2
from caloserve.wire.handlers import service_handler
from caloserve.wire.serving import Listener

log = logging.getLogger(__name__)

_EVENTS = event_pb2.DESCRIPTOR.services_by_name["EventService"]
_SERVICE_NAMES = (
    _EVENTS.full_name,
    generator_pb2.DESCRIPTOR.services_by_name["ShowerGeneratorService"].full_name,
)


async def serve_router(
    targets: Mapping[str, str], address: str, metrics_address: str, timeout_s: float, *, stop_with_stdin: bool = False
) -> None:
    """Serve until SIGINT or SIGTERM, or until standard input ends.

    Args:
        targets: the address of each particle's generator; they may come and go.
        address: where to listen.
        metrics_address: where Prometheus finds the metrics.
        timeout_s: how long a generator may take for one part of an event.
        stop_with_stdin: whether the end of standard input is a reason to stop.

    Raises:
        SettingsError: an address cannot be listened on.
    """
    metrics = RouterMetrics()
    backends = Backends(targets)
    listener = Listener(address, metrics_address, metrics.registry, _SERVICE_NAMES, stop_with_stdin=stop_with_stdin)
    events = service_handler(_EVENTS, EventServicer(backends, metrics, timeout_s))
    listener.server.add_generic_rpc_handlers((events, Passthrough(backends, metrics).handler()))
    try:
        async with listener.listening("router"):
            await listener.serving()
            log.info("routing to %s", ", ".join(f"{name} at {target}" for name, target in targets.items()))
            await listener.stopped()
    finally:
        await backends.close()
