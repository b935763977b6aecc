"""The user's checks: run on a copy with the change in it, and only new failures count."""

import asyncio
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.check_kit import PYTHON, edit, work_tree
from turnout.act.proposals import Check
from turnout.checks import run_checks, shadow
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, file_change
from turnout.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return work_tree(tmp_path)


ROWS = [
    ("passes", f"{PYTHON} -c 'import pkg.a'", True, ""),
    (
        "fails only with the change",
        f"{PYTHON} -c 'import pkg.a; assert pkg.a.VALUE == 1'",
        False,
        "AssertionError",
    ),
    (
        "fails without it as well",
        f"{PYTHON} -c 'raise SystemExit(3)'",
        True,
        "could not be judged: the check failed before too",
    ),
    ("sees the changed text", f"{PYTHON} -c 'import pkg.a; assert pkg.a.VALUE == 2'", True, ""),
    ("no ignored files", f"""{PYTHON} -c 'import os; assert not os.path.exists("x.secret")'""", True, ""),
    (
        "hidden files but git's",
        f"""{PYTHON} -c 'import os; assert os.path.exists(".lintrc") > os.path.exists(".git")'""",
        True,
        "",
    ),
    ("not a shell", "true && false", True, ""),
    ("no such program", "no-such-program-here", True, "not run: it cannot be started: "),
    ("bad quoting", "echo 'open", True, "not run: it cannot be started: No closing quotation"),
    ("nothing", "", True, "not run: it cannot be started: it is empty"),
]


@pytest.mark.parametrize(("name", "command", "ok", "message"), ROWS, ids=[row[0] for row in ROWS])
async def test_only_new_failures_count(
    folder: Folder, name: str, command: str, ok: bool, message: str
) -> None:
    """A check fails where it fails because of the change, and says what it printed."""
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert (check.name, check.ok) == (command, ok)
    assert message in check.message


async def test_what_cannot_be_started_is_the_changes_doing_only_where_it_could_be(folder: Folder) -> None:
    """A check that nothing can start did not run, and nothing is to be mended; one that the change removes fails."""
    script = folder.root / "check.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    gone = file_change("delete", folder.uri("check.sh"), "check.sh", ("#!/bin/sh\n",), ())
    missing, removed, *_ = await run_checks(folder, [gone], ["no-such-program-here", "./check.sh"])
    assert (missing.ok, missing.ran) == (True, False)
    assert (removed.ok, removed.ran) == (False, True)
    assert "it cannot be started with the change" in removed.message


async def test_the_work_tree_is_not_touched(folder: Folder) -> None:
    """Whatever a check writes, it writes into the copy, which is gone afterwards."""
    command = f"""{PYTHON} -c 'open("left", "w").close(); raise SystemExit(1)'"""
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    before = sorted(path.name for path in folder.root.rglob("*"))
    await run_checks(folder, changes, [command])
    assert sorted(path.name for path in folder.root.rglob("*")) == before
    assert folder.read("pkg/a.py") == "VALUE = 1\n"


async def test_file_operations_are_in_the_copy(folder: Folder) -> None:
    """New, moved and removed files are as they would be."""
    uri = folder.uri
    changes = [
        file_change("create", uri("new/b.py"), "new/b.py", (), ("B = 1\n",)),
        file_change(
            "rename", uri("pkg/a.py"), "pkg/a.py", ("VALUE = 1\n",), ("VALUE = 1\n",),
            new_uri=uri("pkg/c.py"), new_path="pkg/c.py",
        ),
    ]  # fmt: skip
    command = f"{PYTHON} -c 'import new.b, pkg.c\nimport importlib.util as u\nassert u.find_spec(\"pkg.a\") is None'"
    assert await run_checks(folder, changes, [command]) == (Check(command, True),)


async def test_our_keys_are_not_passed_on(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check, which runs a repository's own code, does not see the keys of models."""
    monkeypatch.setenv("SOME_KEY", "secret")
    command = f"""{PYTHON} -c 'import os, pkg.a; assert pkg.a.VALUE == 1 or "SOME_KEY" not in os.environ'"""
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    [seen] = await run_checks(folder, changes, [command])
    [unseen] = await run_checks(folder, changes, [command], hidden_variables={"SOME_KEY"})
    assert (seen.ok, unseen.ok) == (False, True)


async def test_a_late_or_cancelled_check_is_ended_with_its_children(folder: Folder, tmp_path: Path) -> None:
    """Neither a time-out nor a cancelled refactor leaves a process behind."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # The child holds the pipe open for as long as it lives.
    command = f"sh -c 'exec 3>{fifo}; sleep 1000 & wait'"
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    task = asyncio.create_task(run_checks(folder, changes, [command]))
    with await asyncio.to_thread(fifo.open, "rb") as reader:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(reader.read) == b""
    [late] = await run_checks(folder, changes, ["sleep 1000"], timeout_s=0.05)
    assert late.ok  # it is just as late without the change


@pytest.mark.skipif(sys.platform != "linux", reason="nobody else tells where a process is")
async def test_a_daemon_that_a_check_left_is_ended(folder: Folder, tmp_path: Path) -> None:
    """A server that a checker starts for the next time has no next time, since its folder is a copy."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    command = f"sh -c 'exec 3>{fifo}; setsid -f sleep 1000'"
    task = asyncio.create_task(run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command]))
    with await asyncio.to_thread(fifo.open, "rb") as reader:
        assert (await task)[0].ok
        assert await asyncio.to_thread(reader.read) == b""


