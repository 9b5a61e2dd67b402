from dataclasses import replace

import pytest

from caloserve.v1 import event_pb2, shower_pb2
from caloserve_client import BadAnswerError, Timings
from caloserve_client.provenance import decode_makers, decode_provenance, merge_provenance

MADE = decode_provenance(
    shower_pb2.Provenance(
        particle="gamma",
        release_version="0.1.0",
        instruction_set="AVX2",
        determinism=shower_pb2.DETERMINISM_CLASS_BITWISE_ONE_BUCKET,
        seed=2**64 - 1,
    )
)


def test_decoded_under_the_same_names() -> None:
    assert (MADE.particle, MADE.release_version, MADE.seed) == ("gamma", "0.1.0", 2**64 - 1)
    assert MADE.determinism == "bitwise_one_bucket"


def test_an_unknown_determinism_stays_a_number() -> None:
    message = shower_pb2.Provenance()
    message.MergeFromString(bytes([11 << 3, 9]))
    assert decode_provenance(message).determinism == "9"


def test_replicas_on_different_machines_are_both_named() -> None:
    other = replace(MADE, instruction_set="AVX512")
    assert merge_provenance([MADE, MADE]) == MADE
    assert merge_provenance([other, MADE, other]).instruction_set == "AVX2 + AVX512"


@pytest.mark.parametrize("field", ["release_version", "model_sha256", "geometry_id", "particle"])
def test_different_models_do_not_make_one_result(field: str) -> None:
    with pytest.raises(BadAnswerError, match=field):
        merge_provenance([MADE, replace(MADE, **{field: "other"})])  # type: ignore[arg-type]


def test_times_add() -> None:
    assert Timings(1, 2, 3, 4, 5) + Timings(total_ms=1) == Timings(1, 2, 3, 4, 6)


def test_several_makers_of_a_kind_are_told_as_one() -> None:
    def maker(instance: str, threads: int) -> event_pb2.Maker:
        made_by = shower_pb2.Provenance(particle="gamma", instance=instance, threads=threads)
        return event_pb2.Maker(provenance=made_by, timings=shower_pb2.Timings(total_ms=2.0))

    provenance, timings = decode_makers([maker("b/2", 1), maker("a/1", 2)])
    assert (provenance["gamma"].instance, provenance["gamma"].threads) == ("a/1 + b/2", 0)
    assert timings["gamma"].total_ms == 4.0
