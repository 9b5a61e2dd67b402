from __future__ import annotations

import hashlib
import io
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from caloserve_training.errors import DownloadError, TablesError
from caloserve_training.geant4 import tables
from caloserve_training.geant4.commands import geant4_tables
from caloserve_training.geant4.official import OFFICIAL_SETS, TableSet, fetch_tables
from caloserve_training.geant4.standin.tables import write_standin_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caloserve_training.progress import Arrival


def ignore(_name: str) -> Arrival:
    return lambda _arrived, _total: None


@pytest.fixture
def official(tmp_path: Path) -> Iterator[tuple[str, list[TableSet]]]:
    """An address with two small sets, and their description."""
    served = tmp_path / "served"
    served.mkdir()
    sets = []
    for folder, name, text in ((tables.EM, "brem_SB/br82", "2 30 57"), (tables.STATES, "ENSDFSTATE.dat", "1 1 0.0")):
        archive = f"{folder}.tar.gz"
        with tarfile.open(served / archive, "w:gz") as tar:
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        digest = hashlib.md5((served / archive).read_bytes(), usedforsecurity=False).hexdigest()
        sets.append(TableSet(archive, folder, digest))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sets
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_nothing_given_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEANT4_DATA_DIR", raising=False)
    with pytest.raises(TablesError, match="--tables DIR or set GEANT4_DATA_DIR"):
        tables.find_tables(None, ["Pb"])


def test_standins_are_complete_and_called_so(standin_tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEANT4_DATA_DIR", str(standin_tables))
    found = tables.find_tables(None, ["Pb", "Ar"])
    assert (found.folder, found.kind) == (standin_tables, "stand-in tables")
    assert found.sha256 == tables.find_tables(standin_tables, ["Ar", "Pb"]).sha256


def test_missing_tables_are_named(standin_tables: Path) -> None:
    with pytest.raises(TablesError, match=r"5 tables missing: G4EMLOW8\.8/brem_SB/br74, .*pe-cs-74\.dat"):
        tables.find_tables(standin_tables, ["W", "Ar"])


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    with pytest.raises(TablesError, match=r"tables missing: .* and \d+ more"):
        tables.find_tables(tmp_path, ["Pb"])


def test_geant4_reads_these_tables_and_no_others(standin_tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("G4LEDATA", "/elsewhere")
    environment = tables.find_tables(standin_tables, ["Pb"]).environment()
    assert "G4LEDATA" not in environment
    assert environment["GEANT4_DATA_DIR"] == str(standin_tables)


def test_official_sets_are_fetched_verified_and_unpacked(official: tuple[str, list[TableSet]], tmp_path: Path) -> None:
    address, sets = official
    folder = tmp_path / "tables"
    arrived: dict[str, tuple[int, int | None]] = {}

    def report_on(name: str) -> Arrival:
        return lambda so_far, total: arrived.__setitem__(name, (so_far, total))

    fetch_tables(folder, report_on, sets, address)
    assert (folder / "G4EMLOW8.8" / "brem_SB" / "br82").read_text() == "2 30 57"
    assert {path.name for path in folder.iterdir()} == {"G4EMLOW8.8", "G4ENSDFSTATE3.0"}
    assert all(0 < arrived[wanted.archive][0] == arrived[wanted.archive][1] for wanted in sets)
    assert not tables.is_standin(folder)
    fetch_tables(folder, ignore, sets, "http://127.0.0.1:9")  # nothing is fetched twice


def test_a_set_that_is_not_what_it_should_be_is_not_kept(official: tuple[str, list[TableSet]], tmp_path: Path) -> None:
    address, sets = official
    with pytest.raises(DownloadError, match=r"G4EMLOW8\.8\.tar\.gz: md5 is .*, not 0000; nothing was kept"):
        fetch_tables(tmp_path / "tables", ignore, [TableSet(sets[0].archive, sets[0].folder, "0000")], address)
    assert list((tmp_path / "tables").iterdir()) == []


def test_a_set_that_is_not_there(official: tuple[str, list[TableSet]], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"nothing\.tar\.gz: File not found"):
        fetch_tables(tmp_path / "tables", ignore, [TableSet("nothing.tar.gz", "nothing", "0000")], official[0])


def test_official_and_standin_tables_never_mix(
    official: tuple[str, list[TableSet]], standin_tables: Path, tmp_path: Path
) -> None:
    with pytest.raises(TablesError, match="holds stand-in tables"):
        fetch_tables(standin_tables, ignore, official[1], official[0])
    fetch_tables(tmp_path / "tables", ignore, official[1], official[0])
    with pytest.raises(TablesError, match="holds other tables"):
        write_standin_tables(tmp_path / "tables", ["Pb"])


def test_the_official_sets_are_those_that_are_looked_for() -> None:
    assert {wanted.folder for wanted in OFFICIAL_SETS} == {
        name.split("/")[0] for name in tables.needed_files(["Pb"])
    } | {tables.LEVELS}


def test_the_command_writes_standins_and_says_what_is_there(tmp_path: Path) -> None:
    runner = CliRunner()
    written = runner.invoke(geant4_tables, [str(tmp_path / "tables"), "--standin"])
    assert written.exit_code == 0, written.output
    assert "stand-in tables for Ar, Pb, nothing missing; sha256 " in written.output
    assert runner.invoke(geant4_tables, [str(tmp_path / "tables")]).output == written.output
