"""Path patterns in gitignore's syntax, compiled so that no pattern can make matching slow.

Invariant: the time to match grows with the length of the path times the length of the pattern, never faster:
every wildcard but the last of a segment is an atomic group, so a hostile pattern finds nothing to backtrack into.
Matching ignores case and Unicode composition, because on many file systems `.ENV` is the same file as `.env`, and on
some `STRASSE` is the same as `straße`: a path is covered as it is written, or with such letters spelled out.
Comments and negation (`!`) are not part of the syntax here: a list of such patterns can only grow.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

MAX_PATTERN = 256
"""Longest pattern, in characters."""

_MOST_REMEMBERED = 4096
_MOST_AT_ONCE = 8_000
"""Characters of the expressions that are matched in one call, which nothing else in the process gets in between."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern and the setting it came from."""

    text: str
    source: str


class PathSet:
    """Patterns that a path is checked against; it cannot be changed."""

    __slots__ = ("_alternatives", "patterns")

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        """Compile `patterns`; raises ValueError for one that `check_pattern` objects to."""
        self.patterns = tuple(patterns)
        texts = [pattern.text for pattern in self.patterns]
        self._alternatives = Alternatives(map(glob_to_regex, texts), map(spelled_out_regex, texts))

    def match(self, folded: str) -> Pattern | None:
        """The first pattern that covers a path given as `fold_path` returns it, or None."""
        index = self._alternatives.first(folded)
        return None if index is None else self.patterns[index]


_Joined: TypeAlias = tuple[int, re.Pattern[str]]
"""Expressions as one, and the index of the first of them."""

_NONE, _UNKNOWN = -1, -2


class Alternatives:
    """Regular expressions without groups, compiled into few that tell which is the first to match.

    What it was asked is remembered, since requests come again and again for the same few files. Threads may share it.
    """

    __slots__ = ("_remembered", "_spelled", "_written")

    def __init__(self, expressions: Iterable[str], spelled: Iterable[str] = ()) -> None:
        """`spelled` are the same for subjects as `spelled_out` returns them; without any, none is asked like that."""
        written, others = list(expressions), list(spelled)
        self._written = _joined(written)
        self._spelled = self._written if others == written else _joined(others)
        self._remembered: dict[str, int] = {}

    def first(self, subject: str) -> int | None:
        """Index of the first expression that matches at the start of `subject`, or at that of its spelled out form."""
        if not self._written:
            return None
        known = self._remembered.get(subject, _UNKNOWN)
        if known == _UNKNOWN:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[subject] = self._look(subject)
        return None if known == _NONE else known

    def _look(self, subject: str) -> int:
        found = [_first(self._written, subject)]
        other = spelled_out(subject) if self._spelled else subject
        if self._spelled and (self._spelled is not self._written or other != subject):
            found.append(_first(self._spelled, other))
        return min((index for index in found if index is not None), default=_NONE)


def _joined(expressions: Iterable[str]) -> Sequence[_Joined]:
    # The empty group behind each alternative tells which one matched. In front of it, or around it, it would
    # keep the engine from skipping alternatives by their first character.
    joined: list[_Joined] = []
    held: list[str] = []
    size = count = 0
    for expression in expressions:
        if held and size + len(expression) > _MOST_AT_ONCE:
            joined.append((count - len(held), re.compile("|".join(held))))
            held, size = [], 0
        held.append(f"{expression}()")
        size += len(expression)
        count += 1
    return [*joined, (count - len(held), re.compile("|".join(held)))] if held else []


def _first(joined: Sequence[_Joined], subject: str) -> int | None:
    for begins, expression in joined:
        found = expression.match(subject)
        if found and found.lastindex:
            return begins + found.lastindex - 1
    return None


def fold_path(path: str) -> str:
    """A workspace-relative posix path in the form that patterns are matched against."""
    parts = [part for part in _fold_text(path).split("/") if part not in {"", "."}]
    return "/".join(_without_parents(parts) if ".." in parts else parts)


def spelled_out(folded: str) -> str:
    """What `fold_path` returned, with letters such as `ß` in the form that some file systems compare."""
    return folded if folded.isascii() else folded.casefold()


