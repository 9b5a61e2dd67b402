"""The store of releases: one folder per version, holding a manifest and the model it describes.

A version is ``X.Y.Z``, or ``FAMILY-X.Y.Z`` for a model of another family than the service's own, as in
``calogan2017-0.1.0``. A family's name is lower-case letters and digits, a letter first.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from caloserve.calorimeter.errors import ChecksumError, ManifestError, ReleaseError, quoted
from caloserve.generator.manifest import Manifest

_NUMBER = "(0|[1-9][0-9]*)"
_VERSION = re.compile(rf"(?:([a-z][a-z0-9]*)-)?{_NUMBER}\.{_NUMBER}\.{_NUMBER}")


class Version(NamedTuple):
    """A release's version, read. Within a family the newest is the greatest."""

    family: str
    """Empty for the service's own."""
    major: int
    minor: int
    patch: int

    @classmethod
    def read(cls, text: str) -> "Version":
        """Read a version; raise ReleaseError for what is none."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ReleaseError(
                f"{quoted(text)} is not the version of a release: X.Y.Z, or FAMILY-X.Y.Z with a family of lower-case "
                "letters and digits that begins with a letter"
            )
        return cls(match[1] or "", int(match[2]), int(match[3]), int(match[4]))


def find_version(name: str, versions: Collection[str]) -> str | None:
    """The one of ``versions`` that ``name`` means, None where there is none.

    Args:
        name: a version in full, or a family for its newest; the service's own family has no name: "".
        versions: those to choose from.
    """
    if name in versions:
        return name
    of_family = [version for version in versions if Version.read(version).family == name]
    return max(of_family, key=Version.read, default=None)


@dataclass(frozen=True)
class Release:
    """A manifest and the very bytes that it vouches for."""

    manifest: Manifest
    model: bytes


class ReleaseStore:
    """The releases of one kind of particle in ``folder``, as ``<version>/manifest.json`` and the model beside it."""

    def __init__(self, folder: Path, particle: str) -> None:
        self.folder = folder
        self.particle = particle

    def versions(self) -> tuple[str, ...]:
        """All versions, the service's own family first, each family from its newest on; other folders are passed over.

        Raises:
            ReleaseError: there is none.
        """
        entries = self.folder.iterdir() if self.folder.is_dir() else ()
        names = [entry.name for entry in entries if entry.is_dir() and _VERSION.fullmatch(entry.name)]
        if not names:
            raise ReleaseError(f"no release of {self.particle} in {self.folder}")
        return tuple(sorted(names, key=_newest_first))

    def default(self, chosen: str = "") -> str:
        """The version that is served when a request names none.

        Args:
            chosen: it, or its family; "" takes the newest of the service's own family, or of the only one there is.

        Raises:
            ReleaseError: there is none, none is what was chosen, or there are several families and none is chosen.
        """
        versions = self.versions()
        families = list(dict.fromkeys(Version.read(version).family for version in versions))
        if not chosen and families[0] and len(families) > 1:
            raise ReleaseError(
                f"{self.folder} holds releases of {', '.join(families)} and none of a version without a family: say "
                "which is the default, with default_release in service.toml or --release"
            )
        default = find_version(chosen or families[0], versions)
        if default is None:
            there = ", ".join(versions)
            raise ReleaseError(f"{self.folder} has no release {quoted(chosen)} to serve by default; there are {there}")
        return default

    def load(self, version: str) -> Release:
        """Read a release into memory.

        Raises:
            ReleaseError: the model cannot be read.
            ManifestError: the manifest is malformed, or is not of this version and particle.
            ChecksumError: the model's SHA-256 is not the manifest's.
        """
        folder = self.folder / version
        manifest = Manifest.read(folder / "manifest.json")
        if (manifest.version, manifest.particle) != (version, self.particle):
            raise ManifestError(
                f"{folder}: the manifest is of {manifest.particle} {manifest.version}, not {self.particle} {version}"
            )
        path = folder / manifest.model.file
        try:
            model = path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"{path}: {error.strerror}") from error
        digest = hashlib.sha256(model).hexdigest()
        if digest != manifest.model.sha256:
            raise ChecksumError(f"{path}: sha256 is {digest}, its manifest says {manifest.model.sha256}")
        return Release(manifest, model)


def _newest_first(version: str) -> tuple[str, int, int, int]:
    family, major, minor, patch = Version.read(version)
    return family, -major, -minor, -patch
