"""Turn the steps of a reply into changes of files.

Invariant: each step either becomes part of a change in full, or is among the failures; the files shown to the model
are the only ones that change, and a new file only appears where none is and no name on its way is hidden.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.blanks import breaks, mean_nothing
from turnout.core.edits.changes import FileChange, file_change
from turnout.core.edits.elision import elided, refusal
from turnout.core.edits.ends import with_own_ends
from turnout.core.edits.locating import Region, bodies_of
from turnout.core.edits.matching import Moved, moved_rows, new_file, regions, replace_regions, whole
from turnout.core.edits.paths import as_written, is_hidden, normalise, same_file, same_place
from turnout.core.edits.readable import must_read_back
from turnout.core.edits.replies import Delete, Rename, Replace, Reply, Step, Write
from turnout.core.symbols import Problem
from turnout.errors import EditError, EditUnmatched, PathRefused, PlaceTaken, ReplyUnusable

_ENDS_OF_STRINGS = frozenset("\"'`]")
"""A line without any of them does not end one string and begin another."""


class Parser(Protocol):
    """What tells whether an edit that was not found to the letter is sound."""

    def check(self, language: str, before: str | None, after: str) -> tuple[Problem, ...] | None:
        """Syntax errors of `after` that `before` did not have; None for a language that is not known."""
        ...

    def same(self, language: str, text: str, other: str) -> bool | None:
        """Whether both have the same tokens in the same structure; None for a language that is not known."""
        ...

    def literal_rows(self, language: str, text: str) -> frozenset[int] | None:
        """The lines (from 0) that begin inside a string; None for a language that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """The files that a model was shown, by path, and where a file of another path would be.

    `identity` is what all names of one file have in common, None where nobody can tell.
    Without a `parser`, edits are found to the letter but for blanks at the ends of lines, or not at all.
    """

    files: Mapping[str, Snapshot]
    uri: Callable[[str], str]
    exists: Callable[[str], bool]
    parser: Parser | None = None
    identity: Callable[[str], Hashable] = lambda _uri: None


class Assembly(NamedTuple):
    """The changes, in the order of the reply, and why the other steps did not become any."""

    changes: tuple[FileChange, ...]
    failures: tuple[EditError, ...]


def assemble(reply: Reply, shown: Shown) -> Assembly:
    """The changes that `reply` asks for; a file with a failure is not among them."""
    changes: list[FileChange] = []
    failures: list[EditError] = []
    names: dict[Hashable, str] = {}
    places: dict[str, bool] = {}
    steps_of, refused = _by_file(reply.steps, shown.files)
    failures += refused
    for path, steps in steps_of.items():
        try:
            change = _change(path, steps, shown)
            if change is not None:
                must_read_back(change)
                _must_have_its_own_place(change, places)
                _must_be_its_only_name(change, shown.identity(change.uri), names)
                changes.append(change)
        except* EditError as group:
            failures += [failure for failure in group.exceptions if isinstance(failure, EditError)]
    return Assembly(tuple(changes), tuple(failures))


def _by_file(steps: Iterable[Step], known: Collection[str]) -> tuple[dict[str, list[Step]], list[EditError]]:
    """Steps by the path of their file, under its old name where a step before renamed it."""
    steps_of: dict[str, list[Step]] = defaultdict(list)
    failures: list[EditError] = []
    old_path: dict[str, str] = {}
    for step in steps:
        try:
            path = _spelled(step.path, known)
        except PathRefused as failure:
            failures.append(failure)
            continue
        path = old_path.get(path, path)
        if isinstance(step, Rename):
            with suppress(PathRefused):  # said when the rename itself is looked at
                old_path.setdefault(as_written(step.new_path), path)
        steps_of[path].append(step)
    return steps_of, failures


def _spelled(path: str, known: Collection[str]) -> str:
    """The one spelling of `path` that every rule about it is held against. Raises PathRefused."""
    normal = normalise(path)
    return normal if normal in known else as_written(path)


def _must_have_its_own_place(change: FileChange, places: dict[str, bool]) -> None:
    """Takes the place of `change`; `places` are those taken before, and whether each is a file and no folder of one."""
    place = change.new_path or change.path
    folders = [same_place(folder.as_posix()) for folder in PurePosixPath(place).parents][:-1]
    if same_place(place) in places or any(places.get(folder) for folder in folders):
        raise PlaceTaken(f"{place} is the place of two files.")
    places.update(dict.fromkeys(folders, False))
    places[same_place(place)] = True


