"""What made a shower, and how long that took."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import reduce

from caloserve.v1 import event_pb2, shower_pb2
from caloserve_client.errors import BadAnswerError

_ENVIRONMENT = frozenset(
    {"service_version", "execution_provider", "onnxruntime_version", "instruction_set", "determinism", "instance"}
)


@dataclass(frozen=True)
class Provenance:
    """What made a shower. With the request (energy, index, options) it is enough to make the shower again."""

    particle: str
    service_version: str
    """Version of the service: its code and settings."""
    release_version: str
    """Version of the release: the model and its manifest."""
    model_sha256: str
    training_data_sha256: str
    geometry_id: str
    sampler_version: int
    execution_provider: str
    onnxruntime_version: str
    instruction_set: str
    determinism: str
    """"bitwise", "bitwise_one_bucket" or "tolerance"."""
    seed: int
    event_id: int
    threads: int
    """Threads within one operator of the model; 0 where the makers of one result differ."""
    instance: str
    """Which of several replicas: host and process."""


@dataclass(frozen=True)
class Timings:
    """Where the time went, as the answering service measured it, in ms.

    Of an answer that came in chunks: the sums over its chunks, which the service may have made side by side.
    """

    queue_ms: float = 0.0
    sampling_ms: float = 0.0
    inference_ms: float = 0.0
    encode_ms: float = 0.0
    total_ms: float = 0.0

    def __add__(self, other: "Timings") -> "Timings":
        return Timings(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def determinism_name(value: int) -> str:
    """The contract's ``DeterminismClass`` in lower case; a number that is not known stays a number."""
    if value not in shower_pb2.DeterminismClass.values():
        return str(value)
    name = shower_pb2.DeterminismClass.Name(shower_pb2.DeterminismClass.ValueType(value))
    return name.removeprefix("DETERMINISM_CLASS_").lower()


def decode_provenance(message: shower_pb2.Provenance) -> Provenance:
    """The message's fields under the same names."""
    values = {field.name: getattr(message, field.name) for field in fields(Provenance)}
    return Provenance(**values | {"determinism": determinism_name(message.determinism)})


def decode_makers(
    makers: Iterable[event_pb2.Maker],
) -> tuple[dict[str, Provenance], dict[str, Timings]]:
    """What made the showers of each kind and how long that took, by particle name, several makers of a kind as one.

    Raises:
        BadAnswerError: the makers of one kind used different models.
    """
    provenances: dict[str, Provenance] = {}
    timings: dict[str, Timings] = {}
    for maker in makers:
        provenance = decode_provenance(maker.provenance)
        name = provenance.particle
        provenances[name] = merge_provenance([provenances.get(name, provenance), provenance])
        timings[name] = timings.get(name, Timings()) + decode_timings(maker.timings)
    return provenances, timings


def decode_timings(message: shower_pb2.Timings) -> Timings:
    """The message's fields under the same names."""
    return Timings(*(getattr(message, field.name) for field in fields(Timings)))


def merge_provenance(provenances: Iterable[Provenance]) -> Provenance:
    """What made all chunks of one result.

    Replicas may run on different machines: their values of an environment field are then joined with " + ".

    Raises:
        BadAnswerError: the chunks were made by different models, or for different requests.
    """
    return reduce(_merge, provenances)


def _merge(first: Provenance, second: Provenance) -> Provenance:
    if first == second:
        return first
    changes: dict[str, str | int] = {}
    for field in fields(Provenance):
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        if ours == theirs:
            continue
        if field.name == "threads":
            changes["threads"] = 0
            continue
        if field.name not in _ENVIRONMENT:
            raise BadAnswerError(f"chunks of one result differ in {field.name}: {ours!r} and {theirs!r}")
        changes[field.name] = " + ".join(sorted({*ours.split(" + "), *theirs.split(" + ")}))
    return replace(first, **changes)  # type: ignore[arg-type]  # environment fields are all text
