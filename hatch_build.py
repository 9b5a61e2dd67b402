"""Generates the Python side of the contract (protos/) whenever the project is built or installed."""

import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path("protos")
GENERATED = Path("services/caloserve/v1")


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs protoc over protos/caloserve/v1 into the (never committed) package caloserve.v1."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (the interface)
        """Generate messages, services and their stubs; ship them although git ignores them."""
        root = Path(self.root)
        if (root / PROTOS).is_dir():  # absent when a wheel is built from an already generated source tree
            generate(root)
        build_data["artifacts"] += [f"{GENERATED}/*.py", f"{GENERATED}/*.pyi"]


def generate(root: Path) -> None:
    """Compile every .proto below ``root``; raise RuntimeError naming the files when protoc refuses them."""
    from grpc_tools import _proto, protoc  # noqa: PLC0415 (a build requirement, absent at other times)

    # protoc looks for the mypy plugin on PATH; an isolated build does not put its scripts there.
    os.environ["PATH"] = sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", "")
    out = root / "services"
    sources = sorted(str(path) for path in (root / PROTOS).rglob("*.proto"))
    (root / GENERATED).mkdir(parents=True, exist_ok=True)
    (root / GENERATED / "__init__.py").write_text('"""Generated from protos/caloserve/v1; do not edit."""\n')
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={root / PROTOS}",
            f"--proto_path={next(iter(_proto.__path__))}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *sources,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc failed on {', '.join(sources)}")
