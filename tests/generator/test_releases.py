from pathlib import Path

import pytest

from caloserve.calorimeter.errors import ChecksumError, ManifestError, ReleaseError
from caloserve.generator.releases import ReleaseStore
from standin_release import write_release


def test_versions_are_sorted_by_precedence_not_by_name(tmp_path: Path) -> None:
    for version in ("0.10.0", "0.9.1", "1.0.0", "0.9.0"):
        write_release(tmp_path, "eplus", version)
    (tmp_path / "drafts").mkdir()
    (tmp_path / "01.0.0").mkdir()
    assert ReleaseStore(tmp_path, "eplus").versions() == ("0.9.0", "0.9.1", "0.10.0", "1.0.0")


@pytest.mark.parametrize("folder", ["", "missing"])
def test_a_store_without_releases_says_so(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ReleaseError, match="no release of eplus"):
        ReleaseStore(tmp_path / folder, "eplus").versions()


def test_a_release_is_the_bytes_its_manifest_vouches_for(tmp_path: Path) -> None:
    manifest = write_release(tmp_path, "eplus")
    release = ReleaseStore(tmp_path, "eplus").load("0.1.0")
    assert release.manifest == manifest
    assert release.model == (tmp_path / "0.1.0" / "model.onnx").read_bytes()


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    write_release(tmp_path, "eplus")
    model = tmp_path / "0.1.0" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    with pytest.raises(ChecksumError, match="sha256"):
        ReleaseStore(tmp_path, "eplus").load("0.1.0")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    write_release(tmp_path, "eplus")
    (tmp_path / "0.1.0" / "model.onnx").unlink()
    with pytest.raises(ReleaseError, match=r"model\.onnx: No such file"):
        ReleaseStore(tmp_path, "eplus").load("0.1.0")


def test_a_release_of_another_particle_or_version_is_refused(tmp_path: Path) -> None:
    write_release(tmp_path, "gamma")
    with pytest.raises(ManifestError, match=r"gamma 0\.1\.0, not eplus"):
        ReleaseStore(tmp_path, "eplus").load("0.1.0")
    (tmp_path / "0.1.0").rename(tmp_path / "0.2.0")
    with pytest.raises(ManifestError, match=r"not gamma 0\.2\.0"):
        ReleaseStore(tmp_path, "gamma").load("0.2.0")
