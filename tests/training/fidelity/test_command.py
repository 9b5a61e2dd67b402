import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from caloserve.calorimeter import CALOGAN
from caloserve_training.data import ShowerSample
from caloserve_training.fidelity.case import Case
from caloserve_training.fidelity.command import fidelity


def write(path: Path, sample: ShowerSample, **attributes: str) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        file["energy"] = sample.energy[:, np.newaxis]
        for layer, image in zip(CALOGAN.layers, CALOGAN.split(sample.cells), strict=True):
            file[f"layer_{layer.index}"] = image
    return path


@pytest.fixture(scope="module")
def files(make_case: Callable[[str], Case], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """300 showers of each sample; the generated ones have 10 % too much energy in layer 1."""
    case, folder = make_case("eplus"), tmp_path_factory.mktemp("files")
    assert case.training is not None
    few = slice(300)
    spoilt = case.generated.select(np.arange(300))  # a copy
    spoilt.cells[:, CALOGAN.layers[1].span] *= np.float32(1.1)
    return {
        "reference": write(folder / "reference.hdf5", case.reference.select(few)),
        "generated": write(folder / "generated.hdf5", spoilt, particle="eplus"),
        "training": write(folder / "training.hdf5", case.training.select(few)),
    }


@pytest.fixture(scope="module")
def report(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    options = [f"--{name}={path}" for name, path in files.items()]
    result = CliRunner().invoke(fidelity, [*options, f"--output={folder}"])
    assert result.exit_code == 0, result.output
    assert "Energy scale of layer 1" in result.output
    return folder


def test_the_report_needs_nothing_else_and_names_the_fault_on_top(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    top = page[: page.index('id="showers"')]
    wrong = top[top.index("What is wrong") : top.index("What is right")]
    assert re.search(r"Energy scale of layer 1</b><span>\+(9|10)\.\d+ ± 0\.\d+ % against Geant4", wrong)
    assert "Energy scale of layer 0" not in wrong
    assert page.count("<img") == len(re.findall(r'<img src="data:image/webp;base64,[^"]+"', page)) >= 10
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_what_was_not_looked_at_is_said(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "Not made: needs Geant4 and generated showers of the other particle" in page
    assert "no Geant4 showers above 100 GeV were given" in page


def test_the_numbers_are_in_a_file_too(report: Path) -> None:
    numbers = json.loads((report / "fidelity.json").read_text(encoding="utf-8"))
    scale = next(check for check in numbers["checks"] if check["name"] == "scale_1")
    assert not scale["agrees"]
    assert numbers["layer_scales"][1]["scale"] == pytest.approx(1.1, abs=0.01)
    assert numbers["reference"]["showers"] == numbers["training_showers"] == 300
    assert {entry["showers"] for entry in numbers["classifiers"]} == {300}
    areas = {(entry["on"], entry["floor"]): entry["auc"] for entry in numbers["classifiers"]}
    assert areas["shapes", False] > 0.8
    assert areas["shapes", True] < 0.6
    assert {"auc_shapes", "auc_cells", "copies"} <= {figure["name"] for figure in numbers["figures"]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "exactly one of --generated and --target"),
        (["--generated", "generated", "--release", "0.2.0"], "go with --target"),
        (["--target", "localhost:1", "--fixed-generated", "generated"], "asked for the generated showers"),
        (["--generated", "reference"], "give --particle"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], words: str, files: dict[str, Path], tmp_path: Path
) -> None:
    arguments = [str(files.get(option, option)) for option in options]
    always = [f"--reference={files['reference']}", f"--output={tmp_path}"]
    result = CliRunner().invoke(fidelity, [*always, *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_energies_of_another_spectrum_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    with h5py.File(files["reference"]) as file:
        images = [np.asarray(file[f"layer_{layer.index}"]) for layer in CALOGAN.layers]
    other = write(tmp_path / "other.hdf5", ShowerSample(np.full(300, 50.0, np.float32), CALOGAN.flatten(*images), ""))
    options = ["--particle=eplus", f"--reference={files['reference']}", f"--generated={other}"]
    result = CliRunner().invoke(fidelity, [*options, f"--output={tmp_path / 'report'}"])
    assert result.exit_code == 1
    assert "--energies-from" in result.output