def _must_be_its_only_name(change: FileChange, identity: Hashable, names: dict[Hashable, str]) -> None:
    if identity is not None and names.setdefault(identity, change.path) != change.path:
        raise PlaceTaken(same_file(change.path, names[identity]))


def _change(path: str, steps: list[Step], shown: Shown) -> FileChange | None:
    """What `steps` make of one file; None where they leave it as it is."""
    file = shown.files.get(path)
    if file is None:
        return _creation(path, steps, shown)
    if any(isinstance(step, Delete) for step in steps):
        if len(steps) > 1:
            raise _contradiction(path, steps)
        return file_change("delete", file.uri, path, file.lines, (), version=file.version, mark=file.mark)
    renames = [step for step in steps if isinstance(step, Rename)]
    if len(renames) > 1:
        raise _contradiction(path, steps)
    after = _text_after(path, file, [step for step in steps if not isinstance(step, Rename)], shown)
    if renames:
        new_path = _free(renames[0].new_path, shown)
        return file_change(
            "rename",
            file.uri,
            path,
            file.lines,
            after,
            version=file.version,
            new_uri=shown.uri(new_path),
            new_path=new_path,
            mark=file.mark,
        )
    if after == file.lines:
        return None
    return file_change("edit", file.uri, path, file.lines, after, version=file.version, mark=file.mark)


def _creation(path: str, steps: list[Step], shown: Shown) -> FileChange:
    step = steps[0]
    if shown.exists(shown.uri(path)):
        raise PathRefused(f"{path} is not among the files that this request may change.")
    if isinstance(step, Write):
        bodies = step.lines
    elif isinstance(step, Replace) and not step.search:
        bodies = step.replace
    else:
        raise EditUnmatched(f"Block {step.number} changes {path}, but there is no such file.")
    if len(steps) > 1:
        raise _contradiction(path, steps)
    free = _free(path, shown)
    return file_change("create", shown.uri(free), free, (), new_file(bodies))


def _text_after(path: str, file: Snapshot, steps: list[Step], shown: Shown) -> tuple[str, ...]:
    writes = [step for step in steps if isinstance(step, Write)]
    edits = [step for step in steps if isinstance(step, Replace)]
    if writes and len(steps) > 1:
        raise _contradiction(path, steps)
    if writes:
        counting = counting_ends(file, shown.parser)
        in_markdown = file.language == "markdown"
        bodies = with_own_ends(bodies_of(file.lines), writes[0].lines)
        found = [whole(file.lines, bodies, counting, in_markdown=in_markdown)]
    else:
        found, failures = regions(path, file.lines, edits)
        if failures:
            raise ExceptionGroup(f"edits of {path}", failures)
    after = _sound(path, file, found, shown.parser)
    known = frozenset(line_body(line).strip() for line in file.lines)
    for region in found:
        left_out = elided(file.lines[region.start : region.end], region.bodies, known)
        if left_out is not None:
            raise ReplyUnusable(refusal(f"The new text of {path}", left_out))
    return after


def counting_ends(file: Snapshot, parser: Parser | None) -> frozenset[int] | None:
    """The lines (from 0) of `file` whose blanks at the end count, as they stand in a string; None: nobody knows."""
    rows = parser.literal_rows(file.language, file.text) if parser else None
    return None if rows is None else frozenset(row - 1 for row in rows)


def _sound(path: str, file: Snapshot, found: list[Region], parser: Parser | None) -> tuple[str, ...]:
    """The lines after the edits at `found`, where those that were not found to the letter are proven to be sound."""
    _must_keep_what_counts(path, file, found, parser)
    found = _without_shared_blanks(file, found, parser)
    after = replace_regions(file.lines, found)
    if why := _unsound_move(file, found, after, parser):
        raise EditUnmatched(
            f"What replaces lines of {path} is indented otherwise than the file, and moving it {why}: "
            "indent lines exactly as they are."
        )
    if not any(region.sloppy for region in found):
        return after
    bare = replace_regions(file.lines, [_without_blanks(file.lines, region) for region in found])
    if bare == after or (parser and parser.same(file.language, "".join(after), "".join(bare))):
        return bare
    raise EditUnmatched(
        f"The edits of {path} have blanks at the ends of lines that the file has not: "
        "copy lines exactly as they are."
    )


