"""A folder on disk: what is listed and read, and everything that tries to get out of it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.edits.readable import MAX_FILE_BYTES
from turnout.errors import FileUnusable, PathRefused
from turnout.files import Folder, path_to_uri, uri_to_path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "work space"
    (root / "pkg" / "deep").mkdir(parents=True)
    (root / "build").mkdir()
    for name, data in {
        "a.py": b"a = 1\n",
        "pkg/b.py": b"b = 2\n",
        "pkg/deep/c.py": b"c = 3\n",
        "pkg/deep/skip.tmp": b"",
        "build/out.py": b"",
        ".env": b"SECRET=1\n",
        ".gitignore": b"build/\n*.log\n",
        "pkg/.gitignore": b"*.tmp\n!keep.log\n",
        "pkg/keep.log": b"",
        "pkg/drop.log.log": b"",
        "bom.py": b"\xef\xbb\xbfx = 1\r\n",
        "latin.py": "é = 1\n".encode("latin-1"),
        "binary.bin": b"ab\0cd",
        "wide.py": "x = 1\n".encode("utf-16"),
        "big.py": b"x" * (MAX_FILE_BYTES + 1),
    }.items():
        (root / name).write_bytes(data)
    (tmp_path / "secret.txt").write_text("secret\n")
    (root / "escape.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path, target_is_directory=True)
    (root / ".git").mkdir()
    (root / ".git/config").write_text("")
    (root / "git").symlink_to(root / ".git")
    (root / "loop").symlink_to(root, target_is_directory=True)
    return Folder(root)


def test_only_ordinary_files_are_listed(folder: Folder) -> None:
    """Hidden, ignored and linked files are not listed; the nearest come first; a deeper ignore file decides."""
    assert list(folder.paths()) == [
        "a.py", "big.py", "binary.bin", "bom.py", "latin.py", "wide.py",
        "pkg/b.py", "pkg/keep.log",
        "pkg/deep/c.py",
    ]  # fmt: skip


def test_what_git_keeps_is_listed_whatever_it_ignores(tmp_path: Path) -> None:
    """A file that was added by force is the project's own; its neighbours are not, and AI tools' rules hold for it."""
    (tmp_path / ".gitignore").write_text("lib/\n*.gen\n")
    (tmp_path / ".cursorignore").write_text("kept.gen\n")
    for path in (
        "a.py",
        "b.gen",
        "kept.gen",
        "lib/in/use.py",
        "lib/in/made.py",
        "lib/out/c.py",
        "sub/c.gen",
        "sub/d.gen",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    added = ["git", "add", "-f", "b.gen", "kept.gen", "lib/in/use.py", "sub/c.gen"]
    subprocess.run(added, check=True, cwd=tmp_path)
    assert list(Folder(tmp_path).paths()) == ["a.py", "b.gen", "sub/c.gen", "lib/in/use.py"]
    assert list(Folder(tmp_path / "sub").paths()) == ["c.gen"]


@pytest.mark.parametrize("tracked", [False, True])
def test_what_programs_filled_is_not_listed(tmp_path: Path, tracked: bool) -> None:
    """Packages, caches and virtual environments are nobody's own; in a repository its ignore files say what is."""
    filled = (
        "env/lib/a.py",
        "env/pyvenv.cfg",
        "node_modules/b/c.js",
        "out/CACHEDIR.TAG",
        "out/d.rs",
        "src/node_modules/e.js",
    )
    for path in (*filled, "src/f.js"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    if tracked:
        (tmp_path / ".git").mkdir()
    assert set(Folder(tmp_path).paths()) == {"src/f.js", *(filled if tracked else ())}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("latin.py", "not UTF-8"),
        ("binary.bin", "binary"),
        ("wide.py", "UTF-16"),
        ("big.py", "bytes"),
        ("pkg", "not a regular file"),
    ],
)
def test_unusable_files_are_refused_with_a_reason(folder: Folder, path: str, reason: str) -> None:
    """A file that cannot be worked on says why."""
    with pytest.raises(FileUnusable, match=reason):
        folder.read(path)


def test_reading(folder: Folder) -> None:
    """Text comes without its byte order mark and with its endings; a file that is not there is None."""
    assert folder.read("bom.py") == "x = 1\r\n"
    assert folder.read("none.py") is None
    snapshot = folder.snapshot(folder.uri("bom.py"))
    assert snapshot is not None
    assert (snapshot.lines, snapshot.version, snapshot.language) == (("x = 1\r\n",), None, "python")
    assert folder.snapshot(folder.uri("none.py")) is None
    assert folder.exists(folder.uri("latin.py"))
    assert not folder.exists(folder.uri("none.py"))


@pytest.mark.parametrize(
    "path", ["../secret.txt", "escape.txt", "up/secret.txt", "/etc/passwd", "pkg/../../x", "."]
)
def test_nothing_outside_is_reached(folder: Folder, path: str) -> None:
    """Neither dots nor links nor absolute paths lead out of the folder."""
    with pytest.raises(PathRefused):
        folder.uri(path)
    with pytest.raises(PathRefused):
        folder.path(path_to_uri(Path(os.path.join(folder.root, path))))  # noqa: PTH118  keeps the dots
    with pytest.raises(PathRefused):
        folder.read(path)


def complaint(look: Callable[[str], object], path: str) -> str:
    """What is said of `path`; nothing where there is nothing to say."""
    try:
        look(path)
    except (FileUnusable, PathRefused) as failure:
        return str(failure)
    return ""


@pytest.mark.parametrize("path", ["out/x.py", "round/x.py", "n" * 300 + ".py"])
def test_a_complaint_names_no_place_of_this_machine(folder: Folder, path: str) -> None:
    """A path that is refused is named as it was given, and nothing more is: a model may hear of it."""
    (folder.root / "out").symlink_to(folder.root.parent.parent)
    (folder.root / "round").symlink_to("round")
    assert complaint(folder.uri, "out/x.py") == "out/x.py is outside of the workspace."
    for said in filter(None, (complaint(look, path) for look in (folder.uri, folder.read, folder.link))):
        assert path in said
        assert str(folder.root.parent.parent) not in said


@pytest.mark.parametrize(
    "uri", ["https://example.org/a.py", "untitled:Untitled-1", "file://server/share/a.py", ""]
)
def test_uris_that_are_no_local_file_are_refused(folder: Folder, uri: str) -> None:
    """A document that is not a file of this machine has no path here."""
    with pytest.raises(PathRefused):
        folder.path(uri)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), min_size=1
    )
)
def test_uris_and_paths_convert_both_ways(names: list[str]) -> None:
    """Any file name survives the way to a URI and back."""
    path = Path("/", *[name for name in names if name not in (".", "..")] or ["x"])
    assert uri_to_path(path_to_uri(path)) == path


def test_a_name_that_is_no_text_survives_too() -> None:
    """A name that is not UTF-8 is written by its bytes."""
    assert path_to_uri(Path("/\udcff/\udcfe.py")) == "file:///%FF/%FE.py"
    assert uri_to_path("file:///%FF/%FE.py") == Path("/\udcff/\udcfe.py")
