"""What the Dockerfile and the compose files say, as far as it can be told without a Docker engine."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from caloserve.calorimeter import PARTICLES
from caloserve.generator.releases import ReleaseStore

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
BUILT = (*PARTICLES, "router")


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


def defaults(text: str) -> str:
    """What compose makes of ``text`` when no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def service_toml(particle: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "services" / particle / "service.toml").read_text())


def stages() -> dict[str, str]:
    """The Dockerfile's stages by name."""
    parts = re.split(r"^FROM \S+ AS (\w+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def default_release(particle: str) -> str:
    chosen = service_toml(particle).get("default_release", "")
    return ReleaseStore(ROOT / "services" / particle / "releases", particle).default(chosen)


def test_the_stack_is_whole() -> None:
    assert set(compose()["services"]) == {*BUILT, "prometheus", "grafana"}
    assert set(stages()) == {"build", "serving", *BUILT}


@pytest.mark.parametrize("particle", PARTICLES)
def test_both_versions_are_those_of_the_service(particle: str) -> None:
    service = compose()["services"][particle]
    version = service_toml(particle)["service_version"]
    arguments = service["build"]["args"]
    assert defaults(service["image"]) == f"caloserve-{particle}:{version}"
    assert defaults(arguments["SERVICE_VERSION"]) == version
    assert arguments["RELEASE_VERSION"] == default_release(particle)
    gpu = compose("docker-compose.gpu.yml")["services"][particle]
    assert defaults(gpu["image"]) == f"caloserve-{particle}:{version}-gpu"
    assert f"## Service {version}\n" in (ROOT / "services" / particle / "CHANGELOG.md").read_text()


def test_the_routers_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    service = compose()["services"]["router"]
    assert defaults(service["image"]) == f"caloserve-router:{project['version']}"
    assert defaults(service["build"]["args"]["SERVICE_VERSION"]) == project["version"]


@pytest.mark.parametrize("target", BUILT)
def test_an_image_copies_its_own_service_and_no_other(target: str) -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", stages()[target], flags=re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert all(source.startswith(f"services/{target}/") for source in sources)
    assert bool(sources) == (target in PARTICLES)
    for shared in ("build", "serving"):
        assert not re.search(r"services/(eplus|gamma|piplus)|COPY services ", stages()[shared])


@pytest.mark.parametrize("target", BUILT)
def test_an_image_tells_its_versions_and_its_health(target: str) -> None:
    stage = stages()[target]
    assert 'org.opencontainers.image.version="${SERVICE_VERSION}"' in stage
    assert ('caloserve.release.version="${RELEASE_VERSION}"' in stage) == (target in PARTICLES)
    assert re.search(r'^HEALTHCHECK .*\\\n +CMD \["caloserve", "health"', stage, flags=re.MULTILINE)
    if target in PARTICLES:
        for key in ("address", "metrics_address"):
            port = service_toml(target)[key].rpartition(":")[2]
            assert f'"0.0.0.0:{port}"' in stage


def test_the_dockerfile_can_be_built_without_a_registry_of_frontends_and_ends_as_nobody() -> None:
    assert not re.search(r"^# *syntax=", DOCKERFILE, flags=re.MULTILINE)
    assert "\nARG BASE_IMAGE=python:3.11-slim\n" in DOCKERFILE
    assert "\nUSER 10001:10001\n" in stages()["serving"]
    assert all("USER" not in stages()[target] for target in BUILT)


@pytest.mark.parametrize("name", [*BUILT, "prometheus", "grafana"])
def test_every_service_is_limited_restarted_and_only_here(name: str) -> None:
    service = compose()["services"][name]
    assert service["restart"] in ("unless-stopped", "on-failure")
    assert service["cap_drop"] == ["ALL"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "depends_on" not in service
    assert "container_name" not in service  # or it could not be scaled
    assert ("ports" in service) == (name not in PARTICLES)
    assert name in BUILT or "healthcheck" in service
    assert service.get("read_only", False) == (name != "grafana")


def test_what_is_mounted_is_there() -> None:
    for service in compose()["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source


def test_grafana_has_no_password_of_its_own_and_says_so() -> None:
    grafana = compose()["services"]["grafana"]
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"  # noqa: S105
    *shell, script = grafana["entrypoint"]
    script = script.replace("$$", "$").replace("/run.sh", "echo started")
    for password, says in (("", "set GRAFANA_PASSWORD"), ("secret", "started")):
        run = subprocess.run(
            [*shell, script],
            env={"GF_SECURITY_ADMIN_PASSWORD": password, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert says in run.stdout + run.stderr
        assert ("started" in run.stdout) == bool(password)
