"""Showers on disk before their file is complete: each is kept the moment it is made.

A part is a file of equal records, float32: kinetic energy in GeV, the cells of all layers, the overflow of each layer.
It is named by the index of its first shower and only ever grows, so its size says which showers it holds; a torn last
record, all that a killed process can leave, is never read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from caloserve.calorimeter import Geometry

    Record = NDArray[np.float32]

_SUFFIX = ".showers"
_TYPE = np.dtype("<f4")


class Parts:
    """The parts in a folder."""

    def __init__(self, folder: Path, geometry: Geometry) -> None:
        self.folder = folder
        self._length = record_length(geometry)

    def path(self, start: int) -> Path:
        """The part whose first shower is ``start``."""
        return self.folder / f"{start:010d}{_SUFFIX}"

    def spans(self) -> list[tuple[int, int]]:
        """Showers (from, up to but without) that each part holds."""
        spans = []
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            start = int(path.name.removesuffix(_SUFFIX))
            spans.append((start, start + path.stat().st_size // (self._length * _TYPE.itemsize)))
        return spans

    def read(self, rows: Record) -> None:
        """Put every shower into its row of ``rows``, shape (n, record); those beyond are left out."""
        for start, stop in self.spans():
            wanted = min(stop, len(rows)) - start
            if wanted > 0:
                values = np.fromfile(self.path(start), dtype=_TYPE, count=wanted * self._length)
                rows[start : start + wanted] = values.reshape(wanted, self._length)

    def clear(self) -> None:
        """Delete all showers."""
        for path in self.folder.glob(f"*{_SUFFIX}"):
            path.unlink()

    def remove(self) -> None:
        """Delete the folder and what is in it."""
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


def record_length(geometry: Geometry) -> int:
    """Numbers in a shower's record."""
    return 1 + geometry.cells + len(geometry.layers)


def record(geometry: Geometry, energy_gev: float, images: Iterable[NDArray[np.float64]]) -> Record:
    """A shower's record, of images (n_phi, n_eta) that cover the whole width of the slabs, in MeV."""
    inner, overflow = [], []
    for layer, image in zip(geometry.layers, images, strict=True):
        phi, eta = ((across - wanted) // 2 for across, wanted in zip(image.shape, layer.shape, strict=True))
        inner.append(image[phi : phi + layer.n_phi, eta : eta + layer.n_eta])
        overflow.append(image.sum() - inner[-1].sum())
    return np.concatenate([[energy_gev], geometry.flatten(*inner), np.maximum(overflow, 0.0)]).astype(_TYPE)


def split_records(geometry: Geometry, rows: Record) -> dict[str, Record]:
    """Records (n, record) as the datasets of a file: energy, layers and overflow."""
    images = geometry.split(rows[:, 1 : 1 + geometry.cells])
    layers = {f"layer_{layer.index}": image for layer, image in zip(geometry.layers, images, strict=True)}
    return {"energy": rows[:, :1], **layers, "overflow": rows[:, 1 + geometry.cells :]}


def missing_spans(spans: Iterable[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """What of the showers 0 to ``count - 1`` no span holds."""
    missing, reached = [], 0
    for start, stop in sorted(spans):
        if start > reached:
            missing.append((reached, min(start, count)))
        reached = max(reached, stop)
        if reached >= count:
            return missing
    return [*missing, (reached, count)]
