"""Real commits, given as the flawed replies of a model, become exactly the commit or nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from bench.replay import FLAWS, LINE_BREAKS, Tally, replay
from support.replays import Change, Commit, commits

HERE = Path(__file__).parents[2]
COMMITS = 6
"""The first ones of the project, which stay the same; `make bench` takes the 200 newest."""


@pytest.fixture(scope="module")
def tallies() -> list[Tally]:
    found = list(commits(HERE, COMMITS, oldest=True))
    if len(found) < COMMITS:
        pytest.skip("this checkout has not enough history")
    return replay(iter(found))


@pytest.mark.parametrize("index", range(len(FLAWS)), ids=[f"{flaw.style}: {flaw.name}" for flaw in FLAWS])
def test_nothing_is_applied_wrong(tallies: list[Tally], index: int) -> None:
    """Whatever is wrong with a reply, what is applied of it is the commit, and what is certain is applied."""
    tally = tallies[index]
    assert tally.wrong == []
    assert tally.outcomes or tally.flaw.name == LINE_BREAKS  # none of these commits changes Markdown
    assert tally.applied >= 0.9, tally.outcomes


def test_commits_of_any_repository(tmp_path: Path) -> None:
    """Edits, new, removed and renamed files of a repository that was made here are all replayed right."""

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        # The flaws of a reply are drawn by the commit's name, which its date is a part of.
        dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-01T00:00:00Z")
        subprocess.run(
            ["git", *identity, *arguments],
            cwd=tmp_path,
            env=os.environ | dates,
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    body = "".join(f"line_{number} = {number}\n" for number in range(30))
    for name in ("a.py", "b.py", "old.py"):
        (tmp_path / name).write_text(f"# {name}\n{body}")
    (tmp_path / "notes.md").write_text("# Notes\nOne\ntwo\n\nFour.\n")
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "a.py").write_text((tmp_path / "a.py").read_text().replace("line_7 = 7", "seven = 7"))
    (tmp_path / "new.py").write_text("def f():\n    return 1\n")
    (tmp_path / "b.py").unlink()
    (tmp_path / "old.py").rename(tmp_path / "moved.py")
    git("add", "-A")
    git("commit", "-qm", "second")
    (tmp_path / "a.py").write_text("# a\n" + body)
    (tmp_path / "notes.md").write_text("# Notes\nOne\ntwo\nthree.\n\nFour.\n")
    git("commit", "-qam", "third")
    found = list(commits(tmp_path, 9))
    assert [len(commit.changes) for commit in found] == [2, 4, 4]
    for tally in replay(iter(found)):
        assert tally.outcomes["wrong"] == 0
        if tally.flaw.name in ("none", LINE_BREAKS):
            assert set(tally.certain) <= {"right"}
            assert tally.certain or set(tally.outcomes) == {"refused"}


@pytest.mark.parametrize("draw", ["38", "78", "108", "269"])
def test_a_line_is_broken_by_no_blank_of_chance(draw: str) -> None:
    """Blanks that happen to break lines of Markdown, or to be the same on most lines, are never taken for meant."""
    before = "# Notes\nOne\ntwo\n\nFour.\n"
    change = Change("notes.md", before, before.replace("two\n", "two\nthree.\n"))
    for tally in replay(iter([Commit(draw, (change,))])):
        assert tally.wrong == []
