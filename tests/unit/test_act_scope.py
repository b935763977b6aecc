"""The files of a request are chosen, read safely, and those left out are named with the reason."""

from pathlib import Path

import pytest

from support.act_kit import MemoryWorkspace
from turnout.act import scope
from turnout.act.folder import Folder
from turnout.act.scope import Request, gather, mentions, selected_text
from turnout.core.documents import Position, Snapshot, Span
from turnout.errors import FileUnusable, PathRefused

FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n\n\nclass Rect:\n    pass\n",
    "main.py": "from shapes import area\nprint(area(1, 2))\n",
    "other.py": "surface_area = 1\n",
    "pkg/uses.py": "from shapes import Rect, area\n",
    "readme.md": "The area of a shape.\n",
    "data.bin": "area",
    "bad.py": "area\0",
}


def check(request: Request, *paths: str, files: dict[str, str] = FILES) -> dict[str, str]:
    """The files chosen are `paths` in that order; returns those left out with the reasons."""
    found = gather(request, MemoryWorkspace(files))
    assert tuple(found.files) == paths
    return {skipped.path: skipped.reason for skipped in found.skipped}


def uri(path: str) -> str:
    return f"file:///w/{path}"


def test_a_scope_is_taken_as_it_is() -> None:
    """Files that the user named, in that order, and no others; what cannot be read is said."""
    skipped = check(
        Request(
            "Rename area.",
            scope=(uri("other.py"), uri("main.py"), uri("none.py"), uri("bad.py"), "file:///x"),
        ),
        "other.py",
        "main.py",
    )
    assert skipped == {
        "none.py": "There is no such file.",
        "bad.py": "bad.py is binary.",
        "file:///x": "file:///x is elsewhere.",
    }


def test_other_files_come_in_by_what_they_mention() -> None:
    """The document first, then code with those of its names that the instruction speaks of, as whole words."""
    check(Request("Rename area to size", uri("shapes.py")), "shapes.py", "main.py", "pkg/uses.py")
    check(Request("Rename Rect to Box", uri("shapes.py")), "shapes.py", "pkg/uses.py")
    check(Request("Add type hints to all functions", uri("shapes.py")), "shapes.py")
    selection = Span(Position(4, 6), Position(4, 10))
    check(Request("Rename this to Box", uri("shapes.py"), selection), "shapes.py", "pkg/uses.py")


def test_without_a_document_the_words_decide() -> None:
    """Rarer words weigh more; with nothing found, every source file is as good as another."""
    check(Request("Rename Rect and area"), "pkg/uses.py", "shapes.py", "main.py")
    check(
        Request("Add docstrings"), "main.py", "other.py", "shapes.py", "pkg/uses.py",
        files={path: text for path, text in FILES.items() if path != "bad.py"},
    )  # fmt: skip


def test_lines_that_mention_a_name() -> None:
    """Whole words only, counted from 1; no name, no line."""
    file = Snapshot("u", "python", 1, ("area = 1\r\n", "surface_area = 2\n", "print(area)"))
    assert mentions(file, {"area", "none"}) == ((1, "area = 1"), (3, "print(area)"))
    assert mentions(file, set()) == ()


def test_there_are_limits() -> None:
    """No more files and bytes than fit a question; what was over is named."""
    many = {f"f{number:02}.py": "area = 1\n" for number in range(30)}
    skipped = check(Request("Rename area_x", uri("f00.py")), "f00.py", files={**many, "f00.py": "area_x\n"})
    assert skipped == {}
    found = gather(Request("area", scope=tuple(uri(path) for path in many)), MemoryWorkspace(many))
    assert (len(found.files), len(found.skipped)) == (scope.MAX_FILES, 10)
    big = {"a.py": "x" * scope.MAX_BYTES, "b.py": "y\n"}
    assert list(check(Request("x", scope=(uri("a.py"), uri("b.py"))), "a.py", files=big)) == ["b.py"]


def test_the_text_of_a_selection() -> None:
    """Positions past an end mean that end."""
    file = Snapshot("u", "python", 1, ("one\n", "two\n", "three"))
    assert selected_text(file, Span(Position(0, 1), Position(1, 2))) == "ne\ntw"
    assert selected_text(file, Span(Position(1, 0), Position(9, 9))) == "two\nthree"
    assert selected_text(file, Span(Position(7, 0), Position(9, 9))) == ""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "work tree"
    for path, data in {
        "a.py": b"\xef\xbb\xbfx = 1\r\ny\n",
        "sub/b.py": "ü\n".encode(),
        "sub/.gitignore": b"*.log\n!keep.log\n",
        "sub/x.log": b"",
        "sub/keep.log": b"",
        ".gitignore": b"/build\n*.tmp\nkeep.log\n",
        ".env": b"SECRET=1",
        ".git/config": b"",
        "build/out.py": b"",
        "c.tmp": b"",
        "latin.py": "ü".encode("latin-1"),
        "nul.py": b"a\0b",
        "big.py": b"x" * (1024 * 1024 + 1),
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (tmp_path / "outside.py").write_text("secret")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    (root / "out").symlink_to(tmp_path)
    (root / "git").symlink_to(root / ".git")
    return Folder(root)


def test_what_may_be_looked_at(folder: Folder) -> None:
    """Nothing hidden, linked, or ignored by git (the nearest .gitignore decides), nearest the top first."""
    assert list(folder.paths()) == ["a.py", "big.py", "latin.py", "nul.py", "sub/b.py", "sub/keep.log"]


def test_text_is_read_without_its_mark(folder: Folder) -> None:
    """Endings stay, the byte order mark does not; a file that is not there is None."""
    snapshot = folder.snapshot(folder.uri("a.py"))
    assert snapshot is not None
    assert (snapshot.lines, snapshot.version, snapshot.language) == (("x = 1\r\n", "y\n"), None, "python")
    assert folder.snapshot(folder.uri("none.py")) is None
    assert folder.exists(folder.uri("nul.py"))
    assert not folder.exists(folder.uri("none.py"))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("latin.py", "not UTF-8: byte 0 is 0xfc"),
        ("nul.py", "binary"),
        ("big.py", "larger than 1 MiB"),
        ("sub", "cannot be read"),
    ],
)
def test_what_is_not_text_is_refused(folder: Folder, path: str, why: str) -> None:
    """Each refusal says why."""
    with pytest.raises(FileUnusable, match=why):
        folder.snapshot(folder.uri(path))


@pytest.mark.parametrize("path", ["link.py", "out/outside.py", "git/config", "../outside.py", ".git/config"])
def test_links_do_not_lead_out(folder: Folder, path: str) -> None:
    """Neither a link in the folder, nor a folder that is a link, nor a step up is a way out, or into git."""
    with pytest.raises(PathRefused):
        folder.uri(path)
    with pytest.raises(PathRefused):
        folder.snapshot((folder.root / path).as_uri())


def test_uris_and_paths_are_each_others_inverse(folder: Folder) -> None:
    """Blanks and other characters survive; a URI of another place or kind is refused."""
    for path in ("a.py", "sub/b c.py", "ü#%.py"):
        assert folder.path(folder.uri(path)) == path
    for other in ("file:///elsewhere/a.py", "untitled:a.py", "http://x/a.py"):
        with pytest.raises(PathRefused):
            folder.path(other)
