"""Cells from layer energies: an expectation, a common fluctuation, noise of each cell's own, and the cell spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from caloserve.calorimeter import CALOGAN
from caloserve_training.data import flip_indices
from caloserve_training.small import spectrum
from caloserve_training.small.layer_energies import FLOOR_MEV
from caloserve_training.tensor import Tensor, logarithm, look_up

if TYPE_CHECKING:
    from numpy.typing import NDArray


CONDITIONS = 7
SHAPE_NORMALS = 32
EXPECTATION_HIDDEN = 64
LAYERS = len(CALOGAN.layers)
ROUNDING = 1e-5
LOG_BOTTOM = -40.0
"""Keeps the only cell of a layer above zero, far below any deposit, so that it can be scaled to the layer's energy."""


def layer_membership() -> NDArray[np.float32]:
    """One-hot layer of each cell, ``(504, 3)``: sums over layers and spreads back as plain products."""
    membership = np.zeros((CALOGAN.cells, LAYERS), dtype=np.float32)
    for layer in CALOGAN.layers:
        membership[layer.span, layer.index] = 1.0
    return membership


class ConditionScaler(keras.layers.Layer):  # type: ignore[misc]
    """What the cell networks see of a shower: energy, response and layer energies, standardised on real showers."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.centre = self.add_weight(shape=(CONDITIONS,), initializer="zeros", trainable=False, name="centre")
        self.scale = self.add_weight(shape=(CONDITIONS,), initializer="ones", trainable=False, name="scale")

    def adapt(self, energy: Tensor, layer_energies: Tensor) -> None:
        """Take centre and scale from a sample."""
        raw = ops.convert_to_numpy(self.raw(energy, layer_energies))
        self.centre.assign(raw.mean(axis=0))
        self.scale.assign(1.0 / np.maximum(raw.std(axis=0), 1e-3))

    @staticmethod
    def raw(energy: Tensor, layer_energies: Tensor) -> Tensor:
        """Unscaled conditions, ``(batch, 7)``, from GeV ``(batch, 1)`` and MeV ``(batch, 3)``."""
        total = ops.sum(layer_energies, axis=-1, keepdims=True)
        deposits = ops.maximum(ops.concatenate([layer_energies, total], axis=-1), 1e-2)
        logs = logarithm(ops.concatenate([energy, deposits], axis=-1))
        empty = ops.cast(layer_energies[:, 2:] <= 0.0, "float32")
        response = total / (1000.0 * energy)
        return ops.concatenate([logs[:, :1], response, logs[:, 1:], empty], axis=-1)

    def call(self, energy: Tensor, layer_energies: Tensor) -> Tensor:
        """Conditions of order one, ``(batch, 7)``."""
        return ops.clip((self.raw(energy, layer_energies) - self.centre) * self.scale, -4.0, 4.0)


class CellModel(keras.Model):  # type: ignore[misc]
    """Cells in MeV given the particle's energy and the layer energies."""

    def __init__(self, *, hidden: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.conditions = ConditionScaler(name="conditions")
        self.mean = keras.Sequential(
            [
                keras.layers.Input((CONDITIONS,)),
                keras.layers.Dense(EXPECTATION_HIDDEN, activation="silu"),
                keras.layers.Dense(EXPECTATION_HIDDEN, activation="silu"),
                keras.layers.Dense(CALOGAN.cells),
            ],
            name="mean",
        )
        self.trunk = keras.Sequential(
            [
                keras.layers.Input((CONDITIONS + SHAPE_NORMALS + CALOGAN.cells,)),
                keras.layers.Dense(hidden),
                keras.layers.LeakyReLU(0.2),
                keras.layers.Dense(hidden),
                keras.layers.LeakyReLU(0.2),
            ],
            name="trunk",
        )
        small = keras.initializers.RandomNormal(stddev=0.01)
        self.heads = [
            keras.layers.Dense(CALOGAN.cells, kernel_initializer=small, name=label)
            for label in ("shift", "above", "below")
        ]
        for head in self.heads:
            head.build((None, hidden))
        self.rows = self.add_weight(
            shape=(spectrum.ROWS, spectrum.COLUMNS), initializer="zeros", trainable=False, name="rows"
        )
        membership = layer_membership()
        self.to_layers = membership
        self.to_cells = np.ascontiguousarray(membership.T)
        self.level_offsets = membership @ np.arange(0, LAYERS * spectrum.LEVELS, spectrum.LEVELS, dtype=np.float32)
        self.flips = flip_indices()

    @property
    def adversarial_weights(self) -> list[Tensor]:
        """What the adversary trains: everything but the frozen expectation."""
        return [*self.trunk.trainable_weights, *(w for head in self.heads for w in head.trainable_weights)]

    def set_spectrum(self, table: NDArray[np.float32]) -> None:
        """Take the measured cell spectrum."""
        self.rows.assign(table)

    def symmetrise_mean(self) -> None:
        """Average the expectation's last layer over the mirror images, which makes it exactly symmetric."""
        last = self.mean.layers[-1]
        for weight in (last.kernel, last.bias):
            images = [ops.take(weight, flip, axis=-1) for flip in self.flips]
            weight.assign(ops.mean(ops.stack(images), axis=0))

    def log_expected(self, conditions: Tensor, layer_energies: Tensor) -> Tensor:
        """Logarithm of the expected cells in MeV, ``(batch, 504)``: a softmax per layer times the layer's energy."""
        logits = ops.clip(self.mean(conditions), -30.0, 30.0)
        sums = ops.matmul(ops.exp(logits), self.to_layers)
        scale = logarithm(ops.maximum(layer_energies, FLOOR_MEV)) - logarithm(sums)
        return logits + ops.matmul(scale, self.to_cells)

    def scores(self, conditions: Tensor, shape_normals: Tensor, cell_normals: Tensor) -> Tensor:
        """Normal scores of the cells: noise with a width of its own on each side, and a shift.

        The network that sets them sees the cells' noise too, so that neighbours can share it.
        """
        hidden = self.trunk(ops.concatenate([conditions, shape_normals, cell_normals], axis=-1))
        shift, above, below = (head(hidden) for head in self.heads)
        return shift + cell_normals + above * ops.maximum(cell_normals, 0.0) + below * ops.minimum(cell_normals, 0.0)

    def deposits(self, scores: Tensor, log_expected: Tensor) -> tuple[Tensor, Tensor]:
        """From the spectrum table: log deposits in MeV, and by how much a cell's score is above the first hit's."""
        level = (log_expected - spectrum.LOG_LOW) * (1.0 / spectrum.LEVEL_STEP)
        level_index = ops.clip(ops.floor(level + 0.5), 0.0, spectrum.LEVELS - 1.0)
        held = ops.clip(scores, -spectrum.SCORE_RANGE, spectrum.SCORE_RANGE)
        score = (held + spectrum.SCORE_RANGE) * (1.0 / spectrum.SCORE_STEP)
        score_index = ops.floor(score)
        index = (level_index + self.level_offsets) * float(spectrum.SCORES) + score_index
        rows = look_up(self.rows, ops.cast(index, "int32"))
        offset = (level - level_index) * spectrum.LEVEL_STEP
        log_deposits = rows[..., 0] + (score - score_index) * rows[..., 1] + offset * rows[..., 2]
        return ops.maximum(log_deposits, LOG_BOTTOM), held - rows[..., 3]

    def balance(self, log_deposits: Tensor, margins: Tensor, layer_energies: Tensor) -> Tensor:
        """Cells in MeV that sum to the layer energies; the bright ones take up the difference.

        Faint cells keep their spectrum. A layer with energy has at least one cell hit.
        """
        parts = [ops.max(log_deposits[:, layer.span], axis=-1, keepdims=True) for layer in CALOGAN.layers]
        brightest = ops.matmul(ops.concatenate(parts, axis=-1), self.to_cells)
        hit = ops.logical_or(margins > 0.0, log_deposits >= brightest)
        cells = ops.where(hit, ops.exp(log_deposits), 0.0)
        bright = ops.maximum(cells - spectrum.FAINT_MEV, 0.0)
        sums = ops.matmul(cells, self.to_layers)
        room = ops.matmul(bright, self.to_layers)
        excess = ops.clip((layer_energies - sums) / ops.maximum(room, 1e-3), -0.95, 10.0)
        cells = cells + bright * ops.matmul(excess, self.to_cells)
        factor = layer_energies / ops.matmul(cells, self.to_layers)
        # Rounding alone is no reason to touch the faint cells.
        factor = ops.where(ops.abs(factor - 1.0) < ROUNDING, 1.0, factor)
        # A layer of one faint hit can be scaled a billionfold; its gradient would drown all others.
        return cells * ops.matmul(ops.stop_gradient(factor), self.to_cells)

    def call(self, energy: Tensor, layer_energies: Tensor, shape_normals: Tensor, cell_normals: Tensor) -> Tensor:
        """Cells in MeV, ``(batch, 504)``, from GeV, MeV and standard normals."""
        conditions = self.conditions(energy, layer_energies)
        log_expected = self.log_expected(conditions, layer_energies)
        scores = self.scores(conditions, shape_normals, cell_normals)
        log_deposits, margins = self.deposits(scores, log_expected)
        return self.balance(log_deposits, margins, layer_energies)
