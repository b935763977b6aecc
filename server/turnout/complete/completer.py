"""Completing at the cursor: ghost text and the popup's AI item.

One straight line: what is known already, route, one request to the model, trim, answer; and a reason whenever there is
no answer. Invariant: a newer request of a document takes the place of the older one, which is answered at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

from turnout.complete.ahead import Ahead, Later, Offer, line_in
from turnout.complete.asking import Around, Asking, Question, Reply, alone
from turnout.complete.cache import CompletionCache, Hit
from turnout.complete.courses import Course, Courses, Outcome
from turnout.complete.pace import Pace
from turnout.complete.patience import Patience
from turnout.complete.prompts import CompletionKind, Rules
from turnout.complete.reasons import Reasons
from turnout.complete.terms import Terms
from turnout.core import answers, holes, quiet
from turnout.core.answers import Ask, Runner
from turnout.core.documents import Document, Position, Snapshot
from turnout.core.holes import Hole
from turnout.core.receipts import Receipt
from turnout.core.withholding import LeftOut
from turnout.errors import RequestRejected, TurnoutError

SHOWN = "there is a completion here"
KNOWN = "what a model said here is known still"
SUPERSEDED = "a newer request took its place"
TAKEN_BACK = "the editor took the request back before it was answered"


@dataclass(frozen=True, slots=True)
class Completion:
    """Text to put in at `position` in place of `replaces` characters behind it, on the same line.

    `receipt` is None where it came from the cache and no model was asked. `model` is the one that the name in the
    settings stands for.
    """

    id: str
    position: Position
    text: str
    receipt: Receipt | None
    replaces: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would be asked, the files that were kept out of it, and why nothing is asked unless its user does by key."""

    ask: Ask
    left_out: tuple[LeftOut, ...]
    silence: str


@dataclass(slots=True, eq=False)
class _Flight:
    """A request that is not answered yet."""

    answer: "asyncio.Future[Completion | None]"
    task: "asyncio.Task[Completion | None] | None" = None

    def supersede(self) -> None:
        """Answer at once, and let the task end by itself."""
        if not self.answer.done():
            self.answer.set_result(None)  # the newer one says what becomes of it
        if self.task is not None:
            self.task.cancel(answers.SUPERSEDED)

    def landed(self, task: "asyncio.Task[Completion | None]") -> None:
        """Answer where no answer came of it."""
        error = None if task.cancelled() else task.exception()
        if self.answer.done():
            return
        if error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.cancel()


