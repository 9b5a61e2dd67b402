import math
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.stack.stack import Stack
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc, shower_pb2, tensor_pb2
from caloserve.wire.tensors import read_cells

EPLUS, GAMMA, PIPLUS = -11, 22, 211
NAMES = {EPLUS: "eplus", GAMMA: "gamma", PIPLUS: "piplus"}
OK = shower_pb2.SHOWER_STATUS_OK

Events = event_pb2_grpc.EventServiceStub
Generator = generator_pb2_grpc.ShowerGeneratorServiceStub
Generators = dict[str, Generator]


def event(particles: list[tuple[int, float]], **fields: Any) -> event_pb2.GenerateEventRequest:
    return event_pb2.GenerateEventRequest(
        event_id=5,
        seed=9,
        particles=[event_pb2.Particle(pdg_id=kind, kinetic_energy_gev=energy) for kind, energy in particles],
        **fields,
    )


def mixed(count: int) -> list[tuple[int, float]]:
    random = np.random.default_rng(count)
    return list(zip(random.choice([EPLUS, GAMMA, PIPLUS], count).tolist(), random.uniform(1, 60, count), strict=True))


def decoded(tensor: tensor_pb2.Tensor) -> np.ndarray:
    return read_cells(tensor, tuple(tensor.shape), CALOGAN)


def array(tensor: tensor_pb2.Tensor) -> np.ndarray:
    return np.frombuffer(tensor.data, dtype="<f4").reshape(tuple(tensor.shape))


def test_a_mixed_event_equals_its_showers_asked_one_by_one(events: Events, generator_stubs: Generators) -> None:
    particles = mixed(40)
    answer = events.GenerateEvent(event(particles))
    assert answer.event_id == 5
    assert list(answer.showers.statuses) == [OK] * 40
    cells = array(answer.showers.cells_mev)
    for index, (kind, energy) in enumerate(particles):
        alone = generator_stubs[NAMES[kind]].GenerateShowers(
            generator_pb2.GenerateShowersRequest(
                particle=NAMES[kind], energies_gev=[energy], seed=9, event_id=5, indices=[index]
            )
        )
        assert array(alone.showers.cells_mev)[0].tobytes() == cells[index].tobytes()


def makers(answer: event_pb2.GenerateEventResponse) -> dict[str, event_pb2.Maker]:
    return {maker.provenance.particle: maker for maker in answer.makers}


def test_the_answer_tells_what_made_the_showers_of_each_kind(events: Events) -> None:
    answer = events.GenerateEvent(event([(EPLUS, 10), (PIPLUS, 20)]))
    assert set(makers(answer)) == {"eplus", "piplus"}
    assert makers(answer)["eplus"].provenance.release_version == "0.2.0"
    slowest = max(maker.timings.total_ms for maker in answer.makers)
    assert answer.timings.total_ms > slowest > 0
    assert not answer.HasField("sum_cells_mev")


def test_a_pinned_release_serves_its_kind(events: Events) -> None:
    answer = events.GenerateEvent(event([(EPLUS, 10)], releases={"eplus": "0.1.0"}))
    assert makers(answer)["eplus"].provenance.release_version == "0.1.0"
    answer = events.GenerateEvent(event([(EPLUS, 10), (GAMMA, 10)], releases={"eplus": "9.9.9"}))
    assert list(answer.showers.statuses) == [shower_pb2.SHOWER_STATUS_UNKNOWN_RELEASE, OK]


@pytest.mark.parametrize("output", [event_pb2.EVENT_OUTPUT_SUM, event_pb2.EVENT_OUTPUT_BOTH])
def test_a_sum_adds_the_showers_in_index_order(events: Events, output: event_pb2.EventOutput) -> None:
    particles = mixed(30)
    showers = array(events.GenerateEvent(event(particles)).showers.cells_mev)
    answer = events.GenerateEvent(event(particles, output=output))
    total = np.zeros(504)
    for shower in showers:
        total += shower
    assert array(answer.sum_cells_mev).tobytes() == total.astype(np.float32).tobytes()
    assert list(answer.showers.statuses) == [OK] * 30
    assert answer.showers.HasField("cells_mev") == (output == event_pb2.EVENT_OUTPUT_BOTH)


