"""git is asked about a repository without running anything that the repository names."""

import asyncio
import os
import shlex
import subprocess
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from support.git import commit, repository, stage
from support.git import git as run_git
from turnout import git
from turnout.errors import GitFailed

FILES = {"a.py": "x = 1\n", "dir/b.py": "y = 1\n", "c d.txt": "z\n"}


async def test_what_is_staged(tmp_path: Path) -> None:
    """Each file with its counts and its own diff, renames as such, and the last subjects."""
    repository(tmp_path, FILES)
    commit(tmp_path, "Begin")
    stage(
        tmp_path, {"a.py": "x = 2\n", "new \u00e9.bin": "\0\1", "dir/b.py": None, "dir/moved.py": "y = 1\n"}
    )
    found = await git.staged(tmp_path / "dir")
    assert found.root == str(tmp_path)
    assert {file.line for file in found.files} == {
        "+1 -1 a.py",
        "+0 -0 dir/b.py -> dir/moved.py",
        "binary new \u00e9.bin",
    }
    for file in found.files:
        assert file.path in file.diff or "\\" in file.diff
    assert "+x = 2" in next(file.diff for file in found.files if file.path == "a.py")
    assert found.subjects == ("Begin",)


ODD = {
    "a typed file": ("a.txt", ["b.txt", "z.py"]),
    'q"uo\\te': ("x\ty", ["b\nc", "d\x7f e ", "\u00e9", "a b/x b", "*", "x => y"]),
    "not UTF-8": ("caf\udce9/x.py", ["caf\udce9/y\udcff.py"]),
}


@pytest.mark.parametrize(("typed", "others"), ODD.values(), ids=["plain", "odd", "not UTF-8"])
async def test_a_diff_is_under_its_own_name(tmp_path: Path, typed: str, others: list[str]) -> None:
    """Whatever a name is, and however many parts another file has, a file's diff is its own and of no other."""
    names = [typed, *others]
    repository(tmp_path, {name: f"old {number}\n" for number, name in enumerate(names)})
    commit(tmp_path, "Begin")
    (tmp_path / typed).unlink()
    (tmp_path / typed).symlink_to("new 0")
    stage(tmp_path, {name: f"old {number}\nnew {number}\n" for number, name in enumerate(names) if number})
    run_git(tmp_path, "add", "--all")
    found = {file.path: file.diff for file in (await git.staged(tmp_path)).files}
    assert found.keys() == set(names)
    for number, name in enumerate(names):
        assert [text for text in range(len(names)) if f"+new {text}" in found[name]] == [number]


async def test_a_file_in_conflict_has_no_diff(tmp_path: Path) -> None:
    """It takes nobody else's, and is not named in that of another."""
    repository(tmp_path, {"b": "1\n", "m": "1\n", "z": "1\n"})
    commit(tmp_path, "Begin")
    run_git(tmp_path, "checkout", "--quiet", "-b", "side")
    stage(tmp_path, {"m": "2\n"})
    commit(tmp_path, "Side")
    run_git(tmp_path, "checkout", "--quiet", "main")
    stage(tmp_path, {"m": "3\n"})
    commit(tmp_path, "Main")
    with pytest.raises(CalledProcessError):
        run_git(tmp_path, "merge", "side")
    stage(tmp_path, {"b": "b\n", "z": "z\n"})
    found = {file.path: file.diff for file in (await git.staged(tmp_path)).files}
    assert (found["m"], "+b" in found["b"], "+z" in found["z"]) == ("", True, True)
    assert "Unmerged" not in "".join(found.values())


async def test_a_rename_that_reads_like_two(tmp_path: Path) -> None:
    """`a/x b/x b/x` is from `x` to `x b/x`, and could be the other way round: its diff is found all the same."""
    lines = "".join(f"{number}\n" for number in range(30))
    repository(tmp_path, {"x": lines, "keep": "k\n"})
    commit(tmp_path, "Begin")
    (tmp_path / "x").unlink()
    (tmp_path / "x b").mkdir()
    (tmp_path / "x b/x").write_text(f"{lines}more\n")
    run_git(tmp_path, "add", "--all")
    (found,) = (await git.staged(tmp_path)).files
    assert (found.old_path, found.path, "+more" in found.diff) == ("x", "x b/x", True)


def shell(folder: Path, line: str) -> None:
    subprocess.run(["sh", "-ec", line], cwd=folder, check=True, capture_output=True)