class Completer:
    """Completes at a cursor, remembers what it showed and why it showed nothing."""

    def __init__(
        self,
        runner: Runner,
        rules: Callable[[str], Rules],
        relative_path: Callable[[str], str],
        on_failure: Callable[[TurnoutError], str],
        busy: Callable[[Snapshot, Position], AbstractContextManager[None]] = lambda *_: nullcontext(),
        clock: Callable[[], float] = time.perf_counter,
        around: Around = alone,
        *,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        later: Later | None = None,
        on_shown: Callable[[Completion, Snapshot, str], None] = lambda *_: None,
        terms: Callable[[str], object] = lambda _uri: None,
    ) -> None:
        """`on_failure` hears why no model answered, and says it in words for the user.

        `busy` is entered for as long as a model is asked about a place. `around` is what a prompt shows besides the
        text around the cursor; every letter waits for it. `wait` and `later` are the clock's, in seconds.
        `on_shown` hears of each completion, whole or what is left of it, with its document and the model's name.
        `terms` are what the settings say of the completions in a document.
        """
        self._asking = Asking(runner, relative_path, clock, around)
        self._rules = rules
        self._on_failure = on_failure
        self._busy = busy
        self._clock = clock
        self._wait = wait
        self._on_shown = on_shown
        self._cache = CompletionCache()
        self._terms = Terms(terms)
        self._patience = Patience()
        self._pace = Pace()
        self._reasons = Reasons()
        self._flights: dict[tuple[str, str], _Flight] = {}
        self._under_way: set[asyncio.Task[Completion | None]] = set()
        self._menus: set[asyncio.Task[Completion | None]] = set()
        self._courses = Courses(self._ask, clock, later, lambda writes: self._pace.step_s(writes=writes))
        self._ahead = Ahead(self._ask_ahead, lambda: not self._flights, later)

    def why(self, uri: str, position: Position | None = None) -> str:
        """Why the last request in a document showed nothing, in words for its user who is at `position`."""
        return self._reasons.why(uri, position)

    def note(self, uri: str, position: Position, reason: str) -> None:
        """Keep why nothing, or what, was shown."""
        self._reasons.note(uri, position, reason)

    def shown(self, completion_id: str) -> None:
        """The user sees a completion."""
        self._ahead.shown(completion_id)

    def accepted(self, completion_id: str, how: str) -> None:
        """A completion was taken, `full` or in part."""
        self._patience.accepted(completion_id)
        if how == "full":
            self._ahead.accepted(completion_id)

    def rejected(self, completion_id: str) -> None:
        """A completion was turned down."""
        self._patience.rejected(completion_id)
        self._ahead.rejected(completion_id)

    def moved(self, document: Document, position: Position) -> None:
        """The user's cursor is at a place of a document, or an edit ended there."""
        self._ahead.moved(document.uri, position, document.line)

    def settings_read(self) -> None:
        """What is known holds on in each document whose settings say the same of its completions as before."""
        self._terms.settings_read()

    def forget(self, uri: str) -> None:
        """Drop everything kept for a closed document, and end what is asked about it: nobody waits for that."""
        self._courses.forget(uri)
        for key in [key for key in self._flights if key[0] == uri]:
            self._flights.pop(key).supersede()
        self._terms.forget(uri)
        self._cache.forget(uri)
        self._patience.forget(uri)
        self._ahead.cancel(uri)
        self._reasons.forget(uri)

    async def close(self) -> None:
        """End what nobody waits for."""
        left = {*self._menus, *self._under_way}
        for work in left:
            work.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._courses.close()
        await self._ahead.close()

    async def complete(
        self, kind: CompletionKind, snapshot: Snapshot, position: Position, *, explicit: bool
    ) -> Completion | None:
        """What to insert at `position`, or None with the reason kept for `why`."""
        question = self._question(kind, snapshot, position, explicit=explicit, received=self._clock())
        self._ahead.moved(snapshot.uri, position, partial(line_in, snapshot))
        took_over = self._supersede(question)
        if reason := self._turned_down(question):
            return self._nothing(question, reason)
        if (known := self._known(question)) is not None:
            return self._from_cache(question, known)
        if reason := _quiet(question):
            return self._nothing(question, reason)
        return await self._fly(question, took_over=took_over)

    async def wanted(
        self, kind: CompletionKind, snapshot: Snapshot, position: Position, *, explicit: bool
    ) -> Wanted:
        """What would be asked at `position` now; raises RequestRejected where completions are switched off."""
        question = self._question(kind, snapshot, position, explicit=explicit)
        if off := _switched_off(question):
            raise RequestRejected(f"Nothing is asked here: {off}.")
        known = KNOWN if self._known(question) is not None else ""
        silence = self._turned_down(question) or known or _quiet(question)
        ask, around = await self._asking.request(replace(question, explicit=explicit or bool(silence)))
        return Wanted(ask, around.left_out, silence)

    def _question(
        self,
        kind: CompletionKind,
        snapshot: Snapshot,
        position: Position,
        *,
        explicit: bool,
        received: float | None = None,
    ) -> Question:
        hole = holes.cut(snapshot, position)
        return Question(kind, snapshot, hole, self._rules(snapshot.uri), explicit, received=received)

    def _turned_down(self, question: Question) -> str:
        """Why nothing is shown at a place, whatever there is; empty where something may be."""
        if off := _switched_off(question):
            return off
        uri, hole = question.snapshot.uri, question.hole
        return "" if question.explicit else self._patience.silence(uri, hole)

    async def soon(self, snapshot: Snapshot, position: Position, *, within_s: float) -> Completion | None:
        """What a menu can show of it that others share and wait for: what is there `within_s` seconds.

        What takes longer goes on by itself, and is known when the next letter is typed along it.
        """
        work = asyncio.get_running_loop().create_task(
            self.complete("popup", snapshot, position, explicit=False), name="complete in a menu"
        )
        self._menus.add(work)
        work.add_done_callback(self._menus.discard)
        try:
            done, _ = await asyncio.wait({work}, timeout=within_s)
        except asyncio.CancelledError:
            work.cancel()
            raise
        return work.result() if done else None

    def _known(self, question: Question) -> Hit | None:
        """What was computed already for this place."""
        if self._terms.changed(question.snapshot.uri):
            self._cache.forget(question.snapshot.uri)
        hit = self._cache.find(question.snapshot.uri, question.hole)
        return None if hit is not None and hit.reason and question.explicit else hit

    def _from_cache(self, question: Question, hit: Hit, receipt: Receipt | None = None) -> Completion | None:
        """Show what is known, with the `receipt` of the answer that it is of where that came only now."""
        if hit.reason:
            return self._nothing(question, hit.reason)
        return self._show(question, hit, receipt)

    async def _fly(self, question: Question, *, took_over: bool) -> Completion | None:
        """Ask in a task of its own, which a newer request may end; nobody waits for that end."""
        loop, key = asyncio.get_running_loop(), (question.snapshot.uri, question.kind)
        flight = self._flights[key] = _Flight(loop.create_future())
        try:
            with self._reasons.under_way(key[0], question.hole.position) as on_waiting:
                answering = self._answer(flight, question, on_waiting, took_over=took_over)
                work = flight.task = loop.create_task(answering, name="complete")
                self._under_way.add(work)
                work.add_done_callback(self._under_way.discard)
                work.add_done_callback(flight.landed)
                return await flight.answer
        except asyncio.CancelledError:
            work.cancel()
            if self._flights.get(key) is flight:  # the document was not closed meanwhile
                self._nothing(question, TAKEN_BACK)
            raise
        finally:
            if self._flights.get(key) is flight:  # not a newer one
                del self._flights[key]

    async def _answer(
        self, flight: _Flight, question: Question, on_waiting: Callable[[str], None], *, took_over: bool
    ) -> Completion | None:
        """Answer as soon as it is known, a turn of the event loop before this task is done."""
        if took_over:
            await asyncio.sleep(0)  # for one turn of the loop, in which the older request is answered
        completion = await self._find_out(question, on_waiting)
        if not flight.answer.done():
            flight.answer.set_result(completion)
        return completion

    def _supersede(self, question: Question) -> bool:
        """End the older request of a document, and its model if that says something else; whether there was one."""
        older = self._flights.pop((question.snapshot.uri, question.kind), None)
        if older is not None:
            older.supersede()
        self._courses.carrying(question)
        return older is not None

    async def _find_out(self, question: Question, on_waiting: Callable[[str], None]) -> Completion | None:
        """What comes of asking: at once where it is asked already, else after a wait as long as pays."""
        uri, hole = question.snapshot.uri, question.hole
        if await self._ahead.finish(uri, hole) and (known := self._known(question)) is not None:
            return self._from_cache(question, known)
        was_foreseen = self._ahead.give_way(uri, hole)
        try:
            if (course := self._courses.carrying(question)) is not None:
                outcome = await self._come_of(course, question, on_waiting)
                if outcome is not None and (known := self._known(question)) is not None:
                    return self._from_cache(question, known, outcome.receipt)
            if not was_foreseen:  # else the pause is over: what was typed until here is taken
                await self._pause(question, on_waiting)
            outcome = await self._come_of(self._courses.begin(question), question, on_waiting)
        except TurnoutError as error:
            return self._nothing(question, f"route {question.kind}: {self._on_failure(error)}")
        return self._take(question, outcome)

    async def _pause(self, question: Question, on_waiting: Callable[[str], None]) -> None:
        """Wait for another letter as long as that pays, with the time that the question has waited already."""
        delay_s = 0.0 if question.explicit else self._pace.delay_s()
        if delay_s > 0 and question.received is not None:
            delay_s -= self._clock() - question.received
        if delay_s > 0:
            on_waiting("a pause in typing is waited for, as reading a prompt takes this model long")
            await self._wait(delay_s)

    async def _come_of(
        self, course: Course, question: Question, on_waiting: Callable[[str], None]
    ) -> Outcome | None:
        with self._busy(question.snapshot, question.hole.position):
            return await self._courses.outcome(course, question, on_waiting)

    async def _ask(self, course: Course) -> Outcome:
        """Ask a model, and keep what it says."""
        reply = await self._asking.ask(course.question, course.waits, course.hears)
        if reply.superseded:
            return Outcome(None, reply.receipt)
        self._pace.heard(reply.receipt, reply.model)
        return Outcome(self._keep(course.question, reply), reply.receipt)

    def _take(self, question: Question, outcome: Outcome | None) -> Completion | None:
        """Show what a model said."""
        if outcome is None or outcome.hit is None:
            return self._nothing(question, SUPERSEDED)
        return self._from_cache(question, outcome.hit, outcome.receipt)

    def _keep(self, question: Question, reply: Reply) -> Hit:
        trimmed = reply.trimmed
        reason = "" if trimmed.text else f"filtered: {trimmed.reason}"
        model, local = reply.model, reply.model.api == "local"
        hit = Hit(reply.receipt.id, trimmed.text, trimmed.replaces, reason, model.name, local, model.model)
        self._cache.add(question.snapshot.uri, question.hole, hit)
        self._terms.note(question.snapshot.uri)
        return hit

    def _show(self, question: Question, hit: Hit, receipt: Receipt | None) -> Completion:
        uri, hole = question.snapshot.uri, question.hole
        self.note(uri, hole.position, SHOWN)
        self._patience.offered(uri, hole, hit.id)
        if question.kind == "inline" and hit.local:
            self._ahead.offered(Offer(hit.id, question.snapshot, hole.position, hit.text, hit.replaces))
        completion = Completion(hit.id, hole.position, hit.text, receipt, hit.replaces, hit.weights)
        self._on_shown(completion, question.snapshot, hit.model)
        return completion

    def _nothing(self, question: Question, reason: str) -> Completion | None:
        self.note(question.snapshot.uri, question.hole.position, reason)
        return None

    async def _ask_ahead(self, snapshot: Snapshot, hole: Hole) -> None:
        """Keep what a model on this machine says to a place where the user is not yet."""
        question = Question("inline", snapshot, hole, self._rules(snapshot.uri), ahead=True)
        if quiet.silence(hole) or self._cache.find(snapshot.uri, hole) is not None:
            return
        reply = await self._asking.ask(question, lambda _reason: None, lambda _text: self._ahead.writes())
        if not reply.superseded:
            self._keep(question, reply)


def cause_among(error: BaseException | None, *kinds: type[TurnoutError]) -> TurnoutError | None:
    """The failure of one of `kinds` behind an error, if there is one."""
    while error is not None:
        if isinstance(error, kinds):
            return error
        error = error.__cause__
    return None


def _quiet(question: Question) -> str:
    """Why nobody who types wants a completion here; empty where one may help, or its user asked for it."""
    return "" if question.explicit else quiet.silence(question.hole)


def _switched_off(question: Question) -> str:
    """Which setting says that nothing is asked here at all; empty where none does."""
    rules, language = question.rules, question.snapshot.language
    if not rules.enabled:
        return "completions are switched off (completion.enabled)"
    if language in rules.disabled_languages:
        return f"completions are switched off for {language} (completion.disabled_languages)"
    return ""
