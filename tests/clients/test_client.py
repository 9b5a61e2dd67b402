from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.v1.tensor_pb2 import ENCODING_BITMAP, ENCODING_DENSE
from caloserve_client import (
    BadAnswerError,
    CaloServeClient,
    DeadlineExceededError,
    EventParticle,
    NotAskedForError,
    NotFoundError,
    Options,
    RequestRejectedError,
    ShowersFailedError,
    ShowerStatus,
    UnavailableError,
)

if TYPE_CHECKING:
    from tests.clients.conftest import FakeServer

    from caloserve_client.requests import Choices, ParticleLike

MIXED: list[ParticleLike] = [("eplus", 5.0), (22, 20.0), EventParticle(211, 50.0)]


def many_particles(count: int) -> list[tuple[int, float]]:
    kinds = (-11, 22, 211)
    return [(kinds[row % 3], 1.0 + row % 90) for row in range(count)]


def test_showers_carry_what_made_them(client: CaloServeClient) -> None:
    showers = client.generate_showers("gamma", [10.0, 50.0], seed=3, event_id=4)
    assert len(showers) == 2
    assert showers.cells_mev.shape == (2, 504)
    assert showers.cells_mev.dtype == np.float32
    assert [layer.shape for layer in showers.layers] == [(2, 3, 96), (2, 12, 12), (2, 12, 6)]
    np.testing.assert_allclose(showers.e_tot_mev, showers.cells_mev.sum(axis=1), rtol=1e-5)
    assert showers.energies_gev.tolist() == [10.0, 50.0]
    assert showers.indices.tolist() == [0, 1]
    assert showers.ok.all()
    assert showers.attempts.tolist() == [1, 1]
    assert showers.geometry == CALOGAN
    assert (showers.provenance.seed, showers.provenance.event_id) == (3, 4)
    assert showers.provenance.determinism == "bitwise"
    assert showers.options == Options()
    assert showers.timings.total_ms == 1.0


def test_event_keeps_the_order_of_its_particles(client: CaloServeClient) -> None:
    event = client.generate_event(MIXED, seed=1, event_id=9, output="both")
    assert event.pdg_ids.tolist() == [-11, 22, 211]
    assert event.energies_gev.tolist() == [5.0, 20.0, 50.0]
    assert event.layers[1].shape == (3, 12, 12)
    assert [layer.shape for layer in event.sum_layers] == [(3, 96), (12, 12), (12, 6)]
    np.testing.assert_allclose(event.sum_mev, event.cells_mev.sum(axis=0), rtol=1e-5)
    assert set(event.provenance) == {"eplus", "gamma", "piplus"}
    assert event.generator_timings["gamma"].total_ms == 2.0
    assert event.timings.total_ms == 3.0


def test_outputs_that_were_not_asked_for_say_so(client: CaloServeClient) -> None:
    with pytest.raises(NotAskedForError, match="cells_mev"):
        _ = client.generate_event(MIXED, output="sum").cells_mev
    with pytest.raises(NotAskedForError, match="sum_mev"):
        _ = client.generate_event(MIXED).sum_mev


@pytest.mark.parametrize("count", [1536, 1537])
def test_large_requests_are_streamed(client: CaloServeClient, server: FakeServer, count: int) -> None:
    energies = 1 + np.arange(count) % 90
    showers = client.generate_showers("eplus", energies, seed=5)
    event = client.generate_event([(-11, energy) for energy in energies], seed=5)
    assert server.calls["GenerateShowersStream"] == server.calls["GenerateEventStream"] == (count > 1536)
    assert server.calls["GenerateShowers"] == server.calls["GenerateEvent"] == (count <= 1536)
    np.testing.assert_array_equal(showers.cells_mev, event.cells_mev)
    np.testing.assert_array_equal(showers.energies_gev, energies)


@pytest.mark.parametrize("output", ["per_shower", "sum", "both"])
def test_event_is_the_same_whichever_way(client: CaloServeClient, server: FakeServer, output: Any) -> None:
    particles = [*many_particles(1200), (-11, 500.0)]
    whole = client.generate_event(particles, seed=2, output=output, partial=True)
    server.limits.showers_per_call = 600
    with CaloServeClient(server.target) as other:
        streamed = other.generate_event(particles, seed=2, output=output, partial=True)
    assert (server.calls["GenerateEvent"], server.calls["GenerateEventStream"]) == (1, 1)
    np.testing.assert_array_equal(whole.statuses, streamed.statuses)
    assert whole.errors == streamed.errors
    assert whole.errors[0].row == 1200
    assert whole.provenance == streamed.provenance
    if output != "sum":
        np.testing.assert_array_equal(whole.cells_mev, streamed.cells_mev)
    if output != "per_shower":
        np.testing.assert_array_equal(whole.sum_mev, streamed.sum_mev)


