"""The lines of an ignore file, as git understands them.

Invariant: the time to match grows with the length of the path times that of the line, never faster, since a line may
come from anybody: every wildcard but the last of a segment is an atomic group. What git cannot read matches nothing.
There is a limit to all of it, since compiling and matching hold up whoever asks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from turnout.core.globs import MAX_PATTERN, Alternatives

MAX_LINES = 2_000
MAX_CHARACTERS = 64_000
"""Of the lines that say something, together."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something; an `anchored` one is about paths from its file's folder on, others about names.

    The expression is for a path or a name with a `/` behind it where that is a folder.
    """

    number: int
    negated: bool
    anchored: bool
    expression: str


class Lines:
    """The lines of one file, those for paths and those for names each as one expression."""

    __slots__ = ("_names", "_paths", "complete")

    def __init__(self, lines: Sequence[Line] = (), *, complete: bool = True) -> None:
        """Compile `lines`; `complete` says that none was too much and is missing."""
        self.complete = complete
        self._paths, self._names = (
            _compiled([line for line in reversed(lines) if line.anchored == anchored])
            for anchored in (True, False)
        )

    def deciding(self, path: str, *, is_folder: bool) -> Line | None:
        """The line that decides about `path`, posix and relative to the folder of the file: the last that covers it."""
        end = "/" if is_folder else ""
        asked = ((self._paths, path + end), (self._names, path.rpartition("/")[2] + end))
        covering = [
            lines[index] for (lines, first), subject in asked if (index := first.first(subject)) is not None
        ]
        return max(covering, key=lambda line: line.number, default=None)


def parse(text: str) -> Lines:
    """The lines of `text`; what is over a limit is left out."""
    kept: list[Line] = []
    left, complete = MAX_CHARACTERS, True
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if raw.startswith("#") or not (said := _trimmed(raw.removesuffix("\r"))):
            continue
        left -= min(len(said), MAX_PATTERN)
        if len(said) > MAX_PATTERN or len(kept) >= MAX_LINES or left < 0:
            complete = False
        elif line := _line(number, said):
            kept.append(line)
    return Lines(kept, complete=complete)


def _compiled(lines: list[Line]) -> tuple[list[Line], Alternatives]:
    return lines, Alternatives(line.expression for line in lines)


def _trimmed(raw: str) -> str:
    """Without the spaces at the end, but for one behind a backslash."""
    text = raw.rstrip(" ")
    backslashes = len(text) - len(text.rstrip("\\"))
    return text + " " if backslashes % 2 and len(raw) > len(text) else text


def _line(number: int, text: str) -> Line | None:
    negated = text.startswith("!")
    body = text[negated:]
    folders_only = body.endswith("/")
    body = body[:-1] if folders_only else body
    anchored = "/" in body
    body = body.removeprefix("/")
    if not body:
        return None
    try:
        expression = _path_expression(body.split("/")) if anchored else _segment(body)
        if "[" in body:
            re.compile(expression)  # only a set of characters can be wrong
    except (ValueError, re.error):
        return None
    # No name is empty, so that a path never ends with its folder's mark alone.
    end = r"(?<!/)/\Z" if folders_only else r"(?<!/)/?\Z"
    return Line(number, negated, anchored, expression + end)


def _path_expression(parts: list[str]) -> str:
    """Runs of segments with `**` between them; the first place where a run fits is as good as any later one."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(part))
    first, *others = runs
    if not others:
        return "/".join(first)
    pieces = ["".join(f"{segment}/" for segment in first)]
    pieces += (
        "(?>(?:[^/]++/)*?" + "".join(f"{segment}/" for segment in run) + ")" for run in others[:-1] if run
    )
    last = others[-1]
    pieces.append("(?:[^/]++/)*?" + "/".join(last) if last else "(?s:.+)")
    return "".join(pieces)


def _segment(text: str) -> str:
    """The expression of one name; raises ValueError for what git cannot read."""
    pieces = [""]
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif character == "[":
            expression, at = _bracket(text, at)
            pieces[-1] += expression
        elif character == "\\":
            pieces[-1] += re.escape(text[at : at + 1] or _unreadable())
            at += 1
        else:
            pieces[-1] += re.escape(character)
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>[^/]*?{piece})" for piece in pieces[1:-1] if piece)
    return f"{pieces[0]}{middle}[^/]*{pieces[-1]}"


def _bracket(text: str, at: int) -> tuple[str, int]:
    """The set of characters that opens in front of `at`, and where the text goes on after it."""
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    members: list[str] = []
    first = True
    while first or text[at : at + 1] != "]":
        first = False
        if named := re.compile(r"\[:([a-z]+):\]").match(text, at):
            members.append(_CLASSES.get(named[1]) or _unreadable())
            at = named.end()
            continue
        low, at = _member(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("]", ""):
            high, at = _member(text, at + 1)
            if low <= high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            members.append(re.escape(low))
    inside = "".join(members)
    if not inside:
        return ("[^/]" if negated else r"(?!)"), at + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] == "\\":
        at += 1
    return text[at : at + 1] or _unreadable(), at + 1


def _unreadable() -> str:
    raise ValueError("a line that ends too soon, or names a class of characters that there is not")


_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
