"""Runs a release's model with ONNX Runtime, in batches of proven sizes."""

import importlib
import os
import platform
import timeit
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import EngineError
from caloserve.calorimeter.geometry import geometry_named
from caloserve.calorimeter.seeds import latents
from caloserve.generator.releases import Release
from caloserve.generator.settings import Provider
from caloserve.wire.rows import split

BUCKETS: Final = (*range(1, 9), 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Batch sizes the model is run in; a batch between two of them is padded to the larger, by a quarter at most."""

MOST_TOLERANCE: Final = 1e-4
"""A model whose showers differ by more than this share of their largest cell is not served: 1 % would be physics."""

_PROVIDERS: Final = {Provider.CPU: "CPUExecutionProvider", Provider.CUDA: "CUDAExecutionProvider"}
_SMALL_BATCHES: Final = (1, 2, 4, 8)
_REPEATS: Final = 5
_PROBES: Final = 64
_SPREADS: Final = (1.0, 0.01, 1.0, 3.0)
"""What latents of probes are multiplied by, in turn: what one shower saturates, another may leave free."""
_BEYOND_DOMAIN: Final = 10.0
"""How far the probes' energies go beyond the domain: callers may ask for such showers too."""
_SHUFFLE: Final = 37
"""Prime to their number: puts high energies beside low ones."""
_ROTATIONS: Final = (0, 17, 40)

Run = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]


class Determinism(Enum):
    """How far a row's bits depend on nothing but the row; see DeterminismClass in the contract."""

    BITWISE = 1
    BITWISE_ONE_BUCKET = 2
    TOLERANCE = 3


@dataclass(frozen=True)
class Proof:
    """What the engine found out about a model when it loaded it."""

    determinism: Determinism
    buckets: tuple[int, ...]
    tolerance: float = 0.0
    """Largest difference seen of a cell, as a share of the shower's largest one; 0 unless the class is TOLERANCE."""


