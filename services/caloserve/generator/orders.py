"""What a request asks for, checked and turned into arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import InvalidRequestError, LimitExceededError, NotBuiltError, NotFoundError, quoted
from caloserve.generator.manifest import Domain, Manifest
from caloserve.v1 import generator_pb2, shower_pb2, tensor_pb2
from caloserve.wire.errors import shower_error
from caloserve.wire.options import (
    EnergyLimit,
    check_failure_policy,
    check_options,
    energy_limit,
    impact_fault,
    read_indices,
)


@dataclass
class Order:
    """Showers to make: one row each of energies (float32), indices (uint64) and statuses (int32).

    A status is what the row has if its making goes well, or why it is not to be made.
    """

    seed: int
    event_id: int
    domain: Domain
    energies_gev: NDArray[np.float32]
    indices: NDArray[np.uint64]
    statuses: NDArray[np.int32]
    energy_limit: EnergyLimit | None = None
    encoding: tensor_pb2.Encoding = tensor_pb2.ENCODING_DENSE
    reasons: dict[int, str] = field(default_factory=dict)
    """Why a row was refused, where its status and energy do not say it."""
    plain: bool = False
    """Known to have no status but OK, as a rule: what small calls need not look through again and again."""

    def __len__(self) -> int:
        return len(self.energies_gev)

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which rows are to be made, shape (n,)."""
        wanted: NDArray[np.bool_] = (self.statuses == shower_pb2.SHOWER_STATUS_OK) | (
            self.statuses == shower_pb2.SHOWER_STATUS_EXTRAPOLATED
        )
        return wanted

    def rows(self, start: int, stop: int) -> "Order":
        """The part of the order from row ``start`` up to ``stop``, to be made by itself."""
        part = slice(start, stop)
        return Order(
            self.seed,
            self.event_id,
            self.domain,
            self.energies_gev[part],
            self.indices[part],
            self.statuses[part].copy(),
            self.energy_limit,
            self.encoding,
            {row - start: reason for row, reason in self.reasons.items() if start <= row < stop},
            self.plain,
        )

    def refuse(self, row: int, status: shower_pb2.ShowerStatus, reason: str) -> None:
        """Give a row its final status and say why."""
        self.mark(row, status)
        self.reasons[row] = reason

    def mark(self, rows: int | NDArray[np.bool_], status: shower_pb2.ShowerStatus) -> None:
        """Give rows a status other than OK."""
        self.plain = False
        self.statuses[rows] = status

    def errors(self) -> list[shower_pb2.ShowerError]:
        """One for each row that was refused, in order."""
        if self.plain:
            return []
        refused = np.flatnonzero(~self.wanted).tolist()
        return [shower_error(row, self.statuses[row], self.reason(row)) for row in refused]

    def reason(self, row: int) -> str:
        """Why a row was refused."""
        if row in self.reasons:
            return self.reasons[row]
        energy = f"{self.energies_gev[row]:g} GeV"
        if self.statuses[row] == shower_pb2.SHOWER_STATUS_INVALID_ENERGY:
            return f"{energy} is not a positive, finite kinetic energy"
        limits = f"{self.domain.energy_min_gev:g}-{self.domain.energy_max_gev:g} GeV"
        return f"{energy} is outside the training domain, {limits}, and the domain policy is REFUSE"


def read_order(request: generator_pb2.GenerateShowersRequest, manifest: Manifest, *, most: int, advice: str) -> Order:
    """Check a request against the release it is for.

    Args:
        request: what came over the wire.
        manifest: of the release that will make the showers.
        most: showers that this call may ask for.
        advice: what to do about more, for the message.

    Raises:
        InvalidRequestError: a field can never be served; names it with its index.
        LimitExceededError: more than ``most`` showers.
        NotFoundError: another particle than the release's.
        NotBuiltError: a choice of the contract that is not built yet.
    """
    if request.particle != manifest.particle:
        raise NotFoundError(
            "particle", f"{quoted(request.particle)} is not served here; this service makes {manifest.particle}"
        )
    count = len(request.energies_gev)
    if count == 0:
        raise InvalidRequestError("energies_gev", "is empty; give one kinetic energy in GeV per shower")
    if count > most:
        raise LimitExceededError("energies_gev", f"{count} showers, at most {most} per call; {advice}")
    if request.HasField("options"):
        check_options(request.options, manifest.geometry_id)
    check_failure_policy(request.failure_policy)
    order = Order(
        seed=request.seed,
        event_id=request.event_id,
        domain=manifest.domain,
        energies_gev=np.fromiter(request.energies_gev, dtype=np.float32, count=count),
        indices=read_indices(request.indices, count),
        statuses=np.full(count, shower_pb2.SHOWER_STATUS_OK, dtype=np.int32),
        energy_limit=energy_limit(request.options),
        encoding=request.options.encoding,
        plain=True,
    )
    _judge_energies(order, request.options.domain_policy)
    _judge_impacts(order, request.impacts)
    if not order.plain and request.failure_policy != shower_pb2.FAILURE_POLICY_PER_SHOWER and not order.wanted.all():
        _fail(order, int(np.argmin(order.wanted)))
    return order


def _judge_energies(order: Order, policy: shower_pb2.DomainPolicy) -> None:
    energies, domain = order.energies_gev, order.domain
    if energies.min() >= domain.energy_min_gev and energies.max() <= domain.energy_max_gev:  # as a rule; not for NaN
        return
    outside = ~((energies >= domain.energy_min_gev) & (energies <= domain.energy_max_gev))
    if policy == shower_pb2.DOMAIN_POLICY_FLAG:
        order.mark(outside, shower_pb2.SHOWER_STATUS_EXTRAPOLATED)
    elif policy != shower_pb2.DOMAIN_POLICY_ALLOW:
        order.mark(outside, shower_pb2.SHOWER_STATUS_OUT_OF_DOMAIN)
    order.mark(~(np.isfinite(energies) & (energies > 0)), shower_pb2.SHOWER_STATUS_INVALID_ENERGY)


def _judge_impacts(order: Order, impacts: Sequence[shower_pb2.Impact]) -> None:
    if impacts and len(impacts) != len(order):
        raise InvalidRequestError("impacts", f"{len(impacts)} for {len(order)} energies; give one each, or none")
    for row, impact in enumerate(impacts):
        if fault := impact_fault(impact):
            order.refuse(row, *fault)


def _fail(order: Order, row: int) -> None:
    """Fail the call for what is wrong with a row, naming the field and the index."""
    status, reason = order.statuses[row], order.reason(row)
    if status == shower_pb2.SHOWER_STATUS_UNIMPLEMENTED:
        raise NotBuiltError(f"impacts[{row}]", reason)
    if status == shower_pb2.SHOWER_STATUS_INVALID_IMPACT:
        raise InvalidRequestError(f"impacts[{row}]", reason)
    raise InvalidRequestError(f"energies_gev[{row}]", reason)
