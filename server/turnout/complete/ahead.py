"""Asking ahead: while the user looks at a suggestion, what would come after it is computed already.

Invariants: only this machine is asked, behind everything that somebody waits for, and only for what an editor says
it shows or took; one question at a time, and none while a real one is under way; it ends when the user goes elsewhere.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Protocol

from turnout.core.documents import Position, Snapshot, end_of, line_body, split_lines
from turnout.core.holes import Hole, cut
from turnout.core.keeping import Region
from turnout.errors import TurnoutError

logger = logging.getLogger(__name__)

REST_S = 0.25
"""Whoever looks at a suggestion for so long may take it; while typing goes on, nothing is begun."""

FINISH_S = 1.0
"""Whoever comes while the answer is being written waits so long for its end; asked anew it would be begun anew."""

_CLOSERS = ")]}\"'`>"
"""What editors put behind the cursor by themselves."""


class Timer(Protocol):
    """Something that was put off."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


Later = Callable[[float, Callable[[], None]], Timer]
Ask = Callable[[Snapshot, Hole], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggestion on the screen: what it puts where."""

    id: str
    snapshot: Snapshot
    position: Position
    text: str
    replaces: int


class Ahead:
    """The question that comes after the suggestion on the screen."""

    def __init__(self, ask: Ask, is_idle: Callable[[], bool], later: Later | None = None) -> None:
        """`ask` computes what comes after, and keeps it; `is_idle` is whether nobody waits for a model."""
        self._ask = ask
        self._is_idle = is_idle
        self._later = later or (lambda delay_s, call: asyncio.get_running_loop().call_later(delay_s, call))
        self._offer: Offer | None = None
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._hole: Hole | None = None
        self._is_writing = False

    def offered(self, offer: Offer) -> None:
        """A suggestion was given to the editor, as a whole or what is left of it."""
        if self._offer is None or self._offer.id != offer.id:
            self.cancel()
            self._offer = offer

    def shown(self, completion_id: str) -> None:
        """The editor says that the user sees it."""
        if self._waits(completion_id) and self._timer is None:
            self._timer = self._later(REST_S, self._begin)

    def accepted(self, completion_id: str) -> None:
        """It was taken: now what comes after is wanted soon."""
        if self._waits(completion_id):
            if self._timer is not None:
                self._timer.cancel()
            self._begin()

    def rejected(self, completion_id: str) -> None:
        """It was turned down: what comes after it never comes."""
        if self._offer is not None and self._offer.id == completion_id:
            self.cancel()

    def moved(self, uri: str, at: Position, line: Callable[[int], str]) -> None:
        """The user is at a place of a document with these lines: what is neither there nor on the way there ends."""
        if self._offer is not None and not _is_along(self._offer, uri, at, line):
            self.cancel()

    def writes(self) -> None:
        """The model has begun to write what is under way."""
        self._is_writing = True

    async def finish(self, uri: str, hole: Hole) -> bool:
        """Wait for what is under way for a while, if it is about `hole` and being written; whether it was."""
        if self._task is None or not (self._is_writing and self._is_about(uri, hole)):
            return False
        await asyncio.wait({self._task}, timeout=FINISH_S)
        return True

    def give_way(self, uri: str, hole: Hole) -> bool:
        """End what is under way for a request about `hole`; whether it was about the same.

        Its prompt is read by then as far as it got, and what somebody waits for must not be behind everything else.
        """
        is_same = self._is_about(uri, hole)
        self.cancel()
        return is_same

    def _is_about(self, uri: str, hole: Hole) -> bool:
        offer, ahead = self._offer, self._hole
        if self._task is None or self._task.done() or offer is None or ahead is None:
            return False
        return offer.snapshot.uri == uri and (ahead.prefix, ahead.suffix) == (hole.prefix, hole.suffix)

    def cancel(self, uri: str | None = None) -> None:
        """Forget the suggestion (only one in `uri`, if given) and end what is under way."""
        if uri is not None and (self._offer is None or self._offer.snapshot.uri != uri):
            return
        self._offer = self._hole = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        """End everything."""
        task = self._task
        self.cancel()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _waits(self, completion_id: str) -> bool:
        """Whether this is the suggestion, and nothing was begun for it yet."""
        return self._offer is not None and self._offer.id == completion_id and self._hole is None

    def _begin(self) -> None:
        self._timer = None
        offer = self._offer
        if offer is None or not self._is_idle():
            return
        snapshot, position = with_text(offer)
        self._hole, self._is_writing = cut(snapshot, position), False
        self._task = asyncio.get_running_loop().create_task(
            self._quietly(snapshot, self._hole), name="ask ahead"
        )

    async def _quietly(self, snapshot: Snapshot, hole: Hole) -> None:
        try:
            await self._ask(snapshot, hole)
        except TurnoutError as error:
            logger.info("nothing was asked ahead: %s", error)  # a completion that fails says more
        except Exception:  # a task's boundary: nobody waits for this one
            logger.exception("asking ahead failed")


def _is_along(offer: Offer, uri: str, at: Position, line: Callable[[int], str]) -> bool:
    """Whether a place is where the suggestion is, or behind some of its text that stands there by now."""
    start = offer.position
    if uri != offer.snapshot.uri or at < start:
        return False
    before = line_in(offer.snapshot, start.line)[: start.character]
    typed = Region(start, at).text(line, len(offer.text))
    return line(start.line)[: start.character] == before and (
        offer.text.startswith(typed) or offer.text.startswith(typed.rstrip(_CLOSERS))
    )


def line_in(snapshot: Snapshot, row: int) -> str:
    """A line of a document with its ending; empty past the end."""
    return snapshot.rows[row] if row < len(snapshot.rows) else ""


def with_text(offer: Offer) -> tuple[Snapshot, Position]:
    """The document as it is once a suggestion is taken, and where the cursor is then."""
    lines, (row, column) = offer.snapshot.rows, offer.position
    line = line_in(offer.snapshot, row)
    ending = line[len(line_body(line)) :] or "\n"
    text = offer.text if ending == "\n" else offer.text.replace("\n", ending)
    changed = split_lines(line[:column] + text + line[column + offer.replaces :])
    marks = offer.snapshot.marks.before(row)
    after = replace(
        offer.snapshot, version=None, rows=(*lines[:row], *changed, *lines[row + 1 :]), marks=marks
    )
    return after, end_of(offer.position, text)
