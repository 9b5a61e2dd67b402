"""What a generator serves: its releases, each loaded in an engine with a thread of its own."""

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from caloserve.calorimeter.errors import CaloServeError, EngineError, NotFoundError, ReleaseError, quoted
from caloserve.calorimeter.seeds import SAMPLER_VERSION
from caloserve.generator.engine import Engine
from caloserve.generator.manifest import Manifest
from caloserve.generator.orders import Order
from caloserve.generator.physics import LivePhysics
from caloserve.generator.releases import Release, ReleaseStore
from caloserve.generator.sampler import Showers, make_rows
from caloserve.generator.settings import Settings
from caloserve.wire.channels import SHOWERS_PER_CHUNK
from caloserve.wire.rows import split

log = logging.getLogger(__name__)


class ServedRelease:
    """A release in service. Its one thread keeps inference off the event loop and orders in turn."""

    def __init__(self, release: Release, settings: Settings) -> None:
        self.manifest: Manifest = release.manifest
        if self.manifest.sampler_version != SAMPLER_VERSION:
            raise ReleaseError(
                f"release {self.manifest.version} needs sampler {self.manifest.sampler_version}, not {SAMPLER_VERSION}"
            )
        try:
            self.engine = Engine(release, settings.provider, settings.threads)
        except Exception as error:
            raise EngineError(f"release {self.manifest.version}: {error}") from error
        self.physics = LivePhysics(self.manifest.fidelity, self.engine.geometry)
        self.physics.calibrate(self.engine)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"engine-{self.manifest.version}")

    async def make(self, order: Order) -> Showers:
        """Make an order's showers; between parts of it the engine is free for others."""
        showers = Showers(order, np.zeros((len(order), self.engine.geometry.cells), dtype=np.float32))
        for part in split(len(order), SHOWERS_PER_CHUNK):
            await asyncio.get_running_loop().run_in_executor(
                self._executor, self._make_part, showers, part, time.perf_counter()
            )
        return showers

    def _make_part(self, showers: Showers, part: slice, arrived: float) -> None:
        began = time.perf_counter()
        showers.queue_s += began - arrived
        make_rows(self.engine, showers, part)
        if self.physics.due(time.perf_counter() - began):
            # In this thread's next free moment: the answer does not wait for it.
            self._executor.submit(self._look, showers, part)

    def _look(self, showers: Showers, part: slice) -> None:
        order = showers.order
        try:
            self.physics.look(order.energies_gev[part], order.statuses[part], showers.cells_mev[part])
        except Exception:
            log.exception("live physics of release %s failed", self.manifest.version)


@dataclass(frozen=True)
class Service:
    """All releases in service, by version."""

    settings: Settings
    releases: Mapping[str, ServedRelease]
    default_release: str

    @classmethod
    def load(cls, settings: Settings) -> "Service":
        """Load, check and warm up every release.

        Raises:
            CaloServeError: the default release cannot be served. One that is not the default is left out with a
                line in the log.
        """
        store = ReleaseStore(settings.releases, settings.particle.name)
        versions = store.versions()
        default = settings.default_release or versions[-1]
        releases = {default: ServedRelease(store.load(default), settings)}
        for version in versions:
            if version != default:
                try:
                    releases[version] = ServedRelease(store.load(version), settings)
                except CaloServeError as error:
                    log.error("release %s is left out: %s", version, error)  # noqa: TRY400 (the line says it all)
        return cls(settings, releases, default)

    def release(self, version: str) -> ServedRelease:
        """The release called ``version``, the default for ""; raise NotFoundError for one not served."""
        try:
            return self.releases[version or self.default_release]
        except KeyError:
            raise NotFoundError(
                "release", f"{quoted(version)} is not served; served: {', '.join(self.releases)}"
            ) from None
