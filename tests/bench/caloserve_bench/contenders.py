"""What is measured, in turn: a short slice of each contender, then the next round."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from caloserve_bench.processors import Cores, pin
from caloserve_bench.slices import Series, Slice

Places = Mapping[tuple[int, ...], frozenset[int]]
"""Which processes are to run on which cores; those not named run on any."""


@dataclass(frozen=True)
class Contender:
    """Something to measure, a slice at a time."""

    name: str
    measure: Callable[[float], Awaitable[Slice]]
    """Measures for so many seconds."""
    places: Places = field(default_factory=dict)
    weight: float = 1.0
    """Length of its slices, in units of the run's."""


async def interleave(
    contenders: Sequence[Contender],
    *,
    rounds: int,
    seconds: float,
    pids: Sequence[int],
    cores: Cores,
    measured: Callable[[], None],
) -> dict[str, Series]:
    """Measure all contenders in every round, so that whatever else the machine does hits all alike.

    Args:
        contenders: what to measure, in this order.
        rounds: how often.
        seconds: length of a slice of weight 1.
        pids: every process that takes part, this one among them.
        cores: of this machine.
        measured: called after each slice.

    Returns:
        Each contender's slices by its name.
    """
    series = {contender.name: Series(contender.name) for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            pin(pids, cores.all)
            for placed, where in contender.places.items():
                pin(placed, where)
            series[contender.name].slices.append(await contender.measure(seconds * contender.weight))
            measured()
    pin(pids, cores.all)
    return series
