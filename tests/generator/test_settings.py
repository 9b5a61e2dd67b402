import re
from dataclasses import replace
from pathlib import Path

import pytest

from caloserve.calorimeter import PARTICLES
from caloserve.calorimeter.errors import SettingsError
from caloserve.generator.settings import Provider, Settings, service_settings

MINIMAL = 'particle = "gamma"\nservice_version = "1.0.0"\naddress = "a:1"\nmetrics_address = "a:2"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "service.toml"
    path.write_text(MINIMAL)
    return path


@pytest.mark.parametrize("particle", PARTICLES)
def test_every_particle_has_installed_settings(particle: str) -> None:
    settings = Settings.read(service_settings(particle))
    assert settings.particle.name == particle
    assert settings.provider is Provider.CPU


@pytest.mark.parametrize("particle", PARTICLES)
def test_settings_that_are_commented_out_are_the_defaults(particle: str, tmp_path: Path) -> None:
    shipped = service_settings(particle).read_text(encoding="utf-8")
    file = tmp_path / "service.toml"
    file.write_text(re.sub(r"^# (\w+ = )", r"\1", shipped, flags=re.MULTILINE))
    assert "\nshowers_waiting = " in file.read_text()
    told = replace(Settings.read(file), releases=Path())
    assert told == replace(Settings.read(service_settings(particle)), releases=Path())


def test_releases_lie_beside_the_settings_unless_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALOSERVE_RELEASES", raising=False)
    assert Settings.read(path).releases == path.parent / "releases"
    monkeypatch.setenv("CALOSERVE_RELEASES", "/elsewhere")
    assert Settings.read(path).releases == Path("/elsewhere/gamma")
    assert Settings.read(path, releases=Path("here")).releases == Path("here")


def test_overrides_replace_what_the_file_says_unless_none(path: Path) -> None:
    settings = Settings.read(path, address="b:3", threads=None, provider="cuda")
    assert (settings.address, settings.threads, settings.provider) == ("b:3", 1, Provider.CUDA)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("particle = ", "Invalid value"),
        (MINIMAL.replace("gamma", "kaon"), "'kaon', known are eplus, gamma, piplus"),
        (MINIMAL + "colour = 3\n", "no such setting: colour"),
        (MINIMAL.replace("service_version", "#"), "service_version"),
        (MINIMAL + 'provider = "tpu"\n', "'tpu'"),
        (MINIMAL + 'threads = "two"\n', "threads is 'two'; it should be of type int"),
        (MINIMAL + "threads = true\n", "threads is True"),
        (MINIMAL + "threads = 0\n", "threads is 0; it should be at least 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(path: Path, content: str, says: str) -> None:
    path.write_text(content)
    with pytest.raises(SettingsError, match=says):
        Settings.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        Settings.read(tmp_path / "nowhere.toml")
