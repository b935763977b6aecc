"""Changes are cut into hunks, any subset of which gives exactly the text it should, also in a file that moved."""

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from turnout.core.documents import Document, split_lines
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    FileChange,
    RenameFile,
    apply_hunks,
    chosen,
    file_change,
    inverse,
    numbered,
    operation,
    text_edits,
    text_hunks,
)
from turnout.core.edits.diff import changed_ranges, equal_blocks
from turnout.core.edits.rebase import rebase

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "    x", "}", "ü\u2028\f"]), max_size=30)
ENDINGS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, ...]:
    """Lines with any endings, the last of which may be missing."""
    text = "".join(line + draw(ENDINGS) for line in draw(LINES))
    return tuple(split_lines(text + draw(st.sampled_from(["", "end"]))))


def edit(before: tuple[str, ...], after: tuple[str, ...]) -> FileChange:
    return file_change("edit", "file:///a.py", "a.py", before, after)


def edited(change: FileChange) -> str:
    """The text before with the edits of `change` applied from the end, the way an editor does."""
    document = Document(change.uri, "python", 1, "".join(change.before))
    for piece in reversed(text_edits(change.before, text_hunks(change))):
        document.replace(piece.span, piece.text, 2)
    return document.snapshot().text


@given(texts(), texts())
def test_ranges_and_blocks_tell_the_two_texts_apart(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Ranges are in order and apart from each other, and what lies between them is equal."""
    at = new_at = 0
    for changed in changed_ranges(before, after):
        assert changed.start >= at
        assert before[at : changed.start] == after[new_at : changed.new_start]
        assert changed.start > at or at == 0
        at, new_at = changed.end, changed.new_end
    assert before[at:] == after[new_at:]
    for block in equal_blocks(before, after):
        assert (
            before[block.start : block.start + block.length]
            == after[block.new_start : block.new_start + block.length]
        )


def test_repetitive_texts_are_compared_in_bounded_time() -> None:
    """Thousands of equal lines do not make a comparison quadratic; anchors keep the rest exact."""
    before = ["same\n"] * 20_000 + ["anchor\n"] + ["x\n", "y\n"]
    after = ["same\n"] * 10_000 + ["other\n"] + ["same\n"] * 10_001 + ["anchor\n"] + ["x\n", "z\n"]
    ranges = changed_ranges(before, after)
    assert ranges[-1] == (20_002, 20_003, 20_004, 20_005)
    assert changed_ranges(before, before) == []


@given(texts(), texts(), st.data())
def test_edits_of_any_subset_give_its_text(
    before: tuple[str, ...], after: tuple[str, ...], data: st.DataObject
) -> None:
    """All hunks turn before into after; a subset, as edits with positions, gives what its hunks give."""
    change = edit(before, after)
    assert edited(change) == "".join(after) == "".join(apply_hunks(before, change.hunks))
    ids = data.draw(st.sets(st.sampled_from([hunk.id for hunk in change.hunks]))) if change.hunks else set()
    part = chosen(change, ids)
    if part is None:
        assert not ids
    else:
        assert {hunk.id for hunk in part.hunks} == ids
        assert edited(part) == "".join(part.after)


@given(texts(), texts())
def test_the_inverse_gives_the_text_before(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """A change and then its inverse leave every byte as it was."""
    change = edit(before, after)
    back = inverse(change)
    assert back.before == after
    assert edited(back) == "".join(before)
    assert inverse(back) == change


def test_positions_exist_in_the_text() -> None:
    """An edit of the last line, which has no ending, ends at its last character."""
    change = edit(("a\n", "b"), ("a\n", "b\n", "c"))
    (piece,) = text_edits(change.before, change.hunks)
    assert piece.span == ((1, 0), (1, 1))
    assert piece.text == "b\nc"
    assert change.span(change.hunks[0]) == piece.span


def test_a_file_operation_is_the_first_hunk() -> None:
    """Creating, deleting and renaming can be chosen like any hunk; text may be edited without the rename."""
    rename = file_change("rename", "u:a", "a", ("x\n",), ("y\n",), new_uri="u:b", new_path="b")
    changes = numbered(
        [
            file_change("create", "u:n", "n", (), ("new\n",)),
            file_change("delete", "u:d", "d", ("old\n",), ()),
            rename,
        ]
    )
    assert [[hunk.id for hunk in change.hunks] for change in changes] == [["0.0"], ["1.0"], ["2.0", "2.1"]]
    assert [operation(change) for change in changes] == [
        CreateFile("u:n", "new\n"),
        DeleteFile("u:d", "old\n"),
        RenameFile("u:a", "u:b"),
    ]
    assert chosen(changes[0], {"1.0"}) is None
    only_text, only_name = chosen(changes[2], {"2.1"}), chosen(changes[2], {"2.0"})
    assert only_text is not None
    assert (only_text.kind, only_text.after, operation(only_text)) == ("edit", ("y\n",), None)
    assert only_name is not None
    assert (only_name.kind, only_name.after, text_hunks(only_name)) == ("rename", ("x\n",), ())
    assert [operation(inverse(change)) for change in changes] == [
        DeleteFile("u:n", "new\n"),
        CreateFile("u:d", "old\n"),
        RenameFile("u:b", "u:a"),
    ]


def test_empty_files_can_be_created_and_deleted() -> None:
    """A file without a line has its hunk all the same."""
    assert len(file_change("create", "u:n", "n", (), ()).hunks) == 1
    assert len(file_change("delete", "u:n", "n", (), ()).hunks) == 1
    assert file_change("edit", "u:n", "n", (), ()).hunks == ()


def test_the_diff_reads_like_any_diff() -> None:
    """Hunks with touching context are joined, sides that do not exist are /dev/null, missing endings are said."""
    before = (*tuple(f"{number}\n" for number in range(1, 21)), "end")
    after = (
        "1\n",
        "two\n",
        *before[2:5],
        "six\n",
        *before[6:],
    )
    after = (*after[:-1], "fin")
    assert edit(before, after).diff == (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
        "@@ -1,9 +1,9 @@\n 1\n-2\n+two\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n"
        "@@ -18,4 +18,4 @@\n 18\n 19\n 20\n"
        "-end\n\\ No newline at end of file\n+fin\n\\ No newline at end of file\n"
    )
    assert file_change("create", "u", "n", (), ("x\n",)).diff == (
        "diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,1 @@\n+x\n"
    )
    assert file_change("delete", "u", "n", ("x\n",), ()).diff == (
        "diff --git a/n b/n\ndeleted file mode 100644\n--- a/n\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n"
    )


MARK = "\ufeff"
DIFFED = [
    ("edit", "crlf.py", None, "a\r\nb\r\n", "a\r\nc\r\n", ""),
    ("edit", "cr.py", None, "a\rb\rc", "a\rd\rc", ""),
    ("edit", "mixed one.py", None, "a\nb\r\nc\rd\n", "a\nb\nc\rd\re", ""),
    ("edit", "marked.py", None, "a\nb\n", "a\nc\n", MARK),
    ("edit", 'quo"ted.py', None, "a\f\n", "b\f\n", ""),
    ("edit", "emptied.py", None, "a\n", "", ""),
    ("edit", "filled.py", None, "", "ü\n", ""),
    ("rename", "old one.py", "new/one.py", "a\n", "a\n", ""),
    ("rename", "two.py", "with blank.py", "a\nb\n", "a\nc\n", MARK),
    ("create", "made/n.py", None, "", "a\r\nb", ""),
    ("create", "made/empty.py", None, "", "", ""),
    ("create", "made/marked.py", None, "", "a\n", MARK),
    ("delete", "gone.py", None, "a\rb\n", "", MARK),
    ("delete", "empty.py", None, "", "", ""),
]  # fmt: skip


def test_git_applies_the_diff(tmp_path: Path) -> None:
    """Line endings of any kind, byte order marks, moves without edits and empty files come out byte for byte."""
    diff = ""
    for kind, path, new_path, before, after, mark in DIFFED:
        sides = (tuple(split_lines(text)) for text in (before, after))
        change = file_change(kind, "u:a", path, *sides, new_uri="u:b", new_path=new_path, mark=mark)  # type: ignore[arg-type]
        diff += change.diff
        if kind != "create":
            (tmp_path / path).write_bytes((mark + before).encode())
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=tmp_path, input=diff.encode(), check=True)
    there = {file.relative_to(tmp_path).as_posix(): file.read_bytes() for file in tmp_path.rglob("*.py")}
    assert there == {
        new_path or path: (mark + after).encode()
        for kind, path, new_path, _, after, mark in DIFFED
        if kind != "delete"
    }


BASE = tuple(f"line {number}\n" for number in range(20))


def replaced(lines: tuple[str, ...], start: int, end: int, *new: str) -> tuple[str, ...]:
    return (*lines[:start], *new, *lines[end:])


def test_a_hunk_moves_with_the_lines_around_it() -> None:
    """Lines typed elsewhere shift a hunk; both changes are in the result."""
    change = edit(BASE, replaced(BASE, 10, 11, "ten\n"))
    now = replaced(BASE, 2, 3, "typed\n", "more\n", "lines\n")
    moved, conflicts = rebase(change.hunks, BASE, now)
    assert conflicts == ()
    assert apply_hunks(now, moved) == replaced(now, 12, 13, "ten\n")


def test_a_hunk_whose_lines_or_neighbours_changed_conflicts() -> None:
    """The lines of a hunk, the one above and the one below must be as they were."""
    change = edit(BASE, replaced(BASE, 10, 12, "ten\n"))
    for line in (9, 10, 11, 12):
        moved, conflicts = rebase(change.hunks, BASE, replaced(BASE, line, line + 1, "typed\n"))
        assert (moved, conflicts) == ((), change.hunks)
    for line in (8, 13):
        assert rebase(change.hunks, BASE, replaced(BASE, line, line + 1, "typed\n")).conflicts == ()


def test_the_edges_of_a_file_are_neighbours() -> None:
    """A hunk at the start or the end of a file conflicts with lines typed there."""
    at_start = edit(BASE, ("new\n", *BASE))
    at_end = edit(BASE, (*BASE, "new\n"))
    assert rebase(at_start.hunks, BASE, ("typed\n", *BASE)).moved == ()
    assert rebase(at_end.hunks, BASE, (*BASE, "typed\n")).moved == ()
    assert rebase(at_start.hunks, BASE, (*BASE, "typed\n")).conflicts == ()
    assert rebase(at_end.hunks, BASE, ("typed\n", *BASE)).conflicts == ()


@given(texts(), texts(), texts())
def test_a_moved_hunk_replaces_exactly_its_own_lines(
    before: tuple[str, ...], after: tuple[str, ...], now: tuple[str, ...]
) -> None:
    """Whatever happened to a file, a hunk that moved stands where its lines are, in order; the others conflict."""
    change = edit(before, after)
    moved, conflicts = rebase(change.hunks, before, now)
    assert len(moved) + len(conflicts) == len(change.hunks)
    end = 0
    for hunk in moved:
        assert hunk.start >= end
        assert now[hunk.start : hunk.end] == hunk.before
        end = hunk.end
