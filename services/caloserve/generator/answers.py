"""Showers in the contract's words."""

from caloserve.generator.description import provenance
from caloserve.generator.service import ServedRelease, Service
from caloserve.generator.showers import Showers
from caloserve.v1 import generator_pb2, shower_pb2
from caloserve.wire.tensors import describe_cells


def write_answer(
    service: Service, release: ServedRelease, showers: Showers
) -> tuple[generator_pb2.GenerateShowersResponse, memoryview]:
    """The answer with these showers: statuses, attempts, what made them, the times known so far; and its cells."""
    order, times = showers.order, showers.times
    answer = generator_pb2.GenerateShowersResponse(
        showers=shower_pb2.ShowerBatch(
            statuses=order.statuses.tolist(),
            errors=order.errors(),
            attempts=showers.attempts.tolist() if (showers.attempts > 1).any() else (),
        ),
        provenance=provenance(service, release, order),
        timings=shower_pb2.Timings(
            queue_ms=1e3 * times.queue, sampling_ms=1e3 * times.sampling, inference_ms=1e3 * times.inference
        ),
    )
    geometry = release.engine.geometry
    return answer, describe_cells(answer.showers.cells_mev, showers.cells_mev, geometry, order.encoding)
