import numpy as np
import pytest
from prometheus_client import generate_latest

from caloserve.v1 import shower_pb2
from caloserve.wire.observation import SHOWER_STATUSES, Calls, count_statuses, process_registry
from caloserve.wire.series import BUCKETS_S


def test_statuses_are_counted_by_their_short_names() -> None:
    statuses = [shower_pb2.SHOWER_STATUS_OK, shower_pb2.SHOWER_STATUS_INVALID_CELLS, shower_pb2.SHOWER_STATUS_OK]
    assert count_statuses(np.array(statuses, np.int32)) == {"ok": 2, "invalid_cells": 1}
    assert "ok" in SHOWER_STATUSES
    assert "unspecified" not in SHOWER_STATUSES


def test_a_status_of_a_newer_contract_is_counted_as_unknown() -> None:
    assert count_statuses(np.array([9999], np.int32)) == {"unknown": 1}


def test_buckets_reach_from_tens_of_microseconds_to_seconds() -> None:
    assert BUCKETS_S[0] == 15e-6
    assert 10 < BUCKETS_S[-1] < 20
    assert np.diff(np.log(BUCKETS_S)) == pytest.approx(np.log(1.5))


def test_refusals_start_at_zero_and_no_series_tells_when_it_began() -> None:
    registry = process_registry()
    Calls("caloserve_test", ["Make"], registry, particle="eplus")
    told = generate_latest(registry).decode()
    assert 'caloserve_test_refusals_total{code="NOT_FOUND",method="Make",particle="eplus"} 0.0' in told
    assert 'caloserve_test_calls_in_flight{method="Make",particle="eplus"} 0.0' in told
    assert "_created" not in told
