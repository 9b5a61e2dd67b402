import pytest

from caloserve.generator.manifest import Figure
from caloserve_training.errors import PolicyError
from caloserve_training.fidelity.gate import Served, objections
from caloserve_training.fidelity.policy import Policy, Rule, parse_policy, read_policy

POLICY = Policy(
    1,
    2.0,
    (
        Rule("auc_shapes", best=0.5, limit=0.3),
        Rule("e_tot_ratio", best=1.0, limit=0.1),
        Rule("copies", best=0.0, limit=0.0),
    ),
)


def figures(auc: float, ratio: float = 1.0, copies: float = 0.0) -> tuple[Figure, ...]:
    return (
        Figure("auc_shapes", auc, None, "", 1000, 0.01),
        Figure("e_tot_ratio", ratio, 1.0, "", 1000, 0.02),
        Figure("copies", copies, 0.0, "", 1000, None),
    )


def served(auc: float, ratio: float = 1.0) -> Served:
    return Served("0.2.0", figures(auc, ratio))


def test_a_release_as_good_as_the_served_passes() -> None:
    assert objections(POLICY, figures(0.61), served(0.60)) == ()
    assert objections(POLICY, figures(0.55), served(0.60)) == ()


def test_the_first_release_has_only_the_limits_to_pass() -> None:
    assert objections(POLICY, figures(0.79), None) == ()
    (words,) = objections(POLICY, figures(0.81), None)
    assert words == "auc_shapes 0.81 ± 0.01 is further than 0.3 from 0.5"


def test_a_loss_beyond_two_sigma_for_all_figures_together_is_refused() -> None:
    (words,) = objections(POLICY, figures(0.65), served(0.60))
    assert words.startswith("auc_shapes 0.65 ± 0.01 is worse than auc_shapes 0.6 ± 0.01 of 0.2.0, p = ")
    # 2.1 sigma by itself, but not for one of three.
    assert objections(POLICY, figures(0.63), served(0.60)) == ()


def test_a_mean_may_miss_on_either_side() -> None:
    assert objections(POLICY, figures(0.5, ratio=0.98), served(0.5, ratio=1.02)) == ()
    assert objections(POLICY, figures(0.5, ratio=0.88), served(0.5, ratio=1.0))
    assert objections(POLICY, figures(0.5, ratio=1.12), served(0.5, ratio=1.0))


def test_a_classifier_below_chance_is_no_loss() -> None:
    assert objections(POLICY, figures(0.1), served(0.5)) == ()


def test_one_copy_is_too_many() -> None:
    assert len(objections(POLICY, figures(0.5, copies=0.001), served(0.5))) == 2


def test_a_figure_that_is_missing_is_an_objection() -> None:
    assert objections(POLICY, figures(0.5)[:2], None) == ("copies was not measured",)


@pytest.mark.parametrize("hadronic", [False, True])
def test_the_policy_in_force_names_eight_figures_at_most(*, hadronic: bool) -> None:
    policy = read_policy(hadronic=hadronic)
    assert 1 <= len(policy.rules) <= 8
    assert policy.sigma == 2.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1", "malformed"),
        ("version = 1\nsigma = 2.0\nelectromagnetic = []", "names 0 figures"),
        ("version = 1\nsigma = 2.0\n" + 9 * "[[electromagnetic]]\nfigure='a'\nbest=0\nlimit=1\n", "names 9 figures"),
        ("version = 1\nsigma = 2.0\n" + 2 * "[[electromagnetic]]\nfigure='a'\nbest=0\nlimit=1\n", "each once"),
    ],
)
def test_a_malformed_policy_is_refused(text: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        parse_policy(text, hadronic=False)
