"""Cells as they travel: one contiguous block of little-endian numbers."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import CaloServeError, Geometry, geometry_named
from caloserve.v1 import tensor_pb2
from caloserve.wire.tensors import read_cells
from caloserve_client.errors import BadAnswerError

Cells: TypeAlias = NDArray[np.float32]


def decode_cells(tensor: tensor_pb2.Tensor, rows: tuple[int, ...], what: str) -> tuple[Cells, Geometry]:
    """The values of a tensor of cells, MeV, in whichever encoding they come, and the calorimeter they belong to.

    Args:
        tensor: what came.
        rows: the axes expected before the last one, which is the flattened calorimeter.
        what: the tensor's name in the answer, for messages.

    Returns:
        float32, shape rows + (cells,); of dense cells, a read-only view of the bytes that came.

    Raises:
        BadAnswerError: a number format, geometry, shape or length other than expected, or an encoding not known.
    """
    try:
        geometry = geometry_named(tensor.geometry_id)
        return read_cells(tensor, (*rows, geometry.cells), geometry), geometry
    except CaloServeError as error:
        raise BadAnswerError(f"{what}: {error}") from error
