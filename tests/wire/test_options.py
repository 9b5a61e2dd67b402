import math
from typing import Any

import pytest

from caloserve.calorimeter.errors import InvalidRequestError, LimitExceededError, NotBuiltError
from caloserve.v1 import shower_pb2, tensor_pb2
from caloserve.wire.options import MAX_ATTEMPTS, EnergyLimit, check_options, energy_limit

CONSERVE = shower_pb2.ENERGY_POLICY_CONSERVE


def options(**fields: Any) -> shower_pb2.GenerationOptions:
    return shower_pb2.GenerationOptions(**fields)


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        (options(), None),
        (options(energy_policy=shower_pb2.ENERGY_POLICY_AS_GENERATED), None),
        (options(energy_policy=CONSERVE), EnergyLimit(0.0, MAX_ATTEMPTS)),
        (options(energy_policy=CONSERVE, energy_tolerance=0.0), EnergyLimit(0.0, MAX_ATTEMPTS)),
        (options(energy_policy=CONSERVE, energy_tolerance=0.02, max_attempts=1), EnergyLimit(0.02, 1)),
        (options(energy_policy=CONSERVE, max_attempts=MAX_ATTEMPTS), EnergyLimit(0.0, MAX_ATTEMPTS)),
    ],
)
def test_the_energy_limit_is_the_paper_s_unless_told_otherwise(
    asked: shower_pb2.GenerationOptions, limit: EnergyLimit | None
) -> None:
    assert energy_limit(asked) == limit
    check_options(asked, "calogan-504-v1")


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        (options(energy_policy=CONSERVE, energy_tolerance=-0.01), InvalidRequestError, "energy_tolerance: -0.01"),
        (options(energy_policy=CONSERVE, energy_tolerance=math.nan), InvalidRequestError, "energy_tolerance: nan"),
        (options(energy_policy=CONSERVE, energy_tolerance=math.inf), InvalidRequestError, "energy_tolerance: inf"),
        (options(energy_policy=CONSERVE, max_attempts=0), InvalidRequestError, "max_attempts: 0 attempts"),
        (options(energy_policy=CONSERVE, max_attempts=101), LimitExceededError, "max_attempts: 101, at most 100"),
        (options(energy_tolerance=0.0), InvalidRequestError, "energy_tolerance: means something with"),
        (options(max_attempts=5), InvalidRequestError, "max_attempts: means something with"),
        (options(energy_policy=7), NotBuiltError, "energy_policy: 7, unknown"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_with_its_field(
    asked: shower_pb2.GenerationOptions, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=rf"options\.{says}"):
        check_options(asked, "calogan-504-v1")


def test_what_is_not_built_yet_is_said() -> None:
    with pytest.raises(NotBuiltError, match="DOMAIN_POLICY_FULL_SIMULATION is not built"):
        check_options(options(domain_policy=shower_pb2.DOMAIN_POLICY_FULL_SIMULATION), "calogan-504-v1")
    for encoding in (tensor_pb2.ENCODING_UNSPECIFIED, tensor_pb2.ENCODING_DENSE, tensor_pb2.ENCODING_BITMAP):
        check_options(options(encoding=encoding), "calogan-504-v1")
