"""A copy of the project under ``docker compose``."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from caloserve.calorimeter import PARTICLES

ROOT = Path(__file__).parents[2]
CONTEXT = (
    ".dockerignore", "LICENSE", "README.md", "clients", "deploy", "docker-compose.yml", "hatch_build.py", "protos",
    "pyproject.toml", "requirements", "services", "training",
)  # fmt: skip
SERVED = (*PARTICLES, "router")


def docker(*arguments: str, check: bool = True) -> str:
    run = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600, check=False)  # noqa: S607
    if check and run.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {run.stderr[-2000:]}")
    return run.stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Project:
    """A copy of the project under compose, with names and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.prometheus_port = free_port()
        self.variables: dict[str, str] = {}
        for name in CONTEXT:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy(source, folder / name)
        networks = {name: {"build": {"network": "host"}} for name in SERVED}
        (folder / "override.yml").write_text(json.dumps({"services": networks}))  # JSON is YAML

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "COMPOSE_FILE": "docker-compose.yml:override.yml",
            "COMPOSE_PROJECT_NAME": f"caloserve-test-{os.getpid()}",
            "ROUTER_PORT": str(self.port),
            "PROMETHEUS_PORT": str(self.prometheus_port),
            **self.variables,
        }

    def run(self, *command: str) -> str:
        run = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        if run.returncode:
            raise AssertionError(f"{' '.join(command)}: {run.stderr[-3000:]}")
        return run.stdout.strip()

    def compose(self, *arguments: str) -> str:
        return self.run("docker", "compose", *arguments)

    def containers(self, *services: str) -> list[str]:
        return sorted(self.compose("ps", "--quiet", *services).split())

    def raise_version(self, particle: str, version: str) -> None:
        """Give a service another version and build its image."""
        settings = self.folder / "services" / particle / "service.toml"
        text, count = re.subn(r'(?m)^service_version = ".*"$', f'service_version = "{version}"', settings.read_text())
        assert count == 1
        settings.write_text(text)
        self.variables[f"{particle.upper()}_VERSION"] = version
        self.compose("build", particle)
