"""``caloserve export`` from a run folder to model.onnx and its figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from caloserve.generator.manifest import Speed
from caloserve_training.calogan2017.generator import CaloGAN
from caloserve_training.calogan2017.settings import CaloGANSettings
from caloserve_training.export.command import export
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.export.speed import BATCHES
from caloserve_training.small.settings import SmallSettings
from caloserve_training.small.training import make_generator
from caloserve_training.trainer.run import WEIGHTS, Description, Run
from paper_generator import made_by_keras, orders

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def finished_run(folder: Path, family: str, settings: object, generator: Any) -> Path:
    description = Description(
        family=family,
        particle="eplus",
        command="caloserve train",
        commit="unknown",
        data="eplus.hdf5",
        data_sha256="0",
        data_origin="Geant4",
        showers=1,
        reference_sha256="0",
        test=0.1,
        validation=0.1,
        settings=settings,
    )
    Run.begin(folder, description)
    generator.save_weights(folder / WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def run(generator: CaloGAN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the paper's generator."""
    settings = CaloGANSettings(latent_size=generator.latent_size)
    return finished_run(tmp_path_factory.mktemp("run"), "calogan2017", settings, generator)


def test_export_writes_the_graph_and_its_figures_and_shows_them_all(
    run: Path, generator: CaloGAN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caloserve_training.export.speed.ROUNDS", 1)
    result = CliRunner().invoke(export, [str(run), "--output", str(tmp_path / "out"), "--variant", "int8"])
    assert result.exit_code == 0, result.output
    exported = OnnxGenerator((tmp_path / "out" / "model.onnx").read_bytes())
    latent, energy = orders(15)
    expected = made_by_keras(generator, latent, energy)
    assert 0 < np.abs(exported(latent, energy) - expected).max() < 0.2 * expected.max()
    figures = json.loads((tmp_path / "out" / "export.json").read_text())
    assert figures["written"] == "int8"
    assert list(figures["variants"]) == ["plain", "fused", "int8"]
    for name, form in figures["variants"].items():
        assert name in result.output
        assert [Speed(**speed).batch for speed in form["speeds"]] == list(BATCHES)
        assert all(speed["ms_per_shower"] > 0 for speed in form["speeds"])
    assert figures["variants"]["int8"]["bytes"] == (tmp_path / "out" / "model.onnx").stat().st_size
    assert figures["variants"]["fused"]["largest_difference"] <= 1e-6
    assert figures["variants"]["int8"]["largest_difference"] > 1e-6
    assert "paper, CPU of 2017" in result.output
    assert "13.1" in result.output
    assert "times plain at batch 128" in result.output


def test_an_unfinished_run_is_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((run / "config.json").read_text())
    result = CliRunner().invoke(export, [str(tmp_path), "--output", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "did not finish" in result.output
    assert not (tmp_path / "out").exists()


def test_the_small_generator_cannot_be_fused(tmp_path: Path) -> None:
    settings = SmallSettings(hidden=8)
    run = finished_run(tmp_path / "run", "small", settings, make_generator(hadronic=False, hidden=settings.hidden))
    result = CliRunner().invoke(export, [str(run), "--output", str(tmp_path / "out"), "--variant", "fused"])
    assert result.exit_code == 2
    assert "only the paper's generator, calogan2017, has a graph that is fused" in result.output
