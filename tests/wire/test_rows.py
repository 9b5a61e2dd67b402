from hypothesis import given
from hypothesis import strategies as st

from caloserve.wire.rows import split


@given(rows=st.integers(0, 3000), most=st.integers(1, 600))
def test_split_covers_every_row_once_in_order(rows: int, most: int) -> None:
    parts = split(rows, most)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    assert all(0 < part.stop - part.start <= most for part in parts)
