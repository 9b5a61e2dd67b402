"""The HDF5 layout of CaloGAN's data sets.

    energy    (n, 1)       kinetic energy of the particle, GeV
    layer_0   (n, 3, 96)   deposited energies, MeV
    layer_1   (n, 12, 12)
    layer_2   (n, 12, 6)
    index     (n,)         index of the shower in its event
    attempts  (n,)         draws that the shower took

All float32 but the last two, which CaloGAN's own files do not have; compressed with gzip. Attributes of the file say
what made the showers; with the indices they are enough to make them again. The original's ``overflow`` (n, 3), energy
outside the layers' cells, is written by simulation only, which needs no ``index`` and no ``attempts``.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import CALOGAN, Geometry
from caloserve_client.errors import FormatError, RequestRejectedError
from caloserve_client.extras import require
from caloserve_client.provenance import Provenance, merge_provenance
from caloserve_client.requests import Options
from caloserve_client.showers import Showers
from caloserve_client.tensors import Cells

_ROWS_PER_CHUNK = 64


def _h5py(what: str) -> Any:  # noqa: ANN401 (a module without types)
    return require("h5py", what, "hdf5")


def software_version() -> str:
    """Name and version of this distribution."""
    try:
        return f"caloserve {metadata.version('caloserve')}"
    except metadata.PackageNotFoundError:  # run from a source tree
        return "caloserve"


class ShowerFile:
    """A file in this layout being written. It appears under its name when the ``with`` block ends without an error.

    The same rows, appended alike, give the same bytes with the same HDF5 library.

    Args:
        path: the file; one that exists is replaced.
        geometry: layers of the showers; one dataset each.
        columns: shape per shower and type of further datasets, by name.

    Raises:
        ExtraMissingError: h5py is not installed.
        FormatError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        geometry: Geometry = CALOGAN,
        columns: Mapping[str, tuple[tuple[int, ...], str]] = MappingProxyType({}),
    ) -> None:
        self._h5py = _h5py("writing HDF5")
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        self._geometry = geometry
        self._columns: dict[str, tuple[tuple[int, ...], str]] = {"energy": ((1,), "<f4")}
        self._columns |= {f"layer_{layer.index}": (layer.shape, "<f4") for layer in geometry.layers}
        self._columns |= columns
        self._file: Any = None
        self._rows = 0

    def __enter__(self) -> Self:
        try:
            self._file = self._h5py.File(self._part, "x")
        except OSError as error:
            raise FormatError(f"{self.path}: cannot be written ({os.strerror(error.errno or 0)})") from error
        for name, (shape, dtype) in self._columns.items():
            self._create(name, shape, dtype)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write rows of every dataset after those already there; raise FormatError when the disk is full."""
        rows = len(columns["energy"])
        try:
            for name in self._columns:
                self._file[name].resize(self._rows + rows, axis=0)
                self._file[name][self._rows :] = columns[name]
        except OSError as error:
            raise FormatError(f"{self.path}: {error}") from error
        self._rows += rows

    def describe(self, **attributes: Any) -> None:  # noqa: ANN401 (what HDF5 can store)
        """Say what made the showers; software and geometry are said anyway."""
        self._file.attrs.update(attributes)

    def _create(self, name: str, shape: tuple[int, ...], dtype: str) -> None:
        self._file.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(_ROWS_PER_CHUNK, *shape),
            dtype=dtype,
            compression="gzip",
            shuffle=True,
            track_times=False,  # the same showers, the same bytes
        )

    def _finish(self) -> None:
        self._file.attrs["software"] = software_version()
        self._file.attrs["geometry"] = self._geometry.id
        try:
            self._file.close()
            self._part.replace(self.path)
        except OSError as error:
            raise FormatError(f"{self.path}: {error}") from error


class CaloGANWriter:
    """Writes generators' showers, chunk by chunk, to a ``ShowerFile``.

    Args:
        path: the file; one that exists is replaced.

    Raises:
        ExtraMissingError: h5py is not installed.
        FormatError: the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = ShowerFile(path, columns={"index": ((), "<u8"), "attempts": ((), "<u4")})
        self.path = self._file.path
        self._provenance: Provenance | None = None
        self._options: Options | None = None

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._provenance is not None and self._options is not None:
            self._file.describe(
                particle=self._provenance.particle,
                seed=np.uint64(self._provenance.seed),
                event_id=np.uint64(self._provenance.event_id),
                provenance=json.dumps(asdict(self._provenance), sort_keys=True),
                options=json.dumps(asdict(self._options), sort_keys=True),
            )
        self._file.__exit__(kind, error, traceback)

    def append(self, showers: Showers) -> None:
        """Write showers after those already there.

        Raises:
            FormatError: a shower of them was not made, their geometry or options are others, or the disk is full.
            BadAnswerError: another model, particle, seed or event made those before.
        """
        if showers.errors:
            raise FormatError(f"{self.path}: {len(showers.errors)} showers were not made; such rows are never written")
        if showers.geometry != CALOGAN:
            raise FormatError(f"{self.path}: the layout has no place for geometry {showers.geometry.id}")
        options = _telling(showers.options)
        if options != (self._options or options):
            raise FormatError(f"{self.path}: the showers were made with {options}, those before with {self._options}")
        self._options = options
        self._provenance = merge_provenance([self._provenance or showers.provenance, showers.provenance])
        columns: dict[str, NDArray[Any]] = {
            "energy": showers.energies_gev[:, np.newaxis],
            "index": showers.indices,
            "attempts": showers.attempts,
        }
        columns |= {f"layer_{layer.index}": image for layer, image in zip(CALOGAN.layers, showers.layers, strict=True)}
        self._file.append(columns)


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedShowers:
    """Showers in a file that lies open, and what made them."""

    path: Path
    provenance: Provenance
    options: Options
    energies_gev: NDArray[np.float32]
    """Kinetic energies, shape (n,)."""
    indices: NDArray[np.uint64]
    """Index of every shower in its event, shape (n,)."""
    layers: tuple[Any, ...]
    """The file's datasets."""

    def __len__(self) -> int:
        return len(self.energies_gev)

    def cells_mev(self, rows: NDArray[np.intp]) -> Cells:
        """Cells of some showers, float32, shape (rows, cells); ``rows`` rise."""
        return CALOGAN.flatten(*(layer[rows] for layer in self.layers))


