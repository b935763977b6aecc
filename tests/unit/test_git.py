"""git is asked about a repository without running anything that the repository names."""

import asyncio
import os
from pathlib import Path

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
    """Changed, new and removed files; not one that differs in its line endings alone, nor one that never was."""
    repository(tmp_path, FILES)
    commit(tmp_path, "Begin")
    (tmp_path / "a.py").write_bytes(b"x = 1\r\n")
    (tmp_path / "dir/b.py").unlink()
    (tmp_path / "c d.txt").write_text("w\n")
    (tmp_path / "new").write_text("n\n")
    paths = ["a.py", "dir/b.py", "c d.txt", "new", "never"]
    assert await git.dirty(tmp_path, paths) == ("dir/b.py", "c d.txt", "new")
    assert await git.dirty(tmp_path / "dir", ["b.py"]) == ("b.py",)


async def test_no_repository(tmp_path: Path) -> None:
    """It is said, and nothing is dirty there."""
    with pytest.raises(GitFailed, match="rev-parse"):
        await git.staged(tmp_path)
    assert await git.dirty(tmp_path, ["a"]) == ()


async def test_a_work_tree_that_is_elsewhere(tmp_path: Path) -> None:
    """A repository that claims another folder as its own is refused."""
    repository(tmp_path / "repo", FILES)
    (tmp_path / "other").mkdir()
    run_git(tmp_path / "repo", "config", "core.worktree", str(tmp_path / "other"))
    with pytest.raises(GitFailed):
        await git.staged(tmp_path / "repo")


async def test_there_are_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output is cut at a size, and a git that does not end is ended."""
    repository(tmp_path, {"a.py": "x\n" * 10_000})
    assert len(await git.run(tmp_path, "diff", "--cached", most_bytes=1000)) == 1000
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitFailed, match="did not finish"):
        await git.run(tmp_path, "log", timeout_s=0.2)
    task = asyncio.ensure_future(git.run(tmp_path, "log"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
