"""One compiled step down a loss, on whichever backend Keras runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from caloserve_training.tensor import Tensor

Step = Callable[..., Tensor]
"""From the arrays of a batch to the loss; the weights have moved."""


def descent(
    loss_of: Callable[..., Tensor], weights: Sequence[Any], others: Sequence[Any], optimizer: keras.optimizers.Optimizer
) -> Step:
    """A step that lowers ``loss_of`` of a batch's arrays, compiled for arrays of one shape.

    Args:
        loss_of: The loss.
        weights: What it moves.
        others: All further weights that the loss reads or changes, statistics among them.
        optimizer: Moves the weights.

    Raises:
        ValueError: Keras runs on a backend that cannot do it.
    """
    optimizer.build(weights)
    try:
        make = _BACKENDS[keras.config.backend()]
    except KeyError:
        raise ValueError(f"training runs on {' or '.join(_BACKENDS)}, not on {keras.config.backend()}") from None
    return make(loss_of, list(weights), list(others), optimizer)


def compiled(function: Callable[..., Tensor], reads: Sequence[Any]) -> Step:
    """A function of arrays that changes no weights, compiled; ``reads`` are the weights it looks at."""
    if keras.config.backend() == "jax":
        import jax  # noqa: PLC0415

        def pure(values: list[Tensor], *arrays: Tensor) -> Tensor:
            with keras.StatelessScope(state_mapping=list(zip(reads, values, strict=True))):
                return function(*arrays)

        fast = jax.jit(pure)
        return lambda *arrays: fast([weight.value for weight in reads], *arrays)
    import tensorflow as tf  # noqa: PLC0415

    return tf.function(function, jit_compile=True)  # type: ignore[no-any-return]


def _on_tensorflow(loss_of: Step, weights: list[Any], _others: list[Any], optimizer: Any) -> Step:  # noqa: ANN401
    import tensorflow as tf  # noqa: PLC0415

    def step(*arrays: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(*arrays)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    # Compiled by XLA, small products at many positions take a sixth of the time.
    return tf.function(step, jit_compile=True)  # type: ignore[no-any-return]


def _on_jax(loss_of: Step, weights: list[Any], others: list[Any], optimizer: Any) -> Step:  # noqa: ANN401
    import jax  # noqa: PLC0415

    def loss_and_others(values: list[Tensor], other_values: list[Tensor], arrays: tuple[Tensor, ...]) -> Tensor:
        mapping = list(zip([*weights, *others], [*values, *other_values], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            loss = loss_of(*arrays)
        return loss, [scope.get_current_value(other) for other in others]

    def pure(values: list[Tensor], other_values: list[Tensor], state: list[Tensor], *arrays: Tensor) -> Tensor:
        slope = jax.value_and_grad(loss_and_others, has_aux=True)
        (loss, other_values), gradients = slope(values, other_values, arrays)
        values, state = optimizer.stateless_apply(state, gradients, values)
        return loss, values, other_values, state

    fast = jax.jit(pure)

    def step(*arrays: Tensor) -> Tensor:
        parts = [weights, others, optimizer.variables]
        loss, *moved = fast(*([variable.value for variable in part] for part in parts), *arrays)
        for part, values in zip(parts, moved, strict=True):
            for variable, value in zip(part, values, strict=True):
                variable.assign(value)
        return loss

    return step


_BACKENDS = {"tensorflow": _on_tensorflow, "jax": _on_jax}