def _must_keep_what_counts(path: str, file: Snapshot, found: Iterable[Region], parser: Parser | None) -> None:
    """Raises EditUnmatched where nobody knows whether new lines shall have blanks at the end that mean something."""
    rows = [row for region in found for row in region.dropped]
    if not rows:
        return
    if file.language == "markdown":
        bodies = bodies_of(file.lines)
        counting: Collection[int] = [row for row in rows if breaks(bodies, row)]
    else:
        counting = counting_ends(file, parser) or ()
    if lost := [row for row in rows if row in counting]:
        raise EditUnmatched(
            f"Line {lost[0] + 1} of {path} ends with blanks that mean something there: "
            "copy lines exactly as they are."
        )


def _without_shared_blanks(file: Snapshot, found: list[Region], parser: Parser | None) -> list[Region]:
    """`found` without the blanks that every line of the reply has at its end, where some of them mean nothing."""
    if not all(region.blanks and region.blanks == found[0].blanks for region in found):
        return found
    copied = (row for region in found for row in range(region.start, region.end))
    if not mean_nothing(bodies_of(file.lines), copied, counting_ends(file, parser)):
        return found
    return [region._replace(bodies=region.bare, sloppy=False) for region in found]


def _unsound_move(file: Snapshot, found: list[Region], after: Sequence[str], parser: Parser | None) -> str:
    """What moving new lines to another indentation did in `after`; empty where it means the same there."""
    hows = {region.how for region in found}
    if hows.isdisjoint(("indent", "margin")):
        return ""
    text = "".join(after)
    literal = parser.literal_rows(file.language, text) if parser else None
    if "indent" in hows:
        problems = parser.check(file.language, file.text, text) if parser else None
        if problems is None or literal is None:
            return "cannot be checked in this language"
        if problems:
            return f"breaks line {problems[0].line + 1}"
    inside = _moved_in_string(moved_rows(file.lines, found), after, literal or frozenset())
    return "" if inside is None else f"changes the text of a string, in line {inside + 1}"


def _moved_in_string(moved: Moved, after: Sequence[str], literal: frozenset[int]) -> int | None:
    """The first new line in a string of which nobody knows whether its writer moved it along with the code.

    They did where the reply has another line of that string, one of the file, moved as well.
    """
    for run in _runs(literal):
        kept = (after[row].strip() for row in run[:-1] if row in moved.kept)
        new = next((row for row in run if row in moved.new), None)
        if new is not None and not any(line and _ENDS_OF_STRINGS.isdisjoint(line) for line in kept):
            return new
    return None


def _runs(rows: Collection[int]) -> Iterator[list[int]]:
    """Numbers that follow each other, in order."""
    for _, run in groupby(enumerate(sorted(rows)), key=lambda pair: pair[1] - pair[0]):
        yield [row for _, row in run]


def _without_blanks(lines: Sequence[str], region: Region) -> Region:
    """`region` with no blanks at the ends of its new lines, where the reply has them everywhere."""
    if not region.sloppy:
        return region
    old = {line_body(line) for line in lines[region.start : region.end]}
    return region._replace(bodies=tuple(b if b in old else b.rstrip() for b in region.bodies))


def _free(path: str, shown: Shown) -> str:
    """`path` as the place of a new file. Raises PathRefused where one is, or where only the user should put one."""
    free = as_written(path)
    if is_hidden(free):
        raise PathRefused(f"{free} is hidden: a reply may not create it.")
    if shown.exists(shown.uri(free)):
        raise PlaceTaken(f"{free} exists already.")
    file = next(
        (path for folder in PurePosixPath(free).parents if (path := str(folder)) in shown.files), None
    )
    if file is not None:
        raise PlaceTaken(f"{free} cannot be there: {file} is a file.")
    return free


def _contradiction(path: str, steps: list[Step]) -> ReplyUnusable:
    numbers = ", ".join(str(step.number) for step in steps)
    return ReplyUnusable(f"Blocks {numbers} contradict each other about {path}.")
