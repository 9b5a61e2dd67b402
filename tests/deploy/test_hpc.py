"""The Slurm job runs with stand-ins for srun and apptainer: its commands are real, the cluster is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HPC = ROOT / "deploy" / "hpc"

SRUN = """#!/bin/bash
# Two tasks on one machine; with --ntasks-per-node=1, one.
tasks=2
while [[ $1 == --* ]]; do [[ $1 == --ntasks-per-node=1 ]] && tasks=1; shift; done
trap 'kill -TERM $(jobs -p)' TERM
for ((task = 0; task < tasks; task++)); do SLURM_PROCID=$task "$@" & done
for job in $(jobs -p); do while kill -0 "$job" 2>/dev/null; do wait "$job"; done; wait "$job" || exit; done
"""

APPTAINER = """#!/bin/bash
# exec --bind FOLDERS IMAGE COMMAND: the command, without an image.
[[ $1 == exec && $2 == --bind && $4 == *.sif ]] || exit 64
shift 4
exec "$@"
"""

CALOSERVE = f"""#!/bin/sh
exec {sys.executable} -m caloserve "$@"
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in (("srun", SRUN), ("apptainer", APPTAINER), ("caloserve", CALOSERVE)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    return folder


def run_job(programs: Path, releases: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(filter(None, sys.path)),
        "CALOSERVE_RELEASES": str(releases),
        "SLURM_JOB_ID": f"test-{os.getpid()}",
        "SLURM_NNODES": "1",
        "SLURM_SUBMIT_DIR": str(ROOT),
        "IMAGE": "caloserve.sif",
        "EVENTS": "3",
        **variables,
    }
    return subprocess.run(
        ["/bin/bash", str(HPC / "job.slurm")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_every_task_of_the_job_gets_its_showers_and_nothing_is_left(programs: Path, releases: Path) -> None:
    done = run_job(programs, releases)
    assert done.returncode == 0, done.stderr
    lines = sorted(done.stdout.splitlines())
    assert [line.split(",")[0] for line in lines] == ["task 0: 3 events", "task 1: 3 events"]
    assert lines[0].split(",")[1] != lines[1].split(",")[1]
    assert not Path(f"/tmp/caloserve-test-{os.getpid()}").exists()  # noqa: S108 (the job's own)


def test_a_failing_simulation_fails_the_job_and_ends_the_services(
    programs: Path, releases: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(3)")
    done = run_job(programs, releases, SIMULATION=str(broken))
    assert done.returncode == 3
    assert not Path(f"/tmp/caloserve-test-{os.getpid()}").exists()  # noqa: S108


def test_the_image_definition_copies_what_exists_and_its_steps_are_a_shell_script() -> None:
    definition = (HPC / "caloserve.def").read_text()
    steps = definition.split("%post\n")[1].split("\nBootstrap:")[0]
    subprocess.run(["/bin/sh", "-n"], input=steps, text=True, check=True)
    copied = definition.split("%files\n")[1].split("\n\n")[0].split("\n")
    for line in copied:
        source, target = line.split()
        assert (ROOT / source).exists()
        assert target == f"/src/{source}"
