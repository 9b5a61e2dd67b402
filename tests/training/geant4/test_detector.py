import re
from pathlib import Path
from typing import Any

import pytest

from caloserve.calorimeter import CALOGAN
from caloserve_training.errors import DetectorError
from caloserve_training.geant4.detector import PAPER, detector_from_dict, read_detector

DOCUMENT = Path(__file__).parents[3] / "docs" / "simulation.md"


def test_the_papers_absorbers_are_shared_out_among_the_layers() -> None:
    slabs = [PAPER.absorbers(layer) for layer in CALOGAN.layers]
    assert [len(layer) for layer in slabs] == [15, 58, 7]
    assert sum(back - front for layer in slabs for front, back in layer) == pytest.approx(160.0)
    assert slabs[0][0] == pytest.approx((-45.0, -43.0))
    assert slabs[2][0] == pytest.approx((-20.5, -18.5))  # a millimetre of argon is before it


def test_cells_tile_the_slabs() -> None:
    assert [PAPER.cells_across(layer) for layer in CALOGAN.layers] == [(7, 224), (28, 28), (28, 14)]


def test_a_detector_survives_being_written_down() -> None:
    assert detector_from_dict(PAPER.as_dict()) == PAPER


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"width_mm": 1000.0}, r"layer 0: 3 cells of 160 mm along phi cannot be the middle of slabs 1000 mm wide"),
        ({"slabs": 79}, "layers reach from -240 to 240 mm, slabs over 474 mm"),
        ({"active_mm": -4.0}, "above 0"),
        ({"colour": "red"}, "colour"),
        ({"absorber": {"name": "mud", "density_g_cm3": 1, "elements": {"Xx": 1}}}, "mud: Xx is no chemical element"),
        ({"absorber": {"name": "void", "density_g_cm3": 0, "elements": {"Pb": 1}}}, "density"),
        ({"layers": []}, "not a detector"),
    ],
)
def test_impossible_detectors(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(DetectorError, match=wrong):
        detector_from_dict(PAPER.as_dict() | changes)


def test_the_documented_detector_is_one(tmp_path: Path) -> None:
    documented = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "detector.toml").write_text(documented[0])
    detector = read_detector(tmp_path / "detector.toml")
    assert detector.symbols == {"W", "Si"}
    assert [len(detector.absorbers(layer)) for layer in detector.geometry.layers] == [10, 10]


def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "detector.toml"
    path.write_text("name = 'nothing else'\n")
    with pytest.raises(DetectorError, match=r"detector\.toml: not a detector: 'layers'"):
        read_detector(path)
