"""A generator's process: listens at once, serves when its release is loaded, ends calmly when told to."""

import asyncio
import logging

from caloserve.generator.engine import require_runtime
from caloserve.generator.metrics import GeneratorMetrics
from caloserve.generator.service import Service
from caloserve.generator.servicer import GeneratorServicer
from caloserve.generator.settings import Settings
from caloserve.v1 import generator_pb2
from caloserve.wire.handlers import service_handler
from caloserve.wire.memory import keep_loaded_objects
from caloserve.wire.serving import Listener

log = logging.getLogger(__name__)

_SERVICE = generator_pb2.DESCRIPTOR.services_by_name["ShowerGeneratorService"]


async def serve_generator(settings: Settings, *, stop_with_stdin: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, or until standard input ends.

    A release that cannot be served leaves the process up and its health NOT_SERVING, with one line in the log.

    Raises:
        EngineError: ONNX Runtime is not installed.
        SettingsError: an address cannot be listened on.
    """
    require_runtime()
    metrics = GeneratorMetrics(settings.particle.name)
    servicer = GeneratorServicer(metrics)
    listener = Listener(
        settings.address,
        settings.metrics_address,
        metrics.registry,
        (_SERVICE.full_name,),
        stop_with_stdin=stop_with_stdin,
    )
    listener.server.add_generic_rpc_handlers((service_handler(_SERVICE, servicer),))
    async with listener.listening(settings.particle.name):
        loading = asyncio.create_task(_load(settings, servicer, metrics, listener))
        await listener.stopped()
        loading.cancel()


async def _load(settings: Settings, servicer: GeneratorServicer, metrics: GeneratorMetrics, listener: Listener) -> None:
    try:
        service = await asyncio.to_thread(Service.load, settings)
    except Exception as error:  # noqa: BLE001 (whatever is wrong with a release, the process says so and stays)
        servicer.not_serving = f"not serving: {error}"
        log.error("not serving: %s", error)  # noqa: TRY400 (one clear line)
        await listener.not_serving()
        return
    keep_loaded_objects()
    servicer.service = service
    metrics.serving(service)
    await listener.serving()
    release = service.release("")
    log.info(
        "serving release %s of %s: %s, %s",
        service.default_release,
        settings.particle.name,
        release.engine.provider,
        release.engine.determinism.name.lower(),
    )
