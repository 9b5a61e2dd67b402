import urllib.request

import grpc
import pytest

from caloserve.stack.stack import Stack
from caloserve.v1 import generator_pb2, generator_pb2_grpc

Stub = generator_pb2_grpc.ShowerGeneratorServiceStub


@pytest.mark.parametrize("particle", ["eplus", "gamma", "piplus"])
def test_showers_through_the_router_are_those_of_the_generator(
    particle: str, routed: Stub, generator_stubs: dict[str, Stub]
) -> None:
    request = generator_pb2.GenerateShowersRequest(particle=particle, energies_gev=[10.0, 20.0], seed=4)
    through, direct = routed.GenerateShowers(request), generator_stubs[particle].GenerateShowers(request)
    assert through.showers == direct.showers
    assert through.provenance == direct.provenance


def test_bytes_that_go_through_are_counted(router_channel: grpc.Channel, stack: Stack) -> None:
    def passed() -> float:
        with urllib.request.urlopen(f"http://{stack.router.metrics_address}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line for line in lines if line.startswith(name)).removeprefix(name))

    name = 'caloserve_router_passed_bytes_total{particle="eplus"} '
    before = passed()
    unread: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    unread = router_channel.unary_unary("/caloserve.v1.ShowerGeneratorService/GenerateShowers")
    request = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0])
    answer = unread(request.SerializeToString())
    assert passed() - before == len(answer)


def test_streams_go_through(routed: Stub, eplus: Stub) -> None:
    request = generator_pb2.GenerateShowersStreamRequest(
        request=generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0] * 3000)
    )
    through, direct = list(routed.GenerateShowersStream(request)), list(eplus.GenerateShowersStream(request))
    assert len(through) == 6
    assert [chunk.chunk.showers for chunk in through] == [chunk.chunk.showers for chunk in direct]


def test_descriptions_go_through_by_particle(routed: Stub) -> None:
    told = routed.DescribeGenerator(generator_pb2.DescribeGeneratorRequest(particle="piplus"))
    assert told.pdg_id == 211
    with pytest.raises(grpc.RpcError, match="has no generator here; there is one for eplus, gamma, piplus"):
        routed.DescribeGenerator(generator_pb2.DescribeGeneratorRequest())


def test_a_request_that_is_not_of_the_contract_is_refused(router_channel: grpc.Channel) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = router_channel.unary_unary(
        "/caloserve.v1.ShowerGeneratorService/GenerateShowers"
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
