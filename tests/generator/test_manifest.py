import json
from pathlib import Path
from typing import Any

import pytest

from caloserve.calorimeter.errors import ManifestError
from caloserve.generator.manifest import Manifest
from standin_release import write_release


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    write_release(tmp_path, "eplus")
    return dict(json.loads((tmp_path / "0.1.0" / "manifest.json").read_text()))


def test_a_manifest_reads_back_as_written(tmp_path: Path) -> None:
    manifest = write_release(tmp_path, "gamma", "1.2.3")
    assert Manifest.read(tmp_path / "1.2.3" / "manifest.json") == manifest


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("schema",), 2, "schema is 2"),
        (("version",), None, "version: None should be of type str"),
        (("model", "latent_size"), "many", "latent_size: 'many' should be of type int"),
        (("model", "latent_size"), True, "latent_size: True"),
        (("domain",), [1, 100], "domain: should be an object"),
        (("domain", "energy_min_gev"), 0.0, "domain: 0.0 to 100.0 GeV is not a range"),
        (("domain", "energy_max_gev"), float("nan"), "is not a range"),
        (("fidelity", "figures"), {}, "figures: should be a list"),
        (("fidelity", "figures"), [{"name": "auc"}], r"figures\[0\]: lacks value, reference, unit, sample_size"),
    ],
)
def test_a_wrong_field_is_named(
    tmp_path: Path, document: dict[str, Any], place: tuple[str, ...], value: object, says: str
) -> None:
    where = document
    for name in place[:-1]:
        where = where[name]
    where[place[-1]] = value
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ManifestError, match=says):
        Manifest.read(path)


def test_a_missing_field_is_named(tmp_path: Path, document: dict[str, Any]) -> None:
    del document["training"]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ManifestError, match="lacks training"):
        Manifest.read(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(ManifestError, match=str(path)):
        Manifest.read(path)
