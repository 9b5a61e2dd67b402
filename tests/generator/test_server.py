import hashlib
from pathlib import Path
from subprocess import run
from sys import executable

import grpc
import pytest
from grpc_health.v1 import health_pb2

from caloserve.stack.processes import ServerProcess, stop
from caloserve.v1 import generator_pb2, generator_pb2_grpc
from served_generator import metrics, running_generator, settled_health
from standin_release import NAN_GEV, NEGATIVE_GEV, write_release

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def test_health_is_serving_once_the_release_is_loaded(tmp_path: Path) -> None:
    write_release(tmp_path, "gamma")
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == SERVING
        assert settled_health(channel, "caloserve.v1.ShowerGeneratorService") == SERVING


@pytest.mark.parametrize("fault", ["corrupted", "missing", "no release", "not a model", "of another sampler"])
def test_a_release_that_cannot_be_served_leaves_it_not_serving_with_one_line(
    fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if fault != "no release":
        write_release(tmp_path, "gamma")
    model, manifest = tmp_path / "0.1.0" / "model.onnx", tmp_path / "0.1.0" / "manifest.json"
    if fault == "corrupted":
        model.write_bytes(model.read_bytes()[:-1] + b"!")
    elif fault == "missing":
        model.unlink()
    elif fault == "not a model":
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        model.write_bytes(b"no model")
        manifest.write_text(manifest.read_text().replace(digest, hashlib.sha256(b"no model").hexdigest()))
    elif fault == "of another sampler":
        manifest.write_text(manifest.read_text().replace('"sampler_version": 2', '"sampler_version": 9'))
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == NOT_SERVING
        with pytest.raises(grpc.RpcError, match="not serving: ") as caught:
            generator_pb2_grpc.ShowerGeneratorServiceStub(channel).GenerateShowers(
                generator_pb2.GenerateShowersRequest(particle="gamma", energies_gev=[10.0])
            )
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    errors = [line for line in capfd.readouterr().err.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "not serving" in errors[0]
    assert str(tmp_path) in errors[0] or "release 0.1.0" in errors[0]


def test_an_older_release_that_is_broken_is_left_out_and_the_newest_served(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_release(tmp_path, "gamma", "0.1.0")
    write_release(tmp_path, "gamma", "0.2.0")
    (tmp_path / "0.1.0" / "model.onnx").write_bytes(b"")
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == SERVING
        told = generator_pb2_grpc.ShowerGeneratorServiceStub(channel).DescribeGenerator(
            generator_pb2.DescribeGeneratorRequest()
        )
        assert [release.version for release in told.releases] == ["0.2.0"]
    assert "release 0.1.0 is left out" in capfd.readouterr().err


def test_several_families_alone_are_served_once_the_default_is_chosen(tmp_path: Path) -> None:
    for version in ("a-0.1.0", "b-0.1.0", "b-0.2.0"):
        write_release(tmp_path, "gamma", version)
    describe = generator_pb2.DescribeGeneratorRequest()
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == NOT_SERVING
        with pytest.raises(grpc.RpcError, match=r"holds releases of a, b and none .*: say which is the default"):
            generator_pb2_grpc.ShowerGeneratorServiceStub(channel).DescribeGenerator(describe)
    with running_generator(tmp_path, "--release", "b") as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == SERVING
        told = generator_pb2_grpc.ShowerGeneratorServiceStub(channel).DescribeGenerator(describe)
    assert told.default_release == "b-0.2.0"
    assert [release.version for release in told.releases] == ["b-0.2.0", "a-0.1.0", "b-0.1.0"]


def test_metrics_count_showers_calls_and_what_was_held_back(tmp_path: Path) -> None:
    write_release(tmp_path, "gamma")
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        settled_health(channel)
        before = metrics(server)
        assert before["caloserve_dropped_showers_total{particle=gamma,reason=non_finite,release=0.1.0}"] == 0
        stub = generator_pb2_grpc.ShowerGeneratorServiceStub(channel)
        energies = [10.0, NAN_GEV, NAN_GEV, NEGATIVE_GEV, 30.0]
        stub.GenerateShowers(generator_pb2.GenerateShowersRequest(particle="gamma", energies_gev=energies))
        with pytest.raises(grpc.RpcError):
            stub.GenerateShowers(generator_pb2.GenerateShowersRequest(particle="gamma"))
        with pytest.raises(grpc.RpcError):
            stub.GenerateShowers(
                generator_pb2.GenerateShowersRequest(particle="gamma", energies_gev=[9.0], release="7.7.7")
            )
        with pytest.raises(grpc.RpcError):
            stub.GenerateShowers(generator_pb2.GenerateShowersRequest(particle="muon", energies_gev=[9.0]))
        after = metrics(server)
    assert after["caloserve_dropped_showers_total{particle=gamma,reason=non_finite,release=0.1.0}"] == 2
    assert after["caloserve_dropped_showers_total{particle=gamma,reason=negative,release=0.1.0}"] == 1
    assert after["caloserve_showers_total{particle=gamma,release=0.1.0,status=ok}"] == 2
    assert after["caloserve_showers_total{particle=gamma,release=0.1.0,status=invalid_cells}"] == 3
    assert after["caloserve_call_seconds_count{code=OK,method=GenerateShowers,particle=gamma}"] == 1
    assert after["caloserve_call_seconds_count{code=INVALID_ARGUMENT,method=GenerateShowers,particle=gamma}"] == 1
    refused = "caloserve_refusals_total{code=INVALID_ARGUMENT,method=GenerateShowers,particle=gamma}"
    assert (before[refused], after[refused]) == (0, 1)
    assert after["caloserve_refusals_total{code=NOT_FOUND,method=GenerateShowers,particle=gamma}"] == 2
    assert not any("7.7.7" in name or "muon" in name for name in after)
    assert after["caloserve_calls_in_flight{method=GenerateShowers,particle=gamma}"] == 0
    stages = {stage: f"caloserve_{stage}_seconds" for stage in ("answer", "queue", "sampling", "inference", "encode")}
    for name in stages.values():
        assert before[f"{name}_count{{particle=gamma,release=0.1.0}}"] == 0
        assert after[f"{name}_count{{particle=gamma,release=0.1.0}}"] == 1
    spent = {stage: after[f"{name}_sum{{particle=gamma,release=0.1.0}}"] for stage, name in stages.items()}
    assert spent.pop("answer") > sum(spent.values()) > 0
    assert after["caloserve_rows_wanted_total{particle=gamma,release=0.1.0}"] == 5
    assert after["caloserve_rows_run_total{particle=gamma,release=0.1.0}"] == 5
    assert after["caloserve_answer_bytes_total{particle=gamma,release=0.1.0}"] == 5 * 504 * 4
    assert after["caloserve_physics_showers_total{energy_gev=10-30,particle=gamma,release=0.1.0}"] == 1
    assert after["caloserve_physics_showers_total{energy_gev=30-60,particle=gamma,release=0.1.0}"] == 1
    assert after["caloserve_physics_interval_batches{particle=gamma,release=0.1.0}"] >= 1
    assert after["caloserve_releases_in_service{particle=gamma}"] == 1
    assert (after["caloserve_serving{particle=gamma}"], after["process_open_fds{}"] > 0) == (1, True)
    facts = next(name for name in after if name.startswith("caloserve_release_info"))
    for fact in ("determinism=bitwise", "execution_provider=CPUExecutionProvider", "release=0.1.0", "threads=1"):
        assert fact in facts
    assert after["caloserve_service_info{default_release=0.1.0,particle=gamma,service_version=0.3.0}"] == 1


def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    write_release(tmp_path / "releases", "gamma")
    address = f"unix:{tmp_path}/gamma.sock"
    server = ServerProcess(
        "generator", "--particle", "gamma", "--releases", str(tmp_path / "releases"), "--address", address,
        "--metrics-address", "127.0.0.1:0",
    )  # fmt: skip
    try:
        server.wait_until_listening()
        assert server.address == address
        with grpc.insecure_channel(address) as channel:
            assert settled_health(channel) == SERVING
    finally:
        stop([server])


def test_an_address_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    write_release(tmp_path, "gamma")
    with running_generator(tmp_path) as server:
        second = run(
            [executable, "-m", "caloserve", "generator", "--particle", "gamma", "--address", server.address],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert second.returncode == 1
    assert second.stdout == ""
    errors = [line for line in second.stderr.splitlines() if line.startswith("Error: ")]
    assert errors == [f"Error: cannot listen on {server.address}: is it in use?"]
