import threading
from collections.abc import Iterator

import pytest

from caloserve.stack.stack import Stack, running_stack, wait_until_loaded
from caloserve_client import CaloServeClient


@pytest.fixture(scope="session")
def released_stack() -> Iterator[Stack]:
    """The whole stack with the releases that the project ships."""
    with running_stack("127.0.0.1:0", "127.0.0.1:0", None) as stack:
        wait_until_loaded(stack, threading.Event())
        yield stack


@pytest.fixture(scope="session")
def router(released_stack: Stack) -> Iterator[CaloServeClient]:
    with CaloServeClient(released_stack.router.address) as client:
        yield client


@pytest.fixture(scope="session")
def generators(released_stack: Stack) -> Iterator[dict[str, CaloServeClient]]:
    """A client for each generator, past the router."""
    clients = {server.name: CaloServeClient(server.address) for server in released_stack.generators}
    yield clients
    for client in clients.values():
        client.close()
