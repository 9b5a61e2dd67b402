from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN
from caloserve.v1.tensor_pb2 import DATA_TYPE_FLOAT32, ENCODING_BITMAP, ENCODING_DENSE, ENCODING_UNSPECIFIED, Tensor
from caloserve_client import BadAnswerError
from caloserve_client.tensors import decode_cells


def tensor(rows: tuple[int, ...] = (2,), **changes: Any) -> Tensor:
    fields: dict[str, Any] = {
        "data_type": DATA_TYPE_FLOAT32,
        "encoding": ENCODING_DENSE,
        "shape": [*rows, CALOGAN.cells],
        "geometry_id": CALOGAN.id,
        "data": bytes(4 * CALOGAN.cells * int(np.prod(rows))),
    }
    return Tensor(**fields | changes)


@given(rows=st.sampled_from([(), (0,), (1,), (3,)]), seed=st.integers(0, 1000))
def test_round_trip(rows: tuple[int, ...], seed: int) -> None:
    values = np.random.default_rng(seed).random((*rows, CALOGAN.cells), dtype=np.float32)
    cells, geometry = decode_cells(tensor(rows, data=values.astype("<f4").tobytes()), rows, "cells")
    np.testing.assert_array_equal(cells, values)
    assert geometry is CALOGAN
    assert not cells.flags.owndata


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"data_type": 0}, "data type 0"),
        ({"data_type": 7}, "data type 7"),
        ({"encoding": ENCODING_UNSPECIFIED}, "encoding 0"),
        ({"encoding": ENCODING_BITMAP}, "4032 bytes do not hold 126 of bits and the 0 cells"),
        ({"geometry_id": "other"}, "'other' is not known"),
        ({"geometry_id": ""}, "is not known"),
        ({"shape": [504, 2]}, r"shape \(504, 2\), not \(2, 504\)"),
        ({"shape": [1008]}, "shape"),
        ({"shape": [-2, -504]}, "shape"),
        ({"data": bytes(4031)}, "4031 bytes"),
        ({"data": b""}, "0 bytes"),
    ],
)
def test_whatever_is_wrong_is_said(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BadAnswerError, match=f"cells: .*{wrong}"):
        decode_cells(tensor(**changes), (2,), "cells")
