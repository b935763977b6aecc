"""What a model is told of files that it is not shown: a few lines of each, and what was changed in them.

Invariants: every line is a whole one of its file, since of half a line nobody can tell whether it holds a secret, and
none that only its neighbours tell to be a private key's; an overview has at most the bytes that it may.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from turnout.act.gathering.pieces import cut
from turnout.act.gathering.scope import mentions
from turnout.act.seams import Syntax
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.changes import FileChange
from turnout.core.languages import language_of
from turnout.core.secrets import lines_of_keys

_WORD = re.compile(r"\w+")
_MOST_LINE = 200
"""In characters: a longer line says little in short."""
_MOST_ROWS = 12
"""Of one changed file, before and after together."""


def overview(file: Snapshot, names: Collection[str], syntax: Syntax, most_bytes: int) -> str:
    """The lines of `file` that first name what it defines, or that have one of `names`. Parses: call it in a thread."""
    rows = dict(mentions(file, names))
    left = set(syntax.defined(file.language, file.text))
    for number, line in mentions(file, left):
        if found := left.intersection(_WORD.findall(line)):
            rows[number] = line
            left -= found
    hidden = _hidden(file.lines)
    shown = (
        f"line {number}: {rows[number].strip()}\n" for number in sorted(rows) if number - 1 not in hidden
    )
    return cut("".join(shown), most_bytes)


def changed(changes: Iterable[FileChange], syntax: Syntax) -> str:
    """What `changes` did to files in short: definitions, or the first lines where a file has none. Parses."""
    return "\n".join("\n".join([_heading(change), *_rows(change, syntax)]) for change in changes)


def _heading(change: FileChange) -> str:
    if change.kind == "rename":
        return f"{change.path} is now {change.new_path}"
    return f"{change.path} ({change.kind})"


def _rows(change: FileChange, syntax: Syntax) -> list[str]:
    if change.kind == "delete":
        return []
    language = language_of(change.new_path or change.path)
    names = syntax.defined(language, "".join(change.before)) | syntax.defined(language, "".join(change.after))
    rows = [row for row in _changed_lines(change) if row[1:].strip()]
    telling = [row for row in rows if names.intersection(_WORD.findall(row))]
    return (telling or rows)[:_MOST_ROWS]


def _changed_lines(change: FileChange) -> Iterator[str]:
    """Lines that went and lines that came, hunk by hunk."""
    gone, new = _hidden(change.before), _hidden(change.after)
    shift = 0
    for hunk in change.hunks:
        sides = (("-", hunk.before, hunk.start, gone), ("+", hunk.after, hunk.start + shift, new))
        for sign, lines, first, hidden in sides:
            for row, line in enumerate(lines, start=first):
                if row not in hidden:
                    yield f"{sign} {line_body(line).strip()}"
        shift += len(hunk.after) - len(hunk.before)


def _hidden(lines: Sequence[str]) -> frozenset[int]:
    """The lines (from 0) that are not shown."""
    bodies = [line_body(line) for line in lines]
    long = {row for row, body in enumerate(bodies) if len(body.strip()) > _MOST_LINE}
    return lines_of_keys("".join(f"{body}\n" for body in bodies)) | long
