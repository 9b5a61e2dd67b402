import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN
from caloserve.generator.manifest import Domain
from caloserve.generator.orders import Order
from caloserve.generator.showers import Rows, Showers
from caloserve.v1 import shower_pb2
from caloserve.wire.options import EnergyLimit

ENERGY_GEV = 10.0


def conserved(count: int) -> Showers:
    return Showers(
        Order(
            seed=1,
            event_id=2,
            domain=Domain(1, 100),
            energies_gev=np.full(count, ENERGY_GEV, dtype=np.float32),
            indices=np.arange(count, dtype=np.uint64),
            statuses=np.full(count, shower_pb2.SHOWER_STATUS_OK, dtype=np.int32),
            energy_limit=EnergyLimit(0.0, 4),
        ),
        CALOGAN,
    )


def made(showers: Showers, rows: Rows, wasteful: np.ndarray) -> np.ndarray:
    """Cells that tell their row and attempt; those of rows still wasteful exceed the energy."""
    cells = np.zeros((len(rows), CALOGAN.cells), dtype=np.float32)
    cells[:, 0], cells[:, 1] = rows, showers.attempts[rows]
    cells[showers.attempts[rows] <= wasteful[rows], 2] = 1e4 * ENERGY_GEV
    return cells


def test_a_part_that_comes_back_later_waits_in_its_place() -> None:
    showers, wasteful = conserved(2), np.array([1, 1])
    parts = [showers.take(1), showers.take(1)]
    for rows in parts:
        showers.put(rows, made(showers, rows, wasteful), np.ones(1, np.bool_))
    rows = showers.take(2)
    showers.put(rows, made(showers, rows, wasteful), np.ones(2, np.bool_))
    assert showers.cells_mev[:, 0].tolist() == [0, 1]


@given(data=st.data(), count=st.integers(1, 9))
def test_rows_stay_in_their_places_in_whatever_order_parts_come_back(data: st.DataObject, count: int) -> None:
    """Two batches that carry parts of one order may come back in either order, with rows to be made again."""
    showers = conserved(count)
    wasteful = np.array(data.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count)))
    away: list[Rows] = []
    while len(showers) or away:
        if len(showers) and (not away or data.draw(st.booleans())):
            away.append(showers.take(data.draw(st.integers(1, count))))
        else:
            rows = away.pop(data.draw(st.integers(0, len(away) - 1)))
            showers.put(rows, made(showers, rows, wasteful), np.ones(len(rows), np.bool_))
    conserving = wasteful < 4
    assert (showers.order.statuses == shower_pb2.SHOWER_STATUS_OK).tolist() == conserving.tolist()
    assert showers.attempts.tolist() == np.minimum(wasteful + 1, 4).tolist()
    assert showers.cells_mev[conserving, 0].tolist() == np.flatnonzero(conserving).tolist()
    assert showers.cells_mev[conserving, 1].tolist() == showers.attempts[conserving].tolist()
    assert not showers.cells_mev[~conserving].any()
