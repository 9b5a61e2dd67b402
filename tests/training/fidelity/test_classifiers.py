import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from caloserve_training.fidelity.classifiers import contest

CHOOSER = np.random.default_rng(0)


def test_a_classifier_cannot_tell_one_law_from_itself() -> None:
    first, second = CHOOSER.normal(size=(2, 400, 4))
    found = contest("shapes", "", lambda: HistGradientBoostingClassifier(max_iter=30), first, second)
    assert found.auc == pytest.approx(0.5, abs=4 * found.error)
    assert found.error == pytest.approx(0.02, abs=0.008)
    assert found.size == 400


def test_sizes_are_made_equal_and_a_shift_is_seen() -> None:
    first, second = CHOOSER.normal(size=(300, 2)), CHOOSER.normal(1.0, size=(200, 2))
    found = contest("shapes", "", lambda: HistGradientBoostingClassifier(max_iter=30), first, second)
    assert found.size == 200
    assert found.auc > 0.7
