"""The tables that Geant4 reads: where they are, whether all that is needed is there, and what they are."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from caloserve_training.errors import TablesError
from caloserve_training.geant4.elements import ATOMIC_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA_DIR = "GEANT4_DATA_DIR"
OFFICIAL = "official tables"
STANDIN = "stand-in tables"

EM = "G4EMLOW8.8"
CROSS_SECTIONS = "G4PARTICLEXS4.2"
STATES = "G4ENSDFSTATE3.0"
LEVELS = "PhotonEvaporation6.1.2"
NEUTRON_ELEMENTS = range(1, 93)
GAMMA_ELEMENTS = range(1, 95)
"""Geant4 reads their cross sections whatever the detector is made of."""

_NAMED = 5  # missing files that a message names
_VACUUM = "H"
_SINGLE_SETS = (
    "G4LEDATA",
    "G4PARTICLEXSDATA",
    "G4ENSDFSTATEDATA",
    "G4LEVELGAMMADATA",
)


@dataclass(frozen=True)
class Tables:
    """A folder of tables in which nothing is missing.

    Attributes:
        folder: Where they are.
        kind: ``official tables`` or ``stand-in tables``.
        sha256: Digest of the files that the detector's elements need, names and contents.
    """

    folder: Path
    kind: str
    sha256: str

    def environment(self) -> dict[str, str]:
        """The environment of a process that reads these tables and no others."""
        kept = {name: value for name, value in os.environ.items() if name not in _SINGLE_SETS}
        return kept | {DATA_DIR: str(self.folder.resolve())}


def find_tables(folder: Path | None, symbols: Iterable[str]) -> Tables:
    """The tables in ``folder``, else in GEANT4_DATA_DIR; raise TablesError naming what is not there.

    Args:
        folder: Holds G4EMLOW8.8 and the other sets.
        symbols: Chemical symbols of the detector's elements.
    """
    if folder is None:
        if not os.environ.get(DATA_DIR):
            raise TablesError(
                f"no tables: give --tables DIR or set {DATA_DIR}; `caloserve geant4-tables DIR --fetch` or `--standin`"
                " fills a folder"
            )
        folder = Path(os.environ[DATA_DIR])
    needed = needed_files(symbols)
    missing = [name for name in needed if not (folder / name).is_file()]
    if not (folder / LEVELS).is_dir():
        missing.append(f"{LEVELS}/")
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise TablesError(f"{folder}: {len(missing)} tables missing: {', '.join(missing[:_NAMED])}{more}")
    digest = hashlib.sha256()
    for name in needed:
        digest.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return Tables(folder, STANDIN if is_standin(folder) else OFFICIAL, digest.hexdigest())


def is_standin(folder: Path) -> bool:
    """Whether the tables there are stand-ins: those know no nuclear states."""
    states = folder / STATES / "ENSDFSTATE.dat"
    return states.is_file() and states.stat().st_size == 0


def needed_files(symbols: Iterable[str]) -> list[str]:
    """Every file that FTFP_BERT opens at its start, for a detector of these elements in a vacuum of hydrogen."""
    numbers = sorted(ATOMIC_NUMBERS[symbol] for symbol in {_VACUUM, *symbols})
    files = [f"{EM}/{name}" for z in numbers for name in electromagnetic_files(z)]
    files += [f"{CROSS_SECTIONS}/neutron/{kind}{z}" for z in NEUTRON_ELEMENTS for kind in ("inel", "el", "cap")]
    files += [f"{CROSS_SECTIONS}/gamma/inel{z}" for z in GAMMA_ELEMENTS]
    return [*files, f"{STATES}/ENSDFSTATE.dat"]


def electromagnetic_files(z: int) -> list[str]:
    """Files of one element in the electromagnetic set."""
    photoelectric = [f"epics2017/phot/pe-{kind}-{z}.dat" for kind in ("cs", "high", "low")]
    return [f"brem_SB/br{z}", *photoelectric, f"epics2017/rayl/re-cs-{z}.dat"]
