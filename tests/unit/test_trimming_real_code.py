"""The filters over real code: what its authors wrote is no fault, and what an editor closed is not doubled."""

import random
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.core.documents import Document, Position, split_lines
from turnout.core.holes import Hole, Shape, cut, indent_of
from turnout.core.trimming import is_complete, trim

MODULES = (
    "argparse", "ast", "configparser", "dataclasses", "difflib", "json/decoder", "logging/config", "shutil",
    "statistics", "tarfile", "textwrap", "typing", "unittest/case", "urllib/request", "zipfile/__init__",
)  # fmt: skip
PLACES_IN_EACH = 40
DAMAGED_AT_MOST = 0.005
"""Of all places: the standard library differs from one version of Python to the next."""

PAIRS = {"(": ")", "[": "]", '"': '"', "'": "'"}


class Place(NamedTuple):
    """A hole in a file of the standard library, and what stood in it."""

    where: str
    hole: Hole
    shape: Shape
    truth: str


@cache
def places() -> tuple[Place, ...]:
    """Holes of every shape, the same ones in each run on one version of Python."""
    return tuple(_places())


def _places() -> Iterator[Place]:
    chance = random.Random(4)
    library = Path(sysconfig.get_path("stdlib"))
    for name in MODULES:
        path = library / f"{name}.py"
        if path.exists():
            lines = split_lines(path.read_text("utf-8"))
            rows = [row for row, line in enumerate(lines) if 4 < len(line.strip()) < 200]
            for row in chance.sample(rows, min(PLACES_IN_EACH, len(rows))):
                yield from _in_line(name, lines, row, chance)
                yield from _block_below(name, lines, row)


def _in_line(name: str, lines: list[str], row: int, chance: random.Random) -> Iterator[Place]:
    body = lines[row].rstrip("\n")
    start = chance.randrange(len(body) - len(body.lstrip()), len(body))
    yield _place(name, lines, (row, start), (row, len(body)), "line")
    for start in [found.end() for found in re.finditer(r"[(\[\"']", body)][:2]:
        end = _closing(body, start)
        if end is not None:
            yield _place(name, lines, (row, start), (row, end), "line")


def _block_below(name: str, lines: list[str], row: int) -> Iterator[Place]:
    if not re.match(r"\s*(?:def|class|if|for|while|with|try|else)\b.*:$", lines[row].rstrip("\n")):
        return
    end = row
    for at in range(row + 1, min(row + 25, len(lines))):
        if lines[at].strip() and indent_of(lines[at]) <= indent_of(lines[row]):
            break
        end = at if lines[at].strip() else end
    if end > row and lines[row + 1].strip():
        first = lines[row + 1]
        start = (row + 1, len(first) - len(first.lstrip()))
        yield _place(name, lines, start, (end, len(lines[end].rstrip("\n"))), "block")


def _place(name: str, lines: list[str], start: tuple[int, int], end: tuple[int, int], shape: Shape) -> Place:
    """Take out the text between two positions."""
    first, last = lines[start[0]], lines[end[0]]
    taken = lines[start[0] : end[0] + 1]
    taken[-1] = last[: end[1]]
    truth = "".join(taken)[start[1] :]
    left = [*lines[: start[0]], first[: start[1]] + last[end[1] :], *lines[end[0] + 1 :]]
    document = Document(f"file:///{name}.py", "python", 1, "".join(left))
    return Place(f"{name}:{start[0] + 1}", cut(document.snapshot(), Position(*start)), shape, truth)


def _closing(body: str, start: int) -> int | None:
    """Where in a line closes what was opened before `start`."""
    closer, depth = PAIRS[body[start - 1]], 0
    for at in range(start, len(body)):
        if body[at] == closer and depth == 0:
            return at
        depth += (body[at] in "([") - (body[at] in ")]") if closer in ")]" else 0
    return None


def test_real_code_comes_out_as_its_authors_wrote_it() -> None:
    """Fed with the true text, no filter changes anything, nothing is replaced, and the model is not stopped early."""
    damaged, count = [], 0
    for place in places():
        if place.truth.strip():
            count += 1
            trimmed = trim(place.truth, place.hole, place.shape)
            kept = trimmed.text == place.truth.rstrip() and not trimmed.replaces
            if not kept or is_complete(place.truth, place.hole, place.shape):
                damaged.append((place.where, place.truth, trimmed))
    assert count > 600
    assert len(damaged) <= DAMAGED_AT_MOST * count, damaged


def test_closers_that_were_there_already_do_not_stand_twice() -> None:
    """Where the model goes on to the end of a line whose rest an editor closed, the line reads as it was."""
    wrong, count = [], 0
    for place in places():
        tail = place.hole.tail
        in_code = place.hole.spot().kind == "code"
        if place.shape == "line" and tail and in_code and set(tail) <= set(")]"):
            count += 1
            trimmed = trim(place.truth + tail, place.hole, "line")
            if trimmed.text + tail[trimmed.replaces :] != place.truth + tail:
                wrong.append((place.where, place.truth, tail, trimmed))
    assert count > 50
    assert len(wrong) <= 0.05 * count, wrong


STATEMENTS = ("aN = f(1)", "return [N, {2: 3}]", "s = ')}N'", "# so N", "a(\n  N)")
"""None twice in a row, as that would be a loop."""


@st.composite
def block(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Lines of a block of Python, indented as from its own beginning."""
    lines: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        if depth < 2 and draw(st.booleans()):
            lines += [f"if x{depth}{number}:", *("    " + line for line in draw(block(depth + 1)))]
        else:
            lines.append(draw(st.sampled_from(STATEMENTS)).replace("N", f"{depth}{number}"))
        if draw(st.booleans()):
            lines.append("")
    return "\n".join(lines).rstrip("\n").split("\n")


@settings(deadline=None, max_examples=50)
@given(
    block(),
    st.sampled_from(["    ", "        "]),
    st.sampled_from(["print(1)", "def g():\n    pass", "x = {"]),
)
def test_a_python_block_is_never_cut_and_nothing_after_it_is_shown(
    lines: list[str], indent: str, rest: str
) -> None:
    """Fed letter by letter until it is complete, a block comes out whole and alone."""
    document = Document("file:///d", "python", 1, indent[4:] + "def f():\n" + indent)
    hole = cut(document.snapshot(), Position(1, len(indent)))
    body = ("\n" + indent).join(lines)
    _feed(body, f"\n\n{indent[4:]}{rest}\n", hole)


@settings(deadline=None, max_examples=50)
@given(block(), st.sampled_from(["  ", "\t"]), st.sampled_from(["y();", "} else {", "function g() {"]))
def test_a_block_in_braces_ends_behind_its_brace(lines: list[str], indent: str, rest: str) -> None:
    """The brace that closes the block is the last of it, whatever follows."""
    document = Document("file:///d", "javascript", 1, f"if (x) {{\n{indent}")
    hole = cut(document.snapshot(), Position(1, len(indent)))
    inner = [line for line in lines if not line.startswith("#")]
    body = ("\n" + indent).join([*inner, "z();"]) + "\n}"
    _feed(body, f"\n{rest}\n", hole)


def _feed(body: str, rest: str, hole: Hole) -> None:
    """Stream an answer as a model does until it is stopped, and look at what is shown of it."""
    fed = ""
    for letter in body + rest:
        fed += letter
        if is_complete(fed, hole, "block"):
            break
    assert fed.startswith(body)
    assert len(fed) < len(body + rest)
    kept = [line.rstrip() for line in trim(fed, hole, "block").text.split("\n")]
    assert kept == [line.rstrip() for line in body.split("\n")]
