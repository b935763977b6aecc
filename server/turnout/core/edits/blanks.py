"""Blanks at the ends of lines: which of those in a reply are meant, and which it only puts there.

Invariant: a reply is taken to the letter unless it has blanks where they mean nothing; no blanks are taken off a new
line unless all of its lines have the same ones, or a parser finds that they mean nothing there either; and where those
of a line that stays mean something, the reply has the same ones or is refused.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from turnout.core.edits.diff import changed_ranges, equal_blocks
from turnout.errors import EditUnmatched

Counting = Collection[int] | None
"""The lines (from 0) of a file whose blanks at the end mean something, as those in a string of several lines do.

None says that all with text may, as in a language without a grammar, and nobody knows.
"""

_BREAK = "  "  # what breaks a line of Markdown
_NO_CHANCE = 10  # so many lines do not all end with the same blanks where each has some at random
_MOST = 0.8
_NO_PARAGRAPH = ("#", "```", "~~~")


def aligned(lines: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The pairs of lines that are the same but for blanks at the end."""
    for block in equal_blocks([line.rstrip() for line in lines], [line.rstrip() for line in others]):
        yield from ((block.start + n, block.new_start + n) for n in range(block.length))


def blanks_everywhere(given: Sequence[str], old: Sequence[str], bodies: Sequence[str]) -> str:
    """What each of `given` ends with more than its line of `old` does, and each of `bodies` too; empty without that.

    Raises EditUnmatched where one of `bodies` has further ones, and too few lines show that these are no chance, too.
    """
    more = _end(given[0])[len(_end(old[0])) :] if given else ""
    if not more or any(_end(copy) != _end(line) + more for copy, line in zip(given, old, strict=True)):
        return ""
    if not all(body.endswith(more) for body in bodies):
        return ""
    bare = (body.removesuffix(more) for body in bodies)
    if len(given) < _NO_CHANCE and any(body != body.rstrip() for body in {*bare}.difference(old)):
        raise EditUnmatched(
            "All lines have blanks at the end that the file has not, and some have more: "
            "copy lines exactly as they are."
        )
    return more


def is_shared_by_most(given: Sequence[str], old: Sequence[str]) -> bool:
    """Whether nearly all of `given` end with the same blanks more than their lines of `old`, and a few do not.

    Those few may be copied to the letter, or be without the blanks of their own that the file has there.
    """
    further = Counter(_end(copy).removeprefix(_end(line)) for copy, line in zip(given, old, strict=True))
    blanks, count = max(further.items(), key=lambda found: found[1], default=("", 0))
    return bool(blanks) and _MOST * len(given) <= count < len(given)


def mean_nothing(old: Sequence[str], rows: Iterable[int], counting: Counting) -> bool:
    """Whether blanks at the end of one of `rows` of `old` certainly mean nothing."""
    return any(not old[row].strip() if counting is None else row not in counting for row in rows)


def carry(old: Sequence[str], given: Sequence[str], bodies: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """`bodies` with the lines of the file where they are those that the reply copied as `given`, blanks at ends aside.

    A line that was copied exactly and written with other blanks is meant so. Also whether the reply adds blanks.
    """
    added = _added(zip(given, old, strict=True), old)
    result = [added.get(body, body) for body in bodies]
    for index, new_index in aligned(given, bodies):
        if given[index] != old[index] or bodies[new_index] == given[index]:
            result[new_index] = old[index]
    return tuple(result), bool(added)


def dropped(old: Sequence[str], given: Sequence[str], bodies: Sequence[str]) -> list[int]:
    """The lines of `old` that something else replaces, and that the reply copied as `given` without their blanks."""
    bare = [row for row, line in enumerate(old) if len(given[row]) < len(line) and line.strip()]
    if not bare:
        return []
    ranges = changed_ranges([line.rstrip() for line in given], [line.rstrip() for line in bodies])
    replaced = {row for c in ranges if c.new_start < c.new_end for row in range(c.start, c.end)}
    return [row for row in bare if row in replaced]


def own_blanks(
    old: Sequence[str], given: Sequence[str], counting: Counting, *, in_markdown: bool
) -> tuple[list[str], bool]:
    """`given` with the blanks at ends that `old` has there, and whether it adds some that mean nothing.

    For a line that is there before and after but for blanks at its end holds:
    - blanks taken away are gone, but stay where nobody knows whether they count;
    - blanks added are left out.
    Raises EditUnmatched where they count, and nothing says whether they were meant.
    """
    pairs = [pair for pair in aligned(old, given) if old[pair[0]] != given[pair[1]]]
    added = [pair for pair in pairs if given[pair[1]].startswith(old[pair[0]])]
    counts = (
        _breaking(old, given, pairs) if in_markdown else _changed_text(old, given, added, pairs, counting)
    )
    if counts:
        raise EditUnmatched(
            f"Line {counts[0] + 1} has other blanks at its end, which mean something there: "
            "copy lines exactly as they are."
        )
    result = list(given)
    if counting is None and not in_markdown:
        for row, index in pairs:
            result[index] = old[row]
    copies = _added([(given[index], old[row]) for row, index in pairs], old)
    result = [copies.get(body, body) for body in result]
    for row, index in added:
        result[index] = old[row]
    return result, bool(added)


def _breaking(old: Sequence[str], given: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """The lines of `old`, of Markdown, that break where their pair in `given` does not, or the other way round."""
    return [row for row, index in pairs if breaks(old, row) or breaks(given, index)]


def _changed_text(
    old: Sequence[str],
    given: Sequence[str],
    added: Sequence[tuple[int, int]],
    pairs: Iterable[tuple[int, int]],
    counting: Counting,
) -> list[int]:
    """The lines of `old` whose blanks are known to count, and that have others in `given` on purpose or by chance.

    Blanks that are added elsewhere, too, are there by chance, and so left out.
    """
    if counting is None:
        return []
    by_chance = any(row not in counting for row, _ in added) or _has_fresh(old, given)
    return [row for row, index in pairs if row in counting and not (by_chance and (row, index) in added)]


def _added(pairs: Iterable[tuple[str, str]], old: Iterable[str]) -> dict[str, str]:
    """Lines as a reply copied them, with more blanks at the end, and as they are in the file.

    `pairs` are of copies and lines; a copy that stands for different lines, or is one of `old` itself, is left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for copy, line in pairs:
        if copy != line and copy.rstrip() == line.rstrip() and copy.startswith(line):
            found[copy].add(line)
    known = set(old)
    return {copy: lines.pop() for copy, lines in found.items() if len(lines) == 1 and copy not in known}


def _has_fresh(old: Iterable[str], given: Iterable[str]) -> bool:
    """Whether a line of `given` ends with blanks and is none of `old`, blanks at ends aside."""
    known = {body.rstrip() for body in old}
    return any(body != (bare := body.rstrip()) and bare not in known for body in given)


def breaks(bodies: Sequence[str], index: int) -> bool:
    """Whether the blanks at the end of a line of Markdown break it: two, with text before and in the next line."""
    text, blanks = bodies[index].strip(), _end(bodies[index])
    follows = index + 1 < len(bodies) and bodies[index + 1].strip()
    return bool(text and follows) and blanks.startswith(_BREAK) and not text.startswith(_NO_PARAGRAPH)


def _end(body: str) -> str:
    return body[len(body.rstrip()) :]
