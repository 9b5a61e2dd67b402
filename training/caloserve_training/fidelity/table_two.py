"""Table II of arXiv:1705.02355: classifiers between particles, trained and tested on Geant4's or generated showers.

A network that tells e+ from pi+, or from gamma, should do as well on generated showers as on Geant4's, whichever it
was trained on. As in the paper it has six fully connected layers with dropout, sees the variables of Table IV, and is
trained ten times.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve.calorimeter import SHOWER_SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample
    from caloserve_training.fidelity.case import Case, Pair

    Values = NDArray[np.float64]
    Labelled = tuple[Values, NDArray[np.float32]]

TRIALS = 10
PAIRS = (("eplus", "piplus"), ("eplus", "gamma"))
WIDTH = 64
LAYERS = 6
DROPOUT = 0.2
EPOCHS = 15
BATCH = 128
MOST = 2500
"""Showers of each particle trained on, and tested on."""
GEANT4, GENERATED = "Geant4", "generated"


@dataclass(frozen=True)
class Accuracy:
    """One number of the table.

    Attributes:
        first: A particle.
        second: The one to be told from it.
        trained_on: `GEANT4` or `GENERATED`.
        tested_on: Likewise.
        mean: Accuracy in per cent, mean of the trials.
        deviation: Its standard deviation from trial to trial.
        size: Showers of each particle in the training.
    """

    first: str
    second: str
    trained_on: str
    tested_on: str
    mean: float
    deviation: float
    size: int


def missing(case: Case) -> str:
    """Why the table cannot be made; empty if it can."""
    if find_spec("keras") is None:
        return "needs Keras; install caloserve[training]"
    if not _pairs(case):
        return "needs Geant4 and generated showers of the other particle (--other-reference, --other-generated)"
    return ""


def table_two(case: Case, tick: Callable[[], None] = lambda: None) -> list[Accuracy]:
    """All accuracies for which there are samples; ``tick`` is called after each trial."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    for (first, second), (left, right) in _pairs(case).items():
        sets = {
            GEANT4: _split(left.reference, right.reference),
            GENERATED: _split(left.generated, right.generated),
        }
        for trained_on, (train, _) in sets.items():
            trials = []
            for seed in range(TRIALS):
                classify = _train(train, seed)
                trials.append([classify(test) for _, test in sets.values()])
                tick()
            for tested_on, values in zip(sets, np.array(trials).T, strict=True):
                rows.append(
                    Accuracy(
                        first,
                        second,
                        trained_on,
                        tested_on,
                        float(100 * values.mean()),
                        float(100 * values.std(ddof=1)),
                        len(train[0]) // 2,
                    )
                )
    return rows


def trials_of(case: Case) -> int:
    """How many networks will be trained."""
    return 0 if missing(case) else len(_pairs(case)) * 2 * TRIALS


def _pairs(case: Case) -> dict[tuple[str, str], tuple[Pair, Pair]]:
    known: dict[str, Pair] = {case.particle: case.equal, **case.others}
    return {
        (first, second): (known[first], known[second])
        for first, second in PAIRS
        if first in known and second in known and case.particle in (first, second)
    }


def _split(first: ShowerSample, second: ShowerSample) -> tuple[Labelled, Labelled]:
    """Variables and labels for training and for testing: the halves of as many showers of each kind."""
    size = min(len(first), len(second)) // 2
    chosen = min(size, MOST)
    halves = []
    for start in (0, size):
        rows = slice(start, start + chosen)
        features = np.concatenate([_features(first.select(rows)), _features(second.select(rows))])
        halves.append((features, np.repeat([0.0, 1.0], chosen).astype(np.float32)))
    return halves[0], halves[1]


def _features(sample: ShowerSample) -> Values:
    return np.stack([shape(sample.cells) for shape in SHOWER_SHAPES.values()], axis=1)


def _train(train: Labelled, seed: int) -> Callable[[Labelled], float]:
    """Train one network; the answer gives its accuracy on another set."""
    import keras  # noqa: PLC0415 (slow to import, and optional)

    features, labels = train
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.layers.Input((features.shape[1],))]
    for _ in range(LAYERS - 1):
        layers += [keras.layers.Dense(WIDTH), keras.layers.LeakyReLU(0.2), keras.layers.Dropout(DROPOUT)]
    network = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    network.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
    scaled = ((features - centre) / scale).astype(np.float32)
    network.fit(scaled, labels, epochs=EPOCHS, batch_size=BATCH, verbose=0)

    def classify(test: Labelled) -> float:
        rows = ((test[0] - centre) / scale).astype(np.float32)
        scores = np.asarray(network.predict_on_batch(rows)).reshape(-1)
        return float(np.mean((scores > 0.5) == (test[1] > 0.5)))  # noqa: PLR2004

    return classify
