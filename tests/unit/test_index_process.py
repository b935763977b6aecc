"""The process that writes an index: what it survives, what it tells, and how several share one index."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support import odd_indexer
from support.index_kit import SHOP, Folder, age, everything, sound, write
from turnout.index import link, places, schema
from turnout.index.link import COMMAND, Link, Spec
from turnout.index.repository import RepositoryIndex

GUARD_S = 60.0
ODD = (sys.executable, odd_indexer.__file__, "--file-s", "0.6")


@pytest.fixture
def shop(tmp_path: Path) -> Folder:
    """A small shop, not yet indexed."""
    return Folder(tmp_path)


def spec(folder: Folder, **options: Any) -> Spec:
    """What a process needs to know; it has the same claim to the processor as the test that waits for it."""
    return Spec(folder.root.resolve(), folder.database, niceness=0, **options)


@contextmanager
def indexed(
    folder: Folder, command: tuple[str, ...] = COMMAND, **options: object
) -> Iterator[RepositoryIndex]:
    """The index of a folder with its process; everything is built."""
    index = RepositoryIndex(spec(folder, command=command, **options))
    try:
        index.build()
        assert index.wait(GUARD_S)
        yield index
    finally:
        index.close()


def test_a_process_builds_what_this_one_would(shop: Folder, tmp_path: Path) -> None:
    """What the process writes is what `Indexing` writes, and a second start reads no file."""
    with indexed(shop) as index:
        found = everything(index)
        assert index.files_read == len(SHOP)
        assert index.state().files == len(SHOP)
        assert index.state().problem == ""
        assert not index.state().building
    (tmp_path / "other").mkdir()
    other = Folder(tmp_path / "other")
    other.round()
    assert everything(other.index) == found
    with indexed(shop) as index:
        assert index.files_read == 0


def test_changes_are_taken_in(shop: Folder) -> None:
    """A file that is told of is in the answers when the work is done."""
    with indexed(shop) as index:
        write(shop.root, {"shop/late.py": "def late(): pass\n"})
        (shop.root / "notes.txt").unlink()
        index.update(["shop/late.py", "notes.txt"])
        assert index.wait(GUARD_S)
        assert [one.path for one in index.definitions(["late"])] == ["shop/late.py"]
        assert "notes.txt" not in index.files()
        assert index.state().files == len(SHOP)


def test_a_checkout_is_one_round(shop: Folder) -> None:
    """Thousands of changes at once are looked for together, not one by one."""
    with indexed(shop) as index:
        write(shop.root, {f"new/f{n}.py": f"def f{n}(): pass\n" for n in range(1_200)})
        index.update([f"new/f{n}.py" for n in range(1_200)])
        assert index.wait(GUARD_S)
        assert len(index.files()) == len(SHOP) + 1_200


FATAL = {"crashes": "please crash", "takes too long": "please hang"}


@pytest.mark.parametrize("name", FATAL)
def test_a_grammar_that(shop: Folder, name: str) -> None:
    """One that crashes or hangs costs the symbols of its file alone, which is kept as text from then on."""
    write(shop.root, {"shop/bad.py": f"# {FATAL[name]}\ndef bad(): pass\n"})
    age(shop.root)
    with indexed(shop, ODD) as index:
        assert index.outline("shop/bad.py") == ()
        assert [one.path for one in index.mentions("bad")] == ["shop/bad.py"]
        assert index.outline("shop/cart.py")
        assert len(index.files()) == len(SHOP) + 1
        assert index.state().problem == ""
    with indexed(shop, ODD) as index:
        assert index.files_read == 0
    assert sound(shop)


def test_a_grammar_that_keeps_crashing(tmp_path: Path) -> None:
    """After a few files of one language all of it is kept as text, and the others are not."""
    bad = {f"bad{n}.py": "# please crash\nx = 1\n" for n in range(link.MAX_CULPRITS + 4)}
    folder = Folder(tmp_path, {**bad, "good.lua": "function good() end\n"})
    with indexed(folder, ODD) as index:
        assert len(index.files()) == len(bad) + 1
        assert [one.path for one in index.definitions(["good", "x"])] == ["good.lua"]


def test_a_process_that_is_killed(shop: Folder) -> None:
    """What it left undone the next one does, and what it had written is sound."""
    write(shop.root, {f"f{n}.py": f"def f{n}(): pass\n" * 20 for n in range(300)})
    heard = threading.Event()
    work = Link(spec(shop), heard.set)
    work.order("round")
    assert heard.wait(GUARD_S)
    with work._wake:
        child = work._child
    if child is not None:
        child.process.send_signal(signal.SIGKILL)
    assert work.wait(GUARD_S)
    work.close()
    assert len(shop.files) == len(SHOP) + 300
    assert sound(shop)


def test_a_process_that_cannot_live(shop: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a few tries, said so, and tried again only a while later."""
    monkeypatch.setenv("ODD_INDEXER", "die at once")
    now_s = 0.0
    work = Link(spec(shop, command=ODD), clock=lambda: now_s)
    work.order("round")
    assert work.wait(GUARD_S)
    assert "ended with 3" in work.work.problem
    work.order("round")
    assert not work.work.orders
    monkeypatch.setenv("ODD_INDEXER", "")
    now_s = link.PAUSE_S + 1
    work.order("round")
    assert work.wait(GUARD_S)
    assert work.work.problem == ""
    work.close()
    assert shop.files == sorted(SHOP)


