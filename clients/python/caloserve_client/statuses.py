"""What became of one shower."""

from dataclasses import dataclass
from enum import IntEnum


class ShowerStatus(IntEnum):
    """The contract's ``ShowerStatus``. All but OK and EXTRAPOLATED leave the shower's cells at zero."""

    OK = 1
    EXTRAPOLATED = 2
    """Made, though its energy lies outside the training domain (``domain_policy="flag"``)."""
    INVALID_ENERGY = 3
    OUT_OF_DOMAIN = 4
    UNKNOWN_PARTICLE = 5
    UNIMPLEMENTED = 6
    UNAVAILABLE = 7
    RESOURCE_EXHAUSTED = 8
    DEADLINE_EXCEEDED = 9
    INVALID_CELLS = 10
    ENERGY_NOT_CONSERVED = 11
    UNKNOWN_RELEASE = 12
    INTERNAL = 13
    INVALID_IMPACT = 14


MADE = (ShowerStatus.OK, ShowerStatus.EXTRAPOLATED)


@dataclass(frozen=True)
class ShowerError:
    """Why one shower was not made."""

    row: int
    """Its row in the result that this belongs to."""
    status: ShowerStatus
    message: str
