"""What a training of the paper's CaloGAN is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Loss(StrEnum):
    """What tells Geant4's showers from the generator's."""

    BCE = "bce"
    """Binary cross-entropy, the paper's."""
    HINGE = "hinge"


class EnergyTarget(StrEnum):
    """What the generator's E_tot is pulled to."""

    INCIDENT = "incident"
    """The particle's energy, the paper's: right for e+ and gamma, of whose energy 99 % is contained."""
    DEPOSITED = "deposited"
    """E_tot of Geant4's showers at the same energies: both batches are sorted, so the distributions are compared."""


@dataclass(frozen=True)
class CaloGANSettings:
    """The defaults are the paper's, section IV.A, and its reference implementation's.

    Attributes:
        latent_size: Normals of a shower.
        epochs: Passes through the showers.
        batch_size: Showers of a step.
        generator_rate: Adam's learning rate for the generator.
        discriminator_rate: The same for the discriminator.
        generator_steps: Steps of the generator for one on real and one on generated showers of the discriminator.
        loss: What the adversaries play for.
        energy_weight: Weight of the mean |E_tot - target| in GeV beside that loss.
        energy_target: What E_tot is pulled to.
        soft: Let gradients through occupancies and thresholds, which are casts in the reference.
        flips: Mirror showers along phi and eta at random, which makes four of each.
        averaging: Share of the old in each step of the running average of the generator that is published.
        seed: Seed of everything random.
    """

    latent_size: int = 1024
    epochs: int = 50
    batch_size: int = 256
    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-5
    generator_steps: int = 2
    loss: Loss = Loss.BCE
    energy_weight: float = 0.05
    energy_target: EnergyTarget = EnergyTarget.INCIDENT
    soft: bool = False
    flips: bool = False
    averaging: float = 0.999
    seed: int = 1