def test_no_such_process(shop: Folder) -> None:
    """An interpreter that cannot be started is a problem in words, and nothing else."""
    work = Link(spec(shop, command=("/no/such/python",)))
    work.order("round")
    assert work.wait(GUARD_S)
    assert "cannot be built" in work.work.problem
    work.close()


def test_servers_share_an_index(shop: Folder) -> None:
    """Several processes at one index each end with all of it, and each file was read by few of them."""
    write(shop.root, {f"f{n}.py": f"def f{n}(): pass\n" for n in range(200)})
    age(shop.root)
    with ExitStack() as held:
        several = [RepositoryIndex(spec(shop)) for _ in range(3)]
        for index in several:
            held.callback(index.close)
            index.build()
        for number, index in enumerate(several):
            write(shop.root, {f"saved{number}.py": f"def saved{number}(): pass\n"})
            index.update([f"saved{number}.py"])
        assert all(index.wait(GUARD_S) for index in several)
        answers = [index.files() for index in several]
        assert answers[0] == answers[1] == answers[2]
        assert len(answers[0]) == len(SHOP) + 203
        assert sum(index.files_read for index in several) < 3 * 203
    assert sound(shop)


def test_one_server_at_a_time_builds(shop: Folder) -> None:
    """While another process builds, one waits for it; when that one is dead, it goes on itself."""
    schema.begin_anew(shop.database, shop.root)
    waiting = threading.Event()
    work = Link(spec(shop), waiting.set)
    with places.lock(shop.database, "round"):
        work.order("round")
        assert waiting.wait(GUARD_S)
        assert work.work.orders
    assert work.wait(GUARD_S)
    work.close()
    assert shop.files == sorted(SHOP)


def test_damage_is_found_while_working(shop: Folder) -> None:
    """A database that turns out to be damaged inside is begun anew, by whoever meets it."""
    with indexed(shop) as index:
        whole = everything(index)
    data = bytearray(shop.database.read_bytes())
    data[8192 : len(data)] = os.urandom(len(data) - 8192)
    shop.database.write_bytes(data)
    write(shop.root, {"shop/late.py": "def late(): pass\n"})
    with indexed(shop) as index:
        index.files()
        assert index.wait(GUARD_S)
        assert len(index.files()) == len(SHOP) + 1
        assert "it is damaged" in index.state().begun_anew
        (shop.root / "shop/late.py").unlink()
        index.update(["shop/late.py"])
        assert index.wait(GUARD_S)
        assert everything(index) == whole
    assert sound(shop)


def _overwrite(database: Path) -> None:
    """What is in the very file that is open is another program's, with nothing of ours beside it."""
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    database.write_bytes(database.with_suffix(".other").read_bytes())


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "overwritten": (_overwrite, "it is another program's file"),
    "replaced": (
        lambda database: database.with_suffix(".other").rename(database),
        "it is another program's file",
    ),
    "deleted": (lambda database: database.unlink(), ""),
}


@pytest.mark.parametrize(
    ("name", "meets"), [("overwritten", "reading"), ("replaced", "writing"), ("deleted", "writing")]
)
def test_spoilt_in_mid_session(shop: Folder, name: str, meets: str) -> None:
    """It is built anew as a whole, whoever meets it first, and `state` goes on saying why."""
    spoil, reason = SPOILT[name]
    other = sqlite3.connect(shop.database.with_suffix(".other"))
    other.execute("CREATE TABLE files (a)")
    other.close()
    with indexed(shop) as index:
        whole = everything(index)
        spoil(shop.database)
        if meets == "writing":
            index.update(["notes.txt"])
            assert index.wait(GUARD_S)
        give_up_s = time.monotonic() + GUARD_S
        while everything(index) != whole or reason not in index.state().begun_anew:
            assert time.monotonic() < give_up_s
            for held in index._take_idle():  # what a connection has read it does not read again
                held.close()
            index.wait(GUARD_S)
        assert bool(reason) == bool(index.state().begun_anew)
        assert index.state().problem == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_cache(shop: Folder) -> None:
    """Without a place to keep it there is no index, and a sentence says why."""
    cache = shop.root.parent / "cache"
    cache.mkdir(mode=0o500)
    shop.database = cache / "index.db"
    with indexed(shop) as index:
        assert index.files() == ()
        assert "cannot be written" in index.state().problem


