"""What is asked for, checked before it is sent."""

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, SupportsFloat, SupportsIndex, TypeAlias, TypedDict, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caloserve.calorimeter import PARTICLES
from caloserve.v1 import event_pb2, generator_pb2, shower_pb2
from caloserve_client.errors import RequestRejectedError

EnergyPolicy: TypeAlias = Literal["as_generated", "conserve"]
DomainPolicy: TypeAlias = Literal["refuse", "flag", "allow", "full_simulation"]
Encoding: TypeAlias = Literal["dense", "bitmap"]
Output: TypeAlias = Literal["per_shower", "sum", "both"]

_INT32 = 2**31


@dataclass(frozen=True)
class EventParticle:
    """One particle of an event, entering perpendicular to the calorimeter's face, at its centre."""

    pdg_id: int
    kinetic_energy_gev: float


ParticleLike: TypeAlias = EventParticle | tuple[SupportsIndex | str, SupportsFloat]
"""An EventParticle, or (PDG id or name, kinetic energy in GeV)."""


class Choices(TypedDict, total=False):
    """``Options`` as the arguments of a call."""

    energy_policy: EnergyPolicy
    energy_tolerance: float | None
    max_attempts: int | None
    domain_policy: DomainPolicy
    encoding: Encoding
    geometry_id: str


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choices that hold for all showers of a call."""

    energy_policy: EnergyPolicy = "as_generated"
    """What to do with a shower that deposits more than its particle's energy E. "conserve" draws it again until
    E_tot <= E (1 + ``energy_tolerance``), as in arXiv:1705.02355, section IV.B."""
    energy_tolerance: float | None = None
    """With "conserve"; 0 where it is not given."""
    max_attempts: int | None = None
    """With "conserve": draws after which a shower is given up, the server's limit where it is not given."""
    domain_policy: DomainPolicy = "refuse"
    """What to do with an energy outside the release's training domain."""
    encoding: Encoding = "dense"
    """How cells travel; the same bits arrive. "bitmap" leaves the empty ones out: half the bytes, for a little time."""
    geometry_id: str = ""
    """Refuse to be answered with another geometry; empty takes what the release has."""

    def __post_init__(self) -> None:
        _check_choice("energy_policy", self.energy_policy, get_args(EnergyPolicy))
        _check_choice("domain_policy", self.domain_policy, get_args(DomainPolicy))
        _check_choice("encoding", self.encoding, get_args(Encoding))
        if not isinstance(self.energy_tolerance, SupportsFloat | None):
            raise RequestRejectedError(f"energy_tolerance: {self.energy_tolerance!r} is not a number")
        if self.max_attempts is not None:
            _whole("max_attempts", self.max_attempts, 32)

    def message(self) -> shower_pb2.GenerationOptions:
        """As it is sent."""
        return shower_pb2.GenerationOptions(
            energy_policy=f"ENERGY_POLICY_{self.energy_policy.upper()}",
            energy_tolerance=self.energy_tolerance,
            max_attempts=self.max_attempts,
            domain_policy=f"DOMAIN_POLICY_{self.domain_policy.upper()}",
            encoding=f"ENCODING_{self.encoding.upper()}",
            geometry_id=self.geometry_id,
        )


@dataclass(frozen=True, eq=False)
class ShowersRequest:
    """Showers of one kind: ``energies_gev`` float32 (n,), ``indices`` uint64 (n,)."""

    particle: str
    energies_gev: NDArray[np.float32]
    indices: NDArray[np.uint64]
    seed: int
    event_id: int
    release: str
    options: Options
    first_row: int = 0
    """Row of the first shower in the request that this one is a part of."""

    def __len__(self) -> int:
        return len(self.energies_gev)

    def parts(self, size: int) -> Iterator["ShowersRequest"]:
        """The same showers in requests of at most ``size``."""
        for start in range(0, max(len(self), 1), size):
            span = slice(start, start + size)
            yield replace(self, energies_gev=self.energies_gev[span], indices=self.indices[span], first_row=start)

    def message(self) -> generator_pb2.GenerateShowersRequest:
        """As it is sent: the showers that cannot be made get a status, the others are made."""
        return generator_pb2.GenerateShowersRequest(
            particle=self.particle,
            energies_gev=self.energies_gev.tolist(),
            seed=self.seed,
            event_id=self.event_id,
            indices=self.indices.tolist(),
            release=self.release,
            options=self.options.message(),
            failure_policy=shower_pb2.FAILURE_POLICY_PER_SHOWER,
        )