@contextmanager
def open_showers(path: str | os.PathLike[str]) -> Iterator[RecordedShowers]:
    """Open showers that ``CaloGANWriter`` wrote, for the length of a ``with`` block.

    Raises:
        ExtraMissingError: h5py is not installed.
        FormatError: the file cannot be read, or does not say what made its showers.
    """
    with _opened(path) as file:
        try:
            provenance = Provenance(**json.loads(file.attrs["provenance"]))
            options = Options(**json.loads(file.attrs["options"]))
        except (KeyError, ValueError, TypeError, RequestRejectedError) as error:
            raise FormatError(
                f"{path}: does not say what made its showers, as a file of `caloserve generate` does"
            ) from error
        energies = _column(file, "energy", "<f4", (1,))
        indices = _column(file, "index", "<u8")
        layers = tuple(_column(file, f"layer_{layer.index}", "<f4", layer.shape) for layer in CALOGAN.layers)
        if len({len(column) for column in (energies, indices, *layers)}) > 1:
            raise FormatError(f"{path}: its datasets differ in length")
        yield RecordedShowers(
            path=Path(path),
            provenance=provenance,
            options=options,
            energies_gev=energies[:, 0],
            indices=indices[...],
            layers=layers,
        )


def read_energies(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """The energies of a CaloGAN file, GeV, float32, shape (n,).

    Raises:
        ExtraMissingError: h5py is not installed.
        FormatError: the file cannot be read, or has no ``energy`` of shape (n, 1) or (n,).
    """
    with _opened(path) as file:
        energies = _dataset(file, "energy")[...]
    if energies.dtype.kind != "f" or energies.ndim not in (1, 2) or energies.shape[1:] not in ((), (1,)):
        raise FormatError(
            f"{path}: 'energy' is {energies.dtype} of shape {energies.shape}, not numbers of shape (n, 1)"
        )
    return np.asarray(energies, dtype=np.float32).reshape(-1)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    h5py = _h5py("reading HDF5")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "not an HDF5 file"
        raise FormatError(f"{path}: cannot be read ({reason})") from error


def _dataset(file: Any, name: str) -> Any:  # noqa: ANN401 (h5py has no types)
    if not isinstance(file.get(name), _h5py("reading HDF5").Dataset):
        raise FormatError(f"{file.filename}: has no dataset {name!r}")
    return file[name]


def _column(file: Any, name: str, dtype: str, shape: tuple[int, ...] = ()) -> Any:  # noqa: ANN401
    """The dataset ``name``, which has rows of ``shape``."""
    dataset = _dataset(file, name)
    if dataset.dtype != np.dtype(dtype) or not dataset.shape or dataset.shape[1:] != shape:
        wanted = ", ".join(map(str, ("n", *shape)))
        given = f"{dataset.dtype} of shape {dataset.shape}"
        raise FormatError(f"{file.filename}: {name!r} is {given}, not {np.dtype(dtype)} of shape ({wanted})")
    return dataset


def _telling(options: Options) -> Options:
    """The options without those that make no difference to the showers."""
    return replace(options, encoding="dense", geometry_id="")
