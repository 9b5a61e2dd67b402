"""Which of the contract's choices are built."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import InvalidRequestError, LimitExceededError, NotBuiltError, quoted
from caloserve.v1 import shower_pb2, tensor_pb2

MAX_ATTEMPTS: Final = 100
"""Draws of one shower at most, and by default, where its energy is to be conserved."""

ENERGY_POLICIES: Final = (shower_pb2.ENERGY_POLICY_AS_GENERATED, shower_pb2.ENERGY_POLICY_CONSERVE)
DOMAIN_POLICIES: Final = (
    shower_pb2.DOMAIN_POLICY_REFUSE,
    shower_pb2.DOMAIN_POLICY_FLAG,
    shower_pb2.DOMAIN_POLICY_ALLOW,
)
ENCODINGS: Final = (tensor_pb2.ENCODING_DENSE, tensor_pb2.ENCODING_BITMAP)

_BUILT: Final[Mapping[str, tuple[Any, tuple[int, ...]]]] = {
    "energy_policy": (shower_pb2.EnergyPolicy, ENERGY_POLICIES),
    "domain_policy": (shower_pb2.DomainPolicy, DOMAIN_POLICIES),
    "encoding": (tensor_pb2.Encoding, ENCODINGS),
}
"""Choices of GenerationOptions that can be served, by field; 0, unspecified, always can."""
_FAILURE_POLICIES: Final = frozenset(shower_pb2.FailurePolicy.values())


def check_options(options: shower_pb2.GenerationOptions, geometry_id: str) -> None:
    """Refuse what no shower of the call can be served with.

    Raises:
        InvalidRequestError: another geometry, or an energy limit that cannot be.
        LimitExceededError: more attempts than a shower may take.
        NotBuiltError: a choice of the contract that is not built yet.
    """
    if options.geometry_id not in ("", geometry_id):
        raise InvalidRequestError(
            "options.geometry_id", f"{quoted(options.geometry_id)} is not served, {geometry_id!r} is"
        )
    for name, (kind, built) in _BUILT.items():
        value = getattr(options, name)
        if value != 0 and value not in built:
            choice = kind.Name(value) if value in kind.values() else f"{value}, unknown to this service,"
            raise NotBuiltError(f"options.{name}", f"{choice} is not built yet")
    energy_limit(options)


@dataclass(frozen=True)
class EnergyLimit:
    """What ENERGY_POLICY_CONSERVE demands (arXiv:1705.02355, section IV.B): draw until E_tot <= E (1 + tolerance)."""

    tolerance: float
    max_attempts: int
    """Draws after which a shower is given up."""


def energy_limit(options: shower_pb2.GenerationOptions) -> EnergyLimit | None:
    """The limit that a call's showers are to keep; None where they are wanted as generated.

    Raises:
        InvalidRequestError: a tolerance that is negative or not finite, no attempts, or either without CONSERVE.
        LimitExceededError: more than ``MAX_ATTEMPTS``.
    """
    if options.energy_policy != shower_pb2.ENERGY_POLICY_CONSERVE:
        for name in ("energy_tolerance", "max_attempts"):
            if options.HasField(name):
                raise InvalidRequestError(f"options.{name}", "means something with ENERGY_POLICY_CONSERVE only")
        return None
    tolerance = options.energy_tolerance  # 0 where absent
    if not 0 <= tolerance < math.inf:
        raise InvalidRequestError("options.energy_tolerance", f"{tolerance:g} is not a finite number from 0 on")
    attempts = options.max_attempts if options.HasField("max_attempts") else MAX_ATTEMPTS
    if attempts == 0:
        raise InvalidRequestError("options.max_attempts", "0 attempts make no shower; give 1 or more")
    if attempts > MAX_ATTEMPTS:
        raise LimitExceededError("options.max_attempts", f"{attempts}, at most {MAX_ATTEMPTS}")
    return EnergyLimit(tolerance, attempts)


def check_failure_policy(policy: int) -> None:
    """Raise NotBuiltError for a policy that this service does not know."""
    if policy not in _FAILURE_POLICIES:
        raise NotBuiltError("failure_policy", f"{policy}, unknown to this service, is not built yet")


def read_indices(indices: Sequence[int], count: int) -> NDArray[np.uint64]:
    """Index of each of ``count`` showers, shape (count,): as given, else their positions.

    Raises:
        InvalidRequestError: another number of indices.
    """
    if not indices:
        return np.arange(count, dtype=np.uint64)
    if len(indices) != count:
        raise InvalidRequestError("indices", f"{len(indices)} for {count} showers; give one each, or none")
    return np.fromiter(indices, dtype=np.uint64, count=count)


def impact_fault(impact: shower_pb2.Impact) -> tuple[shower_pb2.ShowerStatus, str] | None:
    """Status and reason for an impact that cannot be served; None for centred, perpendicular, at time zero."""
    direction = impact.direction if impact.HasField("direction") else shower_pb2.Vector3(z=1.0)
    numbers = (impact.phi_mm, impact.eta_mm, impact.time_ns, direction.x, direction.y, direction.z)
    if not all(map(math.isfinite, numbers)):
        return shower_pb2.SHOWER_STATUS_INVALID_IMPACT, "the impact is not made of finite numbers"
    if numbers != (0.0, 0.0, 0.0, 0.0, 0.0, 1.0):
        return shower_pb2.SHOWER_STATUS_UNIMPLEMENTED, "only perpendicular, centred incidence at time zero is built"
    return None
