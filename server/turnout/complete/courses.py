"""Questions under way and the letters typed meanwhile: an answer that they follow is waited for, not begun anew.

A slow model would otherwise begin anew at every letter, and say nothing before its user pauses.
Invariants: a question that nobody waits for ends within a step of its model, `LINGER_S` at most, and one that says
something else than what was typed ends at once; what is shown of an answer is what the cache finds left of it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from turnout.complete.ahead import Later, Timer
from turnout.complete.asking import Question
from turnout.complete.cache import Hit
from turnout.complete.reasons import ASKED
from turnout.core import answers
from turnout.core.holes import Hole
from turnout.core.receipts import Receipt
from turnout.errors import TurnoutError

logger = logging.getLogger(__name__)

LINGER_S = 0.1
"""Editors take a request back before they send the one for the next letter: no model goes on for that any longer."""

SILENCE_S = 2.0
"""A question of which nothing was heard for so long may be stuck: the next letter asks anew."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question: what was kept of the answer, None where it was superseded, and its receipt."""

    hit: Hit | None
    receipt: Receipt


@dataclass(slots=True, eq=False)
class Course:
    """A question under way: what was heard of its answer, and who waits for that."""

    question: Question
    clock: Callable[[], float]
    parted: "asyncio.Future[None]"
    """Done as soon as the answer says something else than what was typed since."""
    alive_s: float
    typed: str = ""
    heard: str = ""
    waits_for: str = ASKED
    tell: Callable[[str], None] = lambda _reason: None
    waiting: int = 0
    ended_by: tuple[object, ...] = ()
    timer: Timer | None = None
    task: "asyncio.Task[Outcome]" = field(init=False)

    def hears(self, text: str) -> None:
        """The whole answer so far."""
        self.heard, self.alive_s = text, self.clock()
        if not self.parted.done() and not self._says(self.typed):
            self.parted.set_result(None)

    def waits(self, reason: str) -> None:
        """Why nothing comes yet."""
        self.waits_for, self.alive_s = reason or self.waits_for, self.clock()
        self.tell(reason)

    def carries(self, question: Question) -> bool:
        """Whether `question` is about the same place, or letters behind it that the answer agrees with so far."""
        if self.task.done() or self.task.cancelling() or self.parted.done():
            return False
        typed = typed_since(self.question.hole, question.hole)
        if question.explicit and not self._is_as_much(question, typed):
            return False
        return typed is not None and self._says(typed) and self.clock() - self.alive_s < SILENCE_S

    def _is_as_much(self, question: Question, typed: str | None) -> bool:
        """Whether this is being written for who typed, and all that somebody who asks by a key would be given.

        What is not begun is theirs to ask, with a deadline of their own, and so is each further request by a key.
        """
        is_same = typed == "" and self.question.shape == question.shape
        return is_same and bool(self.heard) and not self.question.explicit

    def board(self, question: Question, tell: Callable[[str], None]) -> None:
        """From now on it is waited for by `question`."""
        self.typed = typed_since(self.question.hole, question.hole) or ""
        self.tell = tell
        self.waiting += 1
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def end(self, *why: object) -> None:
        """Stop the model."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.task.cancel(*why)

    def _says(self, typed: str) -> bool:
        heard = self.heard if self.question.hole.head.strip() else self.heard.lstrip()
        return heard.startswith(typed) or typed.startswith(heard)


class Courses:
    """At most one question under way of each kind in each document."""

    def __init__(
        self,
        ask: Callable[[Course], Coroutine[None, None, Outcome]],
        clock: Callable[[], float],
        later: Later | None = None,
        step_s: Callable[[bool], float | None] = lambda _writes: None,
    ) -> None:
        """`ask` asks the question of a course, and tells it what is heard; `clock` and `later` count seconds.

        `step_s` is what a model that reads its prompt, or writes, needs for one step; None where nobody knows.
        """
        self._ask = ask
        self._clock = clock
        self._step_s = step_s
        self._later = later or (lambda delay_s, call: asyncio.get_running_loop().call_later(delay_s, call))
        self._courses: dict[tuple[str, str], Course] = {}
        self._under_way: set[asyncio.Task[Outcome]] = set()

    def carrying(self, question: Question) -> Course | None:
        """The course that `question` can wait for; one that it cannot wait for makes room for it."""
        course = self._courses.get(_key(question))
        if course is None or course.carries(question):
            return course
        if not course.task.done():
            course.end(answers.SUPERSEDED)
        del self._courses[_key(question)]
        return None

    def begin(self, question: Question) -> Course:
        """Ask a model."""
        loop = asyncio.get_running_loop()
        course = Course(question, self._clock, loop.create_future(), self._clock())
        course.task = loop.create_task(self._ask(course), name="ask a model")
        self._courses[_key(question)] = course
        self._under_way.add(course.task)
        course.task.add_done_callback(lambda task: self._landed(course, task))
        return course

    async def outcome(
        self, course: Course, question: Question, tell: Callable[[str], None]
    ) -> Outcome | None:
        """What comes of `course` for `question`; None as soon as it says something else than what was typed.

        Raises TurnoutError where no model answered; who asks by a key and waited for somebody else's question has None
        then, too, and a deadline of their own left. Whoever is cancelled leaves it to the next letter, for a while.
        """
        course.board(question, tell)
        tell(course.waits_for)
        ends: set[asyncio.Future[Any]] = {course.task, course.parted}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not course.task.done():
                course.end(answers.SUPERSEDED)
                return None
            if question.explicit and course.question is not question and _failed(course.task):
                return None
            return course.task.result()
        except asyncio.CancelledError as cancelled:
            course.ended_by = cancelled.args
            raise
        finally:
            self._leave(course)

    def forget(self, uri: str) -> None:
        """End what is asked about a document that was closed."""
        for key in [key for key in self._courses if key[0] == uri]:
            self._courses.pop(key).end()

    async def close(self) -> None:
        """End everything."""
        left = list(self._under_way)
        for course in self._courses.values():
            course.end()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _leave(self, course: Course) -> None:
        course.waiting -= 1
        if course.waiting or course.task.done() or course.task.cancelling():
            return
        if course.timer is None:
            step_s = self._step_s(bool(course.heard))
            linger_s = LINGER_S if step_s is None else min(LINGER_S, step_s)
            course.timer = self._later(linger_s, lambda: course.end(*course.ended_by))

    def _landed(self, course: Course, task: "asyncio.Task[Outcome]") -> None:
        self._under_way.discard(task)
        if self._courses.get(_key(course.question)) is course:
            del self._courses[_key(course.question)]
        if course.timer is not None:
            course.timer.cancel()
        failure = None if task.cancelled() else task.exception()
        # Whoever waits hears of it. That no model answered is on record; a bug is nowhere else.
        if failure is not None and not course.waiting and not isinstance(failure, TurnoutError):
            logger.error("asking a model failed, and nobody waits for it", exc_info=failure)


def _failed(task: "asyncio.Task[Outcome]") -> bool:
    """Whether no model answered."""
    return not task.cancelled() and isinstance(task.exception(), TurnoutError)


def typed_since(older: Hole, newer: Hole) -> str | None:
    """What was typed on the cursor's line between two holes; None where anything else is another."""
    typed = newer.head[len(older.head) :]
    if older.position.line != newer.position.line or older.head + typed != newer.head:
        return None
    if older.suffix != newer.suffix:
        return None
    before = newer.prefix[: len(newer.prefix) - len(typed)]
    shared = min(len(before), len(older.prefix))
    return typed if before[len(before) - shared :] == older.prefix[len(older.prefix) - shared :] else None


def _key(question: Question) -> tuple[str, str]:
    return question.snapshot.uri, question.kind
