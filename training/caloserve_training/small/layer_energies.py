"""Layer energies from the particle's energy: an autoregressive mixture density network.

A shower's total and its split over the layers come first and the cells are made to match. Each number is drawn from
a mixture of Gaussians whose parameters a small network computes from the numbers before it; two switches (a minimum-
ionising hadron, an empty last layer) are drawn as yes or no, because no smooth density has a class of exact zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from caloserve_training.tensor import Tensor, logarithm, look_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPONENTS = 8
HIDDEN = 32
IONISING, TOTAL, EMPTY, FIRST, LAST = range(5)
"""The networks: a switch, the total, a switch, E_0/E_1 and E_2/E_1."""
RESPONSE_KNOTS, CROSSING_KNOTS, FIRST_KNOTS, LAST_KNOTS = range(4)
"""The maps from scores to values: of a total from showering and from crossing, E_0/E_1 and E_2/E_1."""
NORMALS = 8
"""Standard normals a shower's layer energies take: two switches, and a component and a value for three numbers."""
KNOTS = 201
KNOT_RANGE = 4.0
MINIMUM_IONISING_LIMIT_MEV = 600.0
"""A hadron that leaves less than this crossed without a nuclear interaction (the peak lies near 320 MeV)."""
EXCESS_GEV = 0.0015
"""Room above the kinetic energy: a positron brings up to 1.022 MeV by annihilation."""
FLOOR_MEV = 1e-5
CONTAINMENT = 1.0 - 2e-5
"""Largest response: rounding in the cells' balance stays below the particle's energy."""
_SQRT2 = float(np.sqrt(2.0))
_HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))


