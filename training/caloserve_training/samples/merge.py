"""Several files of showers made into one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve_client.formats.calogan import ShowerFile
from caloserve_training.data import file_sha256
from caloserve_training.errors import DataError
from caloserve_training.samples.sample import Sample, read_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def merge(paths: Sequence[Path], output: Path) -> int:
    """Write all showers of some files, in order, to one; the number of showers is returned.

    What all files say alike stays said; ``merged`` lists each file's name and SHA-256.

    Raises:
        DataError: a file cannot be read, they differ in particle, geometry or datasets, or a shower occurs twice.
        FormatError: the output cannot be written.
    """
    samples = [read_sample(path) for path in paths]
    first = samples[0]
    for other in samples[1:]:
        _see_that_alike(first, other)
    if len({digest for sample in samples for digest in sample.digests()}) < sum(len(sample) for sample in samples):
        raise DataError("a shower occurs twice in these files; merging would double it")
    columns = {name: np.concatenate([sample.columns[name] for sample in samples]) for name in first.columns}
    further = {name: (values.shape[1:], "<f4") for name, values in first.columns.items()}
    with ShowerFile(output, first.geometry, further) as file:
        file.append(columns)
        merged = [{"name": path.name, "sha256": file_sha256(path)} for path in paths]
        file.describe(**_common(samples), merged=json.dumps(merged))
    return len(columns["energy"])


def _see_that_alike(first: Sample, other: Sample) -> None:
    differing = [
        what
        for what, one, another in (
            ("particle", first.attributes.get("particle"), other.attributes.get("particle")),
            ("geometry", first.geometry, other.geometry),
            ("datasets", set(first.columns), set(other.columns)),
        )
        if one != another
    ]
    if differing:
        raise DataError(f"{first.path} and {other.path} differ in {' and '.join(differing)}")


def _common(samples: Sequence[Sample]) -> dict[str, Any]:
    first, *others = (sample.attributes for sample in samples)
    return {
        name: value
        for name, value in first.items()
        if all(name in other and np.array_equal(other[name], value) for other in others)
    }
