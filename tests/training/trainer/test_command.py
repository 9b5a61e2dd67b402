"""``caloserve train``, with the paper's model in small."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result

from caloserve_training.trainer import command
from caloserve_training.trainer.run import Run

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

CONFIG = """
family = "calogan2017"
particle = "eplus"
data = "{data}"
reference = "{reference}"
[settings]
latent_size = 8
batch_size = 16
flips = true
"""


@pytest.fixture(autouse=True)
def _uncompiled() -> Iterator[None]:
    """Compiling takes longer than the few steps here."""
    tf.config.run_functions_eagerly(run_eagerly=True)
    yield
    tf.config.run_functions_eagerly(run_eagerly=False)


@pytest.fixture
def config(training_file: Path, reference_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "eplus-tiny.toml"
    path.write_text(CONFIG.format(data=training_file, reference=reference_file))
    return path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command.train, [str(argument) for argument in arguments])


def test_a_run_ends_in_a_checkpoint_and_goes_on_as_if_it_had_not_ended(config: Path, tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    short = invoke("--config", config, "--epochs", 1, "--limit", 40, "--output", parts)
    assert short.exit_code == 0, short.output
    assert "40 showers of showers.hdf5 to train on" in short.output
    assert (Run.open(parts).read_checkpoint() or (0, ()))[0] == 2
    for epochs, folder in ((2, parts), (2, whole)):
        result = invoke("--config", config, "--epochs", epochs, "--limit", 40, "--output", folder)
        assert result.exit_code == 0, result.output
    resumed, unbroken = (Run.open(folder).read_checkpoint() for folder in (parts, whole))
    assert resumed is not None
    assert unbroken is not None
    assert resumed[0] == unbroken[0] == 4
    for left, right in zip(resumed[1], unbroken[1], strict=True):
        np.testing.assert_array_equal(left, right)
    described = Run.open(whole).description
    assert described.command.startswith("caloserve train --config eplus-tiny.toml --particle eplus --data showers.hdf5")
    assert described.command.endswith("--epochs 2 --seed 1 --limit 40")
    assert str(tmp_path) not in described.command
    cells = np.asarray(Run.open(whole).load_generator()(np.zeros((2, 8), "f"), np.full((2, 1), 50.0, "f")))
    assert cells.shape == (2, 504)


def test_options_that_a_family_does_not_have_are_refused(config: Path, tmp_path: Path) -> None:
    result = invoke("--config", config, "--steps", 3, "--output", tmp_path / "run")
    assert result.exit_code == 1
    assert "calogan2017 has no setting steps" in result.output
    assert not (tmp_path / "run").exists()


def test_without_a_config_the_basics_must_be_given() -> None:
    result = invoke("--particle", "eplus")
    assert result.exit_code == 1
    assert "without --config, --data, --reference must be given" in result.output


def test_fewer_showers_than_a_batch_are_refused(config: Path, tmp_path: Path) -> None:
    result = invoke("--config", config, "--limit", 15, "--output", tmp_path / "run")
    assert result.exit_code == 1
    assert "15 showers are fewer than a batch of 16" in result.output


def test_a_folder_in_use_is_left_alone(config: Path) -> None:
    result = invoke("--config", config, "--output", config.parent)
    assert result.exit_code == 1
    assert "is not empty, and no run" in result.output
