"""Where generated showers come from: files, or a running service that makes them as its users get them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.errors import DataError
from caloserve_training.fidelity.case import Case, Pair, join

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caloserve_client import CaloServeClient

SEED = 1


class Source(Protocol):
    """Gives generated showers to hold beside Geant4's."""

    name: str

    def main(self, true: ShowerSample) -> ShowerSample:
        """Those to be judged."""

    def fixed(self, true: ShowerSample) -> ShowerSample | None:
        """Those at fixed energies or outside the training domain, None where there are none."""

    def other(self, particle: str, true: ShowerSample) -> ShowerSample:
        """Those of another particle."""


class FileSource:
    """Showers generated beforehand."""

    def __init__(self, generated: Path, fixed: Sequence[Path], others: Mapping[str, Path]) -> None:
        self.name = generated.name
        self._generated = generated
        self._fixed = fixed
        self._others = others

    def main(self, true: ShowerSample) -> ShowerSample:  # noqa: ARG002 (the file has energies of its own)
        """The file's showers."""
        return read_showers(self._generated)

    def fixed(self, true: ShowerSample) -> ShowerSample | None:  # noqa: ARG002
        """The files' showers, one after the other."""
        return join([read_showers(path) for path in self._fixed]) if self._fixed else None

    def other(self, particle: str, true: ShowerSample) -> ShowerSample:  # noqa: ARG002
        """The showers of the particle's file; raise DataError if none was given."""
        if particle not in self._others:
            raise DataError(f"Table II: no generated showers of {particle} were given, only Geant4's")
        return read_showers(self._others[particle])


class ServedSource:
    """Showers asked from a service, at the energies of those they are compared with.

    Args:
        client: Of a generator or a router.
        particle: The one to be judged.
        release: Its release, or family for its newest; the generator's default if None.
        draws: Showers per energy of those to be judged.
        tick: Gets how many showers have come, chunk by chunk.
    """

    def __init__(
        self, client: CaloServeClient, particle: str, release: str | None, draws: int, tick: Callable[[int], None]
    ) -> None:
        self.name = f"{particle} at {client.target}"
        self._client = client
        self._particle = particle
        self._release = release
        self._draws = draws
        self._tick = tick

    def main(self, true: ShowerSample) -> ShowerSample:
        """As many draws as were asked for at each of the energies."""
        return self._ask(self._particle, np.tile(true.energy, self._draws), self._release)

    def fixed(self, true: ShowerSample) -> ShowerSample | None:
        """One shower per energy, outside the training domain too."""
        return self._ask(self._particle, true.energy, self._release)

    def other(self, particle: str, true: ShowerSample) -> ShowerSample:
        """One shower per energy from the other particle's generator."""
        return self._ask(particle, true.energy, None)

    def _ask(self, particle: str, energies: NDArray[np.float32], release: str | None) -> ShowerSample:
        chunks = []
        for chunk in self._client.iter_showers(particle, energies, seed=SEED, release=release, domain_policy="allow"):
            chunks.append(np.asarray(chunk.cells_mev))
            if particle == self._particle:
                self.name = f"{particle} {chunk.provenance.release_version} at {self._client.target}"
            self._tick(len(chunk))
        return ShowerSample(energies, np.concatenate(chunks), "")


def gather(
    source: Source,
    *,
    particle: str,
    reference: Path,
    training: Path | None,
    fixed: Sequence[Path],
    others: Mapping[str, Path],
) -> Case:
    """Read Geant4's files and get as many generated showers from the source.

    Raises:
        DataError: a file is not a shower file, or the samples cannot be compared.
        CaloServeError: the service does not answer, or a shower was not made.
    """
    true = read_showers(reference)
    made = source.main(true)
    fixed_pair = None
    if fixed:
        fixed_true = join([read_showers(path) for path in fixed])
        fixed_made = source.fixed(fixed_true)
        fixed_pair = None if fixed_made is None else Pair(fixed_true, fixed_made)
    samples = {other: read_showers(path) for other, path in others.items()}
    return Case(
        reference=true,
        generated=made,
        particle=particle,
        training=None if training is None else _trained_on(training, true),
        fixed=fixed_pair,
        others={other: Pair(sample, source.other(other, sample)) for other, sample in samples.items()},
        source=source.name,
    )


def _trained_on(path: Path, true: ShowerSample) -> ShowerSample:
    """The file's showers, those of the reference left out."""
    kept = read_showers(path).without(true)
    if not len(kept):
        raise DataError(f"{path}: every shower of it is in the reference")
    return kept
