"""The text of open files, as lists of lines, and the arithmetic of positions.

Invariant: `"".join(lines)` is the document, byte for byte as the editor has it.
Lines end at `\\n`, `\\r\\n` or `\\r` and nowhere else: not at form feeds or U+2028, where `str.splitlines` would break.
Positions inside Turnout count lines and code points from 0; `lsp` converts to and from the client's encoding.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from turnout.core.lines import Lines
from turnout.core.marks import Marks

Encoding = Literal["utf-8", "utf-16", "utf-32"]

MAX_CHARACTERS = 5_000_000
"""Longer documents are not kept: every edit of one would cost more than a keystroke may."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


class Position(NamedTuple):
    """Line and code point within it, both from 0."""

    line: int
    character: int


class Span(NamedTuple):
    """Half-open range of text."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document at one version; `version` is None for a file that no editor has open.

    `mark` is the byte order mark that such a file has in front of its text.
    """

    uri: str
    language: str
    version: int | None
    rows: Lines | tuple[str, ...]
    """The lines, for whoever looks at a few of them: no letter waits for a tuple of all."""
    mark: str = ""
    marks: Marks = field(default_factory=Marks, compare=False, repr=False)
    """Where lexing of the lines may begin."""

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines; the first time takes time in the document."""
        return self.rows.whole if isinstance(self.rows, Lines) else self.rows

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.rows)


def split_lines(text: str) -> list[str]:
    """Cut `text` into lines that keep their endings; empty text gives no line."""
    return _LINE.findall(text)


def end_of(start: Position, text: str) -> Position:
    """Where `text` ends that was put in at `start`."""
    lines = split_lines(text)
    if not lines:
        return start
    last = lines[-1]
    if line_body(last) != last:
        return Position(start.line + len(lines), 0)
    return Position(start.line + len(lines) - 1, len(last) + (start.character if len(lines) == 1 else 0))


def unusable(text: str) -> str:
    """Why a text is not worked on, in words for the user; empty where it is."""
    if len(text) > MAX_CHARACTERS:
        return f"the file is over {MAX_CHARACTERS // 1_000_000} million characters"
    if "\0" in text:
        return "the file is binary"
    return ""


def difference(before: Sequence[str], after: Sequence[str]) -> tuple[Span, str] | None:
    """The shortest piece of some lines that has to be another to make others of them; None where they are the same.

    Costs a few comparisons of all lines by the machine, not a loop over them.
    """
    first = _shared(before, after)
    if first == len(before) == len(after):
        return None
    most = min(len(before), len(after)) - first
    rest = _shared(before[::-1][:most], after[::-1][:most])
    old, new = before[first : len(before) - rest], after[first : len(after) - rest]
    if not old or not new:
        return Span(Position(first, 0), Position(first + len(old), 0)), "".join(new)
    head = _shared(line_body(old[0]), line_body(new[0]))
    last = first + len(old) - 1
    tail = _tail(old[-1], new[-1], head if len(old) == 1 or len(new) == 1 else 0)
    text = "".join(new)
    if tail is None:
        return Span(Position(first, head), _end_of_line(last, old[-1])), text[head:]
    end = Position(last, len(line_body(old[-1])) - tail)
    return Span(Position(first, head), end), text[head : len(text) - len(_ending(new[-1])) - tail]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items two sequences begin with alike, found by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _tail(old: str, new: str, head: int) -> int | None:
    """How many letters two lines end with alike, `head` of each left out; None where their endings differ."""
    if _ending(old) != _ending(new):
        return None
    return _shared(line_body(old)[head:][::-1], line_body(new)[head:][::-1])


def _ending(line: str) -> str:
    return line[len(line_body(line)) :]


def _end_of_line(index: int, line: str) -> Position:
    """Behind a line and its ending, where it has one."""
    return Position(index + 1, 0) if _ending(line) else Position(index, len(line))


def line_body(line: str) -> str:
    """A line without its ending."""
    return line.rstrip("\r\n")


def _clamped(lines: Sequence[str], position: Position) -> Position:
    if position.line >= len(lines):
        return _end(lines)
    return Position(position.line, min(position.character, len(line_body(lines[position.line]))))


def _end(lines: Sequence[str]) -> Position:
    """The position after the last character."""
    if not lines:
        return Position(0, 0)
    last = lines[-1]
    body = line_body(last)
    return Position(len(lines) - 1, len(body)) if body == last else Position(len(lines), 0)


_CODECS: dict[Encoding, tuple[str, int]] = {
    "utf-8": ("utf-8", 1),
    "utf-16": ("utf-16-le", 2),
    "utf-32": ("utf-32-le", 4),
}


def units_to_codepoints(line: str, units: int, encoding: Encoding) -> int:
    """Code point of a column counted in `encoding` units; inside a character it is that character's start."""
    if encoding == "utf-32" or line.isascii():
        return min(units, len(line))
    codec, width = _CODECS[encoding]
    # No column lies further than one unit to the code point, so that is all that has to be looked at.
    data = line[:units].encode(codec, "surrogatepass")[: units * width]
    try:
        text = data.decode(codec, "surrogatepass")
    except UnicodeDecodeError as cut:
        text = data[: cut.start].decode(codec, "surrogatepass")
    # Half of a pair in UTF-16 decodes to a character that is not the line's.
    return len(text) - 1 if text and text[-1] != line[len(text) - 1] else len(text)


