"""Read whole files, or one region of a file, out of the fenced blocks of a model's reply.

Invariant: a block whose end is uncertain (cut off, or with fences inside that are as long as its own) is refused.

A whole file is a line with its path and then a fenced block; a region is the only fenced block of its reply.
"""

from collections.abc import Collection
from typing import NamedTuple

from turnout.core.documents import line_body, split_lines
from turnout.core.edits.blocks import named_path, prose
from turnout.core.edits.replies import Reply, Write
from turnout.errors import ReplyUnusable

_ADVICE = "Ask again, or choose another model for this kind of request."


class _Fenced(NamedTuple):
    """A fenced block: its lines, and those of the reply between the block before and this one."""

    above: tuple[str, ...]
    lines: tuple[str, ...]


def parse_whole_files(reply: str, paths: Collection[str] = (), default_path: str | None = None) -> Reply:
    """Each file with its whole new text.

    `paths` are the files the model was shown; `default_path` is the one file that was asked about, where it was one:
    then the reply must have one block. Raises ReplyUnusable, saying which block and why.
    """
    blocks = _fenced_blocks(reply)
    if default_path is not None:
        return Reply(prose(blocks[0].above, paths), (Write(1, default_path, _only(blocks).lines),))
    steps = []
    for number, block in enumerate(blocks, start=1):
        words = [line for line in block.above if line.strip()]
        path = named_path(words[-1], paths) if words else None
        if path is None:
            raise _unusable(number, "no line above it names its file")
        steps.append(Write(number, path, block.lines))
    return Reply(prose(blocks[0].above, paths), tuple(steps))


def parse_region(reply: str) -> tuple[str, ...]:
    """The lines of the only fenced block of `reply`. Raises ReplyUnusable."""
    return _only(_fenced_blocks(reply)).lines


def fence_for(text: str) -> str:
    """A fence longer than any in `text`, so that a block around it has one end."""
    longest = max((len(line) - len(line.lstrip("`")) for line in text.split("\n")), default=0)
    return "`" * max(3, longest + 1)


def _only(blocks: list[_Fenced]) -> _Fenced:
    if len(blocks) > 1:
        raise ReplyUnusable(
            f"The answer has {len(blocks)} fenced blocks where one was asked for.", advice=_ADVICE
        )
    return blocks[0]


def _fenced_blocks(reply: str) -> list[_Fenced]:
    lines = [line_body(line) for line in split_lines(reply)]
    blocks: list[_Fenced] = []
    at = gap = 0
    while at < len(lines):
        length = _fence_length(lines[at])
        at += 1
        if length:
            end = _closing(lines, at, length, len(blocks) + 1)
            blocks.append(_Fenced(tuple(lines[gap : at - 1]), tuple(lines[at:end])))
            at = gap = end + 1
    if not blocks:
        raise ReplyUnusable("The answer has no fenced block.", advice=_ADVICE)
    return blocks


def _closing(lines: list[str], start: int, length: int, number: int) -> int:
    for index in range(start, len(lines)):
        if _fence_length(lines[index]) < length:
            continue
        if lines[index].strip("`").strip():
            raise _unusable(number, "a fence inside it is as long as its own")
        return index
    raise _unusable(number, "it is cut off before its closing fence")


def _fence_length(line: str) -> int:
    """Number of backticks that `line` begins with; 0 where it is no fence (fewer than three, or code after them)."""
    rest = line.lstrip("`")
    count = len(line) - len(rest)
    return count if count >= 3 and "`" not in rest else 0


def _unusable(number: int, why: str) -> ReplyUnusable:
    return ReplyUnusable(f"Block {number} of the answer cannot be used: {why}.", advice=_ADVICE)
