"""Commits of a real repository as replies of a model that would have made them, with the flaws that models have.

Invariant: what a reply should come to is what git has as the commit, never what our own code makes of it.
"""

import os
import random
import subprocess
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from turnout import syntax
from turnout.core.documents import Snapshot, line_body, split_lines
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.changes import apply_hunks
from turnout.core.edits.diff import changed_ranges, equal_blocks
from turnout.core.edits.fences import fence_for, parse_whole_files
from turnout.core.edits.paths import is_hidden
from turnout.core.languages import language_of
from turnout.errors import EditError

_MOST_FILES = 30
_MOST_BYTES = 200_000
_CONTEXT = 3
_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "*** Delete", "*** Rename")


@dataclass(frozen=True)
class Change:
    """One file of a commit; None where it was not there, `old_path` where it had another name."""

    path: str
    before: str | None
    after: str | None
    old_path: str | None = None

    @property
    def shown_path(self) -> str:
        """Its name before, which is the one that a reply knows."""
        return self.old_path or self.path


@dataclass(frozen=True)
class Commit:
    """Several files that changed together."""

    sha: str
    changes: tuple[Change, ...]

    @property
    def files(self) -> dict[str, str]:
        """The texts before, by path."""
        return {c.shown_path: c.before for c in self.changes if c.before is not None}

    @property
    def wanted(self) -> dict[str, str]:
        """The texts after, by path."""
        return {c.path: c.after for c in self.changes if c.after is not None}


def commits(repository: Path, count: int, *, oldest: bool = False) -> Iterator[Commit]:
    """The newest (or oldest) `count` commits of several text files each that a reply can express.

    Fewer, or none, of a repository without them; none of a folder that is no repository.
    """
    if not (repository / ".git").exists() and not (repository / "HEAD").exists():
        return
    found = 0
    order = ["--reverse"] if oldest else []
    for sha in _git(repository, "rev-list", "--no-merges", *order, "HEAD").decode().split():
        commit = _commit(repository, sha)
        if commit is not None:
            yield commit
            found += 1
        if found == count:
            return


def _commit(repository: Path, sha: str) -> Commit | None:
    raw = _git(repository, "diff-tree", "-r", "-z", "-M", "--root", "--no-commit-id", "--raw", sha)
    fields = iter(raw.decode("utf-8", "replace").split("\0"))
    rows: list[tuple[str, str, str, str, str]] = []
    for head in fields:
        if not head:
            break
        modes, old_mode_and_more = head.split(" ", 1)
        _, old_blob, new_blob, status = old_mode_and_more.split(" ")
        path = next(fields)
        new_path = next(fields) if status[0] in "RC" else path
        rows.append((status[0], path, new_path, old_blob, new_blob))
        if not {modes.strip(":"), old_mode_and_more.split(" ")[0]} <= {"100644", "100755", "000000"}:
            return None
    if not 2 <= len(rows) <= _MOST_FILES:
        return None
    blobs = _blobs(repository, {blob for row in rows for blob in row[3:]} - {"0" * 40})
    changes = []
    for status, path, new_path, old_blob, new_blob in rows:
        before, after = (None if set(b) == {"0"} else blobs[b] for b in (old_blob, new_blob))
        moved = path if status == "R" else None
        changes.append(Change(new_path, None if status == "C" else before, after, moved))
    commit = Commit(sha, tuple(changes))
    return commit if all(map(_can_be_said, changes)) and commit.files != commit.wanted else None


def _can_be_said(change: Change) -> bool:
    """Whether a reply has words for `change`: none has for line endings, blank ends and empty new files."""
    texts = [text for text in (change.before, change.after) if text is not None]
    if any("\0" in text or "\r" in text or "\ufeff" in text or len(text) > _MOST_BYTES for text in texts):
        return False
    if any(line.startswith(_MARKERS) for text in texts for line in text.split("\n")):
        return False
    if change.before is None:
        return bool(change.after) and str(change.after).endswith("\n") and not is_hidden(change.path)
    if change.after is None:
        return True
    if change.old_path and is_hidden(change.path):
        return False
    ends = {text.endswith("\n") for text in texts if text}
    blank_end = any(text.endswith("\n\n") or text == "\n" for text in texts)
    blank_heads = {len(text) - len(text.lstrip("\n")) for text in texts}
    return (
        len(ends) == len(blank_heads) == 1
        and all(texts)
        and not blank_end
        and (change.before != change.after or bool(change.old_path))
    )


def _blobs(repository: Path, names: set[str]) -> dict[str, str]:
    """The texts of blobs; those that are not UTF-8, or not in this clone, have a NUL."""
    listed = sorted(names)
    data = _git(repository, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in listed).encode())
    texts = {}
    for name in listed:
        head, _, data = data.partition(b"\n")
        if head.endswith(b" missing"):
            texts[name] = "\0"
            continue
        size = int(head.split()[-1])
        try:
            texts[name] = data[:size].decode("utf-8")
        except UnicodeDecodeError:
            texts[name] = "\0"
        data = data[size + 1 :]
    return texts


