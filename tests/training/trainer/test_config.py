from pathlib import Path

import pytest

from caloserve_training.calogan2017.settings import CaloGANSettings, EnergyTarget, Loss
from caloserve_training.errors import ConfigError
from caloserve_training.small.settings import SmallSettings
from caloserve_training.trainer.config import Config

CONFIGS = Path(__file__).parents[3] / "training" / "configs"
BASICS = {"family": "calogan2017", "particle": "eplus", "data": "a.hdf5", "reference": "b.hdf5"}


def test_the_paper_is_the_default() -> None:
    assert Config.of(BASICS).settings == CaloGANSettings()


def test_settings_have_the_types_of_the_family() -> None:
    settings = {"latent_size": 64, "loss": "hinge", "energy_target": "deposited", "energy_weight": 1, "soft": True}
    config = Config.of({**BASICS, "settings": settings})
    assert config.settings.loss is Loss.HINGE
    assert config.settings.energy_target is EnergyTarget.DEPOSITED
    assert isinstance(config.settings.energy_weight, float)
    assert config.changed(epochs=3).settings.epochs == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"family": "calogan"}, "family is 'calogan', known are small, calogan2017"),
        ({"particle": "muon"}, "particle is 'muon', known are"),
        ({"epochs": 3}, "no such setting: epochs"),
        ({"settings": {"steps": 3}}, "no such setting: steps"),
        ({"settings": {"loss": "wasserstein"}}, "loss is 'wasserstein', known are bce, hinge"),
        ({"settings": {"epochs": 1.5}}, "epochs is 1.5; it should be of type int"),
        ({"settings": {"epochs": -1}}, "not negative"),
        ({"settings": {"flips": 1}}, "flips is 1; it should be of type bool"),
        ({"reference": None}, "test = 0.1"),
    ],
)
def test_what_is_wrong_is_told(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.of({**BASICS, **table})


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="'data'"):
        Config.of({"family": "small", "particle": "eplus", "reference": "b.hdf5"})


def test_a_file_that_is_no_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("family = ")
    with pytest.raises(ConfigError, match=r"wrong\.toml"):
        Config.read(tmp_path / "wrong.toml")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_configs_that_come_with_it_can_be_run(path: Path) -> None:
    config = Config.read(path)
    root = CONFIGS.parents[1]
    assert (root / config.data).is_file()
    assert config.reference is not None
    assert (root / config.reference).is_file()
    assert path.stem.startswith(f"{config.particle}-{config.family}")
    assert isinstance(config.settings, CaloGANSettings if config.family == "calogan2017" else SmallSettings)
