"""The staged files, as `git diff --raw --numstat --patch -z --no-abbrev --full-index` prints them.

Invariant: a part of the patch is a file's only if its own header names that file and its blobs; what belongs to no file
is dropped. A changed type is two parts, and an unmerged file none: their order says nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from turnout.core.commits import StagedFile

_PART = re.compile(rb"^(?=diff --|\* )", re.MULTILINE)
"""Where a part begins: the lines of a text have a space, a sign or a backslash before them."""

_INDEX = re.compile(rb"^index ([0-9a-f]+)\.\.([0-9a-f]+)", re.MULTILINE)
_QUOTED = re.compile(rb'[\x00-\x1f\x7f"\\]')
_LETTERS = dict(zip(b'\a\b\t\n\v\f\r"\\', b'abtnvfr"\\', strict=True))

_Names = tuple[bytes, bytes]
_Numbers = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of `--raw`; `old` is empty but for a rename."""

    old: bytes
    path: bytes
    before: bytes
    after: bytes
    status: bytes


def staged_files(said: bytes) -> tuple[StagedFile, ...]:
    """The files in git's order, each with its own diff; that is empty where the output was cut before it."""
    fields = iter(said.split(b"\0"))
    entries, field = _entries(fields)
    numbers = _numbers(field, fields)
    parts: dict[bytes, list[bytes]] = {}
    for part in _PART.split(b"\0".join(fields)):
        parts.setdefault(part.partition(b"\n")[0], []).append(part)
    return tuple(_file(entry, numbers, parts) for entry in entries)


def _entries(fields: Iterator[bytes]) -> tuple[list[_Entry], bytes]:
    """What `--raw` says, and the field after it."""
    found = []
    while (field := next(fields, b"")).startswith(b":"):
        _, _, before, after, status = (*field.split(b" "), b"", b"", b"", b"", b"")[:5]
        first = next(fields, b"")
        second = next(fields, b"") if status[:1] in (b"R", b"C") else b""
        if first:
            found.append(_Entry(first if second else b"", second or first, before, after, status))
    return found, field


def _numbers(field: bytes, fields: Iterator[bytes]) -> dict[_Names, _Numbers]:
    """The lines added and removed, by old name and name; None for what is not text."""
    found = {}
    while field:
        added, removed, path = (*field.split(b"\t", 2), b"", b"")[:3]
        old = b"" if path else next(fields, b"")
        found[old, path or next(fields, b"")] = (_number(added), _number(removed))
        field = next(fields, b"")
    return found


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None


def _file(
    entry: _Entry, numbers: Mapping[_Names, _Numbers], parts: Mapping[bytes, Sequence[bytes]]
) -> StagedFile:
    header = b"diff --git " + _quoted(b"a/" + (entry.old or entry.path)) + b" " + _quoted(b"b/" + entry.path)
    diff = b"".join(part for part in parts.get(header, ()) if _is_of(entry, part))
    added, removed = numbers.get((entry.old, entry.path), (None, None))
    path, old = (name.decode("utf-8", "surrogateescape") for name in (entry.path, entry.old))
    deleted = entry.status[:1] == b"D"
    return StagedFile(path, old, added, removed, diff.decode("utf-8", "replace"), is_deleted=deleted)


def _is_of(entry: _Entry, part: bytes) -> bool:
    """Whether a part is about the entry's blobs: two pairs of names may make the same header."""
    index = _INDEX.search(part)
    if index is None:
        return b"\n@@" not in part  # it says of names and modes alone
    sides = zip((entry.before, entry.after), index.groups(), strict=True)
    return all(blob == known or set(blob) == {ord("0")} for known, blob in sides)


def _quoted(name: bytes) -> bytes:
    """A name as git writes it into a header, without `core.quotePath`."""

    def escaped(found: re.Match[bytes]) -> bytes:
        code = found[0][0]
        return b"\\" + (bytes([_LETTERS[code]]) if code in _LETTERS else b"%03o" % code)

    return b'"' + _QUOTED.sub(escaped, name) + b'"' if _QUOTED.search(name) else name
