"""Which paths a project's instructions for AI tools say not to touch.

Invariant: instructions can only forbid, never allow, and what they forbid is named with its line; instructions that
are too much to be read to their end are refused, never read in part.

Below a heading such as `Do not touch`, `Never edit` or `Off limits` counts: every item of a list, every line of a code
block, the first cell of a table's row that is a path, and every path in backquotes, until the next heading that is not
below it. Below a line such as `Do not touch:` count the list, the code block or the table that follows at once, and in
such a line the paths behind its colon. In any other line: paths right behind `never`/`do not`/`must not` and `touch`,
`edit`, `modify`, `change`, `alter`, `update` or `overwrite`, or in front of `is off limits` or `must not be changed`,
or of `is generated; do not edit it`, and what says the same (see `prohibitions`), as `treat X as read-only` does; an
item below `Never` or `Do not` is such a line (see `outline`). What must never be deleted, renamed or moved may still be
edited. A sentence with a condition (`without`, `before`, `if`,
...) is advice that only a reader can follow, and so forbids nothing here.
"""

import re
from collections.abc import Iterator
from unicodedata import normalize

from turnout.core.barepaths import with_paths_quoted
from turnout.core.barring import OffLimits
from turnout.core.orders import (
    forbidden_paths,
    forbids_below,
    is_announcement,
    kept_paths,
    names_only_paths,
    tokens_of,
)
from turnout.core.outline import ITEM, ROW, goes_on, heading, indentation, is_entry, outlined
from turnout.core.pathforms import Exists, bare_paths, is_file_or_folder, looks_like_path, quoted_paths
from turnout.errors import FileUnusable

INSTRUCTION_FILES = ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md")
"""Where projects keep instructions for AI tools; those without a folder hold in every folder that has one."""
RULES_FOLDER = ".cursor/rules"
_MOST_TEXT = 1_000_000
_MOST_RULES = 2_000
_MOST_LINE = 10_000
_MOST_SENTENCES = 20_000
"""A line is at least one; it takes about a tenth of a millisecond to read one."""
_SUSPICIOUS = re.compile(
    r"\b(?:touch|edit|modif|chang|alter|off[ -]limits|read[ -]only|hands off|out[ -]of|frozen)", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.;!?])\s+(?=[A-Z`*])")
_SPAN = re.compile(r"`([^`\n]+)`")


def parse_off_limits(text: str, exists: Exists = lambda _path: False) -> tuple[OffLimits, ...]:
    """The paths that `text`, in Markdown, says not to touch; `exists` tells of words whether they are paths there.

    Raises FileUnusable where that is too much to be read.
    """
    if len(text) > _MOST_TEXT:
        raise FileUnusable(f"They have more than {_MOST_TEXT:,} characters.")
    if len(text.splitlines()) + len(_SENTENCE.findall(text)) > _MOST_SENTENCES:
        raise FileUnusable(f"They have more than {_MOST_SENTENCES:,} lines or sentences.")
    found: dict[tuple[str, bool], OffLimits] = {}
    for rule in _rules(normalize("NFC", text), exists):
        found.setdefault((rule.pattern, rule.only_removal), rule)
        if len(found) > _MOST_RULES:
            raise FileUnusable(f"They put more than {_MOST_RULES:,} paths off limits.")
    return tuple(
        rule for rule in found.values() if not rule.only_removal or (rule.pattern, False) not in found
    )


def _rules(text: str, exists: Exists) -> Iterator[OffLimits]:
    """Every path that is forbidden, in order."""
    level = 0  # of the heading that forbids what is below it; 0 for none
    announced: int | None = None  # indentation of the line that forbids the list below it; -1 for a paragraph
    for number, line, fenced in outlined(text):
        if not _is_readable(line, number):
            continue
        title = None if fenced else heading(line)
        if title is not None:
            depth, said = title
            level = depth if forbids_below(said) else (level if depth > level > 0 else 0)
        if announced is not None and not (fenced or goes_on(line, announced)):
            announced = None
        if (level and title is None) or (announced is not None and (fenced or is_entry(line))):
            found = [*_listed(line, fenced=fenced)] if level or fenced or _names_paths(line) else []
        else:
            sentences = [] if fenced else [with_paths_quoted(part, exists) for part in _SENTENCE.split(line)]
            found = [] if fenced else [*forbidden_paths(sentences, exists), *_labelled(line)]
            yield from (OffLimits(pattern, number, only_removal=True) for pattern in kept_paths(sentences))
        yield from (OffLimits(pattern, number) for pattern in found)
        if not fenced and _announces(line):
            announced = indentation(line) if ITEM.match(line) else -1


def _is_readable(line: str, number: int) -> bool:
    """Whether `line` is short enough to be read. Raises FileUnusable for a longer one that may forbid something."""
    if len(line) > _MOST_LINE and _SUSPICIOUS.search(line):
        raise FileUnusable(f"Line {number} has more than {_MOST_LINE:,} characters.")
    return len(line) <= _MOST_LINE


def _names_paths(line: str) -> bool:
    """Whether an entry is about paths as a whole, and not about something in one of them."""
    body = ITEM.sub(r"\1", line).strip()
    if ROW.match(line) or looks_like_path(body.partition(" ")[0].rstrip(",:;")):
        return True
    return names_only_paths(body.partition("`")[0])


def _announces(line: str) -> bool:
    """Whether `line` is `Do not touch:`, `The following files are off limits:` or the like, and nothing more."""
    item = ITEM.match(line)
    text = (item[1] if item else line).strip().rstrip("*_ ")
    return text.endswith(":") and is_announcement(text)


def _labelled(line: str) -> Iterator[str]:
    """The paths in `Do not touch: a/, b/`."""
    item = ITEM.match(line)
    label, colon, said = (item[1] if item else line).partition(":")
    words = re.split(r",(?![^{}]*\})\s*|\s+and\s+|\s+or\s+", said.strip("*_ \t").rstrip("."))
    words = [word.strip("`") if is_file_or_folder(word.strip("`")) else word for word in words]
    if colon and all(looks_like_path(word) for word in words) and is_announcement(label):
        yield from bare_paths(words)


def _listed(line: str, *, fenced: bool) -> Iterator[str]:
    """The paths of a line below a heading that forbids."""
    if not fenced and (row := ROW.match(line)):
        cells = ([*_listed(f"- {cell.strip()}", fenced=False)] for cell in row[1].split("|"))
        yield from next(filter(None, cells), [])
        return
    item = ITEM.match(line)
    body = (item[1] if item else line if fenced else "").strip()
    if body and not body.startswith("`"):
        word = body.split()[0].rstrip(",:;")
        if looks_like_path(word):
            yield from bare_paths([word])
            return
    spans = _SPAN.findall(line)
    # Behind the path of an item stands why, which may name others.
    is_first_only = item is not None and len(spans) > 1 and _reason_follows(line)
    yield from quoted_paths(spans[:1] if is_first_only else spans)


def _reason_follows(line: str) -> bool:
    """Whether something other than more paths stands in an item of a list."""
    return any(
        token[0] != "`" and token[0].isalnum()
        for token in tokens_of(ITEM.sub(r"\1", line))
        if token not in ("and", "or")
    )