def test_a_bitmap_holds_the_same_event_to_the_bit(events: Events, eplus: Generator) -> None:
    bitmap = shower_pb2.GenerationOptions(encoding=tensor_pb2.ENCODING_BITMAP)
    both = event_pb2.EVENT_OUTPUT_BOTH
    for particles in (mixed(700), [(EPLUS, 10.0)] * 20):
        dense = events.GenerateEvent(event(particles, output=both))
        sparse = events.GenerateEvent(event(particles, output=both, options=bitmap))
        chunks = list(
            events.GenerateEventStream(
                event_pb2.GenerateEventStreamRequest(request=event(particles, output=both, options=bitmap))
            )
        )
        assert sparse.showers.cells_mev.encoding == sparse.sum_cells_mev.encoding == tensor_pb2.ENCODING_BITMAP
        assert len(sparse.showers.cells_mev.data) < 0.7 * len(dense.showers.cells_mev.data)
        assert decoded(sparse.showers.cells_mev).tobytes() == dense.showers.cells_mev.data
        assert decoded(sparse.sum_cells_mev).tobytes() == dense.sum_cells_mev.data
        streamed = [decoded(chunk.chunk.showers.cells_mev) for chunk in chunks]
        assert np.concatenate(streamed).tobytes() == dense.showers.cells_mev.data
        assert decoded(chunks[-1].chunk.sum_cells_mev).tobytes() == dense.sum_cells_mev.data
    request = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0] * 600)
    whole = eplus.GenerateShowers(request).showers.cells_mev.data
    request.options.CopyFrom(bitmap)
    assert decoded(eplus.GenerateShowers(request).showers.cells_mev).tobytes() == whole
    parts = eplus.GenerateShowersStream(generator_pb2.GenerateShowersStreamRequest(request=request))
    assert b"".join(decoded(part.chunk.showers.cells_mev).tobytes() for part in parts) == whole