def test_showers_are_the_same_whichever_way(client: CaloServeClient, server: FakeServer) -> None:
    energies = np.append(1 + np.arange(1500) % 90, -1.0)
    indices = np.arange(len(energies))[::-1]
    whole = client.generate_showers("piplus", energies, seed=2, indices=indices, partial=True)
    server.limits.showers_per_call = 600
    server.limits.showers_per_stream = 700
    with CaloServeClient(server.target) as other:
        streamed = other.generate_showers("piplus", energies, seed=2, indices=indices, partial=True)
    assert (server.calls["GenerateShowers"], server.calls["GenerateShowersStream"]) == (1, 3)
    np.testing.assert_array_equal(whole.cells_mev, streamed.cells_mev)
    np.testing.assert_array_equal(whole.statuses, streamed.statuses)
    np.testing.assert_array_equal(whole.indices, streamed.indices)
    assert whole.errors == streamed.errors
    assert whole.provenance == streamed.provenance


@pytest.mark.parametrize("per_call", [1536, 600])
def test_cells_that_travel_as_a_bitmap_are_the_same(client: CaloServeClient, server: FakeServer, per_call: int) -> None:
    server.limits.showers_per_call = per_call
    particles = many_particles(1200)
    dense = client.generate_event(particles, seed=2, output="both")
    sparse = client.generate_event(particles, seed=2, output="both", encoding="bitmap")
    assert sparse.cells_mev.tobytes() == dense.cells_mev.tobytes()
    assert sparse.sum_mev.tobytes() == dense.sum_mev.tobytes()
    showers = client.generate_showers("gamma", dense.energies_gev, seed=2, encoding="bitmap")
    assert (
        showers.cells_mev.tobytes() == client.generate_showers("gamma", dense.energies_gev, seed=2).cells_mev.tobytes()
    )
    wanted = {ENCODING_DENSE, ENCODING_BITMAP}
    assert {request.options.encoding for request in server.requests if hasattr(request, "options")} == wanted


@pytest.mark.parametrize("per_call", [1536, 600])
def test_draws_are_told_whichever_way_showers_come(client: CaloServeClient, server: FakeServer, per_call: int) -> None:
    server.limits.showers_per_call = per_call
    expected = np.arange(1200) % 3 + 1
    conserve: Choices = {"energy_policy": "conserve", "energy_tolerance": 0.01}
    event = client.generate_event(many_particles(1200), **conserve)
    assert event.attempts.tolist() == expected.tolist()
    assert event.options == Options(energy_policy="conserve", energy_tolerance=0.01)
    energies = event.energies_gev
    assert client.generate_showers("gamma", energies, **conserve).attempts.tolist() == expected.tolist()
    chunks = [*client.iter_showers("gamma", energies, **conserve), *client.iter_event(many_particles(1200), **conserve)]
    assert np.concatenate([chunk.attempts for chunk in chunks]).tolist() == 2 * expected.tolist()


def test_a_shower_that_no_draw_conserved_is_told(client: CaloServeClient) -> None:
    with pytest.raises(ShowersFailedError, match="1 of 3 showers were not made: 2 ENERGY_NOT_CONSERVED"):
        client.generate_showers("gamma", [5.0, 6.0, 7.0], energy_policy="conserve", max_attempts=2)
    kept = client.generate_showers(
        "gamma", [5.0, 6.0, 7.0, 1000.0], energy_policy="conserve", max_attempts=2, partial=True
    )
    assert kept.ok.tolist() == [True, True, False, False]
    assert kept.attempts.tolist() == [1, 2, 2, 1]
    refused = client.generate_showers("gamma", [5.0, 1000.0], partial=True)
    assert refused.attempts.tolist() == [1, 0]


@pytest.mark.parametrize("asked", ["", "calogan2017"])
def test_later_streams_ask_for_the_release_of_the_first(
    client: CaloServeClient, server: FakeServer, asked: str
) -> None:
    server.limits.showers_per_stream = 1000
    client.generate_showers("eplus", np.full(3000, 10.0), release=asked)
    releases = [request.release for request in server.requests if hasattr(request, "release")]
    assert releases == [asked, "0.1.0", "0.1.0"]


def test_iterations_give_chunks_with_their_place(client: CaloServeClient) -> None:
    energies = 1 + np.arange(1100) % 90
    whole = client.generate_showers("eplus", energies)
    chunks = list(client.iter_showers("eplus", energies))
    assert [chunk.first_row for chunk in chunks] == [0, 512, 1024]
    np.testing.assert_array_equal(np.concatenate([chunk.cells_mev for chunk in chunks]), whole.cells_mev)
    events = list(client.iter_event([(-11, energy) for energy in energies], output="both"))
    assert [chunk.first_row for chunk in events] == [0, 512, 1024]
    assert [chunk.sum_cells is None for chunk in events] == [True, True, False]


def test_an_iteration_may_be_left_early(client: CaloServeClient) -> None:
    for chunk in client.iter_showers("eplus", np.full(5000, 10.0)):
        assert chunk.first_row == 0
        break
    assert len(client.generate_showers("eplus", [10.0])) == 1


