"""Showers in the contract's words."""

from functools import cache
from typing import Final

from caloserve.generator.description import provenance
from caloserve.generator.service import ServedRelease
from caloserve.generator.showers import Showers
from caloserve.v1 import generator_pb2, shower_pb2
from caloserve.wire.tensors import describe_cells

_OK: Final = (shower_pb2.SHOWER_STATUS_OK,)


def write_answer(release: ServedRelease, showers: Showers) -> tuple[generator_pb2.GenerateShowersResponse, memoryview]:
    """The answer with these showers: statuses, attempts, what made them, the times known so far; and its cells."""
    order, times = showers.order, showers.times
    answer = generator_pb2.GenerateShowersResponse.FromString(_blank(release))
    batch, made_by, timings = answer.showers, answer.provenance, answer.timings
    if order.plain:
        batch.statuses.extend(_OK * len(order))
    else:
        batch.statuses.extend(order.statuses.tolist())
        batch.errors.extend(order.errors())
    if order.energy_limit is not None and (showers.attempts > 1).any():
        batch.attempts.extend(showers.attempts.tolist())
    made_by.seed, made_by.event_id = order.seed, order.event_id
    timings.queue_ms, timings.sampling_ms = 1e3 * times.queue, 1e3 * times.sampling
    timings.inference_ms = 1e3 * times.inference
    return answer, describe_cells(batch.cells_mev, showers.cells_mev, release.engine.geometry, order.encoding)


@cache
def _blank(release: ServedRelease) -> bytes:
    """What all answers of a release begin with, encoded: reading it is quicker than writing it again."""
    return generator_pb2.GenerateShowersResponse(provenance=provenance(release)).SerializeToString()
