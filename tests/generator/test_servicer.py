import math
from collections.abc import Callable
from typing import Any, cast

import grpc
import numpy as np
import pytest

from caloserve.calorimeter import SAMPLER_VERSION
from caloserve.generator.engine import BUCKETS
from caloserve.stack.stack import Stack
from caloserve.v1 import generator_pb2, generator_pb2_grpc, shower_pb2, tensor_pb2
from standin_release import LATENT_SIZE, NAN_GEV, NEGATIVE_GEV

Stub = generator_pb2_grpc.ShowerGeneratorServiceStub


def ask(energies_gev: list[float], **fields: Any) -> generator_pb2.GenerateShowersRequest:
    defaults: dict[str, Any] = {"particle": "eplus", "seed": 7, "event_id": 11}
    return generator_pb2.GenerateShowersRequest(energies_gev=energies_gev, **(defaults | fields))


def cells(answer: generator_pb2.GenerateShowersResponse) -> np.ndarray:
    tensor = answer.showers.cells_mev
    assert tensor.geometry_id == "calogan-504-v1"
    return np.frombuffer(tensor.data, dtype="<f4").reshape(tuple(tensor.shape))


def stream(
    stub: Stub, request: generator_pb2.GenerateShowersRequest
) -> list[generator_pb2.GenerateShowersStreamResponse]:
    return list(stub.GenerateShowersStream(generator_pb2.GenerateShowersStreamRequest(request=request)))


def test_an_answer_has_showers_provenance_and_timings(eplus: Stub) -> None:
    answer = eplus.GenerateShowers(ask([10.0, 50.0]))
    assert cells(answer).shape == (2, 504)
    assert (cells(answer) >= 0).all()
    assert (cells(answer) > 0).any(axis=1).all()
    assert list(answer.showers.statuses) == [shower_pb2.SHOWER_STATUS_OK] * 2
    made_by = answer.provenance
    assert (made_by.particle, made_by.service_version, made_by.release_version) == ("eplus", "0.3.0", "0.2.0")
    assert (made_by.seed, made_by.event_id, made_by.sampler_version) == (7, 11, SAMPLER_VERSION)
    assert made_by.determinism == shower_pb2.DETERMINISM_CLASS_BITWISE
    assert made_by.execution_provider == "CPUExecutionProvider"
    assert len(made_by.model_sha256) == 64
    assert made_by.onnxruntime_version
    assert made_by.instruction_set
    times = answer.timings
    assert 0 < times.inference_ms < times.total_ms
    assert times.sampling_ms > 0
    assert times.encode_ms > 0
    assert times.queue_ms >= 0


