"""Critics and what they look at: shower shapes in one, log cells, hits and sorted cells in the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from caloserve.calorimeter import CALOGAN
from caloserve_training.small.cells import layer_membership
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

BRIGHTEST = 6
SMALLEST_SPREAD = 0.005
"""Differences below it are not worth a critic's while."""
LOG_SMALLEST_SPREAD = math.log(SMALLEST_SPREAD)
LARGEST_PULL = 6.0
LOG_SCALE = 10.0
LENGTH_MM = 40.0
THRESHOLD_MEV = 1e-6
"""Critics see no difference below it; under 0.1 % of Geant4's hits are fainter."""


def _profile_sums() -> tuple[NDArray[np.float32], list[tuple[slice, slice]]]:
    """Matrix from cells to row and column sums of every layer, and where each layer's two profiles lie."""
    columns: list[NDArray[np.float32]] = []
    places: list[tuple[slice, slice]] = []
    for layer in CALOGAN.layers:
        row, col = np.divmod(np.arange(layer.cells), layer.n_eta)
        starts = []
        for along, size in zip((row, col), layer.shape, strict=True):
            starts.append(len(columns))
            for number in range(size):
                column = np.zeros(CALOGAN.cells, dtype=np.float32)
                column[layer.span] = along == number
                columns.append(column)
        places.append((slice(starts[0], starts[1]), slice(starts[1], len(columns))))
    return np.stack(columns, axis=1), places


class Features(keras.layers.Layer):  # type: ignore[misc]
    """Differentiable features of showers: pulls from their trend with the conditions, in units of the spread about it.

    Most of a feature's spread over the sample comes from the energy. With that taken out, critics see the
    fluctuations of showers of one energy at full size: a central cell's 5 %, where its size varies a hundredfold.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        matrix, self.places = _profile_sums()
        self.profiles = ops.convert_to_tensor(matrix)
        self.profile_share = ops.convert_to_tensor(matrix / matrix.sum(axis=0))
        membership = layer_membership()
        self.to_layers = ops.convert_to_tensor(membership)
        self.to_cells = ops.convert_to_tensor(np.ascontiguousarray(membership.T))
        self.trends: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []

    def raw(self, cells: Tensor, hits: Tensor, log_expected: Tensor) -> tuple[Tensor, Tensor]:
        """Shape features and cell features, of cells in MeV, hits in [0, 1] and the logarithm of the expected cells."""
        energies = ops.maximum(ops.matmul(cells, self.to_layers), 1e-5)
        fractions = cells / ops.matmul(energies, self.to_cells)
        profiles = ops.matmul(fractions, self.profiles)
        sorted_parts = [ops.flip(ops.sort(cells[:, layer.span], axis=-1), axis=-1) for layer in CALOGAN.layers]
        shapes = [ops.log(profiles + 1e-4), ops.matmul(hits, self.profile_share)]
        for layer, places in zip(CALOGAN.layers, self.places, strict=True):
            bright = sorted_parts[layer.index][:, :BRIGHTEST] / energies[:, layer.index : layer.index + 1]
            first, second = bright[:, :1], bright[:, 1:2]
            shapes += [
                bright,
                ops.log(bright + 1e-4),
                (first - second) / (first + second + 1e-6),
                ops.mean(hits[:, layer.span], axis=-1, keepdims=True),
            ]
            for place, centres in zip(places, (layer.phi_mm, layer.eta_mm), strict=True):
                position = ops.convert_to_tensor((centres / LENGTH_MM).astype(np.float32))
                profile = profiles[:, place]
                centre = ops.sum(profile * position, axis=-1, keepdims=True)
                spread = ops.sum(profile * position * position, axis=-1, keepdims=True) - centre * centre
                shapes += [centre, ops.sqrt(ops.maximum(spread, 0.0) + 1e-3)]
        logs = (ops.log(ops.maximum(cells, THRESHOLD_MEV)) - math.log(THRESHOLD_MEV)) / LOG_SCALE
        sorted_logs = (
            ops.log(ops.maximum(ops.concatenate(sorted_parts, axis=-1), THRESHOLD_MEV)) - math.log(THRESHOLD_MEV)
        ) / LOG_SCALE
        excess = ops.log(cells + 1.0) - ops.log(ops.exp(log_expected) + 1.0)
        return ops.concatenate(shapes, axis=-1), ops.concatenate([logs, hits, sorted_logs, excess], axis=-1)

    def adapt(self, cells: NDArray[np.float32], conditions: Tensor, log_expected: Tensor) -> None:
        """Take trend and spread of each feature from real showers."""
        basis = ops.convert_to_numpy(_quadratic(conditions)).astype(np.float64)
        hits = (cells > 0).astype(np.float32)
        self.trends = []
        for values in self.raw(ops.convert_to_tensor(cells), ops.convert_to_tensor(hits), log_expected):
            array = ops.convert_to_numpy(values).astype(np.float64)
            trend = np.linalg.lstsq(basis, array, rcond=None)[0]
            deviation = np.abs(array - basis @ trend)
            log_spread = np.linalg.lstsq(basis, np.log(deviation + SMALLEST_SPREAD), rcond=None)[0]
            # A logarithm's mean is below the logarithm of the mean; the constant makes the pulls' spread one.
            pulls = deviation * np.exp(-np.maximum(basis @ log_spread, LOG_SMALLEST_SPREAD))
            log_spread[0] += np.log(np.maximum(np.sqrt((pulls**2).mean(axis=0)), SMALLEST_SPREAD))
            self.trends.append((trend.astype(np.float32), log_spread.astype(np.float32)))

    def call(self, cells: Tensor, hits: Tensor, conditions: Tensor, log_expected: Tensor) -> list[Tensor]:
        """One array of features per critic, the conditions beside them."""
        basis = _quadratic(conditions)
        features = []
        for values, (trend, log_spread) in zip(self.raw(cells, hits, log_expected), self.trends, strict=True):
            deviations = values - ops.matmul(basis, trend)
            pulls = deviations * ops.exp(-ops.maximum(ops.matmul(basis, log_spread), LOG_SMALLEST_SPREAD))
            features.append(ops.concatenate([LARGEST_PULL * ops.tanh(pulls / LARGEST_PULL), conditions], axis=-1))
        return features


def _quadratic(conditions: Tensor) -> Tensor:
    """Conditions, their products and 1."""
    count = conditions.shape[-1]
    first, second = np.triu_indices(count)
    products = ops.take(conditions, first, axis=-1) * ops.take(conditions, second, axis=-1)
    return ops.concatenate([ops.ones_like(conditions[:, :1]), conditions, products], axis=-1)


def make_critics(sizes: tuple[int, int]) -> list[Tensor]:
    """A critic of shapes (3 x 128) and one of cells (3 x 256) for feature arrays of the given widths."""
    return [
        keras.Sequential(
            [
                keras.layers.Input((size,)),
                *(layer for _ in range(3) for layer in (keras.layers.Dense(width), keras.layers.LeakyReLU(0.2))),
                keras.layers.Dense(1),
            ]
        )
        for size, width in zip(sizes, (128, 256), strict=True)
    ]
