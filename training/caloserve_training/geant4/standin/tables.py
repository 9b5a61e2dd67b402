"""A whole folder of stand-in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caloserve_training.errors import TablesError
from caloserve_training.geant4 import tables
from caloserve_training.geant4.elements import ATOMIC_NUMBERS
from caloserve_training.geant4.standin.bremsstrahlung import bremsstrahlung_table
from caloserve_training.geant4.standin.nuclei import neutron_tables, photonuclear_table
from caloserve_training.geant4.standin.photons import photoelectric_tables, rayleigh_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NOTE = """\
Stand-ins for Geant4's tables, written by `caloserve geant4-tables --standin`: bremsstrahlung after Tsai (1974), the
photo-electric effect and Rayleigh scattering from xraylib, neutrons and photons on nuclei from smooth formulas, no
nuclear levels. Label what is simulated with them.
"""


def write_standin_tables(folder: Path, symbols: Iterable[str]) -> None:
    """Write all that FTFP_BERT opens for a detector of these elements; official tables are never written over."""
    if (folder / tables.EM).exists() and not tables.is_standin(folder):
        raise TablesError(f"{folder} holds other tables; stand-ins go elsewhere")
    for name, text in standin_files(symbols):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    (folder / tables.LEVELS).mkdir(exist_ok=True)


def standin_files(symbols: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and contents of each file."""
    yield "README", _NOTE
    yield f"{tables.STATES}/ENSDFSTATE.dat", ""
    for z in sorted({ATOMIC_NUMBERS[symbol] for symbol in symbols} | {1}):
        yield f"{tables.EM}/brem_SB/br{z}", bremsstrahlung_table(z)
        for name, text in photoelectric_tables(z).items():
            yield f"{tables.EM}/epics2017/phot/{name}", text
        yield f"{tables.EM}/epics2017/rayl/re-cs-{z}.dat", rayleigh_table(z)
    for z in tables.NEUTRON_ELEMENTS:
        for name, text in neutron_tables(z).items():
            yield f"{tables.CROSS_SECTIONS}/neutron/{name}", text
    for z in tables.GAMMA_ELEMENTS:
        yield f"{tables.CROSS_SECTIONS}/gamma/inel{z}", photonuclear_table(z)
