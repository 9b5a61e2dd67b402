"""Cells as they travel: one contiguous block of little-endian numbers."""

from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import CaloServeError, Geometry, geometry_named
from caloserve.v1 import tensor_pb2
from caloserve_client.errors import BadAnswerError

Cells: TypeAlias = NDArray[np.float32]

_DENSE = (tensor_pb2.ENCODING_UNSPECIFIED, tensor_pb2.ENCODING_DENSE)


def decode_cells(tensor: tensor_pb2.Tensor, rows: tuple[int, ...], what: str) -> tuple[Cells, Geometry]:
    """The values of a tensor of cells, MeV, and the calorimeter they belong to.

    Args:
        tensor: what came.
        rows: the axes expected before the last one, which is the flattened calorimeter.
        what: the tensor's name in the answer, for messages.

    Returns:
        float32, shape rows + (cells,), a read-only view of the bytes that came.

    Raises:
        BadAnswerError: a number format, encoding, geometry, shape or length other than expected.
    """
    if tensor.data_type != tensor_pb2.DATA_TYPE_FLOAT32:
        raise BadAnswerError(f"{what}: data type {tensor.data_type} is not float32")
    if tensor.encoding not in _DENSE:
        raise BadAnswerError(f"{what}: encoding {tensor.encoding} was not asked for")
    try:
        geometry = geometry_named(tensor.geometry_id)
    except CaloServeError as error:
        raise BadAnswerError(f"{what}: {error}") from error
    shape, expected = tuple(tensor.shape), (*rows, geometry.cells)
    if shape != expected:
        raise BadAnswerError(f"{what}: shape {shape} instead of {expected}")
    data = tensor.data
    size = prod(expected) * 4
    if len(data) != size:
        raise BadAnswerError(f"{what}: {len(data)} bytes instead of {size}")
    return np.frombuffer(data, dtype="<f4").reshape(expected), geometry