async def test_a_check_that_prints_without_end_is_stopped(folder: Folder) -> None:
    """It fills no disk until its time is over; where it does not do so without the change, it failed by the change."""
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    only_now = "sh -c 'grep -q 1 pkg/a.py || exec yes'"
    always, now = await run_checks(folder, changes, ["yes", only_now])
    assert (always.ok, always.ran, now.ok) == (True, False, False)
    assert "it had printed more than 64 MB and was stopped" in always.message
    assert "it had printed more than 64 MB and was stopped" in now.message


class EndlessFolder(Folder):
    """Lists its file again and again until the listing is closed, or the test gives up."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.copying, self.closed, self.given_up = threading.Event(), threading.Event(), threading.Event()

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        try:
            while not self.given_up.is_set():
                yield "pkg/a.py"
                self.copying.set()
        finally:
            self.closed.set()


async def test_a_cancelled_copy_leaves_nothing(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refactor that is cancelled while the folder is copied ends with the copying ended and the copy removed."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    endless = EndlessFolder(folder.root)
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    task = asyncio.create_task(run_checks(endless, changes, ["true"]))
    try:
        await asyncio.to_thread(endless.copying.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert endless.closed.is_set()
        assert list(copies.iterdir()) == []
    finally:
        endless.given_up.set()


async def test_a_copy_is_private(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else on the machine can look into the copies."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    modes: list[int] = []
    await run_checks(
        folder,
        [edit(folder, "pkg/a.py", "VALUE = 2\n")],
        ["true", "true"],
        tell=lambda _: modes.extend(stat.S_IMODE(copy.stat().st_mode) for copy in copies.iterdir()),
    )
    assert modes == [0o700]


LINTER = """
import pathlib, sys
found = [
    f"{path}:{number}: no {word} here"
    for path in sorted(pathlib.Path().rglob("*.py"))
    for number, line in enumerate(path.read_text().splitlines(), 1)
    for word in ("bad", "evil") if word in line
]
print("\\n".join(found))
sys.exit(bool(found))
"""


async def lint(folder: Folder, before: str, after: str, *more: FileChange) -> Check:
    """What a linter that knows two words says of a file whose text becomes `after`."""
    (folder.root / "lint.txt").write_text(LINTER)
    (folder.root / "pkg/a.py").write_text(before)
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", after), *more], [f"{PYTHON} lint.txt"])
    return check


@pytest.mark.parametrize(
    ("before", "after", "ok", "message"),
    [
        ("good\n", "bad\n", False, "new problems:\npkg/a.py:1: no bad here"),
        ("bad\n", "fine\nfine\nbad\n", True, "none of its 1 problems is new"),
        ("bad\n", "bad\nevil\n", False, "new problems:\npkg/a.py:2: no evil here\nexit"),
        ("bad\n", "bad\nbad\n", False, "new problems:\npkg/a.py:2: no bad here\nexit"),
        ("bad\nevil\n", "evil\n", True, "none of its 1 problems is new"),
        ("bad\n", "bad = 2\n", True, "none of its 1 problems is new"),
    ],
)
async def test_only_new_problems_count(
    folder: Folder, before: str, after: str, ok: bool, message: str
) -> None:
    """A problem that moved to another line is the old one; one more of the same is new, in a check that failed too."""
    check = await lint(folder, before, after)
    assert (check.ok, check.ran) == (ok, True)
    assert message in check.message


@pytest.mark.parametrize(
    ("before", "after", "ok", "message"),
    [
        ("good\n", "bad\n", False, "new problems:\npkg/a.py:1: no bad here"),
        ("evil\n", "evil\n\n", True, "none of its 1 problems is new"),
    ],
)
async def test_what_is_not_saved_yet_counts(
    folder: Folder, before: str, after: str, ok: bool, message: str
) -> None:
    """A change is held against the text that it was made for, and not against what is on disk."""
    (folder.root / "pkg/a.py").write_text("bad\n")
    (folder.root / "lint.txt").write_text(LINTER)
    lines = (split_lines(text) for text in (before, after))
    change = file_change("edit", folder.uri("pkg/a.py"), "pkg/a.py", *lines)
    [check] = await run_checks(folder, [change], [f"{PYTHON} lint.txt"])
    assert (check.ok, check.ran) == (ok, True)
    assert message in check.message


async def test_what_is_typed_in_other_files_is_there_with_and_without_the_change(folder: Folder) -> None:
    """Checks see it as if it were saved; it is no part of the change, and what is not copied is not made by it."""
    (folder.root / "conftest.py").write_text("saved\n")
    typed = [
        file_change("edit", folder.uri(path), path, ("typed\n",), ("typed\n",))
        for path in ("conftest.py", "x.secret")
    ]
    look = "import os; print(open('conftest.py').read()); assert os.path.exists('x.secret')"
    (folder.root / "look.py").write_text(f"{look}\n")
    changes = [*typed, edit(folder, "pkg/a.py", "VALUE = 2\n")]
    [check] = await run_checks(folder, changes, [f"{PYTHON} look.py"])
    assert (check.ok, check.ran) == (True, False)
    assert "typed\n" in check.message
    assert "saved" not in check.message
    assert await run_checks(folder, typed, [f"{PYTHON} look.py"]) == ()


async def test_a_problem_moves_with_its_file(folder: Folder) -> None:
    """What was wrong with a file is not new under the file's new name."""
    (folder.root / "b.py").write_text("bad\n")
    new: dict[str, Any] = {"new_uri": folder.uri("c.py"), "new_path": "c.py"}
    moved = file_change("rename", folder.uri("b.py"), "b.py", ("bad\n",), ("bad\n",), **new)
    assert (await lint(folder, "good\n", "better\n", moved)).ok


