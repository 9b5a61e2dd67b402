"""What a generator serves: its releases, each with an engine and a batcher of its own."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from caloserve.calorimeter.errors import CaloServeError, EngineError, NotFoundError, ReleaseError, quoted
from caloserve.calorimeter.seeds import SAMPLER_VERSION
from caloserve.generator.batcher import Batcher
from caloserve.generator.engine import Engine
from caloserve.generator.manifest import Manifest
from caloserve.generator.orders import Order
from caloserve.generator.physics import LivePhysics
from caloserve.generator.releases import Release, ReleaseStore, find_version
from caloserve.generator.sampler import Sampler
from caloserve.generator.settings import Settings
from caloserve.generator.showers import Showers

log = logging.getLogger(__name__)

_AT_ONCE_S: Final = 0.3e-3
"""A batch that takes no longer is made without handing it to the engine's thread and back, which takes 0.1 ms."""
_SAMPLERS: Final = 2
"""One draws while the other is at the engine."""


class ServedRelease:
    """A release in service: its engine, and the batcher that fills it."""

    def __init__(self, release: Release, settings: Settings) -> None:
        self.manifest: Manifest = release.manifest
        self.service_version = settings.service_version
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
        self.samplers = tuple(Sampler(self.engine, self.physics) for _ in range(_SAMPLERS))
        self.batcher = Batcher(
            self.samplers,
            rows_per_batch=settings.showers_per_batch,
            rows_waiting=settings.showers_waiting,
            wait_s=settings.batch_wait_ms / 1e3,
            rows_at_once=self.engine.rows_within(_AT_ONCE_S),
        )

    async def make(
        self,
        order: Order,
        answer: Callable[[Showers], bytes],
        *,
        deadline: float | None = None,
        admitted: bool = False,
    ) -> bytes:
        """Make an order's showers and answer with them; arguments and errors are those of ``Batcher.submit``."""
        showers = Showers(order, self.engine.geometry)
        return await self.batcher.submit(showers, answer, deadline=deadline, admitted=admitted)


@dataclass(frozen=True)
class Service:
    """All releases in service, by version: the default first, then as in ``ReleaseStore.versions``."""

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
        default = store.default(settings.default_release)
        releases = {default: ServedRelease(store.load(default), settings)}
        for version in store.versions():
            if version != default:
                try:
                    releases[version] = ServedRelease(store.load(version), settings)
                except CaloServeError as error:
                    log.error("release %s is left out: %s", version, error)  # noqa: TRY400 (the line says it all)
        return cls(settings, releases, default)

    def release(self, name: str) -> ServedRelease:
        """The release of that version, or the newest served of that family; the default for "".

        Raises:
            NotFoundError: none is served.
        """
        version = find_version(name or self.default_release, self.releases)
        if version is None:
            raise NotFoundError("release", f"{quoted(name)} is not served; served: {', '.join(self.releases)}")
        return self.releases[version]
