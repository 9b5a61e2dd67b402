from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.v1 import event_pb2
from caloserve_client import BadAnswerError
from caloserve_client.events import EventStream, assemble_event, decode_event
from caloserve_client.requests import EventRequest, Options, event_request

if TYPE_CHECKING:
    from tests.clients.conftest import FakeServer

PARTICLES = st.lists(
    st.tuples(st.sampled_from([-11, 22, 211, 2212]), st.sampled_from([0.5, 10.0, 50.0])), min_size=1, max_size=30
)


def request_of(particles: Any, output: Any = "both") -> EventRequest:
    return event_request(particles, seed=3, event_id=8, output=output, releases=None, indices=None, options=Options())


@given(particles=PARTICLES, cuts=st.sets(st.integers(1, 29)), output=st.sampled_from(["per_shower", "sum", "both"]))
def test_chunks_make_the_whole(made_up: FakeServer, particles: Any, cuts: set[int], output: str) -> None:
    request = request_of(particles, output)
    message, count = request.message(), len(particles)
    whole = decode_event(made_up.event(message, slice(0, count), last=True), request)
    edges = [0, *sorted(cut for cut in cuts if cut < count), count]
    stream = EventStream(request)
    chunks = [
        stream.decode(
            event_pb2.GenerateEventStreamResponse(
                first_row=start, chunk=made_up.event(message, slice(start, stop), last=stop == count)
            )
        )
        for start, stop in pairwise(edges)
    ]
    stream.finish()
    result = assemble_event(chunks, request)
    np.testing.assert_array_equal(result.statuses, whole.statuses)
    np.testing.assert_array_equal(result.pdg_ids, whole.pdg_ids)
    assert result.errors == whole.errors
    assert dict(result.provenance) == dict(whole.provenance)
    if output != "sum":
        np.testing.assert_array_equal(result.cells_mev, whole.cells_mev)
        np.testing.assert_array_equal(result.e_tot_mev, whole.e_tot_mev)
    if output != "per_shower":
        np.testing.assert_array_equal(result.sum_mev, whole.sum_mev)


def test_answers_that_do_not_fit(made_up: FakeServer) -> None:
    request = request_of([(22, 10.0), (-11, 10.0)])

    def answer() -> event_pb2.GenerateEventResponse:
        made: event_pb2.GenerateEventResponse = made_up.event(request.message(), slice(0, 2), last=True)
        return made

    other = answer()
    other.event_id = 9
    with pytest.raises(BadAnswerError, match="event_id: 9 instead of 8"):
        decode_event(other, request)
    sumless = answer()
    sumless.ClearField("sum_cells_mev")
    with pytest.raises(BadAnswerError, match="sum_cells_mev"):
        decode_event(sumless, request)
    nameless = answer()
    del nameless.makers[[maker.provenance.particle for maker in nameless.makers].index("gamma")]
    with pytest.raises(BadAnswerError, match="PDG id 22"):
        decode_event(nameless, request)
    with pytest.raises(BadAnswerError, match="no showers"):
        assemble_event([], request)


def test_another_model_of_the_same_kind_is_not_accepted(made_up: FakeServer) -> None:
    request = request_of([(22, 10.0), (22, 20.0)])
    stream = EventStream(request)
    answers = [made_up.event(request.message(), slice(row, row + 1), last=row == 1) for row in (0, 1)]
    answers[1].makers[0].provenance.release_version = "0.2.0"
    chunks = [
        stream.decode(event_pb2.GenerateEventStreamResponse(first_row=row, chunk=answer))
        for row, answer in enumerate(answers)
    ]
    with pytest.raises(BadAnswerError, match="release_version"):
        assemble_event(chunks, request)
