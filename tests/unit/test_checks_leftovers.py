"""What a process that was killed left of a check's copy is removed by the next one, and nothing else is."""

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from turnout.checks.leftovers import claim, sweep
from turnout.checks.shadow import shadow
from turnout.files import Folder

PREFIX = "turnout-check-"


def folder(parent: Path, name: str, *, old: bool = False) -> Path:
    """A folder with a file in it."""
    made = parent / name
    made.mkdir()
    (made / "a.py").write_text("x = 1\n")
    if old:
        then = time.time() - 25 * 3600
        os.utime(made, (then, then))
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="there, age alone counts")
def test_a_copy_goes_with_its_process(tmp_path: Path) -> None:
    """A process that is gone holds no lock; one that is there keeps its copy, however old."""
    held, left = folder(tmp_path, f"{PREFIX}held"), folder(tmp_path, f"{PREFIX}left")
    owner = claim(held)
    claim(left).close()
    os.utime(held, (0, 0))
    sweep(tmp_path, PREFIX)
    assert (held.exists(), left.exists()) == (True, False)
    owner.close()
    sweep(tmp_path, PREFIX)
    assert not held.exists()


@pytest.mark.parametrize(
    ("name", "old", "stays"),
    [(f"{PREFIX}old", True, False), (f"{PREFIX}young", False, True), ("another", True, True)],
)
def test_a_copy_that_nobody_claims_goes_after_a_day(
    tmp_path: Path, name: str, old: bool, stays: bool
) -> None:
    """Until then it may be one that is being made."""
    made = folder(tmp_path, name, old=old)
    sweep(tmp_path, PREFIX)
    assert made.exists() is stays


@pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")
def test_no_link_is_followed(tmp_path: Path) -> None:
    """A link of that name leads to somebody's folder."""
    theirs = folder(tmp_path, "theirs", old=True)
    (tmp_path / f"{PREFIX}link").symlink_to(theirs)
    sweep(tmp_path, PREFIX)
    assert (theirs / "a.py").exists()


async def test_whoever_makes_a_copy_looks_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own is claimed while it is there, so that nobody else takes it for one that was left."""
    project = folder(tmp_path, "project")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    left = folder(temporary, f"{PREFIX}left", old=True)
    async with shadow(Folder(project), (), changed=False) as copy:
        assert not left.exists()
        os.utime(copy.root.parent, (0, 0))
        sweep(temporary, PREFIX)
        assert (copy.root / "a.py").exists()
    assert not list(temporary.iterdir())