async def test_what_tells_nothing_is_not_called_passed(folder: Folder) -> None:
    """A check that fails with and without the change, in words that nobody can compare, did not judge the change."""
    command = f"{PYTHON} -c 'raise SystemExit(3)'"
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert (check.ok, check.ran) == (True, False)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "does not end in the same way"),
        ('print("fatal: internal error")', "fatal: internal error"),
        ('print("n" * 2_000_000)', "too much to be compared"),
    ],
)
async def test_an_old_problem_excuses_nothing_else(folder: Folder, new: str, message: str) -> None:
    """A check that found something before, too, and says more with the change, did not pass."""
    old = 'import pkg.a; print("pkg/a.py:1: old", flush=True)'
    command = f"{PYTHON} -c '{old}\nif pkg.a.VALUE == 2: {new}\nraise SystemExit(1)'"
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert (check.ok, check.ran) == (True, False)
    assert check.message.startswith("could not be judged: the check failed before too")
    assert message in check.message


async def test_a_folder_that_is_too_large_is_not_copied(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check in half of a folder would tell lies, so it does not run, and says why."""
    monkeypatch.setattr(shadow, "MAX_BYTES", 5)
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], ["true"])
    assert (check.ok, check.ran) == (True, False)
    assert "not run" in check.message


async def test_files_that_are_read_only_are_changed_in_the_copy(folder: Folder) -> None:
    """Their other permissions stay; those of the work tree are left alone."""
    script = folder.root / "pkg/a.py"
    script.chmod(0o555)
    async with shadow.shadow(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], changed=True) as copy:
        assert (copy.root / "pkg/a.py").read_text() == "VALUE = 2\n"
        assert (copy.root / "pkg/a.py").stat().st_mode & 0o777 == 0o755
    assert script.stat().st_mode & 0o777 == 0o555


async def test_nothing_gets_out_of_the_copy(folder: Folder, tmp_path: Path) -> None:
    """Files are never shared with the work tree, and links of it are not there: a check writes into its copy alone."""
    outside = tmp_path / "outside.txt"
    outside.write_text("safe")
    (folder.root / "link.txt").symlink_to(outside)
    (folder.root / "inner").symlink_to(tmp_path, target_is_directory=True)
    write = (
        "import pathlib; [p.write_text(str(9)) for p in pathlib.Path().rglob(str(chr(42))) if p.is_file()]"
    )
    command = f"{PYTHON} -c '{write}; raise SystemExit(1)'"
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert not check.ran
    assert outside.read_text() == "safe"
    assert (folder.root / "pkg/a.py").read_text() == "VALUE = 1\n"
    assert (folder.root / ".lintrc").read_text() == "strict"


async def test_a_check_that_writes_mends_nothing(folder: Folder) -> None:
    """What a check changed is named and put back before the next one runs; what it adds is no one's business."""
    (folder.root / "pkg/b.py").write_text("VALUE = 1\n")
    (folder.root / "pkg/b.py").chmod(0o750)
    (folder.root / "gone.py").write_text("1\n")
    change = edit(folder, "pkg/a.py", "VALUE = 2\n")
    delete = file_change("delete", folder.uri("gone.py"), "gone.py", ("1\n",), ())
    first = (
        'import os, pathlib as p; p.Path("pkg/a.py").write_text("VALUE = 3"); os.remove("pkg/b.py"); '
        'p.Path("gone.py").write_text("1"); p.Path("built.py").touch(); p.Path(".lintrc").touch()'
    )
    second = (
        "import os, pkg.a, pkg.b, built; assert (pkg.a.VALUE, pkg.b.VALUE) == (2, 1); "
        'assert os.stat("pkg/b.py").st_mode & 0o777 == 0o750; assert not os.path.exists("gone.py")'
    )
    commands = [f"{PYTHON} -c '{first}'", f"{PYTHON} -c '{second}'"]
    writes, reads = await run_checks(folder, [change, delete], commands)
    assert (writes.ok, writes.ran) == (True, False)
    assert "it changed gone.py, pkg/a.py, pkg/b.py, which is not part of the proposal" in writes.message
    assert reads == Check(commands[1], True)
    assert (folder.root / "pkg/b.py").read_text() == "VALUE = 1\n"


async def test_a_check_that_writes_reports_and_caches_passes(folder: Folder) -> None:
    """Nothing is mended by what a run leaves in files that git keeps, or does not ignore: it is put back unsaid."""
    for path in ("coverage.xml", "pkg/__pycache__/a.pyc"):
        (folder.root / path).parent.mkdir(exist_ok=True)
        (folder.root / path).write_text("old")
    write = 'import pathlib as p; [p.Path(f).write_text("new") for f in ("coverage.xml", "pkg/__pycache__/a.pyc")]'
    read = 'assert open("coverage.xml").read() == "old"'
    commands = [f"{PYTHON} -c '{code}'" for code in (write, read)]
    found = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], commands)
    assert found == tuple(Check(command, True) for command in commands)


