"""Rules hold for where a path leads: nothing is written through a link, and no file changes under two names."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.act_kit import ScriptedAsker
from turnout import syntax
from turnout.act.actions import Action
from turnout.act.applying.effects import carry_out
from turnout.act.gathering.guard import Guard
from turnout.act.gathering.scope import Request
from turnout.act.perform import perform
from turnout.act.proposals import Proposal
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    DocumentEdit,
    FileChange,
    RenameFile,
    TextEdit,
    Transaction,
    file_change,
)
from turnout.core.rows import line_span
from turnout.files import Folder
from turnout.journal import DiskWorkspace

X = "x = 1\n"
LINK = "is a link"


@pytest.fixture
def place(tmp_path: Path) -> DiskWorkspace:
    """A folder, itself behind a link, with `vendor/` off limits, and links in it to what no rule names so."""
    real = tmp_path / "real"
    for folder in ("vendor", ".github", "src"):
        (real / folder).mkdir(parents=True)
    for name in ("vendor/v.py", "src/a.py", "a.py", "b.py"):
        (real / name).write_text(X)
    (real / "AGENTS.md").write_text("# Do not touch\n- vendor/\n")
    for name, target in {
        "l.py": "vendor/v.py",
        "d": "vendor",
        "h": ".github",
        "lib": "src",
        "me": ".",
    }.items():
        (real / name).symlink_to(target)
    (real / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "work").symlink_to(real)
    return DiskWorkspace(Folder(tmp_path / "work"))


def contents(place: DiskWorkspace) -> dict[str, str]:
    """Every file, and where every link leads, by its path."""
    root = place.folder.root
    return {
        path.relative_to(root).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def seams(place: DiskWorkspace, reply: str) -> Seams:
    return Seams(ScriptedAsker([reply]), place, syntax)


async def proposed(place: DiskWorkspace, reply: str, *scope: str) -> Proposal:
    request = Request("Set x to 2.", scope=tuple(place.uri(path) for path in ("b.py", *scope)))
    return await propose(request, seams(place, edit("b.py") + reply), repairs=0)


def edit(path: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n"


def new(path: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n=======\nx = 2\n>>>>>>> REPLACE\n"


def said(proposal: Proposal) -> str:
    return "\n".join(
        [*(skipped.reason for skipped in proposal.skipped), *(c.message for c in proposal.checks)]
    )


@pytest.mark.parametrize(
    ("reply", "scope"),
    [
        (edit("l.py"), ["l.py"]),
        (edit("d/v.py"), ["d/v.py"]),
        (edit("lib/a.py"), ["lib/a.py"]),
        (edit("me/vendor/v.py"), ["me/vendor/v.py"]),
        (new("d/new.py"), []),
        (new("d/not/yet/new.py"), []),
        (new("h/workflows/x.yml"), []),
        (new("me/vendor/n.py"), []),
        ("*** Delete File: l.py\n", ["l.py"]),
        ("*** Rename File: l.py -> m.py\n", ["l.py"]),
        ("*** Rename File: a.py -> d/a.py\n", ["a.py"]),
        ("*** Rename File: a.py -> h/a.py\n", ["a.py"]),
    ],
)
async def test_nothing_is_proposed_through_a_link(place: DiskWorkspace, reply: str, scope: list[str]) -> None:
    """Edits, new files, deletions and both ends of a rename are refused, with the link named."""
    proposal = await proposed(place, reply, *scope)
    assert [change.path for change in proposal.changes] == ["b.py"]
    assert LINK in said(proposal)


CHANGES: dict[str, Callable[[str, str], FileChange]] = {
    "edit": lambda uri, path: file_change("edit", uri, path, (X,), ("x = 2\n",)),
    "create": lambda uri, path: file_change("create", uri, path, (), (X,)),
    "delete": lambda uri, path: file_change("delete", uri, path, (X,), ()),
}


@pytest.mark.parametrize(
    ("kind", "path", "new_path"),
    [
        ("edit", "l.py", None),
        ("edit", "d/v.py", None),
        ("create", "d/new.py", None),
        ("create", "gone.py", None),
        ("delete", "l.py", None),
        ("delete", "lib/a.py", None),
        ("rename", "l.py", "m.py"),
        ("rename", "a.py", "h/a.py"),
    ],
)
async def test_nothing_is_written_through_a_link(
    place: DiskWorkspace, kind: str, path: str, new_path: str | None
) -> None:
    """A link that came into the way after the proposal keeps it from being applied; no file and no link changes."""
    root, before = place.folder.root, contents(place)
    if new_path is None:
        change = CHANGES[kind]((root / path).as_uri(), path)
    else:
        uri = (root / path).as_uri()
        new_uri = (root / new_path).as_uri()
        change = file_change("rename", uri, path, (X,), (X,), new_uri=new_uri, new_path=new_path)
    done, conflicts = await carry_out(place, "label", [change])
    assert (done, len(conflicts)) == ((), 1)
    assert LINK in conflicts[0].message
    assert contents(place) == before


@pytest.mark.parametrize("path", ["l.py", "d/v.py", "d/new.py"])
async def test_the_disk_itself_refuses_links(place: DiskWorkspace, path: str) -> None:
    """A link that comes into the way at the very last is not written through, removed or moved either."""
    before, uri, free = (
        contents(place),
        (place.folder.root / path).as_uri(),
        (place.folder.root / "n.py").as_uri(),
    )
    edits = (DocumentEdit(uri, None, (TextEdit(line_span((X,), 0, 1), "x = 2\n"),), (X,)),)
    assert not await place.apply(Transaction("label", edits=edits))
    operations = (
        CreateFile(uri, X),
        DeleteFile(uri),
        RenameFile(uri, free),
        RenameFile(place.uri("a.py"), uri),
    )
    for operation in operations:
        assert not await place.apply(Transaction("label", operations=(operation,)))
    assert contents(place) == before


@pytest.mark.parametrize("path", ["d/v.py", "d/new.py", "h/x.yml", "lib/a.py", "l.py", "me/a.py", "gone.py"])
def test_no_path_through_a_link_may_change(place: DiskWorkspace, path: str) -> None:
    """Whoever asks the guard hears so, also for what is not there yet; without a link the same name is free."""
    assert LINK in (Guard(place).objection(path) or "")
    assert Guard(place).objection("src/new/a.py") is None


async def test_a_fix_stays_within_the_rules(place: DiskWorkspace) -> None:
    """A fix by edits may touch other lines, and neither makes nor moves a file where the project wants none."""
    file = place.snapshot(place.uri("a.py"))
    assert file
    for path in ("vendor/new.py", "d/new.py"):
        action = Action("fix", "Fix", file.uri, 0, 1)
        offered = await perform(action, file, seams(place, edit("a.py") + new(path)), repairs=0)
        assert isinstance(offered, Proposal)
        assert [change.path for change in offered.changes] == ["a.py"]


async def test_one_file_under_two_names_is_taken_once(place: DiskWorkspace) -> None:
    """Of two names of one file the second is left out, since only one of two edits would survive."""
    os.link(place.folder.root / "b.py", place.folder.root / "twin.py")
    proposal = await proposed(place, edit("twin.py"), "twin.py")
    assert [change.path for change in proposal.changes] == ["b.py"]
    assert "twin.py is the same file as b.py" in said(proposal)


async def test_one_file_under_two_names_is_not_applied(place: DiskWorkspace) -> None:
    """Two names that came to be one file after the proposal are a conflict, and nothing is touched."""
    root, before = place.folder.root, contents(place)
    os.link(root / "b.py", root / "twin.py")
    changes = [CHANGES["edit"]((root / path).as_uri(), path) for path in ("b.py", "twin.py")]
    _, conflicts = await carry_out(place, "label", changes)
    assert [conflict.message for conflict in conflicts] == ["twin.py is the same file as b.py."]
    assert contents(place) == {**before, "twin.py": X}
