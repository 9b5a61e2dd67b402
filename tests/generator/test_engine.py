import hashlib
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from caloserve.calorimeter import latents
from caloserve.calorimeter.errors import EngineError
from caloserve.generator.engine import BUCKETS, Determinism, Engine, Run, instruction_set, prove
from caloserve.generator.releases import Release, ReleaseStore
from caloserve.generator.settings import Provider
from standin_release import LATENT_SIZE, write_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("eplus")
    write_release(folder, "eplus")
    return ReleaseStore(folder, "eplus").load("0.1.0")


@pytest.fixture(scope="module")
def engine(release: Release) -> Engine:
    return Engine(release, Provider.CPU, threads=1)


def probes(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return latents(1, 2, range(rows), 0, LATENT_SIZE), np.linspace(1, 60, rows, dtype=np.float32)


def test_an_all_gemm_model_is_bitwise_in_every_bucket(engine: Engine) -> None:
    assert engine.determinism is Determinism.BITWISE
    assert engine.buckets == BUCKETS
    assert engine.provider == "CPUExecutionProvider"


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100, 255, 256, 257, 600])
def test_rows_have_the_same_bits_in_a_batch_as_alone(engine: Engine, rows: int) -> None:
    latent, energies = probes(rows)
    together = engine.run(latent, energies)
    assert together.shape == (rows, 504)
    for row in {0, rows // 2, rows - 1}:
        alone = engine.run(latent[row : row + 1], energies[row : row + 1])
        assert alone.tobytes() == together[row].tobytes()


def test_how_many_rows_are_quickly_run_is_measured(engine: Engine) -> None:
    assert engine.rows_within(60.0) == 8
    assert engine.rows_within(0.0) == 0


def test_no_rows_are_no_showers(engine: Engine) -> None:
    assert engine.run(*probes(0)).shape == (0, 504)


def test_cuda_is_never_replaced_in_silence(release: Release) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        assert Engine(release, Provider.CUDA, threads=1).provider == "CUDAExecutionProvider"
    else:
        with pytest.raises(EngineError, match=r"no CUDAExecutionProvider.*caloserve\[gpu\]"):
            Engine(release, Provider.CUDA, threads=1)


def test_a_model_that_is_none_is_refused(release: Release) -> None:
    with pytest.raises(EngineError, match="cannot load"):
        Engine(replace(release, model=b"not a model"), Provider.CPU, threads=1)


def test_a_model_with_another_latent_than_its_manifest_is_refused(release: Release) -> None:
    model = replace(release.manifest.model, latent_size=LATENT_SIZE + 1)
    wrong = replace(release, manifest=replace(release.manifest, model=model))
    with pytest.raises(EngineError, match=f"'latent': {LATENT_SIZE}"):
        Engine(wrong, Provider.CPU, threads=1)


def exact(latent: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return np.asarray(latent[:, :3] * energies[:, np.newaxis])


def rounding_by_batch(latent: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """As convolutions do: other bits in other batch sizes, the same for all rows of a batch."""
    return exact(latent, energies) * np.float32(1 + 1e-6 * np.log2(len(latent)))


def rounding_by_position(latent: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Other bits in the last row of a batch of more than 16."""
    cells = exact(latent, energies)
    if len(cells) > 16:
        cells[-1] *= np.float32(1 + 1e-6)
    return cells * np.float32(1 + 1e-6 * np.log2(len(latent)))


def rounding_by_mood() -> Run:
    calls = iter(range(1_000_000))
    return lambda latent, energies: exact(latent, energies) * np.float32(1 + 1e-6 * (next(calls) % 7))


@pytest.mark.parametrize(
    ("run", "determinism", "buckets"),
    [
        (exact, Determinism.BITWISE, BUCKETS),
        (rounding_by_batch, Determinism.BITWISE_ONE_BUCKET, (256,)),
        (rounding_by_position, Determinism.BITWISE_ONE_BUCKET, (16,)),
        (rounding_by_mood(), Determinism.TOLERANCE, BUCKETS),
    ],
)
def test_what_is_proved_of_models_that_round_in_different_ways(
    run: Run, determinism: Determinism, buckets: tuple[int, ...]
) -> None:
    latent, energies = probes(64)
    proof = prove(run, latent, energies)
    assert (proof.determinism, proof.buckets) == (determinism, buckets)


def test_an_engine_of_one_bucket_pads_every_batch_to_it(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(release, Provider.CPU, threads=1)
    sizes: list[int] = []
    run_once = engine._run_once

    def rounding(latent: np.ndarray, energies: np.ndarray) -> np.ndarray:
        sizes.append(len(latent))
        return run_once(latent, energies) * np.float32(1 + 1e-6 * np.log2(len(latent)))

    monkeypatch.setattr(engine, "_run_once", rounding)
    engine._proof = prove(rounding, *probes(64))
    sizes.clear()
    latent, energies = probes(300)
    together = engine.run(latent, energies)
    assert sizes == [256, 256]
    assert engine.run(latent[7:8], energies[7:8]).tobytes() == together[7].tobytes()


@pytest.mark.parametrize("rows", [1, 3, 100, 256, 257, 600])
def test_the_rows_that_are_counted_are_those_that_are_run(
    engine: Engine, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    run_once = engine._run_once

    def counting(latent: np.ndarray, energies: np.ndarray) -> np.ndarray:
        sizes.append(len(latent))
        return run_once(latent, energies)

    monkeypatch.setattr(engine, "_run_once", counting)
    engine.run(*probes(rows))
    assert engine.rows_run(rows) == sum(sizes)


def test_the_instruction_set_names_the_architecture() -> None:
    assert instruction_set().split("-")[0] in {"x86_64", "aarch64", "arm64"}


def test_digests_are_of_the_bytes_that_are_run(release: Release) -> None:
    assert hashlib.sha256(release.model).hexdigest() == release.manifest.model.sha256
