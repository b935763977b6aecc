"""Read SEARCH/REPLACE blocks out of a model's reply, in time linear in its length.

Invariant: a block is taken only if all of its markers are there, in order and once, and its file is certain.

    path/to/file.py
    <<<<<<< SEARCH
    lines as they are
    =======
    lines as they shall be
    >>>>>>> REPLACE

Fences around a block are let through. `*** Delete File: PATH` and `*** Rename File: OLD -> NEW` stand on lines alone.
"""

import re
from collections.abc import Callable, Collection, Sequence

from turnout.core.documents import line_body, split_lines
from turnout.core.edits.replies import Delete, Rename, Replace, Reply, Step
from turnout.errors import ReplyUnusable

_DIVIDER = "======="
_FIRST_SIGNS = frozenset("<>*")
_DELETE = "*** Delete File:"
_RENAME = "*** Rename File:"
_DECORATION = " \t*`'\"#:>"
_LABELS = ("file:", "path:", "filename:", "file path:")
_PLACE = re.compile(r"(?::\d+[\d:,-]*|#L\d+[\dL-]*|[ ,]+\(?lines? \d+[\d ,-]*\)?|@@.*)$", re.IGNORECASE)
"""Line numbers behind a path: models count badly, so they say nothing."""
_QUOTED = re.compile(
    r"[#>*\s]*(?:(?:file|path|filename|file path):[*\s]*)?([`\"])([^`\"]+)\1[*:\s]*", re.IGNORECASE
)
_WITH_BLANKS = re.compile(r"[^\s/](?:[^\s]| (?! ))*\.\w{1,12}")
_BARE_NAME = re.compile(r"[A-Za-z][\w+-]*")
_USUAL_NAME = re.compile(
    r"(?i:(?:docker|container|(?:gnu)?make|just|rake|gem|proc|vagrant|jenkins|brew|pod|fast|pip|caddy|task|earth)file)"
    r"|LICEN[SC]E|COPYING|NOTICE|README|CHANGELOG|AUTHORS|CODEOWNERS|VERSION"
)
"""Names of files without an extension that are nothing else."""
_MAX_PATH = 300
_ADVICE = "Ask again, or choose another model for this kind of request."


def parse_blocks(reply: str, paths: Collection[str] = (), default_path: str | None = None) -> Reply:
    """The steps of `reply`.

    `paths` are the files the model was shown, which makes their names certain; `default_path` is the file of a block
    without a name, where only one file was asked about. Raises ReplyUnusable, saying which block and why.
    """
    return _BlockReader(reply, frozenset(paths), default_path).read()


def named_path(line: str, paths: Collection[str]) -> str | None:
    """The path that `line` consists of, heading marks, quotes and a label aside; None for prose."""
    if len(line) > _MAX_PATH:
        return None
    bare, _ = _undressed(line)
    if bare in paths:
        return bare
    without_place = _PLACE.sub("", bare).strip(_DECORATION)
    if without_place in paths:
        return without_place
    plausible = bare and not any(c.isspace() for c in bare) and not bare.endswith((".", ",", ";", "!", "?"))
    return bare if plausible and ("/" in bare or "." in bare) and "://" not in bare else None


def new_path(line: str, paths: Collection[str]) -> str | None:
    """The path with blanks of a new file that `line` consists of: in quotes, labelled, or in a known such folder.

    Without one of those nobody can tell it from prose that ends with the name of a file.
    """
    if len(line) > _MAX_PATH:
        return None
    quoted = _QUOTED.fullmatch(line)
    bare, is_labelled = (quoted[2], True) if quoted else _undressed(line)
    folder = bare.rpartition("/")[0]
    is_known = " " in folder and any(path.startswith(f"{folder}/") for path in paths)
    is_path = _WITH_BLANKS.fullmatch(bare) is not None and "://" not in bare
    return bare if is_path and (is_labelled or is_known) else None


def bare_name(line: str, *, any_word: bool = True) -> str | None:
    """The name without an extension of a new file that `line` consists of: a usual one, or one in quotes or labelled.

    Without `any_word` only a usual one: then a word in quotes may be the heading of something else.
    """
    if len(line) > _MAX_PATH:
        return None
    quoted = _QUOTED.fullmatch(line)
    bare, is_labelled = (quoted[2], True) if quoted else _undressed(line)
    if _USUAL_NAME.fullmatch(bare):
        return bare
    return bare if any_word and is_labelled and _BARE_NAME.fullmatch(bare) else None


def _undressed(line: str) -> tuple[str, bool]:
    """`line` without heading marks, quotes and a label, and whether it had one."""
    bare = line.strip().removeprefix("//").strip(_DECORATION)
    is_labelled = False
    for label in _LABELS:
        if bare.lower().startswith(label):
            bare, is_labelled = bare[len(label) :].strip(_DECORATION), True
    return bare, is_labelled


def is_fence(line: str) -> bool:
    """Whether `line` opens or closes a fenced block."""
    return line.startswith(("```", "~~~"))


