"""The images and the compose file for real: built, brought up, loaded, redeployed, scaled and hurt.

Needs a Docker engine. ``BASE_IMAGE`` names another base image. Where no image of Prometheus is at hand and Debian's
package is, a stand-in is made of it under the official image's name; Grafana is not run. Both are said in the report.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import grpc
import pytest

from caloserve.calorimeter import PARTICLES
from caloserve.v1 import event_pb2, event_pb2_grpc, shower_pb2
from compose_project import ROOT, SERVED, Project, docker
from event_load import Load, mixed_event, wait_until

pytestmark = pytest.mark.timeout(900)

PROMETHEUS = "prom/prometheus:v3.5.0"
MOST_BYTES = 400_000_000
OFFICIAL_BASE_BYTES = 135_000_000
"""Of python:3.11-slim, rounded up: what a larger stand-in for it has on top is not ours."""
Say = Callable[[str], None]


def showers_made(container: str) -> float:
    """The count of an eplus generator, which nothing outside its network can reach, asked from inside."""
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9465/metrics').read().decode())"
    page = docker("exec", container, "python", "-c", script)
    counts = re.findall(r"^caloserve_showers_total\{.*\} (\S+)$", page, flags=re.MULTILINE)
    return sum(map(float, counts))


@pytest.fixture(scope="module")
def say(request: pytest.FixtureRequest) -> Say:
    """Write a line of the transcript into the report."""
    reporter: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(f"    {line}")

    return write


@pytest.fixture(scope="module")
def engine() -> str:
    """The version of the Docker engine; without one these tests are skipped."""
    if shutil.which("docker") is None:
        pytest.skip("no docker command")
    told = subprocess.run(
        ["docker", "info", "--format", "{{.ServerVersion}}"],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if told.returncode or not told.stdout.strip():
        pytest.skip(f"no Docker engine answers: {(told.stderr or told.stdout).strip()[-300:]}")
    if "version" not in docker("compose", "version", check=False):
        pytest.skip("docker has no compose plugin")
    return told.stdout.strip()


@pytest.fixture(scope="module")
def prometheus_image(engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001
    """What the image of Prometheus is: the official one, a stand-in, or nothing."""
    if docker("image", "inspect", PROMETHEUS, check=False) in ("", "[]"):
        base = os.environ.get("BASE_IMAGE")
        if base is None:
            return "" if docker("pull", PROMETHEUS, check=False) == "" else "official"
        folder = tmp_path_factory.mktemp("prometheus")
        (folder / "Dockerfile").write_text(
            "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nLABEL caloserve.standin=true\n"
            "RUN apt-get update -qq && apt-get install -qq --no-install-recommends prometheus wget\n"
            'ENTRYPOINT ["prometheus"]\n'
        )
        docker(
            "build", "--network", "host", "--build-arg", f"BASE_IMAGE={base}", "--tag", PROMETHEUS, str(folder),
            check=False,
        )  # fmt: skip
    label = docker(
        "image", "inspect", "--format", '{{index .Config.Labels "caloserve.standin"}}', PROMETHEUS, check=False
    )
    return {"true": "a stand-in, Debian's package", "": "official"}.get(label, "")


@pytest.fixture(scope="module")
def project(
    engine: str, prometheus_image: str, tmp_path_factory: pytest.TempPathFactory, say: Say
) -> Iterator[Project]:
    """Images built; router, generators and Prometheus up and healthy."""
    project = Project(tmp_path_factory.mktemp("project"))
    say(f"Docker engine {engine}; base image {os.environ.get('BASE_IMAGE', 'python:3.11-slim')}")
    say(f"Prometheus: {prometheus_image or 'no image at hand, not run'}; Grafana: not run")
    began = time.monotonic()
    project.compose("build", *SERVED)
    say(f"built in {time.monotonic() - began:.0f} s")
    services = [*SERVED, "prometheus"] if prometheus_image else SERVED
    try:
        began = time.monotonic()
        # The router first: it does not matter.
        project.compose("up", "--detach", "--wait", "--wait-timeout", "120", "router")
        project.compose("up", "--detach", "--wait", "--wait-timeout", "120", *services)
        say(f"{', '.join(services)}: all healthy after {time.monotonic() - began:.0f} s")
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "10")


@pytest.fixture
def load(project: Project) -> Load:
    """Load through the published port, once all generators serve."""

    def all_serve() -> bool:
        with grpc.insecure_channel(f"127.0.0.1:{project.port}", [("grpc.enable_http_proxy", 0)]) as channel:
            answer = event_pb2_grpc.EventServiceStub(channel).GenerateEvent(mixed_event(), timeout=20)
        return set(answer.showers.statuses) == {shower_pb2.SHOWER_STATUS_OK}

    wait_until(all_serve, 30, "not every generator serves")
    return Load(project.port)


@pytest.mark.parametrize("service", SERVED)
def test_an_image_is_small_and_holds_its_own_releases_only(project: Project, service: str, say: Say) -> None:
    image = project.compose("config", "--images", service).split()[-1]
    (told,) = json.loads(docker("image", "inspect", image))
    base = int(docker("image", "inspect", "--format", "{{.Size}}", os.environ.get("BASE_IMAGE", "python:3.11-slim")))
    own = told["Size"] - base
    say(f"{image}: {told['Size'] / 1e6:.0f} MB, {own / 1e6:.0f} MB of it on top of the base image")
    assert own + min(base, OFFICIAL_BASE_BYTES) < MOST_BYTES
    assert told["Config"]["User"] == "10001:10001"
    labels = told["Config"]["Labels"]
    assert image == f"caloserve-{service}:{labels['org.opencontainers.image.version']}"
    (container, *_) = project.containers(service)
    found = docker("exec", container, "find", "/opt", "/srv", "-name", "manifest.json", "-o", "-name", "service.toml")
    expected = {"/srv/caloserve/service.toml"} if service in PARTICLES else set()
    if service in PARTICLES:
        releases = ROOT / "services" / service / "releases"
        expected |= {
            f"/srv/caloserve/releases/{path.parent.name}/manifest.json" for path in releases.glob("*/manifest.json")
        }
        assert labels["caloserve.release.version"] in {path.parent.name for path in releases.glob("*/manifest.json")}
    assert set(found.split()) == expected
    leftovers = docker(
        "exec", container, "sh", "-c", "which gcc make; ls -d /root/.cache /opt/caloserve/bin/pip* /src", check=False
    )
    assert leftovers == ""
    refused = docker("exec", container, "sh", "-c", "touch /srv/caloserve/x 2>&1", check=False)
    assert "Read-only" in refused


def test_an_event_through_the_published_port_tells_both_versions(project: Project, load: Load, say: Say) -> None:  # noqa: ARG001
    with grpc.insecure_channel(f"127.0.0.1:{project.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        stub = event_pb2_grpc.EventServiceStub(channel)
        answer = stub.GenerateEvent(mixed_event(), timeout=20)
        listed = stub.ListGenerators(event_pb2.ListGeneratorsRequest(), timeout=20)
    assert len(answer.showers.cells_mev.data) == 3 * 504 * 4
    for maker in answer.makers:
        made_by = maker.provenance
        say(f"{made_by.particle}: service {made_by.service_version}, release {made_by.release_version}")
        assert made_by.service_version
        assert made_by.release_version
    assert len(answer.makers) == 3
    assert {generator.state for generator in listed.generators} == {event_pb2.GENERATOR_STATE_SERVING}


def test_prometheus_finds_every_process(project: Project, prometheus_image: str, say: Say) -> None:
    if not prometheus_image:
        pytest.skip(f"no image {PROMETHEUS}")

    def states() -> dict[str, str]:
        with urlopen(f"http://127.0.0.1:{project.prometheus_port}/api/v1/targets", timeout=10) as page:
            targets = json.load(page)["data"]["activeTargets"]
        return {target["labels"]["service"]: target["health"] for target in targets}

    wait_until(lambda: states() == dict.fromkeys(SERVED, "up"), 60, "not every target is up")
    say(f"Prometheus targets: {states()}")


def test_a_generator_more_is_used_and_one_less_costs_no_event(project: Project, load: Load, say: Say) -> None:
    (first,) = project.containers("eplus")
    with load.running():
        time.sleep(1)
        project.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "eplus=2", "eplus")
        (second,) = set(project.containers("eplus")) - {first}
        began = time.monotonic()
        wait_until(lambda: showers_made(second) > 20, 40, "the router does not use the second generator")
        found_s = time.monotonic() - began
        before = showers_made(first), showers_made(second)
        time.sleep(3)
        made = [showers_made(name) - start for name, start in zip((first, second), before, strict=True)]
        assert min(made) > 0.3 * sum(made)
        docker("kill", second)
        time.sleep(5)
    say(f"--scale eplus=2: used after {found_s:.0f} s, then {made[0]:.0f} and {made[1]:.0f} showers; one killed")
    say(str(load))
    assert not load.failures(*PARTICLES)
    assert not load.failed_calls
    project.compose("rm", "--force", "--stop", "eplus")
    project.compose("up", "--detach", "--wait", "eplus")


def test_a_generator_whose_address_vanishes_costs_no_event(project: Project, load: Load, say: Say) -> None:
    project.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "eplus=2", "eplus")
    (network,) = docker(
        "network", "ls", "--quiet", "--filter", f"name={project.environment['COMPOSE_PROJECT_NAME']}_"
    ).split()
    time.sleep(12)
    with load.running():
        time.sleep(2)
        docker("network", "disconnect", network, project.containers("eplus")[0])
        time.sleep(8)
    say(f"one of two eplus generators cut off: {load}")
    assert not load.failures(*PARTICLES)
    assert not load.failed_calls
    assert load.longest_s < 6
    project.compose("rm", "--force", "--stop", "eplus")
    project.compose("up", "--detach", "--wait", "eplus")


def test_a_new_version_of_one_service_leaves_the_others_alone(project: Project, load: Load, say: Say) -> None:
    others = ("gamma", "piplus", "router")
    before = project.containers(*others)
    with load.running():
        project.raise_version("eplus", "0.1.97")
        project.compose("up", "--detach", "--wait", *SERVED)
        time.sleep(3)
    say(f"eplus recreated as 0.1.97: {load}")
    say(f"versions that answered: {dict(load.versions)}")
    for (status, reason), count in load.reasons.items():
        say(f"{count} x {status}: {reason}")
    assert project.containers(*others) == before
    assert not load.failed_calls
    assert not load.failures("gamma", "piplus")
    assert {end for name, end in load.statuses if name == "eplus"} <= {"OK", "UNAVAILABLE"}
    assert load.versions["eplus", "0.1.97"]
    with grpc.insecure_channel(f"127.0.0.1:{project.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        listed = event_pb2_grpc.EventServiceStub(channel).ListGenerators(event_pb2.ListGeneratorsRequest(), timeout=20)
    versions = {generator.particle: generator.description.service_version for generator in listed.generators}
    say(f"ListGenerators: {versions}")
    assert versions["eplus"] == "0.1.97" != versions["gamma"]


def test_a_service_is_rolled_to_a_new_version_without_a_gap(project: Project, load: Load, say: Say) -> None:
    others = ("gamma", "piplus", "router")
    before = project.containers(*others)
    with load.running():
        project.raise_version("eplus", "0.1.98")
        project.run("deploy/roll", "eplus")
        time.sleep(3)
    say(f"eplus rolled to 0.1.98: {load}")
    say(f"versions that answered: {dict(load.versions)}")
    assert project.containers(*others) == before
    assert not load.failed_calls
    assert not load.failures(*PARTICLES)
    assert load.versions["eplus", "0.1.98"]
    assert len({version for name, version in load.versions if name == "eplus"}) == 2