RULES = {"settings": ".turnout.toml", "ignore file": ".cursorignore"}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize(
    ("undo", "shown"),
    [
        ("git rm -r sub", {"a.py"}),
        ("git mv sub moved && git rm -f moved/RULES", {"a.py"}),
        ("rm -r sub && git add sub/x.py", {"a.py"}),
        ("git rm sub/x.py", {"a.py", "sub/x.py"}),
        ("git mv sub moved", {"a.py"}),
        ("git mv sub/x.py sub/y.py", {"a.py", "sub/y.py"}),
        ("echo more >> sub/x.py && git add sub && rm -r sub", {"a.py"}),
    ],
)
async def test_rules_that_are_gone_hold_for_what_went_with_them(
    tmp_path: Path, rules: str, undo: str, shown: set[str]
) -> None:
    """Of a file that is gone, no text is kept where the settings or ignore files around it went as well."""
    repository(tmp_path, {"a.py": "x\n", "sub/x.py": "text\n" * 9, f"sub/{rules}": "# rules\n" * 3})
    commit(tmp_path, "Begin")
    stage(tmp_path, {"a.py": "y\n"})
    shell(tmp_path, undo.replace("RULES", rules))
    found = (await git.staged(tmp_path)).files
    files = [file for file in found if not file.path.endswith(rules)]
    assert {file.path for file in files if file.is_ruled} == shown
    assert all(bool(file.diff) is file.is_ruled for file in found)


async def test_the_first_commit(tmp_path: Path) -> None:
    """A repository without a commit has no subjects, and everything is new."""
    repository(tmp_path, FILES)
    found = await git.staged(tmp_path)
    assert sorted(file.line for file in found.files) == ["+1 -0 a.py", "+1 -0 c d.txt", "+1 -0 dir/b.py"]
    assert found.subjects == ()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("core.fsmonitor", "{run}"),
        ("core.pager", "{run}"),
        ("diff.external", "{run}"),
        ("diff.evil.command", "{run}"),
        ("diff.evil.textconv", "{run}"),
        ("filter.evil.clean", "{run}"),
        ("filter.evil.process", "{run}"),
        ("core.hooksPath", "{folder}"),
        ("gpg.program", "{run}"),
        ("log.showSignature", "true"),
        ("core.sshCommand", "{run}"),
        ("alias.diff", "!{run}"),
    ],
)
async def test_a_hostile_repository_runs_nothing(tmp_path: Path, setting: str, value: str) -> None:
    """Whatever its configuration and attributes name, no program of its is started."""
    folder, trace = tmp_path / "repo", tmp_path / "ran"
    script = tmp_path / "post-index-change"
    script.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    script.chmod(0o755)
    repository(folder, {**FILES, ".gitattributes": "* diff=evil filter=evil\n"})
    commit(folder, "Begin")
    stage(folder, {"a.py": "x = 2\n"})
    (folder / "dir/b.py").write_text("y = 3\n")
    run_git(folder, "config", setting, value.format(run=script, folder=tmp_path))
    found = await git.staged(folder)
    assert await git.dirty(folder, ["a.py", "dir/b.py", "c d.txt"]) == ("a.py", "dir/b.py")
    assert [file.path for file in found.files] == ["a.py"]
    assert not trace.exists()


async def test_what_differs_from_the_last_commit(tmp_path: Path) -> None:
    """Changed, new and removed files; not one that differs in its line endings alone, nor one that never was.

    What the commit holds as it was when somebody read it has been changed since then, and is not told of.
    """
    repository(tmp_path, FILES)
    commit(tmp_path, "Begin")
    (tmp_path / "a.py").write_bytes(b"x = 1\r\n")
    (tmp_path / "dir/b.py").unlink()
    (tmp_path / "c d.txt").write_text("w\n")
    (tmp_path / "new").write_text("n\n")
    paths = ["a.py", "dir/b.py", "c d.txt", "new", "never"]
    assert await git.dirty(tmp_path, paths) == ("dir/b.py", "c d.txt", "new")
    assert await git.dirty(tmp_path / "dir", ["b.py"]) == ("b.py",)
    earlier = {"dir/b.py": FILES["dir/b.py"].replace("\n", "\r\n"), "c d.txt": "v\n", "new": None}
    assert await git.dirty(tmp_path, paths, earlier) == ("c d.txt",)


async def test_a_repository_in_another_tells_of_its_own_files(tmp_path: Path) -> None:
    """A file of a submodule is in its last commit, and in none of the repository around it."""
    repository(tmp_path, FILES)
    commit(tmp_path, "Begin")
    repository(tmp_path / "lib/sub", FILES)
    commit(tmp_path / "lib/sub", "Begin")
    (tmp_path / "lib/sub/dir/b.py").write_text("y = 2\n")
    paths = ["lib/sub/a.py", "a.py", "lib/sub/dir/b.py", "lib/c.py"]
    (tmp_path / "lib/c.py").write_text("")
    assert await git.dirty(tmp_path, paths) == ("lib/sub/dir/b.py", "lib/c.py")
    assert await git.dirty(tmp_path, paths, {"lib/sub/dir/b.py": "y = 2\n", "lib/c.py": None}) == (
        "lib/sub/dir/b.py",
    )