def test_a_shower_not_made_is_never_silent(client: CaloServeClient) -> None:
    energies = [10.0, 0.5, 20.0, 500.0, -1.0, 200.0]
    with pytest.raises(ShowersFailedError, match=r"4 of 6 .* 1 OUT_OF_DOMAIN \(0.5 GeV .*; and 1 more") as failure:
        client.generate_showers("eplus", energies)
    showers = client.generate_showers("eplus", energies, partial=True)
    assert showers.ok.tolist() == [True, False, True, False, False, False]
    assert showers.errors[0].status is ShowerStatus.OUT_OF_DOMAIN
    assert not showers.cells_mev[1].any()
    assert showers.cells_mev[2].any()
    assert len(failure.value.result) == 6


def test_a_failure_that_befell_many_showers_is_told_once(client: CaloServeClient) -> None:
    particles: list[ParticleLike] = [("gamma", 10.0), *[("gamma", 200.0)] * 50, (2212, 1.0)]
    with pytest.raises(ShowersFailedError, match=r"51 of 52 .*: 1 OUT_OF_DOMAIN .*; 51 UNKNOWN_PARTICLE .*and 49 more"):
        client.generate_event(particles)


def test_an_iteration_fails_where_a_shower_was_not_made(client: CaloServeClient) -> None:
    energies = np.full(1000, 10.0)
    energies[600] = 1000.0
    chunks = client.iter_showers("eplus", energies)
    assert next(chunks).ok.all()
    with pytest.raises(ShowersFailedError, match=r"1 of 488 .* 600 OUT_OF_DOMAIN"):
        next(chunks)


def test_particles_that_nothing_serves(client: CaloServeClient) -> None:
    event = client.generate_event([(2212, 10.0), (22, 10.0)], partial=True)
    assert [ShowerStatus(status) for status in event.statuses] == [ShowerStatus.UNKNOWN_PARTICLE, ShowerStatus.OK]


def test_describe(client: CaloServeClient) -> None:
    description = client.describe("gamma")
    (release,) = description.releases
    assert (description.pdg_id, description.default_release) == (22, "0.1.0")
    assert description.domain_policies == ("refuse", "flag")
    assert release.geometry == CALOGAN
    assert (release.energy_min_gev, release.energy_max_gev) == (1.0, 100.0)
    assert [figure.reference for figure in release.fidelity] == [None, 1.0]
    with pytest.raises(NotFoundError, match="proton"):
        client.describe("proton")


def test_list_generators(client: CaloServeClient) -> None:
    generators = client.list_generators()
    assert [generator.state for generator in generators] == ["serving", "serving", "unreachable"]
    assert generators[0].description is not None
    assert generators[2].description is None
    assert generators[2].message == "connection refused"


def test_requests_are_checked_before_they_are_sent(client: CaloServeClient, server: FakeServer) -> None:
    with pytest.raises(RequestRejectedError, match="seed"):
        client.generate_event(MIXED, seed=-1)
    assert not server.calls


def test_nothing_listens(unused_target: str) -> None:
    with CaloServeClient(unused_target) as client, pytest.raises(UnavailableError, match=unused_target):
        client.list_generators()


def test_a_web_proxy_is_left_alone(server: FakeServer, unused_target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://{unused_target}")
    with CaloServeClient(server.target) as client:
        assert len(client.generate_showers("eplus", [10.0])) == 1
    through_the_proxy = [("grpc.enable_http_proxy", 1)]
    with CaloServeClient(server.target, options=through_the_proxy) as client, pytest.raises(UnavailableError):
        client.generate_showers("eplus", [10.0])


def test_no_answer_in_time(server: FakeServer) -> None:
    server.tamper = lambda _answer: time.sleep(0.3)
    with CaloServeClient(server.target, timeout=0.05) as client, pytest.raises(DeadlineExceededError):
        client.generate_showers("eplus", [10.0])


def test_answers_that_do_not_fit_are_not_used(client: CaloServeClient, server: FakeServer) -> None:
    def shorten(answer: Any) -> None:
        del answer.showers.statuses[-1]

    server.tamper = shorten
    with pytest.raises(BadAnswerError, match="statuses: 1 for 2 showers"):
        client.generate_showers("eplus", [10.0, 20.0])


def test_streams_that_skip_rows_are_not_used(client: CaloServeClient, server: FakeServer) -> None:
    def skip(answer: Any) -> None:
        answer.first_row = 512

    server.tamper = skip
    with pytest.raises(BadAnswerError, match="rows 512 to"):
        list(client.iter_showers("eplus", np.full(512, 10.0)))


def test_another_model_amid_a_stream_is_not_accepted(client: CaloServeClient, server: FakeServer) -> None:
    def swap(answer: Any) -> None:
        if getattr(answer, "first_row", 0):
            answer.chunk.provenance.model_sha256 = 64 * "c"

    server.tamper = swap
    with pytest.raises(BadAnswerError, match="differ in model_sha256"):
        client.generate_showers("eplus", np.full(2500, 10.0))
