from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.v1 import generator_pb2, shower_pb2
from caloserve_client import BadAnswerError
from caloserve_client.requests import Options, ShowersRequest, showers_request
from caloserve_client.showers import ShowersStream, assemble_showers, decode_showers

if TYPE_CHECKING:
    from tests.clients.conftest import FakeServer


def request_of(energies: list[float]) -> ShowersRequest:
    return showers_request("gamma", energies, seed=3, event_id=1, indices=None, release=None, options=Options())


@given(
    energies=st.lists(st.sampled_from([-1.0, 0.5, 10.0, 50.0]), min_size=1, max_size=40),
    cuts=st.sets(st.integers(1, 39)),
)
def test_chunks_make_the_whole(made_up: FakeServer, energies: list[float], cuts: set[int]) -> None:
    request = request_of(energies)
    message = request.message()
    whole = decode_showers(made_up.showers(message, slice(0, len(energies))), request)
    edges = [0, *sorted(cut for cut in cuts if cut < len(energies)), len(energies)]
    stream = ShowersStream(request)
    chunks = [
        stream.decode(
            generator_pb2.GenerateShowersStreamResponse(
                first_row=start, chunk=made_up.showers(message, slice(start, stop))
            )
        )
        for start, stop in pairwise(edges)
    ]
    stream.finish()
    result = assemble_showers(chunks, request)
    np.testing.assert_array_equal(result.cells_mev, whole.cells_mev)
    np.testing.assert_array_equal(result.statuses, whole.statuses)
    assert result.errors == whole.errors
    assert result.provenance == whole.provenance
    assert result.timings.total_ms == len(chunks)


def test_missing_and_unexpected_chunks(made_up: FakeServer) -> None:
    request = request_of([10.0, 20.0, 30.0])
    answer = made_up.showers(request.message(), slice(0, 2))
    stream = ShowersStream(request)
    stream.decode(generator_pb2.GenerateShowersStreamResponse(first_row=0, chunk=answer))
    with pytest.raises(BadAnswerError, match="ended after 2 of 3"):
        stream.finish()
    with pytest.raises(BadAnswerError, match="rows 2 to 4 where 2 to 3"):
        stream.decode(generator_pb2.GenerateShowersStreamResponse(first_row=2, chunk=answer))
    with pytest.raises(BadAnswerError, match="no showers"):
        assemble_showers([], request)


def test_answers_that_do_not_fit(made_up: FakeServer) -> None:
    request = request_of([10.0, 200.0])

    def answer() -> generator_pb2.GenerateShowersResponse:
        made: generator_pb2.GenerateShowersResponse = made_up.showers(request.message(), slice(0, 2))
        return made

    nameless = answer()
    nameless.ClearField("provenance")
    with pytest.raises(BadAnswerError, match="provenance"):
        decode_showers(nameless, request)
    unknown = answer()
    unknown.showers.statuses[1] = shower_pb2.SHOWER_STATUS_UNSPECIFIED
    with pytest.raises(BadAnswerError, match=r"statuses\[1\]: 0 is not known"):
        decode_showers(unknown, request)
    misplaced = answer()
    misplaced.showers.errors[0].row = 2
    with pytest.raises(BadAnswerError, match="errors: row 2"):
        decode_showers(misplaced, request)
    tried = answer()
    tried.showers.attempts.append(1)
    with pytest.raises(BadAnswerError, match="attempts: 1 for 2"):
        decode_showers(tried, request)


def test_a_failed_shower_needs_no_message(made_up: FakeServer) -> None:
    request = request_of([10.0, 200.0])
    answer = made_up.showers(request.message(), slice(0, 2))
    del answer.showers.errors[:]
    answer.showers.attempts.extend([1, 3])
    showers = decode_showers(answer, request)
    assert [(error.row, error.message) for error in showers.errors] == [(1, "")]
    assert showers.attempts.tolist() == [1, 3]
