"""What a model is told of files that it is not shown: a few lines of each, and what was changed in them.

Invariant: every line is one of the file, cut at the same length, and an overview has at most the bytes that it may.
"""

import re
from collections.abc import Collection, Iterable

from turnout.act.pieces import cut
from turnout.act.scope import mentions
from turnout.act.seams import Syntax
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.changes import FileChange
from turnout.core.languages import language_of

_WORD = re.compile(r"\w+")
_MOST_LINE = 160
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
    return cut("".join(f"line {number}: {_short(rows[number])}\n" for number in sorted(rows)), most_bytes)


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
    rows = [
        f"{sign} {_short(line_body(line))}"
        for hunk in change.hunks
        for sign, lines in (("-", hunk.before), ("+", hunk.after))
        for line in lines
        if line.strip()
    ]
    telling = [row for row in rows if names.intersection(_WORD.findall(row))]
    return (telling or rows)[:_MOST_ROWS]


def _short(line: str) -> str:
    return line.strip()[:_MOST_LINE]
