"""Losses of the paper's game, section III.C, and the variants that a training may choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

from caloserve_training.calogan2017.settings import EnergyTarget, Loss
from caloserve_training.tensor import Tensor


@dataclass(frozen=True)
class Verdicts:
    """What each side makes of the discriminator's logits, all of shape (batch, 1), as one number.

    Attributes:
        on_real: The discriminator's loss on Geant4's showers.
        on_made: Its loss on generated showers.
        of_generator: The generator's loss.
    """

    on_real: Callable[[Tensor], Tensor]
    on_made: Callable[[Tensor], Tensor]
    of_generator: Callable[[Tensor], Tensor]


VERDICTS = {
    Loss.BCE: Verdicts(
        lambda logits: ops.mean(ops.softplus(-logits)),
        lambda logits: ops.mean(ops.softplus(logits)),
        lambda logits: ops.mean(ops.softplus(-logits)),
    ),
    Loss.HINGE: Verdicts(
        lambda logits: ops.mean(ops.relu(1.0 - logits)),
        lambda logits: ops.mean(ops.relu(1.0 + logits)),
        lambda logits: -ops.mean(logits),
    ),
}


def energy_distance(made: Tensor, incident: Tensor, deposited: Tensor, target: EnergyTarget) -> Tensor:
    """Mean distance of the generator's E_tot from what it should be, in GeV; all arrays are (batch, 1), in GeV.

    ``deposited`` is E_tot of Geant4's showers of a batch with the same incident energies.
    """
    if target is EnergyTarget.INCIDENT:
        return ops.mean(ops.abs(made - incident))
    return ops.mean(ops.abs(ops.sort(made, axis=0) - ops.sort(deposited, axis=0)))
