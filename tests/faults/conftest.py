import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from caloserve.stack.stack import Stack, running_stack, wait_until_loaded


@pytest.fixture
def own_stack(releases: Path) -> Iterator[Stack]:
    """A stack that the test may break."""
    with running_stack("127.0.0.1:0", "127.0.0.1:0", releases) as stack:
        wait_until_loaded(stack, threading.Event())
        yield stack
