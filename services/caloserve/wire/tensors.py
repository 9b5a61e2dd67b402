"""Cells to and from the contract's tensors: little-endian bytes, never one number at a time."""

import math

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import BadTensorError
from caloserve.calorimeter.geometry import Geometry
from caloserve.v1 import tensor_pb2

_FLOAT32 = np.dtype("<f4")


def write_dense(tensor: tensor_pb2.Tensor, cells_mev: NDArray[np.float32], geometry: Geometry) -> None:
    """Write showers (..., cells) in MeV into ``tensor``, in place so that no message is copied around its bytes."""
    tensor.data_type = tensor_pb2.DATA_TYPE_FLOAT32
    tensor.encoding = tensor_pb2.ENCODING_DENSE
    tensor.shape[:] = cells_mev.shape
    tensor.geometry_id = geometry.id
    tensor.data = cells_mev.astype(_FLOAT32, copy=False).tobytes()


def read_dense(tensor: tensor_pb2.Tensor, shape: tuple[int, ...], geometry: Geometry) -> NDArray[np.float32]:
    """A read-only view of a dense tensor's cells in MeV, of ``shape``; no cell is looked at.

    Raises:
        BadTensorError: another number format, encoding, geometry or shape, or a shape that does not fit the data.
    """
    if tensor.data_type != tensor_pb2.DATA_TYPE_FLOAT32 or tensor.encoding != tensor_pb2.ENCODING_DENSE:
        raise BadTensorError("the cells are not dense float32")
    if tensor.geometry_id != geometry.id:
        raise BadTensorError(f"the cells are of geometry {tensor.geometry_id!r}, not {geometry.id!r}")
    if tuple(tensor.shape) != shape:
        raise BadTensorError(f"the cells have shape {tuple(tensor.shape)}, not {shape}")
    data = tensor.data
    if len(data) != _FLOAT32.itemsize * math.prod(shape):
        raise BadTensorError(f"{len(data)} bytes do not hold cells of shape {shape}")
    return np.frombuffer(data, dtype=_FLOAT32).reshape(shape)
