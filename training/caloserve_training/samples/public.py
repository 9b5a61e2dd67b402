"""The public CaloGAN data set: DOI 10.17632/pvn3xc3wy5.1, CC BY 4.0, 100 000 showers each of e+, gamma and pi+.

Mendeley Data lists a data set's files with their SHA-256; what arrives must hash to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from caloserve_training.data import file_sha256
from caloserve_training.download import Digest, download, fetch_text
from caloserve_training.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from caloserve_training.progress import Arrival

LISTING = "https://data.mendeley.com/public-api/datasets/pvn3xc3wy5/files?folder_id=root&version=1"


@dataclass(frozen=True)
class PublicFile:
    """One file of the data set: its name, where it is, and its SHA-256."""

    name: str
    url: str
    sha256: str


def fetch_public(folder: Path, report_on: Callable[[str], Arrival], listing: str = LISTING) -> list[Path]:
    """Fetch the data set's HDF5 files into ``folder``; those there already, with the right digest, are kept.

    Args:
        folder: Where they go; made if need be.
        report_on: Gives, for a file's name, what is told about the bytes that have arrived.
        listing: Address of the list of files.

    Returns:
        The files.

    Raises:
        DownloadError: the list or a file cannot be had, or is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [file for file in public_files(listing) if file.name.endswith(".hdf5")]
    if not files:
        raise DownloadError(f"{listing}: lists no HDF5 files")
    for file in files:
        path = folder / file.name
        if not (path.exists() and file_sha256(path) == file.sha256):
            download(file.url, path, Digest("sha256", file.sha256), report_on(file.name))
    return [folder / file.name for file in files]


def public_files(listing: str) -> list[PublicFile]:
    """What a listing lists; raise DownloadError for one that is not understood."""
    try:
        entries = json.loads(fetch_text(listing))
        files = [
            PublicFile(
                str(entry["filename"]),
                str(entry["content_details"]["download_url"]),
                str(entry["content_details"]["sha256_hash"]),
            )
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{listing}: not a list of files: {error}") from error
    for file in files:
        if "/" in file.name or file.name.startswith("."):
            raise DownloadError(f"{listing}: {file.name!r} is no name for a file")
    return files
