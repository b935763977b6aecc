"""Which problems are new with a change, and which were there before it.

Invariant: every problem from before accounts for at most one from after, in the same file, so a count never grows
unnoticed. A problem on a line that the change left alone is an old one only where this very line had it before; one on
a line that the change wrote, only where the lines that it replaced had it, or lines that it moved.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from turnout.core.edits.changes import FileChange, Hunk, inverse, text_hunks
from turnout.core.edits.diff import changed_ranges
from turnout.core.problems import Problem

_PLACES = re.compile(r"\b(?:lines?|Zeile|col(?:umn)?s?)\s+\d+\b|:\d+(?::\d+)?\b")
_OF_SIZE = re.compile(
    r"\b(?:too|long(?:er)?|length|complexity|exceeds?|maximum|characters|high)\b", re.IGNORECASE
)
_SIZE = re.compile(
    r"(?<=[(\[])\d+(?=(?: ?[>/] ?\d+)?(?: [a-z]+)?[)\]])"  # (90 > 88), (12), [12/10]
    r"|(?<=\bof )\d+\b|(?<=\bcomplexity )\d+\b|(?<=\bfound )\d+\b"
    r"|(?<=\bis )\d+(?= (?:characters|lines|columns|bytes)\b)"
)
_DURATION = re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|µs|us|ms|s|sec|seconds?)\b")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"[^\W\d]\w*")

Names: TypeAlias = Mapping[str, str]
"""New names by the old ones."""

Key: TypeAlias = Hashable
"""What two problems that are the same have in common."""


def fresh(
    after: Iterable[Problem], before: Iterable[Problem], changes: Sequence[FileChange]
) -> list[Problem]:
    """Those of `after` that were not there `before` the `changes`, in order."""
    names = _renames(changes)
    texts_before = {change.path: _text_before(change) for change in changes if change.kind != "create"}
    gone = {change.path for change in changes if change.kind == "delete"}
    texts_after = {text.path: text for text in map(_text_after, changes) if text.lines}
    staying = (problem for problem in before if problem.path not in gone)
    old = [_keys(problem, _place(problem, texts_before), names) for problem in staying]
    left = [(problem, _keys(problem, _place(problem, texts_after), {})) for problem in after]
    for rule in range(len(_RULES) * 2):
        old, left = _unmatched(old, left, rule)
    return [problem for problem, _ in left]


Entry: TypeAlias = tuple[Problem, list[Key | None]]


def _unmatched(
    old: list[list[Key | None]], new: list[Entry], rule: int
) -> tuple[list[list[Key | None]], list[Entry]]:
    """What is left of both once those that are the same by `rule` are taken out, one for one."""
    known: defaultdict[Key, list[int]] = defaultdict(list)
    for number, keys in enumerate(old):
        if keys[rule] is not None:
            known[keys[rule]].append(number)
    used: set[int] = set()
    rest = []
    for entry in new:
        if same := known.get(entry[1][rule]):
            used.add(same.pop())
        else:
            rest.append(entry)
    return [keys for number, keys in enumerate(old) if number not in used], rest


class _Text(NamedTuple):
    """One side of a changed file: its path after the change, its lines, and how they map to those after it."""

    path: str
    lines: Sequence[str]
    hunks: Sequence[Hunk]
    starts: Sequence[int]
    shifts: Sequence[int]
    """How far lines after so many hunks have moved."""
    is_before: bool


def _text_before(change: FileChange) -> _Text:
    hunks = text_hunks(change)
    gained = (len(hunk.after) - len(hunk.before) for hunk in hunks)
    starts = [hunk.start for hunk in hunks]
    shifts = [*accumulate(gained, initial=0)]
    return _Text(change.new_path or change.path, change.before, hunks, starts, shifts, True)


def _text_after(change: FileChange) -> _Text:
    hunks = text_hunks(inverse(change))
    starts = [hunk.start for hunk in hunks]
    shifts = [0] * (len(hunks) + 1)
    return _Text(change.new_path or change.path, change.after, hunks, starts, shifts, False)


class _Place(NamedTuple):
    """Where a problem is: at a `line` of the text after, which the change left alone, or in a `hunk`.

    `row` is its line in the hunk, where that puts as many lines in as it takes out; `text` is that of a line which
    was there before, or is in a hunk.
    `above` is the hunk that ends where this line begins; `is_first` is of its own side.
    """

    path: str
    line: int
    hunk: int | None = None
    row: int | None = None
    above: int | None = None
    text: str = ""
    is_first: bool = False


def _place(problem: Problem, texts: Mapping[str, _Text]) -> _Place:
    text, is_first = texts.get(problem.path), problem.line == 1
    if text is None or not problem.line:
        return _Place(problem.path, problem.line, is_first=is_first)
    index = problem.line - 1
    number = bisect_right(text.starts, index) - 1
    if number >= 0 and index < (hunk := text.hunks[number]).end:
        row = index - hunk.start if len(hunk.before) == len(hunk.after) else None
        return _Place(text.path, 0, number, row, text=text.lines[index], is_first=is_first)
    above = number if number >= 0 and index == text.hunks[number].end else None
    line = text.lines[index] if text.is_before and index < len(text.lines) else ""
    return _Place(
        text.path, problem.line + text.shifts[number + 1], above=above, text=line, is_first=is_first
    )


Form: TypeAlias = Callable[[str], str]
"""A text with the names that are compared."""


def _at(place: _Place, said: str, _form: Form) -> Key | None:
    """The same words about the same line."""
    return (place.path, place.line, said) if place.hunk is None else None


def _instead(place: _Place, said: str, _form: Form) -> Key | None:
    """The same words, but for sizes, about a line in the place of one other."""
    return None if place.row is None else (place.path, place.hunk, place.row, _unmeasured(said))


def _moved(place: _Place, said: str, form: Form) -> Key | None:
    """The same words about a line that was put in, as about one like it, of which they are said no more."""
    return (place.path, form(_spaced(place.text)), said) if place.text else None


def _within(place: _Place, said: str, _form: Form) -> Key | None:
    """The same words, but for sizes, about lines in the place of a different number of others."""
    is_there = place.hunk is not None and place.row is None
    return (place.path, place.hunk, _unmeasured(said)) if is_there else None


def _below(place: _Place, said: str, _form: Form) -> Key | None:
    """The same words, but for sizes, about the line before which others were put in, where a block begins now."""
    hunk = place.above if place.hunk is None else place.hunk
    return None if hunk is None or place.row is not None else (place.path, hunk, _unmeasured(said))


def _on_top(place: _Place, said: str, _form: Form) -> Key | None:
    """The same words about the first line, which stands for the file."""
    return (place.path, said) if place.is_first else None


_RULES = (_at, _instead, _moved, _within, _below, _on_top)
"""From the surest to the least sure."""


def _keys(problem: Problem, place: _Place, names: Names) -> list[Key | None]:
    """What `problem` is told by, for each rule: once as it is, once with its names as in `names`."""
    said = _spaced(_PLACES.sub("", problem.text))

    def renamed(text: str) -> str:
        return _WORD.sub(lambda word: names.get(word[0], word[0]), text)

    forms: tuple[Form, ...] = (str, renamed)
    return [rule(place, form(said), form) for rule in _RULES for form in forms]


def _unmeasured(said: str) -> str:
    """`said` without how long, how complex or how slow something is; any other number may be what is wrong."""
    said = _DURATION.sub("", said)
    return _SIZE.sub("", said) if _OF_SIZE.search(said) else said


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _renames(changes: Iterable[FileChange]) -> dict[str, str]:
    """What the change calls by another name: new names by old ones, where most places agree."""
    pairs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for change in changes:
        for hunk in text_hunks(change):
            for old, new in _replaced(_TOKEN.findall("".join(hunk.before)), _tokens_after(hunk)):
                pairs[old][new] += 1
    found = {old: counts.most_common(1)[0] for old, counts in pairs.items()}
    return {old: new for old, (new, count) in found.items() if 2 * count > pairs[old].total()}


def _tokens_after(hunk: Hunk) -> list[str]:
    return _TOKEN.findall("".join(hunk.after))


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Names that stand in the place of others."""
    for start, end, new_start, new_end in changed_ranges(old, new):
        if end - start == new_end - new_start:
            pairs = zip(old[start:end], new[new_start:new_end], strict=True)
            yield from (pair for pair in pairs if all(map(_NAME.fullmatch, pair)))
