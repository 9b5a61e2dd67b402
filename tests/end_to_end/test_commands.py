import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.stack.stack import Stack


def caloserve(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "caloserve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=cwd,
    )


def generated(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


def cells(data: dict[str, np.ndarray]) -> np.ndarray:
    return CALOGAN.flatten(*(data[f"layer_{layer.index}"] for layer in CALOGAN.layers))


def test_a_thousand_pions_are_the_same_twice_and_never_equal_to_each_other(tmp_path: Path) -> None:
    files = []
    for name, seed in (("first", "7"), ("again", "7"), ("other", "8")):
        path = tmp_path / f"{name}.hdf5"
        done = caloserve(
            "generate", "--particle", "piplus", "--uniform", "1:100", "--count", "1000", "--seed", seed,
            "--output", str(path),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        files.append(generated(path))
    first, again, other = files
    assert {name: array.shape for name, array in first.items()} == {
        "energy": (1000, 1),
        "layer_0": (1000, 3, 96),
        "layer_1": (1000, 12, 12),
        "layer_2": (1000, 12, 6),
        "index": (1000,),
        "attempts": (1000,),
    }
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert len(np.unique(cells(first), axis=0)) == 1000
    assert not (cells(first) == cells(other)).all(axis=1).any()
    assert 1 <= first["energy"].min() < 3
    assert 98 < first["energy"].max() <= 100


def test_the_energies_of_a_file_can_be_asked_again(tmp_path: Path, released_stack: Stack) -> None:
    reference = Path(__file__).parents[1] / "data" / "gamma.hdf5"
    path = tmp_path / "gamma.hdf5"
    done = caloserve(
        "generate", "--particle", "gamma", "--energies-from", str(reference), "--target", released_stack.router.address,
        "--output", str(path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(generated(path)["energy"], generated(reference)["energy"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("generate", "--particle", "kaon", "--energies", "1", "--output", "x.hdf5"), "kaon"),
        (("generate", "--particle", "eplus", "--output", "x.hdf5"), "--energies"),
        (("generate", "--particle", "eplus", "--energies", "10,x", "--output", "x.hdf5"), "--energies"),
        (
            ("generate", "--particle", "eplus", "--energies", "1e3", "--output", "x.hdf5", "--target", "ROUTER"),
            "1000 GeV",
        ),
        (("describe", "--target", "127.0.0.1:1"), "127.0.0.1:1"),
        (("router", "--backend", "kaon=here"), "kaon=here"),
        (("nonsense",), "nonsense"),
    ],
)
def test_what_a_user_did_wrong_is_told_in_one_line(
    arguments: tuple[str, ...], says: str, tmp_path: Path, released_stack: Stack
) -> None:
    known = [released_stack.router.address if argument == "ROUTER" else argument for argument in arguments]
    done = caloserve(*known, cwd=tmp_path)
    assert done.returncode != 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert says in lines[0]
    assert not list(tmp_path.iterdir()), "nothing half-written is left"


def test_describe_shows_every_generator(released_stack: Stack) -> None:
    done = caloserve("describe", "--target", released_stack.router.address)
    assert done.returncode == 0
    for word in ("eplus", "gamma", "piplus", "0.2.0", "bitwise", "1 to 100"):
        assert word in done.stdout


def test_the_demonstration_ends_with_its_picture(tmp_path: Path) -> None:
    done = caloserve("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    picture = Path(done.stdout.strip().splitlines()[-1])
    assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert re.search(r"bit for bit", done.stdout)


def test_every_subcommand_has_help() -> None:
    listed = caloserve("--help").stdout
    for command in ("serve", "generator", "router", "describe", "generate", "replay", "demo", "train", "publish"):
        assert command in listed
        assert "Usage: " in caloserve(command, "--help").stdout
