from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Self

import pytest

from caloserve_client.commands import connection
from caloserve_client.commands.connection import connected

if TYPE_CHECKING:
    from types import TracebackType

    from tests.clients.conftest import FakeServer


def test_a_server_that_runs(server: FakeServer) -> None:
    with connected(server.target) as client:
        assert client.target == server.target


def test_a_stack_of_its_own_is_ended_when_the_command_is(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = []

    class Stack:
        target = server.target

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
        ) -> None:
            ended.append(kind)

    monkeypatch.setattr(connection, "EmbeddedStack", Stack)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ending, connected(None):
        signal.raise_signal(signal.SIGTERM)
    assert ending.value.code == 143
    assert ended == [SystemExit]
    assert signal.getsignal(signal.SIGTERM) is before
    assert "--target" in capsys.readouterr().err
