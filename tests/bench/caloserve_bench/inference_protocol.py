"""Requests of the Open Inference Protocol (KServe's v2), which MLServer and Triton speak, written by hand.

Their message classes come with another version of Protocol Buffers than ours.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

INFER: Final = "/inference.GRPCInferenceService/ModelInfer"

_MODEL_NAME, _INPUTS, _RAW_INPUT_CONTENTS = 1, 5, 7
_TENSOR_NAME, _DATATYPE, _SHAPE = 1, 2, 3


def infer_request(model: str, tensors: Mapping[str, NDArray[np.float32]]) -> bytes:
    """A ModelInferRequest with float32 tensors by name, their values as raw bytes."""
    inputs = [_field(_INPUTS, _described(name, values.shape)) for name, values in tensors.items()]
    contents = [_field(_RAW_INPUT_CONTENTS, values.astype("<f4").tobytes()) for values in tensors.values()]
    return b"".join([_field(_MODEL_NAME, model.encode()), *inputs, *contents])


def _described(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(map(_varint, shape))
    return _field(_TENSOR_NAME, name.encode()) + _field(_DATATYPE, b"FP32") + _field(_SHAPE, dimensions)


def _field(number: int, content: bytes) -> bytes:
    length_delimited = 2
    return _varint(number << 3 | length_delimited) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits to a byte, the lowest first; all but the last have their highest bit set."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))
