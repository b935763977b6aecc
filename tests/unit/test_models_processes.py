"""Pulls as the user runs them: two at once, killed in the middle, on a disk that is too small."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import models_kit as kit
from support.models_kit import Act

HALF = len(kit.PAYLOAD) // 2
SOME_OF_IT = r": [1-5]0 %"


def wait_for_line(process: "subprocess.Popen[str]", pattern: str) -> None:
    """Read the process's progress until a line matches."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if re.search(pattern, line):
            return
    raise AssertionError(f"{pattern!r} was never said: {seen}")


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit status, stdout and the rest of stderr."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX matter")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_pull_that_is_ended_is_resumed(how: str, tmp_path: Path) -> None:
    """After kill -9 or Ctrl-C the next pull asks only for what is missing."""
    models = tmp_path / "cache" / "models"
    with kit.hub(Act(hold_after=HALF)) as server:
        process = kit.start(["pull", "tiny"], kit.environment(tmp_path, server.url))
        wait_for_line(process, SOME_OF_IT)
        process.send_signal(getattr(signal, how))
        status, _, err = finish(process)
        kept = (models / "tiny.gguf.partial").stat().st_size
        assert 0 < kept <= HALF
        assert status == (-signal.SIGKILL if how == "SIGKILL" else 130)
        assert how == "SIGKILL" or "kept" in err
        assert not (models / "tiny.gguf").exists()

        status, out, err = finish(kit.start(["pull", "tiny"], kit.environment(tmp_path, server.url)))
    assert (status, Path(out.strip()).read_bytes()) == (0, kit.PAYLOAD), err
    assert server.ranges == [None, f"bytes={kept}-"]
    assert "Going on from" in err


def test_two_pulls_at_once_download_once(tmp_path: Path) -> None:
    """The second process waits for the first, says so, and then finds the file."""
    with kit.hub(Act(hold_after=HALF)) as server:
        variables = kit.environment(tmp_path, server.url)
        first = kit.start(["pull", "tiny"], variables)
        assert server.held.wait(60)
        second = kit.start(["pull", "tiny"], variables)
        wait_for_line(second, "another process is fetching it")
        server.release.set()
        results = [finish(first), finish(second)]
    assert [status for status, _, _ in results] == [0, 0], results
    assert {out.strip() for _, out, _ in results} == {str(tmp_path / "cache" / "models" / "tiny.gguf")}
    assert (tmp_path / "cache" / "models" / "tiny.gguf").read_bytes() == kit.PAYLOAD
    assert server.ranges == [None]


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    """A process that waits takes over when the one it waits for is killed."""
    with kit.hub(Act(hold_after=HALF)) as server:
        variables = kit.environment(tmp_path, server.url)
        first = kit.start(["pull", "tiny"], variables)
        assert server.held.wait(60)
        second = kit.start(["pull", "tiny"], variables)
        wait_for_line(second, "another process is fetching it")
        first.kill()
        finish(first)
        status, out, err = finish(second)
    assert (status, Path(out.strip()).read_bytes()) == (0, kit.PAYLOAD), err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for the model and little more, mounted as the cache."""
    cache = tmp_path / "cache"
    cache.mkdir()
    size = len(kit.PAYLOAD) + 200_000
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(cache)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield cache
    subprocess.run(["umount", str(cache)], check=True)


@pytest.mark.parametrize("when", ["before", "midway"])
def test_a_full_disk_leaves_no_half_file(when: str, tmp_path: Path, small_disk: Path) -> None:
    """No room before the start or midway: one sentence with both sizes, and the half file is gone."""
    models = small_disk / "models"
    with kit.hub(Act(hold_after=HALF)) as server:
        if when == "before":
            (small_disk / "filler").write_bytes(b"x" * 600_000)
        process = kit.start(["pull", "tiny"], kit.environment(tmp_path, server.url))
        if when == "midway":
            wait_for_line(process, SOME_OF_IT)
            (small_disk / "filler").write_bytes(b"x" * 600_000)
        server.release.set()
        status, out, err = finish(process)
    assert (status, out) == (1, "")
    assert "There is no room for tiny: it needs 1.3 MB, and" in err
    assert [path.name for path in models.iterdir()] == ["tiny.gguf.lock"]


def test_a_file_from_another_disk_is_copied(tmp_path: Path, small_disk: Path) -> None:
    """`--file` copies where a link cannot be, and leaves the user's file alone."""
    own = tmp_path / "mine.gguf"
    own.write_bytes(kit.PAYLOAD)
    status, out, err = finish(kit.start(["pull", "tiny", "--file", str(own)], kit.environment(tmp_path)))
    assert (status, Path(out.strip()).read_bytes()) == (0, kit.PAYLOAD), err
    assert own.read_bytes() == kit.PAYLOAD
    assert not Path(out.strip()).samefile(own)
