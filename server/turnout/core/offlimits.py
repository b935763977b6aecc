"""Which paths a project's instructions for AI tools say not to touch.

Invariant: instructions can only forbid, never allow, and what they forbid is named with its line.

Two forms count. Below a heading such as `Do not touch`, `Never edit` or `Off limits`: every item of a list, every line
of a code block, and every path in backquotes, until the next heading that is not below it. In any other line: paths in
backquotes right behind `never`/`do not`/`must not` and `touch`, `edit`, `modify`, `change` or `alter`, or in front of
`is off limits` or `must not be changed`. A sentence with a condition (`without`, `before`, `if`, ...) is advice that
only a reader can follow, and so forbids nothing here. Paths are understood as in a `.gitignore` in the folder of the
file, without regard to case.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from turnout.core import gitignore

INSTRUCTION_FILES = ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md")
"""Where projects keep instructions for AI tools; those without a folder hold in every folder that has one."""

RULES_FOLDER = ".cursor/rules"

_MOST_TEXT = 100_000
_MOST_RULES = 200
_MOST_LINE = 2_000

_VERBS = frozenset({"touch", "edit", "modify", "change", "alter"})
_TOUCHED = frozenset({"touched", "edited", "modified", "changed", "altered"})
_NOT = frozenset({"never", "don't", "mustn't", "shouldn't", "cannot"})
_AUXILIARIES = frozenset({"do", "must", "may", "should", "can"})
_FILLERS = _VERBS | frozenset(
    """
    the any all anything something file files folder folders directory directories path paths content contents code
    under in inside within of below or and nor generated vendored these following delete remove rename move , : / &
    """.split()  # noqa: SIM905 - prose, read and edited as prose
)
_BEFORE_BARRED = frozenset({",", "and", "or", "is", "are", "strictly", "files", "file", "folder"})
_CONDITIONS = frozenset("without before until if when while after once during".split())  # noqa: SIM905

_TOKEN = re.compile(r"`[^`\n]+`|[\w'-]+|[^\w\s]")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*)")
_BOLD_HEADING = re.compile(r"\s{0,3}(?:\*\*|__)(.+?)(?:\*\*|__):?\s*$")
_PROTECTED = re.compile(
    r"\b(?:protected|read[\s-]only|forbidden)\s+(?:files?|paths?|folders?|director(?:y|ies))\b", re.IGNORECASE
)
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(.*)")
_SENTENCE = re.compile(r"(?<=[.;!?])\s+(?=[A-Z`*])")
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?:\./|/)?[\w@+.*?\[\]{}-]+(?:/[\w@+.*?\[\]{}-]+)*/?")


@dataclass(frozen=True, slots=True)
class OffLimits:
    """One path that must not change, as it is written at `line` (from 1) of the instructions."""

    pattern: str
    line: int


def parse_off_limits(text: str) -> tuple[OffLimits, ...]:
    """The paths that `text`, in Markdown, says not to touch; those over a limit are left out."""
    found: dict[str, OffLimits] = {}
    for number, pattern in _patterns(text[:_MOST_TEXT]):
        if len(found) >= _MOST_RULES:
            break
        found.setdefault(pattern, OffLimits(pattern, number))
    return tuple(found.values())


def forbidding(rules: tuple[OffLimits, ...], path: str) -> OffLimits | None:
    """The rule that keeps `path` (relative to the folder of the instructions) from being changed."""
    target = PurePosixPath(path.casefold())
    parts = [*reversed(target.parents[:-1]), target]
    for rule in rules:
        lines = gitignore.parse(rule.pattern.casefold())
        if any(lines.deciding(part.as_posix(), is_folder=part != target) for part in parts):
            return rule
    return None


def _patterns(text: str) -> Iterator[tuple[int, str]]:
    """Line number and pattern of every path that is forbidden, in order."""
    level = 0  # of the heading that forbids what is below it; 0 for none
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > _MOST_LINE:
            continue
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        heading = None if fenced else _heading(line)
        if heading is not None:
            depth, title = heading
            level = depth if _forbids_below(title) else (level if depth > level > 0 else 0)
        if level and heading is None:
            yield from ((number, found) for found in _listed(line, fenced=fenced))
        elif not fenced:
            yield from ((number, found) for found in _said(line))


def _heading(line: str) -> tuple[int, str] | None:
    """Depth and title of a heading; one in bold is below all others."""
    if found := _HEADING.match(line):
        return len(found[1]), found[2]
    found = _BOLD_HEADING.match(line)
    return (7, found[1]) if found else None


def _forbids_below(title: str) -> bool:
    tokens = _tokens(title)
    if _CONDITIONS.intersection(tokens):
        return False
    return bool(_PROTECTED.search(title) or [*_active(tokens), *_barred(tokens)])


def _listed(line: str, *, fenced: bool) -> Iterator[str]:
    """The paths of a line below a heading that forbids."""
    item = _ITEM.match(line)
    body = (item[1] if item else line if fenced else "").strip()
    if body and not body.startswith("`"):
        word = body.split()[0].rstrip(",:;")
        if _looks_like_path(word):
            yield from _paths([word])
            return
    spans = _SPAN.findall(line)
    # Behind the path of an item stands why, which may name others.
    yield from _paths(spans[:1] if item and _reason_follows(line) else spans)


def _reason_follows(line: str) -> bool:
    """Whether something other than more paths stands in an item of a list."""
    return any(
        token[0] != "`" and token[0].isalnum()
        for token in _tokens(_ITEM.sub(r"\1", line))
        if token not in ("and", "or")
    )


def _said(line: str) -> Iterator[str]:
    """The paths of the sentences that forbid."""
    for sentence in _SENTENCE.split(line):
        tokens = _tokens(sentence)
        if _CONDITIONS.intersection(tokens):
            continue
        for place in _active(tokens):
            yield from _paths(_run(tokens[place:], _FILLERS))
        for place in _barred(tokens):
            yield from _paths(_run(tokens[place - 1 :: -1] if place else [], _BEFORE_BARRED)[::-1])


def _tokens(sentence: str) -> list[str]:
    """Words in lower case, marks, and pieces in backquotes as they are."""
    found = _TOKEN.findall(sentence.replace("\u2019", "'"))
    return [token if token.startswith("`") else token.lower() for token in found]


def _active(tokens: list[str]) -> Iterator[int]:
    """The places right behind `never edit`, `do not touch` and the like."""
    for place, token in enumerate(tokens):
        if token in _VERBS and _negated(tokens[:place]):
            yield place + 1


def _negated(before: list[str]) -> bool:
    """Whether a verb behind these words is forbidden: `never ever`, `do not`, or another such verb in between."""
    kept = [token for token in before[-5:] if token not in ("ever", ",", "or") and token not in _VERBS]
    return kept[-1:] != [] and (
        kept[-1] in _NOT or (kept[-1] == "not" and len(kept) > 1 and kept[-2] in _AUXILIARIES)
    )


def _barred(tokens: list[str]) -> Iterator[int]:
    """The places where `off limits`, `read-only`, `must not be changed` and the like begin."""
    for place in range(len(tokens)):
        words = tokens[place : place + 4]
        passive = words[:1] in (["must"], ["may"], ["should"]) and words[1:3] in (
            ["not", "be"],
            ["never", "be"],
        )
        if (
            words[:1] in (["off-limits"], ["read-only"])
            or words[:2] in (["off", "limits"], ["read", "only"])
            or (passive and words[3:] and words[3] in _TOUCHED)
        ):
            yield place


def _run(tokens: list[str], between: frozenset[str]) -> list[str]:
    """The pieces in backquotes that `tokens` begin with, and nothing but words of `between` among them."""
    found = []
    for token in tokens:
        if token.startswith("`"):
            found.append(token.strip("`"))
        elif token not in between:
            break
    return [piece for piece in found if _looks_like_path(piece)]


def _paths(written: list[str]) -> Iterator[str]:
    for text in written:
        path = text.strip().removeprefix("./")
        if path and path.strip("/*. ") and ".." not in path.split("/") and _PATH.fullmatch(path):
            yield path


def _looks_like_path(text: str) -> bool:
    """Whether `text` is a path and not a piece of code: it has a slash, a wildcard or an ending."""
    return bool(_PATH.fullmatch(text)) and ("/" in text or "*" in text or "." in text.strip("."))
