"""Typing one line with the real model: our prompt layout against plain prefix, suffix, middle.

Both are asked the same letters in turn, with the same text of 1,700 tokens around them: a plain client sends as much
after the cursor as it can, and pays for it at every letter. A jump of the cursor is asked with and without having
been read ahead.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from bench.engines import Answer, Asker, loaded
from bench.report import Judged, Row, percentile
from turnout import models
from turnout.core.documents import Position
from turnout.core.fim.layout import Window
from turnout.core.holes import Hole

NAME = "qwen2.5-coder-0.5b"
WINDOW = Window(prefix_chars=7900, suffix_chars=2050, chunk_chars=0)
POSITIONS = 12
JUMPS = 3
_LINE_CHARS = range(28, 34)
"""Letters of the line that is typed, without its indentation: the median of Python code is 30."""

_CODE = re.compile(r"\w+ = \w+\(|return \w+\(")


def measure(weights: Path | None) -> list[Row]:
    """Ask for the rest of a line at some places along it, as they are typed; `weights` is a GGUF of NAME."""
    path = weights or models.locate(NAME)
    with loaded(path, WINDOW, plain=False) as ours, loaded(path, WINDOW, plain=True) as plain:
        mine, theirs = _type(ours, plain)
    with loaded(path, Window(), plain=False) as asker:
        warm, cold = _jump(asker)
    return [
        _row("tokens of the prompt, most", "", mine, theirs, lambda a: float(a.prompt), 1.0),
        _row("tokens evaluated, most", "", mine, theirs, lambda a: float(a.evaluated), 1.0, 5.0, "value"),
        _row("first text, p50", "ms", mine, theirs, _first_ms, 0.5, 1 / 20, "ratio"),
        _row("whole line, p50", "ms", mine, theirs, lambda a: a.whole_ms, 0.5, 1 / 10, "ratio"),
        Row(
            "cursor jump, first text, p50", "ms", _median(warm), _median(cold), "not read ahead", 0.2, "ratio"
        ),
    ]


def _row(
    name: str,
    unit: str,
    ours: list[Answer],
    plain: list[Answer],
    figure: Callable[[Answer], float],
    share: float,
    limit: float | None = None,
    judged: Judged = "value",
) -> Row:
    values = [percentile([figure(one) for one in some], share) for some in (ours, plain)]
    fails_over = None if limit is None else limit * 10
    return Row(f"typed letter, {name}", unit, values[0], values[1], "plain PSM", limit, judged, fails_over)


def _type(ours: Asker, plain: Asker) -> tuple[list[Answer], list[Answer]]:
    text = _text()
    line, columns = _typed(text.split("\n"))
    found: tuple[list[Answer], list[Answer]] = ([], [])
    for column in columns:
        hole = _hole(text, line, column)
        found[0].append(ours.fill("typed", hole))
        found[1].append(plain.fill("typed", hole))
    return found[0][1:], found[1][1:]  # the first request of each finds an empty cache


def _typed(lines: list[str]) -> tuple[int, list[int]]:
    """A line from the middle of the file on, and the places in it where the rest is asked for."""
    found = (n for n in range(len(lines) // 2, len(lines)) if len(lines[n].strip()) in _LINE_CHARS)
    line = next(n for n in found if _CODE.search(lines[n]))
    start, end = len(lines[line]) - len(lines[line].lstrip()), len(lines[line]) - 2
    step = (end - start) / (POSITIONS + 1)
    return line, [start + round(step * number) for number in range(POSITIONS + 1)]


def _jump(asker: Asker) -> tuple[list[Answer], list[Answer]]:
    """Go up and down in the file: read ahead at each place, and at the place beside it not."""
    lines = _text().count("\n")
    warm, cold = [], []
    for number in range(1, JUMPS + 1):
        place = lines * number // (2 * JUMPS + 2)
        there = _hole(_text(), place, None)
        asker.warm("jumped", there)
        warm.append(asker.fill("jumped", there, max_tokens=8))
        cold.append(asker.fill("jumped", _hole(_text(), lines - place, None), max_tokens=8))
    return warm, cold


def _hole(text: str, line: int, column: int | None) -> Hole:
    """The hole in a line, with nothing behind the cursor in it; None is the end of the line."""
    lines = text.split("\n")
    head = lines[line][:column]
    before = "\n".join([*lines[:line], head])
    return Hole(Position(line, len(head)), before, "\n" + "\n".join(lines[line + 1 :]), head, "")


def _text() -> str:
    """A long file that every Python has, and that changes little."""
    return Path(argparse.__file__).read_text("utf-8")


def _first_ms(answer: Answer) -> float:
    assert answer.first_ms is not None
    return answer.first_ms


def _median(answers: list[Answer]) -> float:
    return percentile([_first_ms(answer) for answer in answers], 0.5)