@dataclass(frozen=True, eq=False)
class EventRequest:
    """An event: ``pdg_ids`` int32 (n,), ``energies_gev`` float32 (n,)."""

    pdg_ids: NDArray[np.int32]
    energies_gev: NDArray[np.float32]
    seed: int
    event_id: int
    output: Output
    options: Options
    releases: Mapping[str, str] = field(default_factory=dict)
    indices: NDArray[np.uint64] | None = None
    """Index of each particle's random stream, shape (n,); None means its position."""

    def __len__(self) -> int:
        return len(self.energies_gev)

    def message(self) -> event_pb2.GenerateEventRequest:
        """As it is sent."""
        return event_pb2.GenerateEventRequest(
            event_id=self.event_id,
            seed=self.seed,
            particles=[
                event_pb2.Particle(pdg_id=pdg_id, kinetic_energy_gev=energy)
                for pdg_id, energy in zip(self.pdg_ids.tolist(), self.energies_gev.tolist(), strict=True)
            ],
            output=f"EVENT_OUTPUT_{self.output.upper()}",
            options=self.options.message(),
            releases=dict(self.releases),
            indices=[] if self.indices is None else self.indices.tolist(),
        )


def showers_request(
    particle: str,
    energies_gev: ArrayLike,
    *,
    seed: int,
    event_id: int,
    indices: ArrayLike | None,
    release: str | None,
    options: Options,
) -> ShowersRequest:
    """Check what ``generate_showers`` was given; raise RequestRejectedError naming the argument that is wrong."""
    energies = _energies("energies_gev", energies_gev)
    return ShowersRequest(
        particle=particle,
        energies_gev=energies,
        indices=_indices(indices, len(energies)),
        seed=_whole("seed", seed, 64),
        event_id=_whole("event_id", event_id, 64),
        release=release or "",
        options=options,
    )


def event_request(
    particles: Iterable[ParticleLike],
    *,
    seed: int,
    event_id: int,
    output: Output,
    releases: Mapping[str, str] | None,
    indices: ArrayLike | None,
    options: Options,
) -> EventRequest:
    """Check what ``generate_event`` was given; raise RequestRejectedError naming the argument that is wrong."""
    listed = [_event_particle(index, particle) for index, particle in enumerate(particles)]
    _check_choice("output", output, get_args(Output))
    return EventRequest(
        pdg_ids=np.array([particle.pdg_id for particle in listed], dtype=np.int32),
        energies_gev=_energies("particles", [particle.kinetic_energy_gev for particle in listed]),
        seed=_whole("seed", seed, 64),
        event_id=_whole("event_id", event_id, 64),
        output=output,
        options=options,
        releases=dict(releases or {}),
        indices=None if indices is None else _indices(indices, len(listed)),
    )


def _event_particle(index: int, particle: ParticleLike) -> EventParticle:
    field_name = f"particles[{index}]"
    if not isinstance(particle, EventParticle):
        try:
            kind, energy = particle
            particle = EventParticle(_pdg_id(field_name, kind), float(energy))
        except (TypeError, ValueError) as error:
            raise RequestRejectedError(f"{field_name}: {particle!r} is not (PDG id or name, energy in GeV)") from error
    if not -_INT32 <= particle.pdg_id < _INT32:
        raise RequestRejectedError(f"{field_name}: {particle.pdg_id} is not a PDG id")
    return particle


def _pdg_id(field_name: str, kind: SupportsIndex | str) -> int:
    if not isinstance(kind, str):
        return operator.index(kind)
    if kind not in PARTICLES:
        raise RequestRejectedError(f"{field_name}: {kind!r} is not known; known are {', '.join(PARTICLES)}")
    return PARTICLES[kind].pdg_id


def _energies(name: str, values: ArrayLike) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which the server refuses shower by shower
            energies = np.array(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise RequestRejectedError(f"{name}: energies in GeV must be numbers") from error
    if energies.ndim != 1:
        raise RequestRejectedError(f"{name}: must be one-dimensional, not of shape {energies.shape}")
    return energies


def _indices(values: ArrayLike | None, count: int) -> NDArray[np.uint64]:
    if values is None:
        return np.arange(count, dtype=np.uint64)
    given = np.asarray(values, dtype=None if isinstance(values, np.ndarray) else object)  # a list may pass 2**63
    if given.shape != (count,):
        raise RequestRejectedError(f"indices: shape {given.shape} instead of ({count},), one per shower")
    try:
        return np.array([operator.index(index) for index in given.tolist()], dtype=np.uint64)
    except (TypeError, OverflowError) as error:
        raise RequestRejectedError("indices: must be whole numbers from 0 to 2**64 - 1") from error


def _whole(name: str, value: int, bits: int) -> int:
    try:
        number = operator.index(value)
    except TypeError as error:
        raise RequestRejectedError(f"{name}: {value!r} is not a whole number") from error
    if not 0 <= number < 2**bits:
        raise RequestRejectedError(f"{name}: {number} is outside 0 to 2**{bits} - 1")
    return number


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RequestRejectedError(f"{name}: {value!r} is not one of {', '.join(choices)}")
