"""Which of the contract's choices are built."""

from collections.abc import Mapping
from typing import Any, Final

from caloserve.calorimeter.errors import InvalidRequestError, NotBuiltError
from caloserve.v1 import shower_pb2, tensor_pb2

ENERGY_POLICIES: Final = (shower_pb2.ENERGY_POLICY_AS_GENERATED,)
DOMAIN_POLICIES: Final = (
    shower_pb2.DOMAIN_POLICY_REFUSE,
    shower_pb2.DOMAIN_POLICY_FLAG,
    shower_pb2.DOMAIN_POLICY_ALLOW,
)
ENCODINGS: Final = (tensor_pb2.ENCODING_DENSE,)
IMPACT_NOT_BUILT: Final = "only perpendicular, centred incidence at time zero is built"

_BUILT: Final[Mapping[str, tuple[Any, tuple[int, ...]]]] = {
    "energy_policy": (shower_pb2.EnergyPolicy, ENERGY_POLICIES),
    "domain_policy": (shower_pb2.DomainPolicy, DOMAIN_POLICIES),
    "encoding": (tensor_pb2.Encoding, ENCODINGS),
}
"""Choices of GenerationOptions that can be served, by field; 0, unspecified, always can."""


def check_options(options: shower_pb2.GenerationOptions, geometry_id: str) -> None:
    """Refuse what no shower of the call can be served with.

    Raises:
        InvalidRequestError: another geometry.
        NotBuiltError: a choice of the contract that is not built yet.
    """
    if options.geometry_id not in ("", geometry_id):
        raise InvalidRequestError("options.geometry_id", f"{options.geometry_id!r} is not served, {geometry_id!r} is")
    for name, (kind, built) in _BUILT.items():
        value = getattr(options, name)
        if value != 0 and value not in built:
            choice = kind.Name(value) if value in kind.values() else f"{value}, unknown to this service,"
            raise NotBuiltError(f"options.{name}", f"{choice} is not built yet")


def is_default_impact(impact: shower_pb2.Impact) -> bool:
    """Whether a particle arrives as today's generators know it: centred, perpendicular, at time zero."""
    position, direction = impact.position_mm, impact.direction
    centred = (position.x, position.y, position.z) == (0.0, 0.0, 0.0)
    perpendicular = not impact.HasField("direction") or (direction.x, direction.y, direction.z) == (0.0, 0.0, 1.0)
    return centred and perpendicular and impact.time_ns == 0.0
