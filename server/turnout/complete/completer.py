"""Completing at the cursor: ghost text and the popup's AI item.

One straight line: cache, route, one request to the model, trim, answer; and a reason whenever there is no answer.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from turnout.complete.cache import CompletionCache
from turnout.complete.prompts import ALONE, CompletionKind, Rules, fim_prompt
from turnout.core import holes, trimming
from turnout.core.answers import Ask, Runner
from turnout.core.context import Surroundings
from turnout.core.documents import Position, Snapshot
from turnout.core.holes import Hole
from turnout.core.receipts import Receipt, SentFile
from turnout.errors import TurnoutError

logger = logging.getLogger(__name__)

SHOWN = "there is a completion here"


@dataclass(slots=True)
class _UnderWay:
    """A request that is not answered yet."""

    position: Position
    waits_for: str = "the model was asked"

    def wait(self, reason: str) -> None:
        self.waits_for = reason or self.waits_for


@dataclass(frozen=True, slots=True)
class Completion:
    """Text to insert at `position`; `receipt` is None where it came from the cache and no model was asked."""

    id: str
    position: Position
    text: str
    receipt: Receipt | None


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
        around: Callable[[str], Surroundings] = lambda _uri: ALONE,
    ) -> None:
        """`on_failure` hears why no model answered, and says it in words for the user.

        `busy` is entered for as long as a model is asked about a place. `around` is what a prompt shows besides the
        text around the cursor; it has to be there at once.
        """
        self._runner = runner
        self._rules = rules
        self._relative_path = relative_path
        self._on_failure = on_failure
        self._busy = busy
        self._clock = clock
        self._around = around
        self._cache = CompletionCache()
        self._reasons: dict[str, tuple[Position, str]] = {}
        self._under_way: dict[str, _UnderWay] = {}

    def why(self, uri: str, position: Position | None = None) -> str:
        """Why the last request in a document showed nothing, in words for its user who is at `position`."""
        asked, reason = self._reasons.get(uri, (None, "no completion was asked for in this file yet"))
        if under_way := self._under_way.get(uri):
            asked, reason = under_way.position, f"a completion is under way: {under_way.waits_for}"
        if position is None or asked is None or asked == position:
            return reason
        return f"no completion was asked for here; for the last one, in line {asked.line + 1}: {reason}"

    def note(self, uri: str, position: Position, reason: str) -> None:
        """Keep why nothing, or what, was shown."""
        self._reasons[uri] = (position, reason)

    def forget(self, uri: str) -> None:
        """Drop everything kept for a closed document."""
        self._cache.forget(uri)
        self._reasons.pop(uri, None)
        self._under_way.pop(uri, None)

    async def complete(
        self, kind: CompletionKind, snapshot: Snapshot, position: Position, *, explicit: bool
    ) -> Completion | None:
        """What to insert at `position`, or None with the reason kept for `why`."""
        received = self._clock()
        rules = self._rules(snapshot.uri)
        hole = holes.cut(snapshot, position)
        reason = _silence(snapshot, hole, rules, explicit=explicit)
        if reason:
            self.note(snapshot.uri, position, reason)
            return None
        cached = self._cache.find(snapshot.uri, hole)
        if cached:
            self.note(snapshot.uri, position, SHOWN)
            return Completion(cached[0], position, cached[1], None)
        return await self._ask(kind, snapshot, hole, rules, received)

    async def _ask(
        self, kind: CompletionKind, snapshot: Snapshot, hole: Hole, rules: Rules, received: float
    ) -> Completion | None:
        uri = snapshot.uri
        around = self._around(uri)
        prompt = fim_prompt(kind, snapshot, self._relative_path(uri), hole, rules, around)
        shape = prompt.shape
        size = len(hole.prefix.encode("utf-8", "replace")) + len(hole.suffix.encode("utf-8", "replace"))
        seen: list[str] = []

        def enough(piece: str) -> bool:
            under_way.wait("the model is writing")
            seen.append(piece)
            return "\n" in piece and trimming.is_complete("".join(seen), hole, shape)

        def outcome(text: str) -> str:
            trimmed = trimming.trim(text, hole, shape)
            return "shown" if trimmed.text else f"empty: {trimmed.reason}"

        context_ms = (self._clock() - received) * 1000
        under_way = self._under_way[uri] = _UnderWay(hole.position)
        ask = Ask(
            kind,
            (SentFile(uri, size), *around.files),
            lambda _model: prompt,
            enough,
            outcome,
            input_tokens=(size + sum(file.bytes for file in around.files)) // 4,
            received=received,
            context_ms=context_ms,
            on_waiting=under_way.wait,
            on_restart=seen.clear,
        )
        try:
            with self._busy(snapshot, hole.position):
                answer = await self._runner.run(ask)
        except TurnoutError as error:
            self.note(uri, hole.position, f"route {kind}: {self._on_failure(error)}")
            return None
        finally:
            if self._under_way.get(uri) is under_way:  # not a newer one
                del self._under_way[uri]
        if answer.finish == "superseded":
            self.note(uri, hole.position, "a newer request took its place")
            return None
        trimmed = trimming.trim(answer.text, hole, shape)
        if not trimmed.text:
            self.note(uri, hole.position, f"filtered: {trimmed.reason}")
            return None
        self._cache.add(uri, hole, answer.receipt.id, trimmed.text)
        self.note(uri, hole.position, SHOWN)
        return Completion(answer.receipt.id, hole.position, trimmed.text, answer.receipt)


def cause_among(error: BaseException | None, *kinds: type[TurnoutError]) -> TurnoutError | None:
    """The failure of one of `kinds` behind an error, if there is one."""
    while error is not None:
        if isinstance(error, kinds):
            return error
        error = error.__cause__
    return None


def _silence(snapshot: Snapshot, hole: Hole, rules: Rules, *, explicit: bool) -> str:
    """Why nothing is asked here at all; empty where something is."""
    if not rules.enabled:
        return "completions are switched off (completion.enabled)"
    if snapshot.language in rules.disabled_languages:
        return f"completions are switched off for {snapshot.language} (completion.disabled_languages)"
    if not explicit and hole.tail[:1].isidentifier():
        return "the cursor is inside a word"
    return ""