def rank_gauss_knots(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at evenly spaced normal scores, shape ``(KNOTS,)``: the map from a standard normal to the sample's law."""
    scores = np.linspace(-KNOT_RANGE, KNOT_RANGE, KNOTS)
    probabilities = np.array([NormalDist().cdf(score) for score in scores])
    return np.asarray(np.quantile(values, probabilities), dtype=np.float64)


def to_scores(values: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float32]:
    """Normal scores of values under a map made by `rank_gauss_knots`."""
    rising = knots + np.arange(KNOTS) * 1e-9
    return np.interp(values, rising, np.linspace(-KNOT_RANGE, KNOT_RANGE, KNOTS)).astype(np.float32)


@dataclass(frozen=True)
class LayerEnergyTargets:
    """Training targets, one row per shower; scores are rank-gaussianised.

    Attributes:
        energy: GeV, ``(n, 1)``.
        switches: Minimum-ionising, empty layer 2; 0 or 1, ``(n, 2)``.
        scores: Total, E_0/E_1, E_2/E_1, ``(n, 3)``.
        knots: The four maps back: total, minimum-ionising total, E_0/E_1, E_2/E_1, ``(4, KNOTS)``.
    """

    energy: NDArray[np.float32]
    switches: NDArray[np.float32]
    scores: NDArray[np.float32]
    knots: NDArray[np.float32]


def make_targets(
    energy: NDArray[np.float32], layer_energies: NDArray[np.float32], *, hadronic: bool
) -> LayerEnergyTargets:
    """Targets from energies in GeV, ``(n,)``, and layer energies in MeV, ``(n, 3)``."""
    incident = energy.astype(np.float64)
    deposits = layer_energies.astype(np.float64)
    total = deposits.sum(axis=1)
    ionising = (total < MINIMUM_IONISING_LIMIT_MEV) & hadronic
    if hadronic:
        response = np.log(np.maximum(total, 1.0) / 1000.0 / incident)
    else:
        response = np.log(np.maximum(incident + EXCESS_GEV - total / 1000.0, 1e-4) / incident)
    track = np.log(np.maximum(total, 1.0))
    logs = np.log(np.maximum(deposits, FLOOR_MEV))
    empty = deposits[:, 2] <= 0
    knots = np.stack(
        [
            rank_gauss_knots(response[~ionising]),
            rank_gauss_knots(track[ionising]) if ionising.any() else np.zeros(KNOTS),
            rank_gauss_knots(logs[:, 0] - logs[:, 1]),
            rank_gauss_knots((logs[:, 2] - logs[:, 1])[~empty]),
        ]
    )
    scores = np.stack(
        [
            np.where(ionising, to_scores(track, knots[1]), to_scores(response, knots[0])),
            to_scores(logs[:, 0] - logs[:, 1], knots[2]),
            to_scores(logs[:, 2] - logs[:, 1], knots[3]),
        ],
        axis=1,
    ).astype(np.float32)
    switches = np.stack([ionising, empty], axis=1).astype(np.float32)
    return LayerEnergyTargets(energy.reshape(-1, 1), switches, scores, knots.astype(np.float32))


class LayerEnergyModel(keras.Model):  # type: ignore[misc]
    """Draws E_0, E_1, E_2 in MeV for particles of given energy in GeV."""

    def __init__(self, *, hadronic: bool, name: str | None = None) -> None:
        super().__init__(name=name)
        self.hadronic = hadronic
        self.knots = self.add_weight(shape=(4 * KNOTS,), initializer="zeros", trainable=False, name="knots")
        self.networks = [
            keras.Sequential(
                [
                    keras.layers.Input((inputs,)),
                    keras.layers.Dense(HIDDEN, activation="tanh"),
                    keras.layers.Dense(HIDDEN, activation="tanh"),
                    keras.layers.Dense(outputs),
                ],
                name=label,
            )
            for label, inputs, outputs in (
                ("ionising", 2, 1),
                ("total", 3, 3 * COMPONENTS),
                ("empty", 4, 1),
                ("first", 5, 3 * COMPONENTS),
                ("last", 5, 3 * COMPONENTS),
            )
        ]
        self.cumulate = np.triu(np.ones((COMPONENTS, COMPONENTS), dtype=np.float32))

    @property
    def trained_weights(self) -> list[Tensor]:
        """Weights of the networks in use: a particle that always showers has no minimum-ionising switch."""
        networks = self.networks if self.hadronic else self.networks[TOTAL:]
        return [weight for network in networks for weight in network.trainable_weights]

    def set_knots(self, knots: NDArray[np.float32]) -> None:
        """Take the maps from scores to values."""
        self.knots.assign(knots.reshape(-1))

    def loss_of(self, energy: Tensor, switches: Tensor, scores: Tensor) -> Tensor:
        """Negative log-likelihood per shower, ``(n,)``."""
        base = _energy_features(energy)
        ionising, empty = switches[:, :1], switches[:, 1:]
        total, first, last = scores[:, :1], scores[:, 1:2], scores[:, 2:]
        loss = _mixture_loss(self.networks[TOTAL](_join(base, ionising)), total)
        loss += _switch_loss(self.networks[EMPTY](_join(base, ionising, total)), empty)
        loss += _mixture_loss(self.networks[FIRST](_join(base, ionising, total, empty)), first)
        loss += (1.0 - empty) * _mixture_loss(self.networks[LAST](_join(base, ionising, total, first)), last)
        if self.hadronic:
            loss += _switch_loss(self.networks[IONISING](base), ionising)
        return loss[:, 0]

    def call(self, energy: Tensor, normals: Tensor) -> Tensor:
        """Layer energies in MeV, ``(batch, 3)``, from GeV ``(batch, 1)`` and standard normals ``(batch, NORMALS)``."""
        base = _energy_features(energy)
        uniforms = 0.5 + 0.5 * ops.erf(normals / _SQRT2)
        if self.hadronic:
            ionising = ops.cast(uniforms[:, 0:1] < ops.sigmoid(self.networks[IONISING](base)), "float32")
        else:
            ionising = ops.zeros_like(energy)
        total = self._draw(TOTAL, _join(base, ionising), uniforms[:, 1:2], normals[:, 2:3])
        empty = ops.cast(uniforms[:, 3:4] < ops.sigmoid(self.networks[EMPTY](_join(base, ionising, total))), "float32")
        first = self._draw(FIRST, _join(base, ionising, total, empty), uniforms[:, 4:5], normals[:, 5:6])
        last = self._draw(LAST, _join(base, ionising, total, first), uniforms[:, 6:7], normals[:, 7:8])
        response = energy * ops.exp(self._value(RESPONSE_KNOTS, total))
        if self.hadronic:
            crossing = ops.exp(self._value(CROSSING_KNOTS, total))
            deposit = ops.where(ionising > 0, crossing, 1000.0 * response)
        else:
            deposit = 1000.0 * (energy + EXCESS_GEV - response)
        deposit = ops.minimum(ops.maximum(deposit, energy), 1000.0 * CONTAINMENT * energy)
        ratio_first = ops.exp(self._value(FIRST_KNOTS, first))
        ratio_last = ops.exp(self._value(LAST_KNOTS, last)) * (1.0 - empty)
        middle = deposit / (1.0 + ratio_first + ratio_last)
        return _join(middle * ratio_first, middle, middle * ratio_last)

    def _draw(self, network: int, features: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """One score: the uniform picks a component, the normal a value in it."""
        logits, centres, log_widths = _mixture(self.networks[network](features))
        upper = ops.matmul(ops.softmax(logits, axis=-1), self.cumulate)
        # The last edge is 1 up to rounding: only the others are compared, so that exactly one component is chosen.
        edges = upper[:, : COMPONENTS - 1]
        passed = ops.cast(uniform > edges, "float32")
        ones = ops.ones_like(uniform)
        chosen = _join(ones, passed) - _join(passed, ops.zeros_like(uniform))
        centre = ops.sum(chosen * centres, axis=-1, keepdims=True)
        width = ops.exp(ops.sum(chosen * log_widths, axis=-1, keepdims=True))
        return ops.clip(centre + width * normal, -KNOT_RANGE, KNOT_RANGE)

    def _value(self, which: int, score: Tensor) -> Tensor:
        """Value at a score, linear between knots."""
        position = (score + KNOT_RANGE) * ((KNOTS - 1) / (2 * KNOT_RANGE))
        below = ops.clip(ops.floor(position), 0.0, KNOTS - 2.0)
        index = ops.cast(below, "int32") + which * KNOTS
        lower = look_up(self.knots, index)
        upper = look_up(self.knots, index + 1)
        return lower + (position - below) * (upper - lower)


def _join(*parts: Tensor) -> Tensor:
    return ops.concatenate(parts, axis=-1)


def _energy_features(energy: Tensor) -> Tensor:
    """Two numbers of order one, held at the edges of 1-100 GeV: outside, a shower scales and its shape stays."""
    held = ops.clip(energy, 1.0, 100.0)
    return _join(logarithm(held) - 3.5, held / 50.0 - 1.0)


def _mixture(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, centres and bounded log widths of the components."""
    return (
        outputs[:, :COMPONENTS],
        outputs[:, COMPONENTS : 2 * COMPONENTS],
        ops.clip(outputs[:, 2 * COMPONENTS :], -5.0, 1.5),
    )


def _mixture_loss(outputs: Tensor, score: Tensor) -> Tensor:
    logits, centres, log_widths = _mixture(outputs)
    pulls = (score - centres) * ops.exp(-log_widths)
    densities = ops.log_softmax(logits, axis=-1) - 0.5 * pulls * pulls - log_widths - _HALF_LOG_2PI
    return -ops.logsumexp(densities, axis=-1, keepdims=True)


def _switch_loss(logit: Tensor, truth: Tensor) -> Tensor:
    return ops.softplus(logit) - truth * logit
