"""Changes on changes come to one for each file, which does the same."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from support.act_kit import ROOT, MemoryWorkspace
from turnout.act.agent.overlay import Overlay
from turnout.core.edits.changes import FileChange, file_change
from turnout.errors import PathRefused

BASE = {"a.py": "a = 1\n", "b.py": "b = 1\n", "c.py": "c = 1\n"}
PATHS = st.sampled_from(["a.py", "b.py", "c.py", "new.py"])
STEPS = st.lists(st.tuples(st.sampled_from(["write", "delete", "rename"]), PATHS, PATHS), max_size=9)


def change_of(overlay: Overlay, step: tuple[str, str, str], text: str) -> FileChange | None:
    """`step` on the files as they are now; None where it makes no sense there."""
    what, path, other = step
    originals = {name: file for name in BASE if (file := overlay.workspace.snapshot(ROOT + name))}
    files = overlay.files(originals)
    shown = overlay.shown(files, parser=None)
    file = files.get(path)
    if file is None:
        free = what == "write" and not shown.exists(ROOT + path)
        return file_change("create", ROOT + path, path, (), (text,)) if free else None
    if what == "write":
        return file_change("edit", file.uri, path, file.lines, (text,))
    if what == "delete":
        return file_change("delete", file.uri, path, file.lines, ())
    if shown.exists(ROOT + other):
        return None
    return file_change("rename", file.uri, path, file.lines, file.lines, new_uri=ROOT + other, new_path=other)


def made(files: dict[str, str], change: FileChange) -> dict[str, str]:
    """`files` with `change` made in them, as it says they were."""
    text = "".join(change.before)
    assert files.get(change.path, "") == text
    rest = {path: kept for path, kept in files.items() if path != change.path}
    place = change.new_path or change.path
    assert place not in rest
    return rest if change.kind == "delete" else {**rest, place: "".join(change.after)}


@settings(deadline=None)
@given(STEPS)
def test_any_steps_come_to_the_same(steps: list[tuple[str, str, str]]) -> None:
    """One change for each file does what all steps that were accepted did, in any order of the files."""
    overlay = Overlay(MemoryWorkspace(BASE))
    expected = dict(BASE)
    for number, step in enumerate(steps):
        change = change_of(overlay, step, f"x = {number}\n")
        if change is None:
            continue
        with suppress(PathRefused):
            overlay.take(change, lambda _change: None)
            expected = made(expected, change)
    for changes in (list(overlay.changes.values()), list(overlay.changes.values())[::-1]):
        files = dict(BASE)
        for change in changes:
            files = made(files, change)
        assert files == expected
    assert sorted(overlay.listed(BASE)) == sorted(expected)


def test_what_is_refused_leaves_what_was_accepted() -> None:
    """An objection to the whole of a file's change keeps the part of it that nothing was said against."""
    overlay = Overlay(MemoryWorkspace(BASE))
    first = file_change("edit", ROOT + "a.py", "a.py", ("a = 1\n",), ("a = 2\n",))
    overlay.take(first, lambda _change: None)
    gone = file_change("delete", ROOT + "a.py", "a.py", ("a = 2\n",), ())
    with suppress(PathRefused):
        overlay.take(gone, lambda change: "no" if change.kind == "delete" else None)
    assert overlay.changes == {"a.py": first}


def test_a_file_that_is_made_anew_keeps_its_ends_of_lines() -> None:
    """A file that was deleted and created again is an edit of it, and no line changes by its end alone."""
    overlay = Overlay(MemoryWorkspace({"a.py": "a = 1\r\nb = 1\r\n"}))
    before = ("a = 1\r\n", "b = 1\r\n")
    overlay.take(file_change("delete", ROOT + "a.py", "a.py", before, ()), lambda _change: None)
    anew = file_change("create", ROOT + "a.py", "a.py", (), ("a = 1\n", "b = 2\n", "c = 3\n"))
    overlay.take(anew, lambda _change: None)
    change = overlay.changes["a.py"]
    assert (change.kind, change.after) == ("edit", ("a = 1\r\n", "b = 2\r\n", "c = 3\r\n"))
