import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve_training.fidelity.checks import Check, Topic, holm, percent, weigh, with_error

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_holm_multiplies_by_the_questions_left() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])


@given(PROBABILITIES)
def test_corrected_probabilities_are_larger_and_keep_their_order(values: list[float]) -> None:
    plain = np.array(values)
    corrected = holm(plain)
    assert ((corrected >= plain) & (corrected <= 1.0)).all()
    order = np.argsort(plain, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()


def test_one_question_in_many_must_be_answered_more_clearly() -> None:
    check = Check("a", Topic.ENERGY, "A", "", 0.005)
    others = [Check(f"b{index}", Topic.ENERGY, "B", "", 0.5) for index in range(9)]
    assert not weigh([check])[0].agrees
    assert weigh([check, *others])[0].agrees


@pytest.mark.parametrize(
    ("ratio", "error", "words"),
    [
        (1.03, 0.0008, "+3.000 ± 0.080 %"),
        (0.7, 0.04, "-30.0 ± 4.0 %"),
        (1.5, 0.2, "+50 ± 20 %"),
    ],
)
def test_a_difference_has_the_digits_of_its_error(ratio: float, error: float, words: str) -> None:
    assert percent(ratio, error) == words


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [(0.99351, 0.00123, "0.9935 ± 0.0012"), (412.0, 35.0, "412 ± 35"), (0.25, 0.0, "0.25"), (float("inf"), 0.0, "-")],
)
def test_a_value_has_the_digits_of_its_error(value: float, error: float, words: str) -> None:
    assert with_error(value, error) == words
