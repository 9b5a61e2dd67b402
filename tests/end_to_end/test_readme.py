import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from caloserve.generator.manifest import Manifest
from caloserve.generator.releases import ReleaseStore, Version
from caloserve.stack.stack import Stack

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
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
    for proto in (ROOT / "protos/caloserve/v1").glob("*.proto"):
        calls |= set(re.findall(r"^  rpc (\w+)\(", proto.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {call for call in calls if any(example.startswith(f"# {call}: ") for example in EXAMPLES)} == calls


SYMBOLS = {"eplus": "e⁺", "gamma": "γ", "piplus": "π⁺"}  # noqa: RUF001


def newest_of_each_family() -> Iterator[Manifest]:
    for particle in SYMBOLS:
        store = ReleaseStore(ROOT / "services" / particle / "releases", particle)
        for family in {Version.read(version).family for version in store.versions()}:
            newest = next(version for version in store.versions() if Version.read(version).family == family)
            yield store.load(newest).manifest


@pytest.mark.parametrize("manifest", tuple(newest_of_each_family()), ids=lambda it: f"{it.particle}-{it.version}")
def test_the_table_of_releases_says_what_the_manifests_say(manifest: Manifest) -> None:
    name = f"{SYMBOLS[manifest.particle]} {manifest.version}"
    row = next(line for line in README.splitlines() if line.startswith(f"| {name} |"))
    figures = {figure.name: figure.value for figure in manifest.fidelity.figures}
    ratios = " / ".join(f"{figures[f'e_tot_ratio_{place}_gev']:.3f}" for place in ("1_10", "10_30", "30_60", "60_100"))
    assert row == (
        f"| {name} | {manifest.model.parameters:,} | {manifest.training.showers:,} | {ratios} "
        f"| {figures['auc_shapes']:.3f} | {figures['auc_cells']:.3f} |"
    )
