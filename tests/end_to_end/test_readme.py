import re
from pathlib import Path

import pytest

from caloserve.stack.stack import Stack

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_runs_as_it_stands(
    number: int, released_stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    imports = "from caloserve_client import CaloServeClient\n"
    example = (imports + EXAMPLES[number]).replace("localhost:50050", released_stack.router.address)
    exec(compile(example, f"README.md example {number}", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.strip()


def test_every_call_of_the_contract_has_an_example() -> None:
    calls = set()
    for proto in (Path(__file__).parents[2] / "protos/caloserve/v1").glob("*.proto"):
        calls |= set(re.findall(r"^  rpc (\w+)\(", proto.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {call for call in calls if any(example.startswith(f"# {call}: ") for example in EXAMPLES)} == calls
