"""Every secret in a text.

Invariant: spans do not overlap, come in order and never hold the end of a line, so that taking them out leaves the
lines where they were; a token that is broken over lines is found as one for each of its lines.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from turnout.core.secrets.blocks import private_keys
from turnout.core.secrets.commands import commands
from turnout.core.secrets.forms import AUTHORIZATION, FORMS, LOOKS_A_TURN, Span, matches
from turnout.core.secrets.jwk import jwk_members
from turnout.core.secrets.lines import key_lines
from turnout.core.secrets.named import assignments
from turnout.core.secrets.urls import logins
from turnout.core.secrets.wrapped import Run, runs

_Found = tuple[str, list[Span]]
Result = TypeVar("Result")

_RUNS_A_TURN = 10
_LONG_RUN = 5_000
_LOWERED_A_TURN = 20_000
_STRETCH = 5_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of a secret: its kind and where it is. A secret of several lines has a `group` in common."""

    kind: str
    start: int
    end: int
    group: int


def find(text: str) -> list[Finding]:
    """Every secret in `text`."""
    return drained(finding(text))


def lines_of_keys(text: str) -> frozenset[int]:
    """Numbers (from 0) of the lines of `text` that belong to private keys: told by the lines around them, not alone."""
    ways = (private_keys(text), jwk_members(text), key_lines(text))
    starts = {start for found in ways for piece in found for start, _ in piece}
    lines: set[int] = set()
    line = at = 0
    for start in sorted(starts):
        line += text.count("\n", at, start)
        at = start
        lines.add(line)
    return frozenset(lines)


def finding(text: str) -> Generator[None, None, list[Finding]]:
    """`find` in steps of well under a millisecond each, for a text of 200 kB."""
    found: list[_Found] = []
    for pieces in chain(private_keys(text), jwk_members(text)):
        found += [("private key", pieces)] if pieces else []
        yield
    for pieces in key_lines(text):
        found += [("lines of a key", pieces)] if pieces else []
        yield
    for form in FORMS:
        for span in matches(form, text):
            if span is None:
                yield
            else:
                found.append((form.kind, [span]))
        yield
    found += yield from _named(text)
    for number, run in enumerate((yield from runs(text))):
        text = run.text
        found += yield from _crossing(run, text)
        if run.joined:
            found += yield from _named(text, run)
        if number % _RUNS_A_TURN == 0:
            yield
    return (yield from _in_order(found))


def drained(steps: Generator[None, None, Result]) -> Result:
    """The result of a generator that is let run at once."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def _named(text: str, run: Run | None = None) -> Generator[None, None, list[_Found]]:
    """The secrets that are told by what stands around them, in a text or in that of a run."""
    found: list[_Found] = []
    lowered = yield from _lowered(text)
    ways = (
        ("password in a URL", logins(text)),
        ("password of a command", commands(text)),
        ("assigned secret", assignments(text, lowered)),
    )
    for kind, spans in ways:
        for span in spans:
            if span is None:
                yield
            else:
                found.append((kind, run.pieces(*span) if run else [span]))
        yield
    return found


def _crossing(run: Run, text: str) -> Generator[None, None, list[_Found]]:
    """The tokens of a run, whose text is `text`, that go on from one of its lines to the next."""
    joints = frozenset(start for start, _ in run.starts)
    found: list[_Found] = []
    for form in FORMS:
        if form.kind == AUTHORIZATION:
            continue
        for span in matches(form, text, joints):
            if span is None:
                yield
                continue
            pieces = run.pieces(*span)
            if len(pieces) > 1:
                found.append((form.kind, pieces))
        if run.size > _LONG_RUN:
            yield
    return found


def _lowered(text: str) -> Generator[None, None, str]:
    """`text` in lower case, every character in its place: one letter of Unicode becomes two."""
    parts = []
    for start in range(0, len(text), _LOWERED_A_TURN):
        part = text[start : start + _LOWERED_A_TURN]
        lowered = part.lower()
        parts.append(lowered if len(lowered) == len(part) else part.replace("\u0130", "i").lower())
        yield
    return "".join(parts)


def _in_order(found: list[_Found]) -> Generator[None, None, list[Finding]]:
    """The pieces by place; what overlaps one before it is cut down to what is left of it, and is one of its group."""
    stretches: dict[int, list[tuple[int, int, int, str]]] = {}
    for group, (kind, spans) in enumerate(found):
        for start, end in spans:
            stretches.setdefault(start // _STRETCH, []).append((start, -end, group, kind))
        if group % LOOKS_A_TURN == 0:
            yield
    kept: list[Finding] = []
    for stretch in sorted(stretches):
        _keep_in_order(kept, sorted(stretches[stretch]))
        yield
    return kept


def _keep_in_order(kept: list[Finding], pieces: Iterable[tuple[int, int, int, str]]) -> None:
    for start, minus_end, group, kind in pieces:
        last = kept[-1] if kept else None
        if last is None or start >= last.end:
            kept.append(Finding(kind, start, -minus_end, group))
        elif -minus_end > last.end:
            kept[-1] = Finding(last.kind, last.start, -minus_end, last.group)
