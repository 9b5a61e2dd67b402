import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.v1 import event_pb2, generator_pb2, shower_pb2
from caloserve.wire.splicing import CELLS, splice


@given(
    data=st.binary(max_size=300), statuses=st.lists(st.integers(1, 14), max_size=200), seed=st.integers(0, 2**64 - 1)
)
def test_what_is_spliced_reads_as_if_it_had_been_set(
    data: bytes, statuses: list[shower_pb2.ShowerStatus], seed: int
) -> None:
    answer = generator_pb2.GenerateShowersResponse(provenance=shower_pb2.Provenance(seed=seed))
    answer.showers.statuses[:] = statuses
    answer.showers.cells_mev.shape[:] = [len(data), 1]
    read = generator_pb2.GenerateShowersResponse.FromString(splice(answer, CELLS, memoryview(data)))
    answer.showers.cells_mev.data = data
    assert read == answer


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, 3_100_000])
def test_sizes_that_take_one_byte_more_are_told_right(size: int) -> None:
    data = np.arange(size, dtype=np.uint8)
    encoded = splice(generator_pb2.GenerateShowersResponse(), CELLS, data.data)
    assert generator_pb2.GenerateShowersResponse.FromString(encoded).showers.cells_mev.data == data.tobytes()


def test_a_message_in_a_oneof_is_merged_too() -> None:
    answer = event_pb2.GenerateEventsResponse(event_id=3)
    answer.response.event_id = 3
    answer.response.showers.statuses[:] = [shower_pb2.SHOWER_STATUS_OK, shower_pb2.SHOWER_STATUS_OUT_OF_DOMAIN]
    read = event_pb2.GenerateEventsResponse.FromString(splice(answer, ("response", *CELLS), memoryview(b"abc")))
    assert list(read.response.showers.statuses) == [1, 4]
    assert read.response.showers.cells_mev.data == b"abc"


def test_nothing_spliced_leaves_the_field_absent() -> None:
    read = generator_pb2.GenerateShowersResponse.FromString(
        splice(generator_pb2.GenerateShowersResponse(), CELLS, memoryview(b""))
    )
    assert not read.HasField("showers")