def check_pattern(text: str) -> str | None:
    """What is wrong with a pattern, or None."""
    if len(text) > MAX_PATTERN:
        return f"a pattern has at most {MAX_PATTERN} characters"
    if not text.isprintable():
        return "a pattern has printable characters only"
    if text.startswith("!"):
        return "patterns cannot be negated with `!`; write `\\!` for a name that starts with one"
    try:
        glob_to_regex(text)
    except ValueError as exc:
        return str(exc)
    return None


def glob_to_regex(text: str) -> str:
    """The regular expression, for `re.match` on a folded path, of one pattern; raises ValueError."""
    return _regex(_fold_text(text))


def spelled_out_regex(text: str) -> str:
    """The same for a path with its letters spelled out."""
    try:
        return _regex(spelled_out(_fold_text(text)))
    except ValueError:
        return glob_to_regex(text)  # two letters are no end of a range


def _regex(body: str) -> str:
    parts, directory, anchored = _segments(body)
    if not anchored:
        parts.insert(0, "**")
    end = "/" if directory else r"(?:/|\Z)"
    return "".join(_blocks(parts, end))


def _segments(body: str) -> tuple[list[str], bool, bool]:
    """The segments of a pattern, whether it means a directory's content, and whether it starts at the root."""
    directory = body.endswith("/")
    body = body.rstrip("/")
    anchored = "/" in body
    parts = [part for part in body.split("/") if part not in {"", "."}]
    if not parts or ".." in parts:
        raise ValueError("a pattern names a path inside the workspace")
    if set(parts) == {"**"}:
        return ["**"], directory, True
    while parts[-1] == "**":
        parts.pop()
        directory = True
    return parts, directory, anchored


def _blocks(parts: Sequence[str], end: str) -> Iterable[str]:
    """Expressions of the runs of segments between `**`; the first run that fits is as good as any later one."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if part != "**":
            runs[-1].append(_segment_to_regex(part))
        elif runs[-1] or len(runs) == 1:
            runs.append([])
    if not runs[-1]:
        # Only `**` is left: everything, or for a directory everything that is in one.
        yield "[^/]++/" if end == "/" else ""
        return
    for index, run in enumerate(runs):
        if not run:
            continue
        last = index == len(runs) - 1
        body = "/".join(run) + (end if last else "/")
        yield f"(?>(?:[^/]++/)*?{body})" if index else body


def _segment_to_regex(segment: str) -> str:
    pieces = _pieces(segment)
    first, rest = pieces[0], pieces[1:]
    if not rest:
        return first
    middle = "".join(f"(?>[^/]*?{piece})" for piece in rest[:-1] if piece)
    # A lone `*` needs one character, since no segment of a path is empty.
    lead = "(?=[^/])" if not first else ""
    return f"{lead}{first}{middle}[^/]*{rest[-1]}"


def _pieces(segment: str) -> list[str]:
    """Expressions of the text between the `*`s of a segment."""
    pieces = [""]
    index = 0
    while index < len(segment):
        character = segment[index]
        index += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif character == "[":
            expression, index = _character_class(segment, index)
            pieces[-1] += expression
        elif character == "\\":
            if index == len(segment):
                raise ValueError("a pattern does not end with a backslash")
            pieces[-1] += re.escape(segment[index])
            index += 1
        else:
            pieces[-1] += re.escape(character)
    return pieces


def _character_class(segment: str, start: int) -> tuple[str, int]:
    """The class that opens before `start`, and the index after it."""
    negated = segment[start : start + 1] in {"!", "^"}
    first = start + negated
    close = segment.find("]", first + 1)
    if close < 0 or any(mark in segment[first:close] for mark in ("\\", "[", "--")):
        raise ValueError("`[` opens a set of characters such as `[a-z]`; write `\\[` for the character")
    members = re.sub(r"([\^&~|\]])", r"\\\1", segment[first:close])
    expression = f"(?!/)[{'^' if negated else ''}{members}]"
    try:
        re.compile(expression)
    except re.error as exc:
        raise ValueError(f"`[{segment[start:close]}]` is no set of characters") from exc
    return expression, close + 1


def _fold_text(text: str) -> str:
    return (
        text.lower() if text.isascii() else "".join(map(_fold_character, unicodedata.normalize("NFC", text)))
    )


def _fold_character(character: str) -> str:
    """Without case where that is one character too, so that `?` still stands for one."""
    return next((c for c in (character.casefold(), character.lower()) if len(c) == 1), character)


def _without_parents(parts: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        else:
            kept.append(part)
    return kept