def prose(lines: Sequence[str], paths: Collection[str]) -> str:
    """`lines` in front of the first step, without the fence and the path that belong to the step."""
    end = len(lines)
    while end and (
        not (last := lines[end - 1]).strip()
        or is_fence(last)
        or named_path(last, paths)
        or new_path(last, paths)
        or bare_name(last)
    ):
        end -= 1
    return "\n".join(lines[:end]).strip()


class _BlockReader:
    """One pass over the lines of a reply; `_at` only ever grows."""

    def __init__(self, reply: str, paths: frozenset[str], default_path: str | None) -> None:
        self._lines = [line_body(line) for line in split_lines(reply)]
        self._paths = paths
        self._default = default_path
        self._at = 0
        self._gap_start = 0
        self._last: str | None = None
        self._plan: str | None = None
        self._steps: list[Step] = []

    def read(self) -> Reply:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            bare = line.lstrip()
            if bare[:1] not in _FIRST_SIGNS:
                self._at += 1
            elif _is_start(bare):
                self._block()
            elif _is_end(bare):
                raise self._unusable("it has no <<<<<<< SEARCH line")
            elif line.startswith((_DELETE, _RENAME)):
                self._directive(line)
            else:
                self._at += 1
        if not self._steps:
            raise ReplyUnusable("The answer has no SEARCH/REPLACE block.", advice=_ADVICE)
        return Reply(self._plan or "", tuple(self._steps))

    def _block(self) -> None:
        if not _is_start(self._lines[self._at]):
            raise self._unusable("its <<<<<<< SEARCH line is indented")
        gap = self._lines[self._gap_start : self._at]
        self._at += 1
        search = self._until(lambda line: line.rstrip() == _DIVIDER, _DIVIDER)
        replace = self._until(_is_end, ">>>>>>> REPLACE")
        path = self._path(gap, is_new=not search)
        self._add(Replace(self._number, path, search, replace))
        self._last = path

    def _until(self, is_marker: Callable[[str], bool], name: str) -> tuple[str, ...]:
        start = self._at
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if is_marker(line):
                return tuple(self._lines[start : self._at - 1])
            if _is_start(line) or _is_end(line) or line.rstrip() == _DIVIDER:
                raise self._unusable(f"there is {line.strip()!r} where {name} should come")
        raise self._unusable(f"it is cut off before its {name} line")

    def _directive(self, line: str) -> None:
        rest = line.partition(":")[2].strip()
        self._at += 1
        if line.startswith(_DELETE):
            self._add(Delete(self._number, rest.strip(_DECORATION)))
            return
        old, arrow, new = rest.partition(" -> ")
        if not arrow:
            raise self._unusable("a rename needs OLD -> NEW")
        self._add(Rename(self._number, old.strip(_DECORATION), new.strip(_DECORATION)))

    def _add(self, step: Step) -> None:
        if self._plan is None:
            self._plan = prose(self._lines[: self._first_marker()], self._paths)
        self._steps.append(step)
        self._gap_start = self._at

    def _first_marker(self) -> int:
        """Index of the line on which the first step begins."""
        return next(
            index
            for index, line in enumerate(self._lines)
            if _is_start(line) or line.startswith((_DELETE, _RENAME))
        )

    def _path(self, gap: Sequence[str], *, is_new: bool) -> str:
        """The file of the block below `gap`: named right above it, or that of the block before if nothing is between.

        Prose in between may speak of another file, so then a name is wanted.
        """
        fences = [line for line in gap if is_fence(line)]
        words = [line for line in gap if line.strip() and not is_fence(line)]
        found = named_path(words[-1], self._paths) if words else None
        if found is None and fences:
            info = fences[-1].strip("`~ ").rpartition(" ")[2]
            found = info if info in self._paths else None
        if found is None and is_new and words:
            found = new_path(words[-1], self._paths)
            found = found or bare_name(words[-1], any_word=self._default is None)
        path = found or self._default or (None if words else self._last)
        if path is None:
            quoted = " (in quotes if it has blanks)" if is_new else ""
            raise self._unusable(f"no line above it names its file{quoted}")
        return path

    @property
    def _number(self) -> int:
        return len(self._steps) + 1

    def _unusable(self, why: str) -> ReplyUnusable:
        return ReplyUnusable(f"Block {self._number} of the answer cannot be used: {why}.", advice=_ADVICE)


def _is_start(line: str) -> bool:
    return _is_marker(line, "<", "SEARCH")


def _is_end(line: str) -> bool:
    return _is_marker(line, ">", "REPLACE")


def _is_marker(line: str, sign: str, word: str) -> bool:
    """Five to nine signs and the word: models miscount, and nothing else looks like this."""
    if not line.startswith(sign * 5) or len(line) > 40:
        return False
    rest = line.lstrip(sign)
    return len(line) - len(rest) <= 9 and rest.strip() == word