def test_a_place_that_is_none(shop: Folder) -> None:
    """A database that cannot be made is a problem in words, for root too."""
    shop.database.mkdir()
    with indexed(shop) as index:
        assert index.files() == ()
        assert index.state().problem


def test_stopping(tmp_path: Path) -> None:
    """A round that the user cancels counts as done, and another can be asked for."""
    folder = Folder(tmp_path, {f"f{n}.py": f"def f{n}(): pass\n" * 50 for n in range(400)})
    index: RepositoryIndex | None = None

    def stop() -> None:
        if index is not None and index.state().of:
            index.stop()

    index = RepositoryIndex(spec(folder), stop)
    index.build()
    assert index.wait(GUARD_S)
    index.build()
    assert index.wait(GUARD_S)
    assert index.state().problem == ""
    index.close()


def test_closing_ends_the_process(shop: Folder) -> None:
    """Nothing is left running, also when there was work to do."""
    work = Link(spec(shop))
    work.order("round")
    work.close()
    assert work._child is None or work._child.process.poll() is not None


def test_a_process_ends_with_its_server(shop: Folder) -> None:
    """The end of its input is the end of it; idle, it leaves by itself."""
    command = [*COMMAND, "--root", str(shop.root), "--database", str(shop.database), "--idle-s", "0.01"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as idle:
        assert idle.stdin is not None
        idle.stdin.write(b"{}\n")
        idle.stdin.flush()
        assert idle.wait(GUARD_S) == 0
    order = json.dumps({"id": 1, "do": "update", "paths": ["notes.txt"]}).encode()
    command[-1] = "1000"
    done = subprocess.run(
        command, input=b"{}\n" + order + b"\n", timeout=GUARD_S, capture_output=True, check=False
    )
    assert done.returncode == 0


ORDERS: list[tuple[list[tuple[str, list[str]]], list[object]]] = [
    ([("round", []), ("round", [])], ["round"]),
    ([("update", ["a"]), ("update", ["b", "a"])], [["a", "b"]]),
    ([("round", []), ("update", ["a"])], ["round"]),
    ([("update", ["a"]), ("round", [])], [["a"], "round"]),
    ([("update", [str(n) for n in range(link.MAX_PATHS + 1)])], ["round"]),
    (
        [("update", ["a"]), ("update", [str(n) for n in range(link.MAX_PATHS)])],
        [["a"], [str(n) for n in range(500)]],
    ),
    ([("rebuild", []), ("update", ["a"])], ["rebuild"]),
]


@pytest.mark.parametrize(("asked", "kept"), ORDERS)
def test_orders_are_put_together(asked: list[tuple[str, list[str]]], kept: list[object]) -> None:
    """What waits anyway does not wait twice."""
    waiting: list[dict[str, object]] = []
    for what, paths in asked:
        merged = link._merged(waiting, what, paths)
        waiting += [merged] if merged else []
    assert [order.get("paths", order["do"]) for order in waiting] == kept


def _stale(database: Path, _root: Path) -> None:
    os.utime(database, (1, 1))


def _gone(database: Path, root: Path) -> None:
    root.rmdir()
    old_s = database.stat().st_mtime - places.GONE_S - 60
    os.utime(database, (old_s, old_s))


def _gone_just_now(_database: Path, root: Path) -> None:
    root.rmdir()


PRUNED: dict[str, tuple[Callable[[Path, Path], None], bool]] = {
    "unused": (_stale, True),
    "folder gone": (_gone, True),
    "folder gone just now": (_gone_just_now, False),
    "in use": (lambda _database, _root: None, False),
}


@pytest.mark.parametrize("name", PRUNED)
def test_old_indexes_go(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of a folder that is gone for good, or of one that nobody opens, is deleted; no other is."""
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path / "cache"))
    change, deleted = PRUNED[name]
    root = tmp_path / "work"
    root.mkdir()
    mine, other = places.database_of(tmp_path), places.database_of(root)
    for database, its_root in ((mine, tmp_path), (other, root)):
        schema.begin_anew(database, its_root)
    change(other, root)
    places.prune(mine)
    assert (mine.exists(), other.exists()) == (True, not deleted)