def test_a_bad_particle_gets_a_status_and_the_others_their_showers(events: Events) -> None:
    particles = [(EPLUS, 10), (13, 10), (GAMMA, -2), (PIPLUS, math.nan), (GAMMA, 500), (EPLUS, 20)]
    request = event(particles)
    request.particles.add(pdg_id=GAMMA, kinetic_energy_gev=10).impact.time_ns = 3.0
    answer = events.GenerateEvent(request)
    assert [shower_pb2.ShowerStatus.Name(status)[14:] for status in answer.showers.statuses] == [
        "OK",
        "UNKNOWN_PARTICLE",
        "INVALID_ENERGY",
        "INVALID_ENERGY",
        "OUT_OF_DOMAIN",
        "OK",
        "UNIMPLEMENTED",
    ]
    reasons = {error.row: error.message for error in answer.showers.errors}
    assert list(reasons) == [1, 2, 3, 4, 6]
    assert "pdg_id 13" in reasons[1]
    assert "-2 GeV" in reasons[2]
    assert "1-100 GeV" in reasons[4]
    cells = array(answer.showers.cells_mev)
    assert cells[[0, 5]].any(axis=1).all()
    assert not cells[[1, 2, 3, 4, 6]].any()
    good = array(events.GenerateEvent(event([(EPLUS, 10)])).showers.cells_mev)
    assert good[0].tobytes() == cells[0].tobytes()


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (event([]), grpc.StatusCode.INVALID_ARGUMENT, "particles: is empty"),
        (event([(22, 10.0)] * 1537), grpc.StatusCode.RESOURCE_EXHAUSTED, "ask GenerateEventStream"),
        (
            event([(22, 10.0)], options=shower_pb2.GenerationOptions(geometry_id="atlas")),
            grpc.StatusCode.INVALID_ARGUMENT,
            "options.geometry_id: 'atlas'",
        ),
        (
            event([(22, 10.0)], options=shower_pb2.GenerationOptions(max_attempts=3)),
            grpc.StatusCode.INVALID_ARGUMENT,
            "options.max_attempts",
        ),
    ],
)
def test_only_a_malformed_request_fails_the_call(
    events: Events, request_: event_pb2.GenerateEventRequest, code: grpc.StatusCode, says: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        events.GenerateEvent(request_)
    assert caught.value.code() is code
    assert says in (caught.value.details() or "")


def test_an_event_of_ten_thousand_particles_streams_in_order(events: Events) -> None:
    particles = mixed(10_000)
    request = event(particles, output=event_pb2.EVENT_OUTPUT_BOTH)
    chunks = list(events.GenerateEventStream(event_pb2.GenerateEventStreamRequest(request=request)))
    assert [chunk.first_row for chunk in chunks] == list(range(0, 10_000, 512))
    cells = np.concatenate([array(chunk.chunk.showers.cells_mev) for chunk in chunks])
    assert cells.shape == (10_000, 504)
    assert all(status == OK for chunk in chunks for status in chunk.chunk.showers.statuses)
    whole = array(events.GenerateEvent(event(particles[:1000])).showers.cells_mev)
    assert cells[:1000].tobytes() == whole.tobytes()
    assert not any(chunk.chunk.HasField("sum_cells_mev") for chunk in chunks[:-1])
    total = np.add.reduce(cells.astype(np.float64), axis=0)
    np.testing.assert_allclose(array(chunks[-1].chunk.sum_cells_mev), total, rtol=1e-6)


def test_many_events_over_one_stream_are_answered_in_order(events: Events) -> None:
    requests = [event(mixed(count)) for count in range(1, 12)]
    for number, request in enumerate(requests):
        request.event_id = number
    answers = list(events.GenerateEvents(event_pb2.GenerateEventsRequest(request=request) for request in requests))
    assert [answer.response.event_id for answer in answers] == list(range(11))
    for request, answer in zip(requests, answers, strict=True):
        alone = events.GenerateEvent(request)
        assert answer.response.showers.cells_mev.data == alone.showers.cells_mev.data


def test_an_event_is_answered_before_the_next_is_sent(events: Events) -> None:
    arrived = [threading.Event() for _ in range(3)]

    def requests() -> Iterator[event_pb2.GenerateEventsRequest]:
        for number in range(3):
            yield event_pb2.GenerateEventsRequest(request=event(mixed(3)))
            assert arrived[number].wait(10)

    for number, answer in enumerate(events.GenerateEvents(requests(), timeout=20)):
        assert len(answer.response.showers.statuses) == 3
        arrived[number].set()


def test_a_malformed_event_is_answered_with_its_error_and_the_others_go_on(events: Events) -> None:
    requests = [event([(GAMMA, 5.0)]), event([]), event([(GAMMA, 6.0)])]
    for number, request in enumerate(requests):
        request.event_id = number
    answers = list(events.GenerateEvents(event_pb2.GenerateEventsRequest(request=request) for request in requests))
    assert [answer.WhichOneof("result") for answer in answers] == ["response", "error", "response"]
    assert [answer.event_id for answer in answers] == [0, 1, 2]
    assert answers[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "particles: is empty" in answers[1].error.message


GARBAGE = b"\xff\xff\xff"


def send_garbage(channel: grpc.Channel, method: str) -> object:
    path = f"/caloserve.v1.EventService/{method}"
    if method == "GenerateEvents":
        streams: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
        return list(streams(iter([GARBAGE]), timeout=10))
    if method == "GenerateEventStream":
        stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
        return list(stream(GARBAGE, timeout=10))
    unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    return unary(GARBAGE, timeout=10)


@pytest.mark.parametrize("method", ["GenerateEvent", "GenerateEventStream", "GenerateEvents", "ListGenerators"])
def test_bytes_that_are_no_request_are_refused(router_channel: grpc.Channel, method: str) -> None:
    with pytest.raises(grpc.RpcError, match="is not one of") as caught:
        send_garbage(router_channel, method)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_generators_are_listed_with_what_they_serve(events: Events) -> None:
    listed = events.ListGenerators(event_pb2.ListGeneratorsRequest())
    assert [generator.particle for generator in listed.generators] == ["eplus", "gamma", "piplus"]
    assert {generator.state for generator in listed.generators} == {event_pb2.GENERATOR_STATE_SERVING}
    assert listed.generators[0].description.default_release == "0.2.0"
    assert (listed.limits.showers_per_call, listed.limits.max_attempts) == (1536, 100)


def test_the_router_counts_calls_particles_and_backends(events: Events, stack: Stack) -> None:
    events.GenerateEvent(event([(EPLUS, 10), (13, 10)]))
    with urllib.request.urlopen(f"http://{stack.router.metrics_address}/metrics") as answer:
        told = answer.read().decode()
    assert 'caloserve_router_call_seconds_count{code="OK",method="GenerateEvent"}' in told
    assert 'caloserve_router_backend_seconds_count{code="OK",particle="eplus"}' in told
    assert 'caloserve_router_particles_total{status="unknown_particle"}' in told
    assert 'caloserve_router_particles_total{status="internal"} 0.0' in told
    assert 'caloserve_router_backend_failures_total{code="UNAVAILABLE",particle="gamma"} 0.0' in told
    assert 'caloserve_router_backend_calls_in_flight{particle="eplus"} 0.0' in told
    assert 'caloserve_router_calls_in_flight{method="GenerateEvents"} 0.0' in told
    assert 'caloserve_router_refusals_total{code="NOT_FOUND",method="GenerateShowers"}' in told
    assert "caloserve_router_event_seconds_count" in told


def test_an_answer_full_of_reasons_fits_a_client_that_sets_no_limits(stack: Stack) -> None:
    request = event([(999_999, 10.0)] * 1536)
    with grpc.insecure_channel(stack.router.address) as channel:
        answer = event_pb2_grpc.EventServiceStub(channel).GenerateEvent(request)
    assert len(answer.showers.errors) == 1536
