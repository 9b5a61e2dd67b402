"""From a run of a few steps to a release."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

import model_kinds
from caloserve.calorimeter import CALOGAN
from caloserve.calorimeter.errors import ReleaseError
from caloserve.generator.manifest import Manifest
from caloserve_training import publish_command
from caloserve_training.data import read_showers
from caloserve_training.errors import GateError, RunError
from caloserve_training.export.parity import BATCH_SIZES, check_export
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.publish import Candidate, prepare_release, served_figures
from caloserve_training.publish import release as publish_release
from caloserve_training.small.critic import THRESHOLD_MEV
from caloserve_training.small.model import LATENT_SIZE
from caloserve_training.small.settings import SmallSettings
from caloserve_training.small.training import SmallTraining
from caloserve_training.trainer.config import Config
from caloserve_training.trainer.run import Run, prepare
from caloserve_training.trainer.trainer import train
from standin_release import write_release

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

SHIPPED = Path(__file__).parents[2] / "services" / "eplus" / "releases" / "0.2.0"
SHORT = SmallSettings(layer_energy_steps=60, expectation_steps=60, steps=6, batch_size=32, hidden=16)


@pytest.fixture(scope="module")
def run(training_file: Path, reference_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    config = Config("small", "eplus", training_file, reference_file, SHORT, validation=0.1)
    description, samples = prepare(config, "caloserve train")
    run = Run.begin(tmp_path_factory.mktemp("run"), description)
    train(
        SmallTraining(samples.training, SHORT, hadronic=False),
        run,
        validation=samples.validation,
        look_every=1000,
        checkpoint_minutes=60.0,
        report=lambda *_: None,
    )
    return run.folder


@pytest.fixture(scope="module")
def candidate(
    run: Path, reference_file: Path, training_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Candidate:
    """The run judged, where the release that the project ships is served."""
    releases = tmp_path_factory.mktemp("releases")
    shutil.copytree(SHIPPED, releases / SHIPPED.name)
    return prepare_release(run, version="0.3.0", reference=reference_file, releases=releases, training=training_file)


@pytest.fixture(scope="module")
def release(candidate: Candidate) -> Path:
    publish_release(candidate, accept="six steps are enough for a test")
    return candidate.folder


@pytest.fixture(scope="module")
def exported(release: Path) -> OnnxGenerator:
    return OnnxGenerator((release / "model.onnx").read_bytes())


def test_the_run_says_what_it_was_trained_on(run: Path, training_file: Path) -> None:
    config = Run.open(run).description
    assert config.settings == SHORT
    assert 250 < config.showers < 300
    assert config.data == training_file.name
    assert str(training_file.parent) not in json.dumps(config.command)


def test_the_graph_does_what_keras_does(run: Path, exported: OnnxGenerator) -> None:
    generator = Run.open(run).load_generator()
    assert check_export(generator, exported) < 1e-4


def test_the_graph_has_the_signature_of_a_release(release: Path) -> None:
    model = onnx.load(release / "model.onnx")
    sizes = {
        value.name: [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert sizes == {"latent": ["batch", LATENT_SIZE], "energy": ["batch", 1], "cells": ["batch", CALOGAN.cells]}
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"If", "Loop", "Scan", "Conv", "RandomNormal", "RandomNormalLike", "RandomUniformLike"}
    assert [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}] == [18]


@pytest.mark.parametrize("size", BATCH_SIZES)
def test_a_shower_does_not_depend_on_its_batch(exported: OnnxGenerator, size: int) -> None:
    chooser = np.random.default_rng(size)
    latent = chooser.standard_normal((300, LATENT_SIZE), dtype=np.float32)
    energy = chooser.uniform(1.0, 100.0, 300).astype(np.float32)
    together = exported(latent, energy)
    rows = np.arange(size)
    np.testing.assert_array_equal(exported(latent[rows], energy[rows]), together[rows])
    np.testing.assert_array_equal(exported(latent[rows[::-1]], energy[rows[::-1]]), together[rows[::-1]])


def test_cells_add_up_to_less_than_the_particle_had(exported: OnnxGenerator) -> None:
    energy = np.geomspace(0.1, 1000.0, 4000, dtype=np.float32)
    cells = exported.draw(energy, seed=0)
    assert np.isfinite(cells).all()
    assert (cells >= 0).all()
    assert (cells.sum(axis=1, dtype=np.float64) <= 1000.0 * energy).all()
    assert len(np.unique(cells, axis=0)) == len(cells)
    # A layer is empty or has a real hit, never a trace of rounding.
    assert cells[cells > 0].min() > THRESHOLD_MEV * 1e-6


def test_the_manifest_describes_the_release(release: Path, run: Path) -> None:
    manifest = Manifest.read(release / "manifest.json")
    config = Run.open(run).description
    assert (manifest.particle, manifest.version, manifest.geometry_id) == ("eplus", "0.3.0", CALOGAN.id)
    assert manifest.model.latent_size == LATENT_SIZE
    assert manifest.model.export is not None
    assert manifest.model.export.variant == "plain"
    assert manifest.training.data_sha256 == config.data_sha256
    assert manifest.fidelity.reference_sha256 == config.reference_sha256
    assert {"e_tot_ratio_1_10_gev", "auc_shapes", "auc_cells"} <= {figure.name for figure in manifest.fidelity.figures}


def test_a_worse_release_is_refused_and_told_why(candidate: Candidate) -> None:
    other = replace(candidate, folder=candidate.folder.with_name("0.4.0"))
    with pytest.raises(GateError) as refused:
        publish_release(other)
    assert not other.folder.exists()
    assert "auc_shapes" in str(refused.value)
    assert "eplus 0.3.0, beside 0.2.0, is refused" in str(refused.value)
    assert re.search(r"is worse than auc_shapes \S+ ± \S+ of 0\.2\.0, p = ", str(refused.value))
    assert "is further than 0.25 from 0.5" in str(refused.value)
    assert (candidate.report / "report.html").is_file()


def test_an_accepted_release_says_why_and_carries_its_report(release: Path) -> None:
    fidelity = Manifest.read(release / "manifest.json").fidelity
    assert fidelity.accepted == "six steps are enough for a test"
    assert any("auc_cells" in objection for objection in fidelity.objections)
    assert fidelity.policy == 1
    assert "Fidelity of e⁺ showers" in (release / "fidelity" / "report.html").read_text(encoding="utf-8")
    numbers = json.loads((release / "fidelity" / "fidelity.json").read_text(encoding="utf-8"))
    assert [figure["name"] for figure in numbers["figures"]] == [figure.name for figure in fidelity.figures]


def test_a_release_is_held_beside_the_newest_of_its_family(reference_file: Path, tmp_path: Path) -> None:
    for version in ("0.2.0", "calogan2017-0.1.0", "calogan2017-0.2.0"):
        write_release(tmp_path, "eplus", version, model_kind=model_kinds.integer())
    (tmp_path / "calogan2017-0.3.0").mkdir()  # not published yet
    sample = read_showers(reference_file)
    found = [served_figures(tmp_path, sample, particle="eplus", family=name) for name in ("", "calogan2017", "other")]
    assert [served and served.version for served in found] == ["0.2.0", "calogan2017-0.2.0", None]


def test_a_version_that_no_service_would_serve_is_refused(run: Path, reference_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="'CaloGAN-1' is not the version of a release"):
        prepare_release(run, version="CaloGAN-1", reference=reference_file, releases=tmp_path)


def test_other_training_data_are_refused(run: Path, reference_file: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not the data"):
        prepare_release(run, version="0.0.2", reference=reference_file, releases=tmp_path, training=reference_file)


def test_a_release_is_never_overwritten(run: Path, release: Path, reference_file: Path) -> None:
    with pytest.raises(RunError, match="already published"):
        prepare_release(run, version=release.name, reference=reference_file, releases=release.parent)


def test_another_reference_sample_is_refused(run: Path, eplus_file: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not the sample"):
        prepare_release(run, version="0.0.2", reference=eplus_file, releases=tmp_path)


def test_an_unfinished_run_cannot_be_published(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((run / "config.json").read_text())
    result = CliRunner().invoke(publish_command.publish, [str(tmp_path), "--version", "0.0.1"])
    assert result.exit_code == 1
    assert "did not finish" in result.output
