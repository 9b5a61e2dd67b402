import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caloserve.calorimeter import CALOGAN
from caloserve.calorimeter.errors import BadTensorError
from caloserve.v1 import tensor_pb2
from caloserve.wire.tensors import read_dense, write_dense


def written(cells: np.ndarray) -> tensor_pb2.Tensor:
    tensor = tensor_pb2.Tensor()
    write_dense(tensor, cells, CALOGAN)
    return tensor


@given(cells=hnp.arrays(np.float32, st.tuples(st.integers(0, 5), st.just(504)), elements=st.floats(0, 1e5, width=32)))
def test_cells_survive_the_wire_to_the_bit(cells: np.ndarray) -> None:
    raw = written(cells).SerializeToString()
    read = read_dense(tensor_pb2.Tensor.FromString(raw), cells.shape, CALOGAN)
    assert read.tobytes() == cells.tobytes()


def test_the_bytes_are_little_endian_in_row_major_order() -> None:
    cells = np.zeros((2, 504), dtype=">f4")
    cells[1, 0] = 1.0
    data = written(cells).data
    assert data[504 * 4 : 504 * 4 + 4] == b"\x00\x00\x80\x3f"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("data_type", tensor_pb2.DATA_TYPE_UNSPECIFIED, "float32"),
        ("encoding", tensor_pb2.ENCODING_BITMAP, "dense"),
        ("geometry_id", "atlas", "'atlas'"),
        ("data", b"\0" * 10, "10 bytes"),
    ],
)
def test_a_tensor_that_does_not_hold_what_it_says_is_refused(field: str, value: object, says: str) -> None:
    tensor = written(np.zeros((1, 504), dtype=np.float32))
    setattr(tensor, field, value)
    with pytest.raises(BadTensorError, match=says):
        read_dense(tensor, (1, 504), CALOGAN)


def test_another_shape_is_refused() -> None:
    with pytest.raises(BadTensorError, match="shape"):
        read_dense(written(np.zeros((1, 504), dtype=np.float32)), (2, 504), CALOGAN)
