import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from caloserve.calorimeter.errors import ManifestError
from caloserve.generator.manifest import Export, Manifest, Speed
from standin_release import write_release


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    write_release(tmp_path, "eplus")
    return dict(json.loads((tmp_path / "0.1.0" / "manifest.json").read_text()))


def test_a_manifest_reads_back_as_written(tmp_path: Path) -> None:
    manifest = write_release(tmp_path, "gamma", "1.2.3")
    assert Manifest.read(tmp_path / "1.2.3" / "manifest.json") == manifest


def test_how_the_model_was_exported_reads_back(tmp_path: Path) -> None:
    manifest = write_release(tmp_path, "gamma", "1.2.3")
    assert manifest.model.export is None
    export = Export("int8", 0.03, 0.001, -1e-4, (Speed(1, 0.8), Speed(128, 0.1)), "onnxruntime 1.32.0", "x86_64-avx2")
    exported = replace(manifest, model=replace(manifest.model, export=export))
    exported.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == exported


def test_manifests_from_before_exports_were_measured_read(tmp_path: Path, document: dict[str, Any]) -> None:
    del document["model"]["export"]
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    assert Manifest.read(tmp_path / "manifest.json").model.export is None


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
