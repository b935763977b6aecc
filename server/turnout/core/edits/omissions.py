"""New lines that do nothing, where code is gone: do they stand for the code, or is it meant to go?

Invariant: a line is only judged where two or more lines vanished at its place. There, it is enough that it says
nothing but that something is left out; and where no code came for them, that it may say so, or says nothing at all.
What is meant can be said by another edit, which takes the lines out and has no such line.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from turnout.core.edits.diff import ChangedRange, changed_ranges
from turnout.core.edits.indents import has_word, indent_of, is_deeper

LEFT = frozenset({
    "existing", "omitted", "remain", "remaining", "remains", "rest", "same", "snip", "snipped", "stays", "unchanged",
    "untouched",
})  # fmt: skip
"""Words for what is left out, which say so with few others beside them wherever code is gone."""
ABOUT = frozenset({
    "before", "body", "brevity", "class", "code", "definitions", "file", "function", "functions", "implementation",
    "imports", "is", "logic", "method", "methods", "module", "tests",
})  # fmt: skip
FILLERS = frozenset({
    "a", "above", "all", "and", "are", "as", "below", "for", "goes", "here", "in", "of", "other", "the", "this",
})  # fmt: skip

_TELLING = LEFT | {
    "abbreviated", "continue", "continues", "ditto", "elided", "etc", "keep", "original", "previous", "truncated",
    "unmodified",
}  # fmt: skip
"""Words that say so in a sentence of any others, where nothing new stands below it."""
_HINTS = _TELLING | {
    "above", "before", "below", "change", "changed", "changes", "current", "here", "hidden", "more", "old", "on",
    "other", "others", "skip", "skipped",
}  # fmt: skip
"""Words that say so among none but these and `_PLAIN`."""
_PLAIN = ABOUT | FILLERS | {
    "at", "be", "content", "contents", "copy", "else", "end", "everything", "exactly", "fields", "follow", "follows",
    "from", "it", "its", "leave", "like", "line", "lines", "my", "needed", "no", "not", "nothing", "see", "so",
    "statements", "stay", "still", "that", "there", "to", "todo", "was", "were", "with", "you", "your",
}  # fmt: skip
_LEAST = 2  # lines of code gone; one goes for many reasons
_MOST_WORDS = 12  # a longer sentence explains something
_LONGEST = 160  # a longer line is code, which also bounds the search

_IDLE = (
    r"(?:pass|\.\.\.|…|;|\{|(?P<name>\w+) = (?P=name);?|raise NotImplementedError(?:\(\))?;?|return;?)?\s*"
)
_COMMENT = re.compile(
    rf"{_IDLE}(?:#(?![\w#!])|//|\{{?/\*+|--(?=\s)|<!--|;+(?=\s))(?P<text>.*?)(?:\*/\s*\}}?|-->)?\s*", re.ASCII
)
_STRING = re.compile(r"""(?P<quotes>\"\"\"|'''|["'])(?P<text>.*)(?P=quotes);?""")
_BARE = re.compile(r"[(<\[{]?(?P<text>[A-Za-z …]+)(?:\.\.\.)?[)>\]}]?")
_STUB = re.compile(r"[\[({]?\s*(?:\.\.\.|…)\s*[\])}]?;?")
_DECLARES = re.compile(r"class\b.*\b(?:Protocol|ABC|ABCMeta)\b|@(?:\w+\.)?(?:abstractmethod|overload)\b")
"""What says of a body that dots are all of it."""
_REMARK = re.compile(r"(?:#(?![\w!])|//|/\*|\*(?:\s|/|$)|--\s|<!--|;)")
_DEFINES = re.compile(r"(?:async |export |public |private |static )*(?:def|class|function|fn|func)\b")
_DOTS = re.compile(r"\.\s?\.|…|^\W*\*{3}\W*$")


def stands_in(before: Sequence[str], after: Sequence[str], known: Collection[str]) -> str | None:
    """The first new line of `after` that stands for two or more lines of `before` which are gone, if there is one.

    Lines that are among `known` are not new.
    """
    old, new = ([line for line in side if line.strip()] for side in (before, after))
    bare, new_bare = [line.strip() for line in old], [line.strip() for line in new]
    gone, came = Counter(bare) - Counter(new_bare), Counter(new_bare) - Counter(bare)
    if gone.total() < _LEAST:
        return None
    for part in _places(bare, new_bare):
        lost = [line for line in bare[part.start : part.end] if gone[line]]
        made = [line for line in new_bare[part.new_start : part.new_end] if came[line]]
        is_shorter = sum(map(_is_code, lost)) - sum(map(_is_code, made)) >= _LEAST
        for row in range(part.new_start, part.new_end) if len(lost) >= _LEAST else ():
            place = _Place(new, row, part.new_end, came)
            if came[new_bare[row]] and new_bare[row] not in known and place.leaves_out(is_shorter=is_shorter):
                return new_bare[row]
    return None


def _places(old: Sequence[str], new: Sequence[str]) -> Iterator[ChangedRange]:
    """The ranges that differ, those with nothing but brackets in between as one."""
    last: ChangedRange | None = None
    for part in changed_ranges(old, new):
        if last is not None and not any(map(has_word, old[last.end : part.start])):
            last = ChangedRange(last.start, part.end, last.new_start, part.new_end)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def _is_code(line: str) -> bool:
    """Whether `line`, without blanks around it, is no comment, and does something."""
    if not has_word(line) or line == "pass" or _REMARK.match(line):
        return False
    return len(line) > _LONGEST or _COMMENT.fullmatch(line) is None


class _Place(NamedTuple):
    """The line at `row` of `lines` with text, of which those up to `end` are in the place of what is gone."""

    lines: list[str]
    row: int
    end: int
    came: Collection[str]

    def leaves_out(self, *, is_shorter: bool) -> bool:
        """Whether the line says that code is left out, or may where there `is_shorter` code than before."""
        line = self.lines[self.row].strip()
        if len(line) > _LONGEST:
            return False
        if line == "pass":  # alone it may be all that is wanted, beside others it is nothing
            return is_shorter and self._has_company()
        if _STUB.fullmatch(line):
            return is_shorter and self._is_body() and not self._is_declared()
        if found := _COMMENT.fullmatch(line):
            return self._is_plain(found["text"]) or (is_shorter and self._says(found["text"]))
        found = _STRING.fullmatch(line)
        if found is not None:
            return is_shorter and (_is_terse(found["text"]) or _is_dots(found["text"]))
        found = _BARE.fullmatch(line)
        return (
            found is not None and _is_terse(found["text"]) and not _words(found["text"]).isdisjoint(_TELLING)
        )

    def _is_plain(self, text: str) -> bool:
        """Whether a comment of `text` says nothing but that code is left out, and does not end another one."""
        return _is_terse(text) and (not _words(text).isdisjoint(_TELLING) or self._is_alone())

    def _says(self, text: str) -> bool:
        """Whether a comment of `text` may say that code is left out."""
        if _is_dots(text):
            return True
        words = _words(text)
        is_told = not words.isdisjoint(_TELLING) or (
            bool(_DOTS.search(text)) and not words.isdisjoint(_HINTS)
        )
        return is_told and len(words) <= _MOST_WORDS and self._is_alone() and self._is_last()

    def _is_body(self) -> bool:
        """Whether the line is all of a block that was there before, or of a definition."""
        level = indent_of(self.lines[self.row])
        above = reversed(self.lines[: self.row])
        outer = next((line.strip() for line in above if is_deeper(level, than=indent_of(line))), "")
        return outer not in self.came or _DEFINES.match(outer) is not None

    def _has_company(self) -> bool:
        """Whether another line of its block stands beside it."""
        beside = self.lines[max(0, self.row - 1) : self.row] + self.lines[self.row + 1 : self.row + 2]
        return any(indent_of(line) == indent_of(self.lines[self.row]) for line in beside)

    def _is_declared(self) -> bool:
        """Whether a new line above says that there is to be no code here."""
        above = (line.strip() for line in self.lines[: self.row])
        return any(line in self.came and _DECLARES.match(line) for line in above)

    def _is_alone(self) -> bool:
        """Whether no other new comment stands beside it, which would make both an explanation."""
        beside = self.lines[max(0, self.row - 1) : self.row] + self.lines[self.row + 1 : self.row + 2]
        return not any(_REMARK.match(line.strip()) and line.strip() in self.came for line in beside)

    def _is_last(self) -> bool:
        """Whether nothing new follows in its block, which it may be about."""
        level = indent_of(self.lines[self.row])
        following = next((line for line in self.lines[self.row + 1 : self.end] if has_word(line)), None)
        return following is None or is_deeper(level, than=indent_of(following))


def _is_dots(text: str) -> bool:
    return not _words(text) and _DOTS.search(text) is not None


def _is_terse(text: str) -> bool:
    words = _words(text)
    return words <= _HINTS | _PLAIN and not words.isdisjoint(_HINTS)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall("[a-z]+", text.lower()))
