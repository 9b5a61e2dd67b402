"""Geant4's own tables, fetched from where Geant4 publishes them.

Names, versions and MD5 digests are those that Geant4 11.4.1 asks for, as geant4-pybind 0.1.3 lists them.
"""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from caloserve_training.download import Digest, download
from caloserve_training.errors import TablesError
from caloserve_training.geant4 import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from caloserve_training.progress import Arrival

ADDRESS = "https://cern.ch/geant4-data/datasets"


@dataclass(frozen=True)
class TableSet:
    """One archive: its name, the folder in it, and its digest."""

    archive: str
    folder: str
    md5: str


OFFICIAL_SETS = (
    TableSet("G4EMLOW.8.8.tar.gz", tables.EM, "328330009df633f7e9b3a9f445745298"),
    TableSet("G4PARTICLEXS.4.2.tar.gz", tables.CROSS_SECTIONS, "b63341cc97a472b04ff607b094493174"),
    TableSet("G4ENSDFSTATE.3.0.tar.gz", tables.STATES, "c500728534ce3e9fb2fefa0112eb3a74"),
    TableSet("G4PhotonEvaporation.6.1.2.tar.gz", tables.LEVELS, "d80ba9bdefcf9e23487a26adfa273304"),
)
"""What FTFP_BERT reads."""


def fetch_tables(
    folder: Path,
    report_on: Callable[[str], Arrival],
    sets: Sequence[TableSet] = OFFICIAL_SETS,
    address: str = ADDRESS,
) -> None:
    """Fetch, verify and unpack the sets that are not in ``folder`` yet.

    Args:
        folder: Where they go; made if need be.
        report_on: Gives, for an archive's name, what is told about the bytes that have arrived.
        sets: Which ones.
        address: Where they are.

    Raises:
        DownloadError: a set cannot be had, or is not what it should be.
        TablesError: an archive does not hold the set's folder, or stand-in tables are in the way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if tables.is_standin(folder):
        raise TablesError(f"{folder} holds stand-in tables; official ones go elsewhere")
    for wanted in sets:
        if (folder / wanted.folder).is_dir():
            continue
        archive = folder / wanted.archive
        download(f"{address}/{wanted.archive}", archive, Digest("md5", wanted.md5), report_on(wanted.archive))
        _unpack(archive, folder, wanted)
        archive.unlink()


def _unpack(archive: Path, folder: Path, wanted: TableSet) -> None:
    """The set's folder appears whole or not at all."""
    unpacked = folder / ".unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
        (unpacked / wanted.folder).rename(folder / wanted.folder)
    except (OSError, tarfile.TarError) as error:
        raise TablesError(f"{archive}: cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