async def test_no_repository(tmp_path: Path) -> None:
    """It is said, with what to do, and nothing is dirty there."""
    with pytest.raises(GitFailed, match=r"in no git repository.* git status"):
        await git.staged(tmp_path)
    with pytest.raises(GitFailed, match=r"There is no folder .*none"):
        await git.staged(tmp_path / "none")
    assert await git.dirty(tmp_path, ["a"]) == ()


async def test_what_git_does_not_say_is_not_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may read a repository of another user is said; without a commit or without git, none is asked for."""
    repository(tmp_path, FILES)
    assert await git.dirty(tmp_path, ["a.py"]) == ()
    commit(tmp_path, "Begin")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    for ask in (git.dirty(tmp_path / "dir", ["b.py"]), git.staged(tmp_path / "dir")):
        with pytest.raises(GitFailed) as refused:
            await ask
        assert f"refuses to read the repository {tmp_path}, which" in refused.value.message
        assert refused.value.advice.endswith(f": git config --global --add safe.directory {tmp_path}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await git.dirty(tmp_path, ["a.py"]) == ()


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unsafe repository ('{0}' is owned by someone else)",
        "fatal: detected dubious ownership in repository at '{0}'",
    ],
    ids=["2.35", "2.38"],
)
async def test_another_user_in_the_words_of_each_git(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be done about a repository of another user is said whichever git refuses to read it."""
    foreign = tmp_path / "it's here"
    complaint = tmp_path / "said"
    complaint.write_text(f"{said.format(foreign)}\nTo add an exception for this directory, call:\n")
    bin_dir = _git_that(tmp_path, f"cat '{complaint}' >&2; exit 128")
    monkeypatch.setenv("PATH", f"{bin_dir}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitFailed) as refused:
        await git.staged(tmp_path)
    assert f"refuses to read the repository {foreign}, which" in refused.value.message
    assert refused.value.advice.endswith(f"safe.directory {shlex.quote(str(foreign))}")


def _git_that(folder: Path, does: str) -> Path:
    """A folder with a git of that one shell line."""
    bin_dir = folder / "bin"
    bin_dir.mkdir()
    (bin_dir / "git").write_text(f"#!/bin/sh\n{does}\n")
    (bin_dir / "git").chmod(0o755)
    return bin_dir


async def test_a_work_tree_that_is_elsewhere(tmp_path: Path) -> None:
    """A repository that claims another folder as its own is refused."""
    repository(tmp_path / "repo", FILES)
    (tmp_path / "other").mkdir()
    run_git(tmp_path / "repo", "config", "core.worktree", str(tmp_path / "other"))
    with pytest.raises(GitFailed):
        await git.staged(tmp_path / "repo")


async def test_what_a_hook_is_told_holds_for_its_own_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit of some files has an index of its own, which another folder's repository has nothing to do with."""
    here, other = (repository(tmp_path / name, FILES) for name in ("here", "other"))
    for folder in (here, other):
        commit(folder, "Begin")
        stage(folder, {"a.py": "x = 2\n"})
    (here / ".git/next").write_bytes((here / ".git/index").read_bytes())
    run_git(here, "reset", "-q")
    for name, value in {"DIR": here / ".git", "INDEX_FILE": ".git/next", "PREFIX": "dir/"}.items():
        monkeypatch.setenv(f"GIT_{name}", str(value))
    monkeypatch.chdir(here)
    for folder in (here, here / "dir"):
        assert [file.path for file in (await git.staged(folder)).files] == ["a.py"]
        assert await git.dirty(folder, ["b.py" if folder.name == "dir" else "c d.txt"]) == ()
    (other / ".git/next").write_bytes(b"")
    assert await git.toplevel(other / "dir") == other
    assert [file.path for file in (await git.staged(other)).files] == ["a.py"]
    assert await git.dirty(other, ["a.py", "dir/b.py"]) == ("a.py",)


async def test_there_are_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output is cut at a size, and a git that does not end is ended."""
    repository(tmp_path, {"a.py": "x\n" * 10_000})
    assert len(await git.run(tmp_path, "diff", "--cached", most_bytes=1000)) == 1000
    slow = _git_that(tmp_path, "exec sleep 60")
    monkeypatch.setenv("PATH", f"{slow}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitFailed, match="did not finish"):
        await git.run(tmp_path, "log", timeout_s=0.2)
    task = asyncio.ensure_future(git.run(tmp_path, "log"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