async def test_without_the_change_nothing_is_mended_either(folder: Folder) -> None:
    """A check that writes where it runs without the change leaves later ones what was there before."""
    write = 'import pathlib as p; p.Path("pkg/a.py").write_text("VALUE = 2"); raise SystemExit(1)'
    commands = [f"{PYTHON} -c '{write}'", f"{PYTHON} -c 'import pkg.a; assert pkg.a.VALUE == 1'"]
    _, check = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 3\n")], commands)
    assert not check.ok


async def test_a_byte_order_mark_stays(folder: Folder) -> None:
    """The changed file has the mark that it has on disk."""
    (folder.root / "pkg/a.py").write_bytes(b"\xef\xbb\xbfVALUE = 1\n")
    command = f"""{PYTHON} -c 'assert open("pkg/a.py", "rb").read()[:4] == bytes([239, 187, 191, 86])'"""
    assert (await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command]))[0].ok


async def test_what_is_never_read_is_not_in_the_copy(folder: Folder) -> None:
    """No check can print it; one that needs it fails without the change as well, so that is nothing new."""
    (folder.root / "never.txt").write_text("hunter2")
    command = f"""{PYTHON} -c 'print(open("never.txt").read()); import pkg.a; assert pkg.a.VALUE == 1'"""
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    [seen] = await run_checks(folder, changes, [command])
    [unseen] = await run_checks(
        folder, changes, [command], may_read=lambda uri: not uri.endswith("never.txt")
    )
    assert ("hunter2" in seen.message, seen.ok) == (True, False)
    assert ("hunter2" in unseen.message, unseen.ok) == (False, True)


async def test_an_old_warning_is_no_new_problem(folder: Folder) -> None:
    """What a check warned of while it passed is not listed among the reasons for which it fails now."""
    command = (
        f'{PYTHON} -c \'n = len(open("pkg/a.py").readlines());'
        'print(f"pkg/a.py:{n}: DeprecationWarning: old, line {n}");'
        'n > 1 and print("pkg/a.py:1: new"); raise SystemExit(n > 1)\''
    )
    (found,) = await run_checks(folder, [edit(folder, "pkg/a.py", "TOP = 0\nVALUE = 1\n")], [command])
    assert [problem.text for problem in found.problems] == ["new"]
    assert found.message.startswith("new problems:\npkg/a.py:1: new\n")


async def test_the_places_of_new_problems(folder: Folder) -> None:
    """A check that fails says which files its new problems are in, for a model that may hear of some only."""
    command = (
        f"""{PYTHON} -c 'import pkg.a as a; a.VALUE == 1 or exit(print("pkg/a.py:1: it is", a.VALUE) or 1)'"""
    )
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert check.problems == (("pkg/a.py", 1, "it is 2"),)
