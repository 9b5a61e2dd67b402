import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caloserve.calorimeter import CALOGAN, Geometry, Layer
from caloserve.calorimeter.errors import BadTensorError
from caloserve.v1 import tensor_pb2
from caloserve.v1.tensor_pb2 import ENCODING_BITMAP, ENCODING_DENSE, ENCODING_UNSPECIFIED
from caloserve.wire.tensors import read_cells, write_cells

SMALL = Geometry("small", (Layer(0, 2, 5, 1.0, 1.0, 0.0, 1.0, offset=0),))
"""Ten cells: six bits of the bitmap's last byte mean nothing."""

geometries = st.sampled_from([CALOGAN, SMALL])
encodings = st.sampled_from([ENCODING_UNSPECIFIED, ENCODING_DENSE, ENCODING_BITMAP])


@st.composite
def showers(draw: st.DrawFn) -> tuple[np.ndarray, Geometry]:
    """Any bits whatever, most of them zero: negative zeros and numbers that are none survive as well."""
    geometry = draw(geometries)
    rows = draw(st.sampled_from([(), (0,), (1,), (4,)]))
    bits = st.integers(0, 2**32 - 1)
    cells = draw(hnp.arrays(np.uint32, (*rows, geometry.cells), elements=bits, fill=st.just(0)))
    return cells.view(np.float32), geometry


def written(cells: np.ndarray, encoding: tensor_pb2.Encoding = ENCODING_DENSE) -> tensor_pb2.Tensor:
    tensor = tensor_pb2.Tensor()
    write_cells(tensor, cells, CALOGAN, encoding)
    return tensor


@given(made=showers(), encoding=encodings)
def test_cells_survive_the_wire_to_the_bit(made: tuple[np.ndarray, Geometry], encoding: tensor_pb2.Encoding) -> None:
    cells, geometry = made
    tensor = tensor_pb2.Tensor()
    write_cells(tensor, cells, geometry, encoding)
    read = read_cells(tensor_pb2.Tensor.FromString(tensor.SerializeToString()), cells.shape, geometry)
    assert read.shape == cells.shape
    assert read.tobytes() == cells.tobytes()
    assert tensor.encoding == (encoding or ENCODING_DENSE)


@given(made=showers(), cut=st.integers(-9, 9))
def test_a_bitmap_has_one_size_only(made: tuple[np.ndarray, Geometry], cut: int) -> None:
    cells, geometry = made
    tensor = tensor_pb2.Tensor()
    write_cells(tensor, cells, geometry, ENCODING_BITMAP)
    per_shower = -(-geometry.cells // 8)
    assert len(tensor.data) == per_shower * (cells.size // geometry.cells) + 4 * np.count_nonzero(cells.view(np.uint32))
    changed = tensor.data[:cut] if cut < 0 else tensor.data + bytes(cut)
    if changed != tensor.data:
        tensor.data = changed
        with pytest.raises(BadTensorError, match="bytes do not hold"):
            read_cells(tensor, cells.shape, geometry)


@given(data=st.binary(max_size=60), rows=st.sampled_from([(), (0,), (2,)]))
def test_what_is_read_from_any_bytes_is_what_they_say(data: bytes, rows: tuple[int, ...]) -> None:
    tensor = tensor_pb2.Tensor(
        data_type=tensor_pb2.DATA_TYPE_FLOAT32,
        encoding=ENCODING_BITMAP,
        shape=[*rows, 10],
        geometry_id="small",
        data=data,
    )
    try:
        cells = read_cells(tensor, (*rows, 10), SMALL)
    except BadTensorError:
        return
    again = tensor_pb2.Tensor()
    write_cells(again, cells, SMALL, ENCODING_BITMAP)
    assert again.data == data


def test_dense_bytes_are_little_endian_in_row_major_order() -> None:
    cells = np.zeros((2, 504), dtype=">f4")
    cells[1, 0] = 1.0
    data = written(cells).data
    assert data[504 * 4 : 504 * 4 + 4] == b"\x00\x00\x80\x3f"


def test_a_bitmap_is_all_bits_least_significant_first_and_then_the_cells() -> None:
    cells = np.zeros((2, 504), dtype=">f4")
    cells[0, 9] = 1.0
    cells[1, 0] = -0.0
    cells[1, 503] = 2.0
    bits = bytearray(2 * 63)
    bits[1], bits[63], bits[125] = 0b10, 0b1, 0b1000_0000
    assert written(cells, ENCODING_BITMAP).data == bytes(bits) + b"\0\0\x80\x3f" + b"\0\0\0\x80" + b"\0\0\0\x40"


def test_dense_cells_are_not_copied_when_read() -> None:
    assert not read_cells(written(np.ones((3, 504), dtype=np.float32)), (3, 504), CALOGAN).flags.owndata


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("data_type", tensor_pb2.DATA_TYPE_UNSPECIFIED, "float32"),
        ("encoding", ENCODING_UNSPECIFIED, "encoding 0"),
        ("encoding", 9, "encoding 9"),
        ("encoding", ENCODING_BITMAP, "2016 bytes do not hold 63 of bits and the 0 cells"),
        ("geometry_id", "atlas", "'atlas'"),
        ("data", b"\0" * 10, "10 bytes"),
    ],
)
def test_a_tensor_that_does_not_hold_what_it_says_is_refused(field: str, value: object, says: str) -> None:
    tensor = written(np.zeros((1, 504), dtype=np.float32))
    setattr(tensor, field, value)
    with pytest.raises(BadTensorError, match=says):
        read_cells(tensor, (1, 504), CALOGAN)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes do not hold the bits"),
        (b"\0", "1 bytes do not hold the bits"),
        (b"\0\x04", "beyond the last cell"),
        (b"\x01\0", "2 bytes do not hold 2 of bits and the 1 cells"),
        (b"\x01\0\0\0\x80", "5 bytes"),
        (b"\x01\0" + bytes(4), "a cell whose bit is set is empty"),
    ],
)
def test_a_bitmap_that_contradicts_itself_is_refused(data: bytes, says: str) -> None:
    tensor = tensor_pb2.Tensor()
    write_cells(tensor, np.zeros(10, dtype=np.float32), SMALL, ENCODING_BITMAP)
    tensor.data = data
    with pytest.raises(BadTensorError, match=says):
        read_cells(tensor, (10,), SMALL)


def test_another_shape_is_refused() -> None:
    for encoding in (ENCODING_DENSE, ENCODING_BITMAP):
        with pytest.raises(BadTensorError, match="shape"):
            read_cells(written(np.zeros((1, 504), dtype=np.float32), encoding), (2, 504), CALOGAN)
