"""Finding a model's file: nothing is handed out before it was found to be the pinned bytes."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import models_kit as kit
from turnout import models
from turnout.errors import HashMismatch, ModelError, ModelMissing, ModelUnknown
from turnout.models import storage

WRONG = b"X" * len(kit.PAYLOAD)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file of `tiny` belongs, in an empty cache."""
    for name, value in kit.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cache" / "models").mkdir(parents=True)
    return tmp_path / "cache" / "models" / "tiny.gguf"


def _replace_unnoticed(path: Path, data: bytes) -> None:
    """Other bytes of the same size under the same modification time."""
    before = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_model_that_is_not_here_is_missing(place: Path) -> None:
    """ModelMissing names the model and the command that fetches it."""
    with pytest.raises(ModelMissing, match="turnout models pull tiny") as error:
        models.locate("tiny")
    assert error.value.model == "tiny"


def test_an_unknown_model_is_unknown(place: Path) -> None:
    """A name that is neither known nor a path is ModelUnknown with the nearest name."""
    with pytest.raises(ModelUnknown, match="Did you mean 'tiny'"):
        models.locate("tinny")


def test_a_file_is_hashed_once(place: Path) -> None:
    """The first use hashes the file; later ones trust size and time, so that start-up stays quick."""
    place.write_bytes(kit.PAYLOAD)
    assert models.listing()[0].state == "unchecked"
    assert models.locate("tiny") == place
    assert models.listing()[0].state == "ready"
    _replace_unnoticed(place, WRONG)
    assert models.locate("tiny") == place


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells who waits for a lock")
def test_who_waits_for_a_hash_does_not_hash_again(place: Path) -> None:
    """Of many that ask at once one hashes, and the others take its word."""
    place.write_bytes(kit.PAYLOAD)
    lock = place.with_name("tiny.gguf.lock")
    with ThreadPoolExecutor(1) as pool:
        with storage.locked(kit.tiny()):
            waiting = pool.submit(models.locate, "tiny")
            while _open_files().count(str(lock)) < 2:
                assert not waiting.done()
            storage.check(kit.tiny())
            _replace_unnoticed(place, WRONG)
        assert waiting.result() == place


def _open_files() -> list[str]:
    """What the descriptors of this process lead to."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.append(str(descriptor.readlink()))
    return found


@pytest.mark.parametrize("data", [WRONG, kit.PAYLOAD[:-1], kit.PAYLOAD + b"x", b""])
def test_a_changed_file_is_never_handed_out(place: Path, data: bytes) -> None:
    """A file that changed since it was checked is hashed again, and deleted when it is not the pinned one."""
    place.write_bytes(kit.PAYLOAD)
    models.locate("tiny")
    place.write_bytes(data)
    os.utime(place, ns=(1, 1))
    with pytest.raises(HashMismatch, match=kit.SHA256) as error:
        models.locate("tiny")
    assert "turnout models pull tiny" in error.value.advice
    assert not place.exists()
    assert models.listing()[0].state == "missing"


def test_a_touched_file_is_checked_and_kept(place: Path) -> None:
    """A new modification time alone costs one more hash and nothing else."""
    place.write_bytes(kit.PAYLOAD)
    models.locate("tiny")
    os.utime(place, ns=(1, 1))
    assert models.locate("tiny") == place
    assert models.listing()[0].state == "ready"


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"null", b'{"size": 1}', b"\xff"])
def test_a_damaged_record_is_no_record(place: Path, record: bytes) -> None:
    """Whatever the record file holds, the worst outcome is one more hash."""
    place.write_bytes(kit.PAYLOAD)
    place.with_name("tiny.gguf.json").write_bytes(record)
    assert models.listing()[0].state == "unchecked"
    assert models.locate("tiny") == place


def test_verify_trusts_no_record(place: Path) -> None:
    """`verify` hashes the file even where size and time are as recorded."""
    place.write_bytes(kit.PAYLOAD)
    said: list[models.Progress] = []
    assert models.verify("tiny", progress=said.append) == place
    assert said[-1].done_bytes == len(kit.PAYLOAD)
    _replace_unnoticed(place, WRONG)
    with pytest.raises(HashMismatch):
        models.verify("tiny")
    with pytest.raises(ModelMissing):
        models.verify("tiny")


def test_a_file_of_the_users_own_is_taken_as_it_is(place: Path, tmp_path: Path) -> None:
    """A path is used without a pin when it is a GGUF file."""
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF and more")
    assert models.locate(str(own)) == own


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("other.gguf", b"PK\x03\x04", "is not a GGUF file"),
        ("empty.gguf", b"", "is not a GGUF file"),
        ("absent.gguf", None, "No such file"),
        ("", None, "directory"),
    ],
)
def test_a_path_that_is_no_model_is_refused(
    place: Path, tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    """A path that is missing, a directory or another format is a ModelError with the path and the fault."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=problem) as error:
        models.locate(f"{tmp_path}/{name}")
    assert str(path) in error.value.message


def test_a_partial_file_is_listed_as_such(place: Path) -> None:
    """The list says how much of a model is here."""
    place.with_name("tiny.gguf.partial").write_bytes(b"1234")
    listed = models.listing()[0]
    assert (listed.state, listed.have_bytes) == ("partial", 4)
