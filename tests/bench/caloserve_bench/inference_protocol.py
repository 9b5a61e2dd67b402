"""Requests of the Open Inference Protocol (KServe's v2), which MLServer and Triton speak, written by hand.

Their message classes come with another version of Protocol Buffers than ours.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

INFER: Final = "/inference.GRPCInferenceService/ModelInfer"

_MODEL_NAME, _INPUTS, _RAW_INPUT_CONTENTS = 1, 5, 7
_TENSOR_NAME, _DATATYPE, _SHAPE = 1, 2, 3


def infer_request(model: str, tensor: str, values: NDArray[np.float32]) -> bytes:
    """A ModelInferRequest with one float32 tensor, its values as raw bytes."""
    described = [
        _field(_TENSOR_NAME, tensor.encode()),
        _field(_DATATYPE, b"FP32"),
        _field(_SHAPE, b"".join(map(_varint, values.shape))),
    ]
    return _joined(
        [
            _field(_MODEL_NAME, model.encode()),
            _field(_INPUTS, _joined(described)),
            _field(_RAW_INPUT_CONTENTS, values.astype("<f4").tobytes()),
        ]
    )


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


def _joined(fields: Iterable[bytes]) -> bytes:
    return b"".join(fields)
