import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import settings

from caloserve.stack.stack import Stack, running_stack, wait_until_loaded
from caloserve.v1 import event_pb2_grpc, generator_pb2_grpc
from caloserve.wire.channels import CHANNEL_OPTIONS
from standin_release import write_release

settings.register_profile("untimed", deadline=None)  # a busy machine is no error
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in releases of the three kinds; eplus has an older one too."""
    root = tmp_path_factory.mktemp("releases")
    write_release(root / "eplus", "eplus", "0.1.0", gain=1.0)
    write_release(root / "eplus", "eplus", "0.2.0", gain=1.5)
    write_release(root / "gamma", "gamma", "0.1.0", gain=2.0)
    write_release(root / "piplus", "piplus", "0.1.0", gain=3.0)
    return root


@pytest.fixture(scope="session")
def stack(releases: Path) -> Iterator[Stack]:
    """Router and generators, real processes on the loopback interface, with the stand-in releases."""
    with running_stack("127.0.0.1:0", "127.0.0.1:0", releases) as running:
        wait_until_loaded(running, threading.Event())
        yield running


@pytest.fixture(scope="session")
def generator_stubs(stack: Stack) -> Iterator[dict[str, generator_pb2_grpc.ShowerGeneratorServiceStub]]:
    """A stub for each generator, past the router."""
    channels = {server.name: grpc.insecure_channel(server.address, CHANNEL_OPTIONS) for server in stack.generators}
    yield {name: generator_pb2_grpc.ShowerGeneratorServiceStub(channel) for name, channel in channels.items()}
    for channel in channels.values():
        channel.close()


@pytest.fixture(scope="session")
def eplus(
    generator_stubs: dict[str, generator_pb2_grpc.ShowerGeneratorServiceStub],
) -> generator_pb2_grpc.ShowerGeneratorServiceStub:
    return generator_stubs["eplus"]


@pytest.fixture(scope="session")
def router_channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.router.address, CHANNEL_OPTIONS) as channel:
        yield channel


@pytest.fixture(scope="session")
def events(router_channel: grpc.Channel) -> event_pb2_grpc.EventServiceStub:
    return event_pb2_grpc.EventServiceStub(router_channel)


@pytest.fixture(scope="session")
def routed(router_channel: grpc.Channel) -> generator_pb2_grpc.ShowerGeneratorServiceStub:
    """ShowerGeneratorService as the router answers it."""
    return generator_pb2_grpc.ShowerGeneratorServiceStub(router_channel)