class Engine:
    """One ONNX Runtime session. ``run`` may be called from one thread at a time.

    Args:
        release: the release whose model to load.
        provider: what must run it; there is no falling back to another.
        threads: threads within one operator.

    Raises:
        EngineError: ONNX Runtime is not installed, lacks the provider, or cannot load or run the model; or a shower
            of this model depends on those beside it.
    """

    def __init__(self, release: Release, provider: Provider, threads: int) -> None:
        self.geometry = geometry_named(release.manifest.geometry_id)
        self.latent_size = release.manifest.model.latent_size
        self.threads = threads
        self.provider = _PROVIDERS[provider]
        self.runtime_version, self._session = _open_session(release.model, self.provider, threads)
        self._check_signature()
        domain = release.manifest.domain
        self._proof = prove(self._run_once, *self._probes(domain.energy_min_gev, domain.energy_max_gev))
        if self._proof.tolerance > MOST_TOLERANCE:
            raise EngineError(
                f"a shower's cells change by up to {self._proof.tolerance:.1%} of its largest with the showers beside "
                "it; is an activation scale taken from the batch?"
            )

    @property
    def determinism(self) -> Determinism:
        """What was proved when the model was loaded."""
        return self._proof.determinism

    @property
    def buckets(self) -> tuple[int, ...]:
        """Batch sizes the model is run in."""
        return self._proof.buckets

    @property
    def tolerance(self) -> float:
        """How far a cell may change with the batch, as a share of the shower's largest one; 0 where bits agree."""
        return self._proof.tolerance

    def rows_run(self, rows: int) -> int:
        """Rows that are run for so many wanted ones, padding included."""
        whole, rest = divmod(rows, self.buckets[-1])
        return whole * self.buckets[-1] + (self._bucket(rest) if rest else 0)

    def run(self, latent: NDArray[np.float32], energies_gev: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make showers.

        Args:
            latent: standard normals, shape (n, latent_size).
            energies_gev: kinetic energies, shape (n,).

        Returns:
            Cells in MeV, shape (n, cells).
        """
        if len(latent) <= self.buckets[-1]:
            return self._run_padded(latent, energies_gev)
        parts = split(len(latent), self.buckets[-1])
        return np.concatenate([self._run_padded(latent[rows], energies_gev[rows]) for rows in parts])

    def rows_within(self, seconds: float) -> int:
        """Rows of the largest small batch that takes no longer than so many seconds; 0 if one shower takes longer."""
        for rows in reversed(_SMALL_BATCHES):
            latent, energies = np.zeros((rows, self.latent_size), np.float32), np.ones(rows, np.float32)
            if min(timeit.repeat(lambda: self.run(latent, energies), number=1, repeat=_REPEATS)) <= seconds:  # noqa: B023
                return rows
        return 0

    def _bucket(self, rows: int) -> int:
        """The smallest batch size that holds so many rows."""
        return self.buckets[bisect_left(self.buckets, rows)]

    def _run_padded(self, latent: NDArray[np.float32], energies_gev: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = len(latent)
        if padding := self._bucket(rows) - rows:
            latent = np.concatenate([latent, np.zeros((padding, self.latent_size), np.float32)])
            energies_gev = np.concatenate([energies_gev, np.ones(padding, np.float32)])
        return self._run_once(latent, energies_gev)[:rows]

    def _run_once(self, latent: NDArray[np.float32], energies_gev: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (cells,) = self._session.run(["cells"], {"latent": latent, "energy": energies_gev[:, np.newaxis]})
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed: {error}") from error
        if cells.shape != (len(latent), self.geometry.cells):
            raise EngineError(f"the model made cells of shape {cells.shape} for {len(latent)} showers")
        return np.asarray(cells, dtype=np.float32)

    def _check_signature(self) -> None:
        inputs = {node.name: node.shape[-1] for node in self._session.get_inputs()}
        expected = {"latent": self.latent_size, "energy": 1}
        outputs = [node.name for node in self._session.get_outputs()]
        if inputs != expected or outputs != ["cells"]:
            raise EngineError(
                f"the model maps {inputs} to {outputs}; its manifest and the contract say {expected} to ['cells']"
            )

    def _probes(self, low_gev: float, high_gev: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        energies = np.geomspace(low_gev / _BEYOND_DOMAIN, high_gev * _BEYOND_DOMAIN, _PROBES, dtype=np.float32)
        energies = energies[_SHUFFLE * np.arange(_PROBES) % _PROBES]
        spreads = np.resize(np.array(_SPREADS, dtype=np.float32), (_PROBES, 1))
        return spreads * latents(0, 0, range(_PROBES), 0, self.latent_size), energies


def prove(run: Run, latent: NDArray[np.float32], energies_gev: NDArray[np.float32]) -> Proof:
    """Find the batch sizes in which every row has the same bits whatever its position and its neighbours.

    ``run`` maps latents (n, latent_size) and energies (n,) to cells (n, cells). Every bucket is filled with the
    probes in several rotations, so that each position sees different ones, and compared with each probe alone. Where
    that fails, the largest single bucket is taken in which every probe is what it is among its like; where there is
    none, the difference is measured. A bucket of one row always agrees and is not taken: it would serve a model whose
    showers change in company, slowly.
    """
    alone = np.concatenate([run(latent[i : i + 1], energies_gev[i : i + 1]) for i in range(len(latent))])

    def agrees(bucket: int, expected: NDArray[np.float32], starts: Iterable[int]) -> bool:
        for start in starts:
            probes = (np.arange(bucket) + start) % len(latent)
            if not np.array_equal(run(latent[probes], energies_gev[probes]).view("u4"), expected[probes].view("u4")):
                return False
        return True

    if all(agrees(bucket, alone, _ROTATIONS) for bucket in BUCKETS):
        return Proof(Determinism.BITWISE, BUCKETS)
    for bucket in reversed(BUCKETS[1:]):
        first = np.concatenate(
            [
                run(np.repeat(latent[i : i + 1], bucket, 0), np.repeat(energies_gev[i], bucket))[:1]
                for i in range(len(latent))
            ]
        )
        starts = [rotation + step for rotation in _ROTATIONS for step in range(0, len(latent), bucket)]
        if agrees(bucket, first, starts):
            return Proof(Determinism.BITWISE_ONE_BUCKET, (bucket,))
    return Proof(Determinism.TOLERANCE, BUCKETS, _largest_difference(run, latent, energies_gev, alone))


def _largest_difference(
    run: Run, latent: NDArray[np.float32], energies_gev: NDArray[np.float32], alone: NDArray[np.float32]
) -> float:
    """How far cells differ from those of the same shower alone, as a share of its largest cell."""
    largest = np.maximum(alone.max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    difference = 0.0
    for bucket in BUCKETS:
        for rotation in _ROTATIONS:
            probes = (np.arange(bucket) + rotation) % len(latent)
            cells, expected = run(latent[probes], energies_gev[probes]), alone[probes]
            changed = cells.view("u4") != expected.view("u4")
            if changed.any():
                with np.errstate(all="ignore"):
                    off = (np.abs(cells - expected) / largest[probes])[changed]
                difference = max(difference, float(np.nan_to_num(off, nan=np.inf).max()))
    return difference


def instruction_set() -> str:
    """What ONNX Runtime's kernels choose by: architecture and vector instructions, as ``x86_64-avx2-fma-avx512f``."""
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text(encoding="utf-8").split()) if cpuinfo.is_file() else set()
    chosen_by = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile", "asimd", "sve")
    return "-".join([platform.machine(), *(name for name in chosen_by if name in words)])


def require_runtime() -> ModuleType:
    """The module onnxruntime, an extra that client and router do without; raise EngineError when it is missing."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # nobody's simulation reports to ONNX Runtime's makers
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise EngineError("ONNX Runtime is missing: install caloserve[cpu] or caloserve[gpu]") from error


def _open_session(model: bytes, provider: str, threads: int) -> tuple[str, Any]:
    """ONNX Runtime's version and a session that really runs on ``provider``."""
    onnxruntime = require_runtime()
    if provider not in onnxruntime.get_available_providers():
        raise EngineError(f"this ONNX Runtime has no {provider}; CUDA needs caloserve[gpu] and its libraries")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(model, options, providers=[provider])
    except Exception as error:
        raise EngineError(f"ONNX Runtime cannot load the model: {error}") from error
    if session.get_providers()[0] != provider:  # ONNX Runtime falls back in silence
        raise EngineError(f"ONNX Runtime runs the model on {session.get_providers()[0]}, not on {provider}")
    return str(onnxruntime.__version__), session
