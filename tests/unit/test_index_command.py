"""`turnout index` where the index that is there cannot be used: each way to call it says so once, in words."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from support import models_kit as kit
from support.index_kit import age, write
from turnout.__main__ import main
from turnout.index import database_of
from turnout.index.indexing import Indexing
from turnout.syntax import symbols

NONE_YET = "turnout: there is no index yet; run: turnout index\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An indexed folder."""
    for name, value in kit.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TURNOUT_CONFIG_DIR", str(tmp_path / "config"))
    root = (tmp_path / "work").resolve()
    write(root, {"a.py": "def first(): pass\n"})
    age(root)
    _index(root)
    return root


def _index(root: Path) -> None:
    indexing = Indexing(root, database_of(root), symbols.read)
    indexing.round()
    indexing.close()


def _garbage(database: Path) -> None:
    database.write_bytes(b"\xff" * 9_000)


def _inside(database: Path) -> None:
    data = bytearray(database.read_bytes())
    data[4_096:] = b"\xff" * (len(data) - 4_096)
    database.write_bytes(data)


def _foreign(database: Path) -> None:
    database.unlink()
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE t (a)")
    connection.close()


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "garbage": (_garbage, "it is damaged"),
    "damaged inside": (_inside, "it is damaged"),
    "another program's": (_foreign, "it is another program's file"),
}


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("how", [["--find", "first"], ["--status"], ["--status", "--json"]], ids=" ".join)
def test_looking_at_a_spoilt_index(
    name: str, how: list[str], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever only looks hears what is wrong and what to do, and leaves it as it is."""
    spoil, reason = SPOILT[name]
    spoil(database_of(work))
    before = database_of(work).read_bytes()
    assert main(["index", str(work), *how]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        f"turnout: The repository index cannot be used: {reason}. To have it built anew, run: turnout index\n",
    )
    assert database_of(work).read_bytes() == before


def test_building_in_the_place_of_a_spoilt_index(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is built, and whoever asked for that hears why it had to be begun anew."""
    _inside(database_of(work))
    assert main(["index", str(work)]) == 0
    said = capsys.readouterr()
    assert "1 files, 1 definitions" in said.out
    assert said.err == "turnout: The repository index could not be used and is built anew: it is damaged.\n"


def test_looking_where_there_is_none(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No index is no fault: the status says so in numbers, without an empty line."""
    database_of(work).unlink()
    assert main(["index", str(work), "--find", "first"]) == 1
    assert capsys.readouterr() == ("", NONE_YET)
    assert main(["index", str(work), "--status"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        f"{work}: 0 files, 0 definitions, 0 passages",
        f"{database_of(work)} (0.0 MB)",
    ]


def test_names_that_would_break_a_line(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a file is called, each definition has its line, and no terminal takes orders from one."""
    write(work, {"new\nline.py": "def odd(): pass\n", "red\x1b[31m.py": "def odd(): pass\n"})
    _index(work)
    assert main(["index", str(work), "--find", "odd"]) == 0
    assert capsys.readouterr().out.splitlines()[::2] == [
        "new\\nline.py:1: function odd",
        "red\\x1b[31m.py:1: function odd",
    ]


def test_looking_for_what_is_not_there(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that nothing defines is no reason to build anything."""
    assert main(["index", str(work), "--find", "second"]) == 1
    assert capsys.readouterr() == ("", "")
