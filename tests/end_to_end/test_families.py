"""Releases of two model families beside each other in one service, as its users ask for them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from click.testing import CliRunner

import model_kinds
from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import Stack, wait_until_loaded
from caloserve_client import AsyncCaloServeClient, CaloServeClient, NotFoundError, Showers, ShowerStatus
from caloserve_client.commands.describe import describe
from caloserve_client.commands.generate import generate
from caloserve_client.commands.replay import replay
from served_generator import metrics, running_generator
from standin_release import LATENT_SIZE, write_release

SERVED: Final = ("0.2.0", "0.1.0", "calogan2017-0.10.0", "calogan2017-0.9.0")
MEANT: Final = {"": "0.2.0", "calogan2017": "calogan2017-0.10.0"} | {version: version for version in SERVED}
"""The version that each name means."""
WIDE: Final = 1024
"""Latents of the paper's model; its stand-in rounds differently in other batch sizes."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("gamma")
    write_release(folder, "gamma", "0.1.0")
    write_release(folder, "gamma", "0.2.0", gain=1.5)
    write_release(folder, "gamma", "calogan2017-0.9.0", latent_size=WIDE)
    paper = model_kinds.rounding_by_batch(WIDE)
    write_release(folder, "gamma", "calogan2017-0.10.0", model_kind=paper, latent_size=WIDE)
    free = ("--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0")
    with running_generator(folder) as generator:
        router = ServerProcess("router", f"--backend=gamma={generator.address}", *free)
        try:
            router.wait_until_listening()
            running = Stack(router, (generator,))
            wait_until_loaded(running, threading.Event())
            yield running
        finally:
            stop([router])


@pytest.fixture(params=["router", "generator"])
def client(request: pytest.FixtureRequest, stack: Stack) -> Iterator[CaloServeClient]:
    server = stack.router if request.param == "router" else stack.generators[0]
    with CaloServeClient(server.address) as connected:
        yield connected


@pytest.fixture
def routed(stack: Stack) -> Iterator[CaloServeClient]:
    with CaloServeClient(stack.router.address) as connected:
        yield connected


def showers(client: CaloServeClient, release: str, rows: int = 40) -> Showers:
    return client.generate_showers("gamma", np.geomspace(2, 60, rows), seed=3, release=release)


def test_a_version_and_a_family_name_a_release_and_the_answer_says_which(client: CaloServeClient) -> None:
    made = {name: showers(client, name) for name in MEANT}
    assert {name: answer.provenance.release_version for name, answer in made.items()} == MEANT
    for name, version in MEANT.items():
        np.testing.assert_array_equal(made[name].cells_mev, made[version].cells_mev)
    assert len({made[version].cells_mev.tobytes() for version in SERVED}) == len(SERVED)
    assert len({made[version].provenance.model_sha256 for version in SERVED}) == len(SERVED)
    assert made["calogan2017"].provenance.determinism == "bitwise_one_bucket"
    assert made[""].provenance.determinism == "bitwise"


def test_what_is_not_served_is_not_found_and_what_is_served_is_listed(client: CaloServeClient) -> None:
    for unknown in ("0.3.0", "calogan2017-0.1.0", "calogan", "calogan2017-", "latest"):
        with pytest.raises(NotFoundError, match=f"release: '{unknown}' is not served; served: {', '.join(SERVED)}"):
            showers(client, unknown)


def test_releases_asked_at_once_make_what_each_makes_alone(routed: CaloServeClient) -> None:
    asked = [(version, rows) for rows in (1, 7, 300) for version in SERVED] * 3
    alone = {(version, rows): showers(routed, version, rows).cells_mev for version, rows in asked}
    with ThreadPoolExecutor(8) as callers:
        together = list(callers.map(lambda one: showers(routed, *one).cells_mev, asked))
    for one, cells in zip(asked, together, strict=True):
        np.testing.assert_array_equal(cells, alone[one])


async def test_an_event_takes_a_release_by_version_or_family(stack: Stack, routed: CaloServeClient) -> None:
    particles = [(22, 2.0 + row % 60) for row in range(600)]
    pins = {"gamma": "calogan2017"}
    event = routed.generate_event(particles, seed=3, releases=pins)
    assert event.provenance["gamma"].release_version == "calogan2017-0.10.0"
    same = routed.generate_showers("gamma", event.energies_gev, seed=3, release="calogan2017-0.10.0")
    np.testing.assert_array_equal(event.cells_mev, same.cells_mev)
    chunks = list(routed.iter_event(particles, seed=3, releases=pins))
    np.testing.assert_array_equal(np.concatenate([chunk.cells_mev for chunk in chunks]), same.cells_mev)
    async with AsyncCaloServeClient(stack.router.address) as client:
        np.testing.assert_array_equal(
            (await client.generate_event(particles, seed=3, releases=pins)).cells_mev, same.cells_mev
        )
    refused = routed.generate_event(particles[:1], releases={"gamma": "calogan"}, partial=True)
    assert refused.statuses.tolist() == [ShowerStatus.UNKNOWN_RELEASE]
    assert f"served: {', '.join(SERVED)}" in refused.errors[0].message


def test_the_description_lists_the_default_first_and_families_from_their_newest_on(client: CaloServeClient) -> None:
    told = client.describe("gamma")
    assert told.default_release == "0.2.0"
    assert [(release.version, release.latent_size, release.determinism) for release in told.releases] == [
        ("0.2.0", LATENT_SIZE, "bitwise"),
        ("0.1.0", LATENT_SIZE, "bitwise"),
        ("calogan2017-0.10.0", WIDE, "bitwise_one_bucket"),
        ("calogan2017-0.9.0", WIDE, "bitwise"),
    ]


def test_describe_shows_every_release_and_which_is_the_default(stack: Stack) -> None:
    table = CliRunner().invoke(describe, ["--target", stack.router.address]).stdout
    rows = [" ".join(line.split()) for line in table.splitlines()]
    assert "release 0.2.0 (default) 0.1.0 calogan2017-0.10.0 calogan2017-0.9.0" in rows


def test_a_file_asked_for_by_family_is_replayed_by_version(stack: Stack, tmp_path: Path) -> None:
    path, target = tmp_path / "gamma.hdf5", ["--target", stack.router.address]
    asked = ["--particle", "gamma", "--uniform", "1:60", "--count", "700", "--release", "calogan2017"]
    made = CliRunner().invoke(generate, [*asked, "--output", str(path), *target])
    assert made.exit_code == 0, made.output
    again = CliRunner().invoke(replay, [str(path), *target])
    assert again.exit_code == 0, again.output
    assert "gamma showers of release calogan2017-0.10.0, seed 0, event 0" in again.stdout
    assert again.stdout.endswith("700 of 700 showers are identical to the bit.\n")


def test_metrics_are_of_each_version_whatever_it_was_called(stack: Stack, routed: CaloServeClient) -> None:
    (generator,) = stack.generators

    def count(name: str) -> dict[str, float]:
        told = metrics(generator)
        return {version: told[name.replace("VERSION", version)] for version in SERVED}

    ok = "caloserve_showers_total{particle=gamma,release=VERSION,status=ok}"
    before = count(ok)
    showers(routed, "calogan2017")
    assert {version: made - before[version] for version, made in count(ok).items()} == {
        version: 40 * (version == "calogan2017-0.10.0") for version in SERVED
    }
    assert all(count("caloserve_physics_interval_batches{particle=gamma,release=VERSION}").values())
    assert not any("release=calogan2017," in name or "release=calogan2017}" in name for name in metrics(generator))
