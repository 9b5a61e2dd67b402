import time
import urllib.request

import grpc

from caloserve.stack.processes import ServerProcess
from caloserve.stack.stack import Stack
from caloserve.v1 import generator_pb2, generator_pb2_grpc

STREAMS = 6


def counted(server: ServerProcess, sample: str) -> float:
    with urllib.request.urlopen(f"http://{server.metrics_address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " "))


def test_a_stream_that_its_reader_gives_up_ends_at_the_generator_too(own_stack: Stack) -> None:
    eplus = next(server for server in own_stack.generators if server.name == "eplus")
    request = generator_pb2.GenerateShowersStreamRequest(
        request=generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0] * 50_000)
    )
    with grpc.insecure_channel(own_stack.router.address) as channel:
        for _ in range(STREAMS):
            stream = generator_pb2_grpc.ShowerGeneratorServiceStub(channel).GenerateShowersStream(request)
            next(stream)
            time.sleep(0.2)  # nobody reads: the router's and the generator's sending stand still
            stream.cancel()
        cancelled = 'caloserve_call_seconds_count{code="CANCELLED",method="GenerateShowersStream",particle="eplus"}'
        deadline = time.monotonic() + 10
        while counted(eplus, cancelled) < STREAMS:
            assert time.monotonic() < deadline, "the generator still sends to nobody"
            time.sleep(0.1)
