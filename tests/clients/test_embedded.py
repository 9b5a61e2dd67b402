import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest

from caloserve_client import EmbeddedStack, EmbeddedStackError


def script(text: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text)]


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 5
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


READY = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], "w").write("told to end"), sys.exit()))
    print('{"address": "127.0.0.1:1234", "metrics_address": ""}', flush=True)
    time.sleep(60)
"""


def test_knows_its_address_and_is_ended_in_order(tmp_path: Path) -> None:
    note = tmp_path / "note"
    with EmbeddedStack([*script(READY), str(note)]) as stack:
        assert stack.target == "127.0.0.1:1234"
    assert note.read_text() == "told to end"
    assert stack.target == ""


def test_is_ended_when_the_block_fails(tmp_path: Path) -> None:
    note = tmp_path / "note"
    with pytest.raises(RuntimeError, match="in the block"), EmbeddedStack([*script(READY), str(note)]):
        raise RuntimeError("in the block")
    assert note.read_text() == "told to end"


def test_one_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    stubborn = script("""
        import pathlib, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pathlib.Path(sys.argv[1]).write_text(str(child.pid))
        print('{"address": "127.0.0.1:1234"}', flush=True)
        time.sleep(60)
    """)
    began = time.monotonic()
    with EmbeddedStack([*stubborn, str(note)], stop_timeout=0.2):
        pid = int(wait_for(note))
        assert is_alive(pid)
    assert time.monotonic() - began < 10
    deadline = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_early_end_is_reported_with_the_log() -> None:
    failing = script("""
        import sys
        for line in range(20): print("line", line, file=sys.stderr)
        sys.exit(3)
    """)
    with pytest.raises(EmbeddedStackError, match=r"exit status 3 .* its log ends: line 15 .* line 19$"):
        EmbeddedStack(failing).__enter__()


def test_one_that_gets_nowhere() -> None:
    with pytest.raises(EmbeddedStackError, match=r"was not ready after 0\.2 s"):
        EmbeddedStack(script("import time; time.sleep(60)"), start_timeout=0.2).__enter__()


@pytest.mark.parametrize("line", ["hello", "[]", '{"port": 1}'])
def test_one_that_announces_something_else(line: str) -> None:
    with pytest.raises(EmbeddedStackError, match="announced itself as"):
        EmbeddedStack(script(f"import time; print({line!r}, flush=True); time.sleep(60)")).__enter__()


def test_one_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedStackError, match=r"cannot start .*nothing: No such file"):
        EmbeddedStack([str(tmp_path / "nothing")]).__enter__()


def test_a_crash_while_it_runs_does_not_matter_on_leaving(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    dying = script("""
        import os, pathlib, sys, time
        pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
        print('{"address": "127.0.0.1:1234"}', flush=True)
        time.sleep(60)
    """)
    with EmbeddedStack([*dying, str(note)]):
        os.kill(int(wait_for(note)), signal.SIGKILL)
