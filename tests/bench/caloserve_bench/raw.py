"""ONNX Runtime in this process, with the service's session, threads, batches and memory, and no service around it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.seeds import Streams
from caloserve.generator.engine import Engine, require_runtime
from caloserve.generator.releases import ReleaseStore, Version
from caloserve.generator.settings import Provider, Settings, service_settings
from caloserve.wire.memory import keep_freed_memory
from caloserve.wire.rows import split


@dataclass(frozen=True)
class Batch:
    """Ready-made input for the model."""

    latent: NDArray[np.float32]
    energies_gev: NDArray[np.float32]


class Model:
    """A release of e+, open twice: as the service's engine, and as a bare session beside it.

    Args:
        threads: of ONNX Runtime.
        release: its version; "" takes the default one.
    """

    def __init__(self, threads: int, release: str = "") -> None:
        keep_freed_memory()
        store, default = _releases()
        self.version = release or default
        self.path: Path = store.folder / self.version / "model.onnx"
        loaded = store.load(self.version)
        self.engine = Engine(loaded, Provider.CPU, threads)
        self.largest_batch = self.engine.buckets[-1]
        self._streams = Streams(self.engine.latent_size)
        self._session = _bare_session(loaded.model, threads)
        batch = self.batch(self.largest_batch)
        if not np.array_equal(self.run(batch), self.engine.run(batch.latent, batch.energies_gev)):
            raise AssertionError("the bare session and the engine do not make the same showers")

    def batch(self, showers: int, energy_gev: float | None = None) -> Batch:
        """Latents and energies, all the same or from 1 to 100 GeV."""
        energies = np.full(showers, energy_gev, np.float32) if energy_gev else np.linspace(1, 100, showers)
        return Batch(self._draw(showers).copy(), energies.astype(np.float32))  # the next draw overwrites them

    def run(self, batch: Batch) -> NDArray[np.float32]:
        """Showers of a batch that is not larger than the service's largest."""
        (cells,) = self._session.run(["cells"], {"latent": batch.latent, "energy": batch.energies_gev[:, np.newaxis]})
        return np.asarray(cells)

    def run_cut(self, batch: Batch) -> None:
        """The same for a larger one, cut as the service cuts it."""
        for rows in split(len(batch.latent), self.largest_batch):
            self.run(Batch(batch.latent[rows], batch.energies_gev[rows]))

    def draw_and_run(self, batch: Batch) -> NDArray[np.float32]:
        """What the service's engine thread does for a request: latents from random streams, then the showers."""
        return self.engine.run(self._draw(len(batch.latent)), batch.energies_gev)

    def _draw(self, showers: int) -> NDArray[np.float32]:
        return self._streams.draw(7, 1, np.arange(showers, dtype=np.uint64), 0)


def other_families() -> list[str]:
    """The newest release of each family beside the default one's."""
    store, default = _releases()
    newest = {Version.read(version).family: version for version in reversed(store.versions())}
    return [version for family, version in sorted(newest.items()) if family != Version.read(default).family]


def _releases() -> tuple[ReleaseStore, str]:
    """Those of e+, and which of them is the default."""
    settings = Settings.read(service_settings("eplus"))
    store = ReleaseStore(settings.releases, "eplus")
    return store, store.default(settings.default_release)


def _bare_session(model: bytes, threads: int) -> Any:
    """A session with the options that the service's engine uses."""
    onnxruntime = require_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
