"""Recorded showers, made again from what the file says about them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caloserve_client.client import CaloServeClient
from caloserve_client.errors import ReplayError
from caloserve_client.formats.calogan import RecordedShowers
from caloserve_client.generators import Release
from caloserve_client.provenance import Provenance, merge_provenance
from caloserve_client.statuses import ShowerError
from caloserve_client.tensors import Cells

ROUNDING: Final = 1e-5
"""What another ONNX Runtime version, instruction set, provider or number of threads may change of a cell, as a share of
the shower's largest. Between ONNX Runtime 1.20, 1.23 and 1.32 it was 3.1e-6 at most, in 12 000 showers."""

_ENVIRONMENT: Final = ("onnxruntime_version", "instruction_set", "execution_provider", "threads")
"""Fields of a provenance that may change the last bits of a cell."""

_IRRELEVANT: Final = frozenset({"instance"})
"""Another replica, or the same one started again, makes the same showers."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Replay:
    """How showers that were made again compare with those recorded."""

    rows: NDArray[np.intp]
    """Rows of the file, shape (n,)."""
    same_bits: NDArray[np.bool_]
    """Shape (n,); false for those that were not made again."""
    differences: NDArray[np.float64]
    """Largest difference of a cell as a share of the recorded shower's largest, shape (n,)."""
    errors: tuple[ShowerError, ...]
    """One per shower that was not made again, by its row of the file."""
    changes: Mapping[str, tuple[str | int, str | int]]
    """Fields of the provenance that have changed: recorded and now."""
    determinism: str
    """Of the release there, as in ``Provenance``."""
    tolerance: float
    """The largest difference that ``other_rounding`` explains."""

    @property
    def differing(self) -> NDArray[np.bool_]:
        """Which showers were made again with other bits, shape (n,)."""
        return ~self.same_bits & ~np.isin(self.rows, [error.row for error in self.errors])

    @property
    def other_rounding(self) -> tuple[str, ...]:
        """Why the last bits of a cell may be others, where there is a reason."""
        reasons = [f"another {name.replace('_', ' ')}" for name in _ENVIRONMENT if name in self.changes]
        return (*reasons, "this release") if self.determinism == "tolerance" else tuple(reasons)

    @property
    def within_tolerance(self) -> bool:
        """Whether no shower differs by more than ``tolerance``."""
        return bool((self.differences[self.differing] <= self.tolerance).all())


def replay_showers(
    client: CaloServeClient, recorded: RecordedShowers, rows: NDArray[np.intp], advance: Callable[[int], None]
) -> Replay:
    """Make recorded showers again and compare.

    Args:
        client: where to make them.
        recorded: showers in a file.
        rows: which of them, rising, shape (n,).
        advance: told of every so many showers compared.

    Raises:
        ReplayError: their release is not served there, or is another model.
        ClientError: whatever ``iter_showers`` raises.
    """
    made_by = recorded.provenance
    release = _served_release(client, made_by)
    same_bits = np.zeros(len(rows), dtype=np.bool_)
    differences = np.zeros(len(rows))
    errors: list[ShowerError] = []
    made_now: list[Provenance] = []
    chunks = client.iter_showers(
        made_by.particle,
        recorded.energies_gev[rows],
        seed=made_by.seed,
        event_id=made_by.event_id,
        indices=recorded.indices[rows],
        release=made_by.release_version,
        partial=True,
        **asdict(recorded.options),
    )
    for chunk in chunks:
        span = slice(chunk.first_row, chunk.first_row + len(chunk))
        cells = recorded.cells_mev(rows[span])
        same_bits[span] = chunk.ok & (chunk.cells_mev.view(np.uint32) == cells.view(np.uint32)).all(axis=1)
        differences[span] = _differences(cells, chunk.cells_mev)
        errors += [ShowerError(int(rows[span][error.row]), error.status, error.message) for error in chunk.errors]
        if chunk.ok.any():
            made_now.append(chunk.provenance)
        advance(len(chunk))
    return Replay(
        rows=rows,
        same_bits=same_bits,
        differences=differences,
        errors=tuple(errors),
        changes=_changes(made_by, merge_provenance(made_now)) if made_now else {},
        determinism=release.determinism,
        tolerance=max(ROUNDING, release.tolerance or 0.0),
    )


def _served_release(client: CaloServeClient, recorded: Provenance) -> Release:
    """The release that made the recorded showers, as it is served now."""
    releases = client.describe(recorded.particle).releases
    name = f"release {recorded.release_version} of {recorded.particle}"
    release = next((release for release in releases if release.version == recorded.release_version), None)
    if release is None:
        served = ", ".join(release.version for release in releases)
        raise ReplayError(f"{name} made the showers and is not served by {client.target}; served: {served}")
    if release.model_sha256 != recorded.model_sha256:
        raise ReplayError(
            f"{name} at {client.target} is another model than the one that made the showers: sha256 "
            f"{release.model_sha256[:12]}, not {recorded.model_sha256[:12]}"
        )
    if release.sampler_version != recorded.sampler_version:
        raise ReplayError(
            f"{name} at {client.target} has other random streams than those that made the showers: sampler "
            f"{release.sampler_version}, not {recorded.sampler_version}"
        )
    return release


def _differences(recorded: Cells, made: Cells) -> NDArray[np.float64]:
    """Largest difference of a cell in each shower as a share of the largest one recorded, shape (n,)."""
    difference = np.abs(made.astype(np.float64) - recorded).max(axis=1)
    largest = recorded.max(axis=1).astype(np.float64)
    shares: NDArray[np.float64] = np.where(difference > 0, np.inf, 0.0)
    np.divide(difference, largest, out=shares, where=largest > 0)
    return shares


def _changes(recorded: Provenance, now: Provenance) -> dict[str, tuple[str | int, str | int]]:
    before, after = asdict(recorded), asdict(now)
    return {
        name: (before[name], after[name]) for name in before if before[name] != after[name] and name not in _IRRELEVANT
    }
