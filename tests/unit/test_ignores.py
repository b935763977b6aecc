"""Ignore files: understood as git understands its own, and those for AI tools hold for every file and every name."""

import os
import subprocess
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from turnout.core import gitignore
from turnout.errors import FileUnusable
from turnout.files import Folder
from turnout.ignores import AI_FILES, Ignores

TREE = [
    "a", "ab", "b.c", "dir/a", "dir/ab", "dir/b.c", "dir/sub/a", "dir/sub/b", "dir/sub/b.c", "sub/a", "sub/dir/a",
    "sub/dir/ab", "sub/dir/sub/b.c", "#a", "!a", " a", "a b/c",
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with some files."""
    root = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "-q", root], check=True)
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def ignored_by_git(root: Path) -> set[str]:
    """What git says of the tree."""
    done = subprocess.run(
        ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=root,
        input="\0".join(TREE),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert done.returncode in (0, 1), done.stderr
    return set(filter(None, done.stdout.split("\0")))


PIECES = st.sampled_from(
    ["a", "b", "ab", "b.c", "dir", "sub", "*", "?", "**", "*.c", "[ab]", "[!a]", "a*", "\\a", "x"]
)
LINE = st.builds(
    lambda lead, parts, end: lead + "/".join(parts) + end,
    st.sampled_from(["", "", "", "!", "/", "!/", "\\#", "\\!", "#", "**/"]),
    st.lists(PIECES, min_size=1, max_size=3),
    st.sampled_from(["", "", "", "/", "/**", "/*", " ", "\\ ", "\r"]),
)
FILE = st.lists(LINE, max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=FILE, inner=FILE, deep=FILE)
@example(top=["dir/", "!dir/a"], inner=["!a"], deep=[])
@example(top=["*", "!*/", "!a"], inner=[], deep=["b"])
@example(top=["# no", "", "\\#a", "\\!a", "[", "a\\ b/"], inner=[], deep=[])
def test_as_git_does(tree: Path, top: list[str], inner: list[str], deep: list[str]) -> None:
    """Order, negation, folders, anchors, wildcards and deeper files mean what they mean in `.gitignore`."""
    for folder, lines in (("", top), ("dir", inner), ("dir/sub", deep)):
        text = "\n".join(lines) + "\n"
        (tree / folder / ".gitignore").write_text(text, newline="")
        (tree / folder / ".aiexclude").write_text(text, newline="")
    ignores = Ignores(tree)
    assert {name for name in TREE if ignores.withheld(name)} == ignored_by_git(tree)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(here=FILE, top=FILE, inner=FILE)
@example(here=["a", "dir/"], top=["!a"], inner=[])
@example(here=["b.c"], top=[], inner=["!b.c"])
def test_what_is_left_out_in_one_clone(tree: Path, here: list[str], top: list[str], inner: list[str]) -> None:
    """`.git/info/exclude` means what it means to git: what every `.gitignore` may take back in."""
    written = {
        ".git/info/exclude": here,
        ".gitignore": top,
        "dir/.gitignore": inner,
        "dir/sub/.gitignore": [],
    }
    (tree / ".git/info").mkdir(exist_ok=True)
    for name, lines in written.items():
        (tree / name).write_text("\n".join(lines) + "\n", newline="")
    for folder in ("", "dir", "dir/sub"):
        (tree / folder / ".aiexclude").unlink(missing_ok=True)
    ignores = Ignores(tree)
    found = {name for name in TREE if ignores.leaves_out(name)}
    ignored = ignored_by_git(tree)
    (tree / ".git/info/exclude").unlink()
    assert found == ignored


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two files and one below."""
    (tmp_path / "deep").mkdir()
    for name in ("a.py", "b.py", "deep/a.py"):
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize("name", AI_FILES)
def test_kept_from_ai(root: Path, name: str) -> None:
    """What a file for AI tools names is neither listed nor read, and the line that says so is told."""
    (root / name).write_text("# secrets\na.py\n")
    folder = Folder(root)
    assert list(folder.paths()) == ["b.py"]
    for path in ("a.py", "deep/a.py"):
        assert folder.withheld(path) == f"{name}:2"
        with pytest.raises(FileUnusable, match=f"{name}:2 keeps it from every model"):
            folder.read(path)
    assert folder.read("b.py")


def test_git_ignored_is_only_not_collected(root: Path) -> None:
    """What git ignores is not collected, and can be asked about: build output is no secret."""
    (root / ".gitignore").write_text("a.py\n")
    folder = Folder(root)
    assert list(folder.paths()) == ["b.py"]
    assert folder.withheld("a.py") is None
    assert folder.read("a.py")


def test_none_takes_back_what_another_keeps(root: Path) -> None:
    """The files add up: a negation holds within its own kind of file."""
    (root / ".cursorignore").write_text("a.py\n")
    (root / ".aiexclude").write_text("!a.py\n")
    (root / "deep/.cursorignore").write_text("!a.py\n")
    folder = Folder(root)
    assert folder.withheld("a.py") == ".cursorignore:1"
    assert folder.withheld("deep/a.py") is None


def test_changes_are_seen(root: Path) -> None:
    """A line that is written holds from then on, and one that is taken out no longer does."""
    folder = Folder(root)
    assert folder.withheld("a.py") is None
    (root / ".aiexclude").write_text("*.py\n")
    assert folder.withheld("a.py") == ".aiexclude:1"
    (root / ".aiexclude").write_text("b.py\nc.py\n")
    assert folder.withheld("a.py") is None
    (root / ".aiexclude").unlink()
    assert folder.withheld("b.py") is None


TOO_MUCH = {
    "too big": "x\n" * 600_000,
    "too many lines": "".join(f"name-{number}\n" for number in range(2_001)),
    "too long a line": "x" * 257 + "\n",
    "too much in all": f"{'x' * 250}\n" * 300,
}


@pytest.mark.parametrize("broken", ["folder", "dangling loop", *TOO_MUCH])
def test_unreadable(root: Path, broken: str) -> None:
    """A file for AI tools that is there and cannot be read keeps all next to it and below; one of git nothing."""
    for name in (".aiexclude", ".gitignore"):
        place = root / "deep" / name
        if broken == "folder":
            place.mkdir()
        elif broken in TOO_MUCH:
            place.write_text(TOO_MUCH[broken])
        else:
            place.symlink_to(place)
    folder = Folder(root)
    assert "cannot be read" in (folder.withheld("deep/a.py") or "")
    assert folder.withheld("a.py") is None
    assert list(folder.paths()) == ["a.py", "b.py"]


def test_long_comments(root: Path) -> None:
    """What says nothing may be long, and a line for git that is too long hides none of the others."""
    said = f"# {'x' * 3_000}\n" + "\n" * 3_000 + "a.py\n"
    (root / ".aiexclude").write_text(said)
    (root / ".gitignore").write_text("x" * 3_000 + "\n" + "*a" * 500 + "\nb.py\n")
    folder = Folder(root)
    assert folder.withheld("a.py") == ".aiexclude:3002"
    assert folder.withheld("b.py") is None
    assert list(folder.paths()) == []


def test_many_lines() -> None:
    """What was decided once is decided at once, however many lines there are."""
    costs = []
    for count in (100, 1_900):
        lines = gitignore.parse("".join(f"/a*{number}\n" for number in range(count)))
        lines.deciding("x/y/z.py", is_folder=False)
        begun = thread_time()
        for _ in range(2_000):
            assert lines.deciding("x/y/z.py", is_folder=False) is None
        costs.append(thread_time() - begun)
    assert costs[1] < 6 * costs[0]


def test_through_a_link(root: Path) -> None:
    """No link is a way around: neither one to a kept file, nor one to a kept folder."""
    (root / ".turnoutignore").write_text("/deep/\n")
    (root / "notes.py").symlink_to(root / "deep/a.py")
    (root / "shallow").symlink_to(root / "deep", target_is_directory=True)
    folder = Folder(root)
    for path in ("notes.py", "shallow/a.py", "deep/a.py"):
        assert folder.withheld(path) == ".turnoutignore:1", path


def test_folder_inside_a_repository(root: Path) -> None:
    """Ignore files above an opened folder hold too, up to the top of its repository."""
    (root / ".git").mkdir()
    (root / ".cursorignore").write_text("/deep/a.py\n")
    (root / ".gitignore").write_text("b.py\n")
    (root / "deep/b.py").write_text("")
    folder = Folder(root / "deep")
    assert folder.withheld("a.py") == ".cursorignore:1"
    assert list(folder.paths()) == []


def test_odd_text(root: Path) -> None:
    """Bytes that are no text, a byte order mark and lines that git cannot read do no harm."""
    (root / ".aiexclude").write_bytes(b"\xef\xbb\xbfa.py\r\n\xff\xfe\n[\n!\n\x00\n/\n")
    folder = Folder(root)
    assert folder.withheld("a.py") == ".aiexclude:1"
    assert folder.withheld("b.py") is None
