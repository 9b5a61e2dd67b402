from caloserve.v1 import shower_pb2
from caloserve_client.statuses import ShowerStatus


def test_mirrors_the_contract() -> None:
    contract = {
        name.removeprefix("SHOWER_STATUS_"): number for name, number in shower_pb2.ShowerStatus.items() if number != 0
    }
    assert {status.name: int(status) for status in ShowerStatus} == contract