def test_the_same_request_gives_the_same_bits_and_another_seed_others(eplus: Stub) -> None:
    first, again = (cells(eplus.GenerateShowers(ask([10.0] * 20))) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert len(np.unique(first, axis=0)) == 20
    for other in ({"seed": 8}, {"event_id": 12}, {"indices": range(20, 40)}):
        assert not (cells(eplus.GenerateShowers(ask([10.0] * 20, **other))) == first).all(axis=1).any()


def test_a_shower_is_the_same_alone_in_a_batch_and_in_a_stream(eplus: Stub) -> None:
    energies = np.linspace(1, 60, 1500).tolist()
    whole = cells(eplus.GenerateShowers(ask(energies)))
    chunks = stream(eplus, ask(energies))
    assert [chunk.first_row for chunk in chunks] == [0, 512, 1024]
    assert np.concatenate([cells(chunk.chunk) for chunk in chunks]).tobytes() == whole.tobytes()
    for row in (0, 511, 512, 1499):
        alone = cells(eplus.GenerateShowers(ask([energies[row]], indices=[row])))
        assert alone.tobytes() == whole[row].tobytes()


def test_a_release_can_be_pinned(eplus: Stub) -> None:
    old, new, default = (eplus.GenerateShowers(ask([10.0], release=pin)) for pin in ("0.1.0", "0.2.0", ""))
    assert old.provenance.release_version == "0.1.0"
    assert default.provenance.release_version == "0.2.0"
    np.testing.assert_allclose(cells(new), 1.5 * cells(old), rtol=1e-6)


def refusals() -> dict[str, tuple[generator_pb2.GenerateShowersRequest, grpc.StatusCode, str]]:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    return {
        "particle": (ask([10.0], particle="kaon"), grpc.StatusCode.NOT_FOUND, "particle: 'kaon'"),
        "release": (ask([10.0], release="9.9.9"), grpc.StatusCode.NOT_FOUND, "release: '9.9.9' is not served"),
        "empty": (ask([]), invalid, "energies_gev: is empty"),
        "nan": (ask([10.0, math.nan]), invalid, "energies_gev[1]: nan GeV"),
        "zero": (ask([0.0]), invalid, "energies_gev[0]: 0 GeV"),
        "domain": (ask([10.0, 20.0, 101.0]), invalid, "energies_gev[2]: 101 GeV is outside the training domain"),
        "geometry": (
            ask([10.0], options=shower_pb2.GenerationOptions(geometry_id="atlas")),
            invalid,
            "options.geometry_id: 'atlas'",
        ),
        "too many": (ask([10.0] * 1537), grpc.StatusCode.RESOURCE_EXHAUSTED, "1537 showers, at most 1536"),
        "full simulation": (
            ask([10.0], options=shower_pb2.GenerationOptions(domain_policy=shower_pb2.DOMAIN_POLICY_FULL_SIMULATION)),
            grpc.StatusCode.UNIMPLEMENTED,
            "options.domain_policy: DOMAIN_POLICY_FULL_SIMULATION",
        ),
        "unknown encoding": (
            ask([10.0], options=shower_pb2.GenerationOptions(encoding=cast("tensor_pb2.Encoding", 9))),
            grpc.StatusCode.UNIMPLEMENTED,
            "options.encoding: 9, unknown to this service",
        ),
        "tolerance": (
            ask([10.0], options=shower_pb2.GenerationOptions(energy_tolerance=0.1)),
            invalid,
            "options.energy_tolerance: means something with ENERGY_POLICY_CONSERVE only",
        ),
    }


@pytest.mark.parametrize("case", refusals())
@pytest.mark.parametrize("through", ["eplus", "routed"])
def test_a_bad_request_gets_the_truthful_status_and_names_the_field(
    case: str, through: str, request: pytest.FixtureRequest
) -> None:
    stub: Stub = request.getfixturevalue(through)
    asked, code, says = refusals()[case]
    calls: list[Callable[[], object]] = [lambda: stub.GenerateShowers(asked)]
    if case != "too many":
        calls.append(lambda: stream(stub, asked))
    for call in calls:
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert caught.value.code() is code
        assert says in (caught.value.details() or "")


def test_bad_cells_never_leave_the_service(eplus: Stub) -> None:
    answer = eplus.GenerateShowers(ask([10.0, NAN_GEV, 20.0, NEGATIVE_GEV]))
    ok, bad = shower_pb2.SHOWER_STATUS_OK, shower_pb2.SHOWER_STATUS_INVALID_CELLS
    assert list(answer.showers.statuses) == [ok, bad, ok, bad]
    assert [(error.row, error.message) for error in answer.showers.errors] == [
        (1, "the model made a non-finite cell"),
        (3, "the model made a negative cell"),
    ]
    assert not cells(answer)[[1, 3]].any()
    assert (cells(answer)[[0, 2]] > 0).any(axis=1).all()


def test_per_shower_the_good_ones_are_made_and_are_the_same(eplus: Stub) -> None:
    energies = [10.0, -1.0, 20.0, 500.0]
    answer = eplus.GenerateShowers(ask(energies, failure_policy=shower_pb2.FAILURE_POLICY_PER_SHOWER))
    assert list(answer.showers.statuses) == [
        shower_pb2.SHOWER_STATUS_OK,
        shower_pb2.SHOWER_STATUS_INVALID_ENERGY,
        shower_pb2.SHOWER_STATUS_OK,
        shower_pb2.SHOWER_STATUS_OUT_OF_DOMAIN,
    ]
    assert [error.row for error in answer.showers.errors] == [1, 3]
    good = cells(eplus.GenerateShowers(ask([10.0, 20.0], indices=[0, 2])))
    assert cells(answer)[[0, 2]].tobytes() == good.tobytes()
    assert not cells(answer)[[1, 3]].any()


def test_flagged_showers_are_made_and_marked(eplus: Stub) -> None:
    flag = shower_pb2.GenerationOptions(domain_policy=shower_pb2.DOMAIN_POLICY_FLAG)
    answer = eplus.GenerateShowers(ask([10.0, 150.0], options=flag))
    assert list(answer.showers.statuses) == [shower_pb2.SHOWER_STATUS_OK, shower_pb2.SHOWER_STATUS_EXTRAPOLATED]
    assert cells(answer)[1].any()


def test_the_description_tells_releases_limits_and_geometry(eplus: Stub) -> None:
    told = eplus.DescribeGenerator(generator_pb2.DescribeGeneratorRequest())
    assert (told.particle, told.pdg_id, told.service_version, told.default_release) == ("eplus", -11, "0.3.0", "0.2.0")
    assert {release.version for release in told.releases} == {"0.1.0", "0.2.0"}
    release = told.releases[0]
    assert (release.energy_min_gev, release.energy_max_gev, release.latent_size) == (1, 100, LATENT_SIZE)
    assert release.determinism == shower_pb2.DETERMINISM_CLASS_BITWISE
    assert tuple(release.batch_buckets) == BUCKETS
    assert release.geometry.cells == 504
    assert [(layer.n_phi, layer.n_eta, layer.offset) for layer in release.geometry.layers] == [
        (3, 96, 0),
        (12, 12, 288),
        (12, 6, 432),
    ]
    assert [figure.name for figure in release.fidelity] == ["mean_response_1_10_gev"]
    assert (told.limits.showers_per_call, told.limits.showers_per_chunk) == (1536, 512)
    assert tensor_pb2.ENCODING_DENSE in told.encodings


def test_describing_another_particle_is_not_found(eplus: Stub) -> None:
    with pytest.raises(grpc.RpcError, match="'gamma' is not served here"):
        eplus.DescribeGenerator(generator_pb2.DescribeGeneratorRequest(particle="gamma"))


def test_the_largest_answer_fits_a_client_that_sets_no_limits(stack: Stack) -> None:
    address = next(server.address for server in stack.generators if server.name == "eplus")
    with grpc.insecure_channel(address) as channel:
        answer = Stub(channel).GenerateShowers(ask([10.0] * 1536))
    assert len(answer.showers.statuses) == 1536
