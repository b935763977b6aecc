"""The journal keeps proposals and transactions on disk: whole, private, bounded, and of use to the next process."""

import errno
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journal_kit import ROOT, change, entry
from turnout.act.applying.entries import APPLIED_S, KEPT_ITEMS, OFFERED_S, State
from turnout.errors import FolderBusy
from turnout.journal import Journal, files
from turnout.journal.codec import decoded, encoded

TEXT = st.lists(st.sampled_from(["a", "\n", "\r\n", "\r", "\u2028", "\ud800", "ü", "\t"]), max_size=20).map(
    "".join
)


@given(TEXT, TEXT)
def test_what_is_read_is_what_was_written(before: str, after: str) -> None:
    """Any text comes back line for line, and so does everything else of an entry."""
    written = replace(entry("p", "applied", 12.5, change(before, after)), undone=13.5)
    assert decoded(encoded(written)) == written


def test_another_process_finds_it(tmp_path: Path) -> None:
    """What one server kept, the next one applies; a discarded or overwritten entry is gone."""
    first, second = Journal(tmp_path, lambda: 0.0), Journal(tmp_path, lambda: 0.0)
    first.write(entry("p"))
    assert second.find("p") == entry("p")
    second.write(entry("p", "applied", 1.0))
    assert first.find("p") == entry("p", "applied", 1.0)
    assert first.heads() == (entry("p", "applied", 1.0).head,)
    first.discard("p")
    first.discard("p")
    assert second.find("p") is None


@pytest.mark.parametrize(("state", "kept_s"), [("offered", OFFERED_S), ("applied", APPLIED_S)])
def test_entries_expire(tmp_path: Path, state: State, kept_s: float) -> None:
    """A proposal waits a day, an undo a week; after that its texts are off the disk."""
    now = 0.0
    journal = Journal(tmp_path, lambda: now)
    journal.write(entry("p", state))
    now = kept_s
    assert journal.find("p")
    now = kept_s + 1
    assert journal.find("p") is None
    assert journal.heads() == ()
    assert list(tmp_path.rglob("*.entry")) == []


def test_what_cannot_be_removed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that cannot be written an entry that is over stays, and is none."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    journal = Journal(tmp_path, lambda: 0.0)
    journal.write(entry("p"))
    monkeypatch.setattr(Path, "unlink", refused)
    late = Journal(tmp_path, lambda: 10 * APPLIED_S)
    assert (late.heads(), late.find("p")) == ((), None)
    late.discard("p")


def test_what_is_under_way_never_goes(tmp_path: Path) -> None:
    """A transaction that was cut off is found however long ago that was, and however many came after it."""
    journal = Journal(tmp_path, lambda: 100 * APPLIED_S)
    journal.write(entry("cut", "applying"))
    for number in range(KEPT_ITEMS + 5):
        journal.write(entry(f"p{number}", "offered", 100 * APPLIED_S + number))
    names = [head.id for head in journal.heads()]
    assert names == ["cut", *(f"p{number}" for number in range(5, KEPT_ITEMS + 5))]


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of one folder take a bounded number of bytes; the newest is kept whatever its size."""
    monkeypatch.setattr(files, "MAX_BYTES", 3 * len(encoded(entry("p0"))))
    journal = Journal(tmp_path, lambda: 0.0)
    for number in range(5):
        journal.write(entry(f"p{number}", "offered", float(number)))
    assert [head.id for head in journal.heads()] == ["p2", "p3", "p4"]
    journal.write(entry("big", "offered", 9.0, change("x\n" * 5000, "y\n")))
    assert [head.id for head in journal.heads()] == ["big"]


def test_what_is_no_entry_is_passed_over(tmp_path: Path) -> None:
    """A file cut short, of another version or of somebody else does not keep the others from being found."""
    journal = Journal(tmp_path, lambda: 0.0)
    journal.write(entry("p"))
    folder = next(tmp_path.iterdir())
    data = (folder / "p.entry").read_bytes()
    rows = {
        "empty": b"",
        "cut": data[:20],
        "newer": data.replace(b'"format": 1', b'"format": 9'),
        "not": b"[]\n",
    }
    for name, content in rows.items():
        (folder / f"{name}.entry").write_bytes(content)
    (folder / "half.entry").write_bytes(
        data.replace(b'"id": "p"', b'"id": "half"').partition(b"\n")[0] + b"\n{"
    )
    assert {head.id for head in journal.heads()} == {"p", "half"}
    assert journal.find("half") is None
    assert journal.find("p")


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    """It holds the text of files, so nobody else may look."""
    journal = Journal(tmp_path / "journal", lambda: 0.0)
    journal.write(entry("p"))
    with journal.locked(ROOT):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.pop("p.entry") == 0o600
    assert not any(mode & 0o077 for name, mode in modes.items() if name != "lock")


def test_one_at_a_time_per_folder(tmp_path: Path) -> None:
    """Two editors on one folder do not apply at once; another folder is free, and so is this one afterwards."""
    one, other = Journal(tmp_path), Journal(tmp_path)
    with one.locked(ROOT):
        with pytest.raises(FolderBusy, match="Try again"), other.locked(ROOT):
            pass
        with other.locked("/elsewhere"):
            pass
    with other.locked(ROOT):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="locks are not shared there")
def test_one_at_a_time_in_folders_inside_each_other(tmp_path: Path) -> None:
    """A folder of an open folder is the same files; two folders of one are not each other's."""
    one, other = Journal(tmp_path, lambda: 0.0), Journal(tmp_path, lambda: 0.0)
    inside, beside, alike = f"{ROOT}/a", f"{ROOT}/b", f"{ROOT}-a"
    for number, folder in enumerate((ROOT, inside, beside, alike)):
        one.write(entry(f"p{number}", root=folder))
    for mine, busy, free in [(ROOT, [inside, beside], [alike]), (inside, [ROOT, inside], [beside, alike])]:
        with one.locked(mine):
            for folder in busy:
                with pytest.raises(FolderBusy, match="Try again"), other.locked(folder):
                    pass
            for folder in free:
                with other.locked(folder):
                    pass
