"""A function as Geant4 reads it from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def vector(energies_mev: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    """Bounds and length, the length, one line per point."""
    lines = [f"{energy:.12g} {value:.8g}" for energy, value in zip(energies_mev, values, strict=True)]
    return "\n".join([f"{energies_mev[0]:.12g} {energies_mev[-1]:.12g} {len(lines)}", f"{len(lines)}", *lines]) + "\n"
