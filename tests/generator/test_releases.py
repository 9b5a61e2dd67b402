from pathlib import Path

import pytest

from caloserve.calorimeter.errors import ChecksumError, ManifestError, ReleaseError
from caloserve.generator.releases import ReleaseStore, Version, find_version
from standin_release import write_release

NOT_VERSIONS = (
    "drafts",
    "01.0.0",
    "1.0",
    "-1.0.0",
    "1.0.0-rc1",
    "CaloGAN-1.0.0",
    "calo-gan-1.0.0",
    "2017-1.0.0",
    "x-1.0.٣",
)


def folders(root: Path, *names: str) -> ReleaseStore:
    for name in names:
        (root / name).mkdir()
    return ReleaseStore(root, "eplus")


def test_versions_are_listed_by_family_and_from_the_newest_on(tmp_path: Path) -> None:
    store = folders(tmp_path, "0.10.0", "b2-1.0.0", "0.9.1", "1.0.0", "a-0.9.0", "0.9.0", "a-0.10.0", *NOT_VERSIONS)
    assert store.versions() == ("1.0.0", "0.10.0", "0.9.1", "0.9.0", "a-0.10.0", "a-0.9.0", "b2-1.0.0")


def test_a_version_says_its_family_and_numbers() -> None:
    assert Version.read("calogan2017-0.1.10") == ("calogan2017", 0, 1, 10)
    assert Version.read("0.1.10") == ("", 0, 1, 10)
    for text in NOT_VERSIONS:
        with pytest.raises(ReleaseError, match=r"is not the version of a release: X\.Y\.Z, or FAMILY-X\.Y\.Z"):
            Version.read(text)


def test_a_name_is_a_version_or_a_family_for_its_newest() -> None:
    served = ("0.2.0", "calogan2017-0.9.0", "calogan2017-0.10.0")
    names = ("0.2.0", "", "calogan2017", "calogan2017-0.9.0", "calogan", "calogan2017-", "0.1.0")
    assert [find_version(name, served) for name in names] == [
        "0.2.0", "0.2.0", "calogan2017-0.10.0", "calogan2017-0.9.0", None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "chosen", "default"),
    [
        (("0.1.0", "0.2.0", "a-9.0.0"), "", "0.2.0"),
        (("0.1.0", "0.2.0", "a-9.0.0"), "0.1.0", "0.1.0"),
        (("0.1.0", "a-9.0.0", "a-10.0.0"), "a", "a-10.0.0"),
        (("0.1.0", "a-9.0.0", "a-10.0.0"), "a-9.0.0", "a-9.0.0"),
        (("a-9.0.0", "a-10.0.0"), "", "a-10.0.0"),
        (("a-9.0.0", "b-10.0.0"), "b", "b-10.0.0"),
    ],
)
def test_the_default_is_the_chosen_or_the_newest_without_a_family(
    tmp_path: Path, names: tuple[str, ...], chosen: str, default: str
) -> None:
    assert folders(tmp_path, *names).default(chosen) == default


def test_several_families_need_a_default_to_be_chosen(tmp_path: Path) -> None:
    store = folders(tmp_path, "b-1.0.0", "a-1.0.0")
    with pytest.raises(
        ReleaseError, match=r"releases of a, b and none .*default_release in service\.toml or --release"
    ):
        store.default()
    with pytest.raises(ReleaseError, match=r"no release 'c' to serve by default; there are a-1\.0\.0, b-1\.0\.0"):
        store.default("c")


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