def _git(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = [
        "git",
        "-C",
        str(repository),
        "-c",
        "core.fsmonitor=false",
        "-c",
        "safe.directory=*",
        *arguments,
    ]
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, check=True).stdout


def is_about_blanks(commit: Commit) -> bool:
    """Whether it changes or adds blanks at the end of a line, which a reply with wrong blanks cannot say."""
    for change in commit.changes:
        before, after = ((text or "").split("\n") for text in (change.before, change.after))
        if any(line != line.rstrip() for line in set(after) - set(before)):
            return True
        for block in equal_blocks([line.rstrip() for line in before], [line.rstrip() for line in after]):
            start, new_start, length = block
            if before[start : start + length] != after[new_start : new_start + length]:
                return True
    return False


def new_in_strings(change: Change, further: int = 0) -> bool:
    """Whether a line that is new in `change` begins inside a string, or, one line `further`, ends inside one."""
    if not change.before or not change.after:
        return False
    literal = syntax.literal_rows(language_of(change.path), change.after) or frozenset()
    before, after = (
        [line_body(line) for line in split_lines(text)] for text in (change.before, change.after)
    )
    return bool(literal) and any(
        row + further in literal
        for _, _, start, end in changed_ranges(before, after)
        for row in range(start, end)
    )


def with_line_breaks(commit: Commit, chance: random.Random) -> Commit | None:
    """`commit` with some lines of its Markdown files broken by two blanks; None without such a line.

    Only lines that were there before, and that break a paragraph: there is text on both sides of the break.
    """
    changes = tuple(_with_line_breaks(change, chance) for change in commit.changes)
    return replace(commit, changes=changes) if changes != commit.changes else None


def _with_line_breaks(change: Change, chance: random.Random) -> Change:
    if change.before is None or change.after is None or language_of(change.path) != "markdown":
        return change
    lines, known = change.after.split("\n"), set(change.before.split("\n"))
    places = [
        row
        for row, (line, following) in enumerate(pairwise(lines))
        if line.strip()
        and following.strip()
        and line in known
        and not line.lstrip().startswith(("#", "`", "~"))
    ]
    for row in chance.sample(places, min(len(places), 3)):
        lines[row] = f"{lines[row].rstrip()}  "
    return replace(change, after="\n".join(lines))


@dataclass(frozen=True)
class Block:
    """What replaces some lines of a file, with the lines around that make it unique; both without endings."""

    path: str
    search: tuple[str, ...]
    replace: tuple[str, ...]


Flaw = Callable[[list[Block], random.Random], list[Block]]


def blocks_of(commit: Commit) -> list[Block]:
    """The edits of existing files, and new files as blocks without a search text."""
    found = []
    for change in commit.changes:
        if change.after is None:
            continue
        after = [line_body(line) for line in split_lines(change.after)]
        if change.before is None:
            found.append(Block(change.path, (), tuple(after)))
            continue
        before = [line_body(line) for line in split_lines(change.before)]
        found += [Block(change.shown_path, *sides) for sides in _unique_sides(before, after)]
    return found