def codepoints_to_units(line: str, codepoints: int, encoding: Encoding) -> int:
    """Column in `encoding` units of a code point of `line`."""
    if encoding == "utf-32" or line.isascii():
        return min(codepoints, len(line))
    codec, width = _CODECS[encoding]
    return len(line[:codepoints].encode(codec, "surrogatepass")) // width


def _joins(text: str, following: str) -> bool:
    """Whether `text` and the line after it share a line, or an ending cut in two."""
    if not text or not following:
        return False
    return not text.endswith(("\n", "\r")) or (text.endswith("\r") and following.startswith("\n"))


class Document:
    """One open document; edits cost time in the lines they touch, snapshots next to none."""

    __slots__ = ("_lines", "_marks", "_snapshot", "language", "skipped", "uri", "version")

    def __init__(self, uri: str, language: str, version: int, text: str) -> None:
        self.uri = uri
        self.language = language
        self.skipped = ""
        """Why the text is not kept; empty for every ordinary document."""
        self._lines = Lines()
        self._marks = Marks()
        self._snapshot: Snapshot | None = None
        self.replace_all(text, version)

    def snapshot(self) -> Snapshot:
        """The document as it is now; later edits do not change it. May be asked for in a thread.

        A thread that is overtaken by an edit may keep a snapshot here that is out of date already: its version says so.
        """
        kept = self._snapshot
        if kept is None or kept.version != self.version:
            version, lines = self.version, self._lines
            # Marks of its own, which it may add to, and read last: an edit lets go of those that it makes void first.
            marks = self._marks.before(len(lines))
            kept = self._snapshot = Snapshot(self.uri, self.language, version, lines, marks=marks)
        return kept

    def replace_all(self, text: str, version: int) -> tuple[Span, str] | None:
        """Take `text` as the whole document; gives the one edit that would have done it, None where none is needed."""
        self.skipped = unusable(text)
        lines = Lines(() if self.skipped else split_lines(text))
        edit = difference(self._lines.whole, lines.whole)
        self._marks = self._known_marks().before(edit[0].start.line if edit is not None else 0)
        self._lines = lines
        self.version = version
        self._snapshot = None
        return edit

    def line(self, index: int) -> str:
        """Line `index` with its ending; empty past the end."""
        return self._lines[index] if 0 <= index < len(self._lines) else ""

    def replace(self, span: Span, text: str, version: int) -> None:
        """Put `text` in the place of `span`; positions past an end mean that end."""
        if self.skipped:
            return
        start, end = _clamped(self._lines, span.start), _clamped(self._lines, span.end)
        if end < start:
            start, end = end, start
        before = self.line(start.line)[: start.character]
        after = self.line(end.line)[end.character :]
        first, last = start.line, end.line + 1
        middle = before + text + after
        # "\r" before or "\n" after the seam may join up with the neighbour into one line ending.
        if first > 0 and self._lines[first - 1].endswith("\r") and middle.startswith("\n"):
            first -= 1
            middle = self._lines[first] + middle
        if _joins(middle, self.line(last)):
            middle += self._lines[last]
            last += 1
        self._marks = self._known_marks().before(first)
        self._lines = self._lines.replaced(first, last, split_lines(middle))
        self.version = version
        self._snapshot = None

    def _known_marks(self) -> Marks:
        """The marks of the lines as they are, with those that were found for their snapshot."""
        kept = self._snapshot
        return kept.marks if kept is not None and kept.version == self.version else self._marks
