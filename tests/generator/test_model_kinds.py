"""What the engine proves of models other than dense float32, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import onnx
import pytest
from grpc_health.v1 import health_pb2

import model_kinds
from caloserve.calorimeter import latents
from caloserve.calorimeter.errors import EngineError
from caloserve.generator.engine import Determinism, Engine
from caloserve.generator.releases import Release, ReleaseStore
from caloserve.generator.settings import Provider
from caloserve_client import CaloServeClient, UnavailableError
from served_generator import metrics, running_generator, settled_health
from standin_release import LATENT_SIZE, write_release

SIZES = (1, 2, 3, 17, 100, 256, 300)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("eplus")
    write_release(folder, "eplus")
    return ReleaseStore(folder, "eplus").load("0.1.0")


def engine_of(release: Release, model: onnx.ModelProto, threads: int = 1) -> Engine:
    return Engine(replace(release, model=model.SerializeToString()), Provider.CPU, threads)


def wanted(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return latents(3, 4, range(rows), 0, LATENT_SIZE), np.geomspace(0.5, 200, rows, dtype=np.float32)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "model",
    [model_kinds.quantized(), model_kinds.integer(), model_kinds.convolution(), model_kinds.rounding_by_batch()],
    ids=["quantized", "integer", "convolution", "rounding by batch"],
)
def test_a_row_is_what_it_is_alone_in_any_company(release: Release, model: onnx.ModelProto, threads: int) -> None:
    engine = engine_of(release, model, threads)
    assert engine.determinism in {Determinism.BITWISE, Determinism.BITWISE_ONE_BUCKET}
    latent, energies = wanted(max(SIZES))
    alone = [engine.run(latent[row : row + 1], energies[row : row + 1])[0] for row in range(len(latent))]
    for size in SIZES:
        chosen = np.random.default_rng(size).permutation(len(latent))[:size]
        together = engine.run(latent[chosen], energies[chosen])
        assert together.tobytes() == np.stack([alone[row] for row in chosen]).tobytes()


def test_integer_products_agree_in_every_bucket(release: Release) -> None:
    assert engine_of(release, model_kinds.integer()).determinism is Determinism.BITWISE


def test_int8_makes_nearly_the_showers_of_float32(release: Release) -> None:
    """Else the tests here would be of something that nobody serves."""
    latent, energies = wanted(100)
    exact = np.maximum(latent @ model_kinds.WEIGHTS, 0) * energies[:, np.newaxis]
    for model in (model_kinds.quantized(), model_kinds.integer()):
        cells = engine_of(release, model).run(latent, energies)
        assert np.abs(cells.sum(axis=1) / exact.sum(axis=1) - 1).max() < 0.02


@pytest.mark.parametrize(
    "model",
    [
        model_kinds.batch_scaled(),
        model_kinds.batch_scaled(most=0.3),  # nearly every shower saturates it, and then the scale is constant
        model_kinds.neighbour_scaled(from_gev=3.0),
        model_kinds.neighbour_scaled(from_gev=90.0),
        model_kinds.neighbour_scaled(from_gev=150.0),  # outside the domain, where callers may ask too
        model_kinds.normalised_over_batch(),
    ],
    ids=["scale", "saturated scale", "3 GeV", "90 GeV", "150 GeV", "normalised"],
)
def test_a_model_whose_showers_depend_on_those_beside_them_is_refused(release: Release, model: onnx.ModelProto) -> None:
    with pytest.raises(EngineError, match=r"with the showers beside it; is an activation scale taken from the batch\?"):
        engine_of(release, model)


@pytest.mark.parametrize("kind", ["quantized", "rounding_by_batch"])
def test_a_generator_serves_them_and_says_how_far_bits_agree(kind: str, tmp_path: Path) -> None:
    write_release(tmp_path, "gamma", model_kind=getattr(model_kinds, kind)())
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == health_pb2.HealthCheckResponse.SERVING
        with CaloServeClient(server.address) as client:
            energies = np.geomspace(1, 100, 300)
            together = client.generate_showers("gamma", energies, seed=3)
            for row in (0, 1, 150, 299):
                alone = client.generate_showers("gamma", energies[row : row + 1], seed=3, indices=[row])
                assert alone.cells_mev[0].tobytes() == together.cells_mev[row].tobytes()
            (told,) = client.describe("gamma").releases
        assert told.determinism in {"bitwise", "bitwise_one_bucket"}
        if kind == "rounding_by_batch":
            assert told.determinism == "bitwise_one_bucket"
            assert metrics(server)["caloserve_rows_run_total{particle=gamma,release=0.1.0}"] % 256 == 0


def test_a_generator_does_not_serve_a_scale_taken_from_the_batch_and_says_why(tmp_path: Path) -> None:
    write_release(tmp_path, "gamma", model_kind=model_kinds.batch_scaled())
    with running_generator(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert settled_health(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
        with CaloServeClient(server.address) as client, pytest.raises(UnavailableError, match="scale taken from the b"):
            client.generate_showers("gamma", [10.0])
