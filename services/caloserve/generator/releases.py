"""The store of releases: one folder per semantic version, holding a manifest and the model it describes."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from caloserve.calorimeter.errors import ChecksumError, ManifestError, ReleaseError
from caloserve.generator.manifest import Manifest

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


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
        """All versions, oldest first; other folders are passed over. Raise ReleaseError when there is none."""
        entries = self.folder.iterdir() if self.folder.is_dir() else ()
        names = [entry.name for entry in entries if entry.is_dir() and _SEMVER.fullmatch(entry.name)]
        if not names:
            raise ReleaseError(f"no release of {self.particle} in {self.folder}")
        return tuple(sorted(names, key=_precedence))

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


def _precedence(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