def _unique_sides(before: list[str], after: list[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The changed lines with as much around them as makes them unique."""
    groups: list[list[int]] = []
    for start, end, new_start, new_end in changed_ranges(before, after):
        if groups and start - groups[-1][1] <= 2 * _CONTEXT:
            groups[-1][1], groups[-1][3] = end, new_end
        else:
            groups.append([start, end, new_start, new_end])
    grown: list[list[int]] = []
    for group in groups:
        start, end, new_start, new_end = _grown(before, after, group)
        if grown and start < grown[-1][1]:
            grown[-1][1], grown[-1][3] = end, new_end
        else:
            grown.append([start, end, new_start, new_end])
    for start, end, new_start, new_end in grown:
        yield tuple(before[start:end]), tuple(after[new_start:new_end])


def _grown(before: list[str], after: list[str], group: list[int]) -> tuple[int, int, int, int]:
    start, end, new_start, new_end = group
    around = _CONTEXT
    while True:
        up = min(around, start)
        down = min(around, len(before) - end)
        search = before[start - up : end + down]
        places = [i for i in range(len(before) - len(search) + 1) if before[i : i + len(search)] == search]
        if len(places) == 1 or len(search) == len(before):
            return start - up, end + down, new_start - up, new_end + down
        around += 2


def written(commit: Commit, blocks: Sequence[Block], header: Callable[[str], str] = str) -> str:
    """The reply in SEARCH/REPLACE blocks."""
    parts = ["I make the change.\n"]
    for block in blocks:
        search = "".join(f"{line}\n" for line in block.search)
        replace = "".join(f"{line}\n" for line in block.replace)
        parts.append(f"{header(block.path)}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n")
    for change in commit.changes:
        if change.after is None:
            parts.append(f"*** Delete File: {change.path}\n")
        elif change.old_path:
            parts.append(f"*** Rename File: {change.old_path} -> {change.path}\n")
    return "\n".join(parts)


def whole_files(
    commit: Commit, flawed: Callable[[Change, str], str] = lambda _change, text: text
) -> str | None:
    """The reply in whole files; None where files are removed or renamed, for which it has no words."""
    if any(change.after is None or change.old_path for change in commit.changes):
        return None
    parts = ["I make the change.\n"]
    for change in commit.changes:
        text = flawed(change, change.after or "")
        fence = fence_for(text)
        parts.append(f"{change.path}\n{fence}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}\n")
    return "\n".join(parts)


def outcome(commit: Commit, reply: str, style: str) -> str:
    """`right`, `wrong` or `refused`: what the engine makes of a reply."""
    files = {
        path: Snapshot(f"w:{path}", language_of(path), 1, tuple(split_lines(text)))
        for path, text in commit.files.items()
    }
    known = {f"w:{path}" for path in commit.files}
    shown = Shown(files, lambda path: f"w:{path}", known.__contains__, syntax)
    parse = parse_blocks if style == "blocks" else parse_whole_files
    try:
        found = assemble(parse(reply, files), shown)
    except EditError:
        return "refused"
    if found.failures:
        return "refused"
    return "right" if _applied(commit.files, found) == commit.wanted else "wrong"


def _applied(files: Mapping[str, str], found: Assembly) -> dict[str, str]:
    after = dict(files)
    for change in found.changes:
        text = "".join(change.after)
        if change.kind in ("edit", "rename"):  # by their hunks, as a user has them applied
            hunks = change.hunks[1:] if change.kind == "rename" else change.hunks
            text = "".join(apply_hunks(change.before, hunks))
        after.pop(change.path, None)
        if change.kind != "delete":
            after[change.new_path or change.path] = text
    return after


def margin(blocks: list[Block], _: random.Random) -> list[Block]:
    """Every block moved to the left margin."""
    return [_moved(block, textwrap.dedent) if block.search else block for block in blocks]


def indented(blocks: list[Block], chance: random.Random) -> list[Block]:
    """Every block indented further."""
    indent = " " * chance.choice((2, 4, 8))
    return [
        _moved(block, lambda text: textwrap.indent(text, indent)) if block.search else block
        for block in blocks
    ]


def _moved(block: Block, move: Callable[[str], str]) -> Block:
    both = move("\n".join((*block.search, *block.replace))).split("\n")
    count = len(block.search)
    return Block(block.path, tuple(both[:count]), tuple(both[count:]) if block.replace else ())


def blanks_at_copied_lines(blocks: list[Block], chance: random.Random) -> list[Block]:
    """Blanks at the ends of lines that were copied from the file."""
    result = []
    for block in blocks:
        worse = {line: line + " " * chance.randrange(4) for line in block.search}
        worn = tuple(worse[line] for line in block.search)
        result.append(Block(block.path, worn, tuple(worse.get(line, line) for line in block.replace)))
    return result


def blanks_everywhere(blocks: list[Block], chance: random.Random) -> list[Block]:
    """Blanks at the ends of all lines of edits."""

    def worn(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(line + " " * chance.randrange(1, 4) for line in lines)

    return [Block(b.path, worn(b.search), worn(b.replace)) if b.search else b for b in blocks]


def same_blanks_everywhere(blocks: list[Block], chance: random.Random) -> list[Block]:
    """The same blanks at the ends of all lines of edits."""
    blanks = " " * chance.randrange(1, 4)

    def worn(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(line + blanks for line in lines)

    return [Block(b.path, worn(b.search), worn(b.replace)) if b.search else b for b in blocks]


def elided(blocks: list[Block], _: random.Random) -> list[Block]:
    """`...` in the place of lines that stay, with one or two at each end of what changes."""
    return [_with_dots(block) for block in blocks]


def _with_dots(block: Block) -> Block:
    gaps, search, replace = 0, list(block.search), list(block.replace)
    at, new_at = len(search), len(replace)
    for start, end, new_start, new_end in reversed(changed_ranges(block.search, block.replace)):
        if at - end > 4:
            search[end + 2 : at - 1] = ["..."]
            replace[new_end + 2 : new_at - 1] = ["..."]
            gaps += 1
        at, new_at = start, new_start
    return Block(block.path, tuple(search), tuple(replace)) if gaps else block


def bare(blocks: list[Block], _: random.Random) -> list[Block]:
    """No lines around what changes, so that it may stand in several places; insertions keep one."""
    result = []
    for block in blocks:
        up = down = 0
        limit = min(len(block.search), len(block.replace))
        while up < limit - 1 and block.search[up] == block.replace[up]:
            up += 1
        while down < limit - up - 1 and block.search[-1 - down] == block.replace[-1 - down]:
            down += 1
        ends = len(block.search) - down, len(block.replace) - down
        result.append(Block(block.path, block.search[up : ends[0]], block.replace[up : ends[1]]))
    return result


def doubled(blocks: list[Block], chance: random.Random) -> list[Block]:
    """A line of the search text written twice."""
    result = []
    for block in blocks:
        at = chance.randrange(len(block.search)) if block.search else 0
        search = (*block.search[: at + 1], *block.search[at:])
        result.append(Block(block.path, search if block.search else (), block.replace))
    return result
