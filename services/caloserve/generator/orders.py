"""What a request asks for, checked and turned into arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import InvalidRequestError, LimitExceededError, NotBuiltError, NotFoundError
from caloserve.generator.manifest import Domain, Manifest
from caloserve.v1 import generator_pb2, shower_pb2
from caloserve.wire.channels import REASON_CHARACTERS
from caloserve.wire.options import IMPACT_NOT_BUILT, check_options, is_default_impact


@dataclass
class Order:
    """Showers to make: one row each of energies (float32), indices (uint64), statuses (int32) and ``wanted`` (bool).

    A status is what the row has if its making goes well; rows that are not wanted have been refused.
    """

    seed: int
    event_id: int
    energies_gev: NDArray[np.float32]
    indices: NDArray[np.uint64]
    statuses: NDArray[np.int32]
    wanted: NDArray[np.bool_]
    errors: list[shower_pb2.ShowerError] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.energies_gev)

    def rows(self, start: int, stop: int) -> "Order":
        """The part of the order from row ``start`` up to ``stop``, its errors counted from its own first row."""
        return Order(
            self.seed,
            self.event_id,
            self.energies_gev[start:stop],
            self.indices[start:stop],
            self.statuses[start:stop].copy(),
            self.wanted[start:stop].copy(),
            [
                shower_pb2.ShowerError(row=error.row - start, status=error.status, message=error.message)
                for error in self.errors
                if start <= error.row < stop
            ],
        )

    def refuse(self, row: int, status: shower_pb2.ShowerStatus, message: str) -> None:
        """Give a row its final status and say why."""
        self.statuses[row] = status
        self.wanted[row] = False
        self.errors.append(shower_pb2.ShowerError(row=row, status=status, message=message[:REASON_CHARACTERS]))


def read_order(
    request: generator_pb2.GenerateShowersRequest, manifest: Manifest, *, most: int, otherwise: str
) -> Order:
    """Check a request against the release it is for.

    Args:
        request: what came over the wire.
        manifest: of the release that will make the showers.
        most: showers that this call may ask for.
        otherwise: what to do about more, for the message.

    Raises:
        InvalidRequestError: a field can never be served; names it with its index.
        LimitExceededError: more than ``most`` showers.
        NotFoundError: another particle than the release's.
        NotBuiltError: a choice of the contract that is not built yet.
    """
    if request.particle != manifest.particle:
        raise NotFoundError(
            "particle", f"{request.particle!r} is not served here; this service makes {manifest.particle}"
        )
    count = len(request.energies_gev)
    if count == 0:
        raise InvalidRequestError("energies_gev", "is empty; give one kinetic energy in GeV per shower")
    if count > most:
        raise LimitExceededError("energies_gev", f"{count} showers, at most {most} per call; {otherwise}")
    check_options(request.options, manifest.geometry_id)
    energies = np.fromiter(request.energies_gev, dtype=np.float32, count=count)
    order = Order(
        seed=request.seed,
        event_id=request.event_id,
        energies_gev=energies,
        indices=_indices(request.indices, count),
        statuses=np.full(count, shower_pb2.SHOWER_STATUS_OK, dtype=np.int32),
        wanted=np.ones(count, dtype=np.bool_),
    )
    _judge_impacts(order, request.impacts)
    _judge_energies(order, manifest.domain, request.options.domain_policy)
    if order.errors and request.failure_policy != shower_pb2.FAILURE_POLICY_PER_SHOWER:
        _fail(min(order.errors, key=lambda error: error.row))
    return order


def _indices(indices: Sequence[int], count: int) -> NDArray[np.uint64]:
    if not indices:
        return np.arange(count, dtype=np.uint64)
    if len(indices) != count:
        raise InvalidRequestError("indices", f"{len(indices)} for {count} energies; give one each, or none")
    return np.fromiter(indices, dtype=np.uint64, count=count)


def _judge_impacts(order: Order, impacts: Sequence[shower_pb2.Impact]) -> None:
    if impacts and len(impacts) != len(order):
        raise InvalidRequestError("impacts", f"{len(impacts)} for {len(order)} energies; give one each, or none")
    for row, impact in enumerate(impacts):
        if not is_default_impact(impact):
            order.refuse(row, shower_pb2.SHOWER_STATUS_UNIMPLEMENTED, IMPACT_NOT_BUILT)


def _judge_energies(order: Order, domain: Domain, policy: shower_pb2.DomainPolicy) -> None:
    energies = order.energies_gev
    possible = np.isfinite(energies) & (energies > 0)
    for row in np.flatnonzero(order.wanted & ~possible):
        message = f"{energies[row]:g} GeV is not a positive, finite kinetic energy"
        order.refuse(int(row), shower_pb2.SHOWER_STATUS_INVALID_ENERGY, message)
    inside = (energies >= domain.energy_min_gev) & (energies <= domain.energy_max_gev)
    outside = np.flatnonzero(order.wanted & ~inside)
    if policy == shower_pb2.DOMAIN_POLICY_FLAG:
        order.statuses[outside] = shower_pb2.SHOWER_STATUS_EXTRAPOLATED
    elif policy != shower_pb2.DOMAIN_POLICY_ALLOW:
        limits = f"{domain.energy_min_gev:g}-{domain.energy_max_gev:g} GeV"
        for row in outside:
            message = f"{energies[row]:g} GeV is outside the training domain, {limits}, and the domain policy is REFUSE"
            order.refuse(int(row), shower_pb2.SHOWER_STATUS_OUT_OF_DOMAIN, message)


def _fail(error: shower_pb2.ShowerError) -> None:
    if error.status == shower_pb2.SHOWER_STATUS_UNIMPLEMENTED:
        raise NotBuiltError(f"impacts[{error.row}]", error.message)
    raise InvalidRequestError(f"energies_gev[{error.row}]", error.message)
