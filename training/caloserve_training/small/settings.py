"""How long and how hard to train the small generator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SmallSettings:
    """Steps of the three stages, and the settings of the adversarial game.

    Attributes:
        layer_energy_steps: Steps of the mixture density network of the layer energies.
        expectation_steps: Steps of the network of the expected cells.
        steps: Steps of the game, each one of the critics and one of the generator.
        batch_size: Showers a step of the game sees.
        hidden: Width of the two hidden layers of the cells' generator.
        generator_rate: Adam's first learning rate for the generator; it falls along a cosine.
        critic_rate: The same for the critics.
        gradient_penalty: Weight of the squared slope of the critics on real showers (R1).
        penalty_interval: Steps from one penalty to the next.
        averaging: Share of the old in each step of the generator's running average.
        seed: Seed of everything random.
    """

    layer_energy_steps: int = 3000
    expectation_steps: int = 3000
    steps: int = 8000
    batch_size: int = 128
    hidden: int = 192
    generator_rate: float = 2e-4
    critic_rate: float = 2e-4
    gradient_penalty: float = 2.0
    penalty_interval: int = 4
    averaging: float = 0.999
    seed: int = 1
