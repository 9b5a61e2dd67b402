import numpy as np
import pytest

from caloserve_training.calogan2017.losses import VERDICTS, energy_distance
from caloserve_training.calogan2017.settings import EnergyTarget, Loss


@pytest.mark.parametrize("loss", list(Loss))
def test_a_discriminator_that_is_right_loses_least(loss: Loss) -> None:
    verdicts, sure = VERDICTS[loss], np.full((4, 1), 3.0, np.float32)
    assert verdicts.on_real(sure) < verdicts.on_real(0 * sure) < verdicts.on_real(-sure)
    assert verdicts.on_made(-sure) < verdicts.on_made(0 * sure) < verdicts.on_made(sure)
    assert verdicts.of_generator(sure) < verdicts.of_generator(-sure)


def test_cross_entropy_of_no_opinion_is_log_two() -> None:
    nothing = np.zeros((4, 1), np.float32)
    assert float(VERDICTS[Loss.BCE].on_real(nothing)) == pytest.approx(np.log(2))


def test_energies_are_held_beside_the_incident_or_the_deposited() -> None:
    made, incident, deposited = (np.array([column], np.float32).T for column in ((1, 9), (10, 10), (8, 2)))
    assert float(energy_distance(made, incident, deposited, EnergyTarget.INCIDENT)) == 5.0
    assert float(energy_distance(made, incident, deposited, EnergyTarget.DEPOSITED)) == 1.0
