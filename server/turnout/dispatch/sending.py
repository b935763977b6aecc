"""One prompt to one model and its answer back.

Invariants: nothing goes out that was not cleared and paid for right before; closing the stream is what stops the model;
every send that began is heard of by the vitals exactly once.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, cast

from turnout.core.answers import tagged
from turnout.core.backends import Account, Backend, Delta, Departing, Done, Waiting
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt
from turnout.core.requests import Route
from turnout.core.secrets import Redacted
from turnout.core.sent import Hop
from turnout.dispatch.attempt import Attempt, Try
from turnout.dispatch.clearance import Clearance
from turnout.dispatch.floor import Floor
from turnout.dispatch.paying import Payer
from turnout.dispatch.prompts import prompt_bytes
from turnout.dispatch.secrecy import restored
from turnout.dispatch.sent import SentPrompts
from turnout.dispatch.vitals import Vitals
from turnout.errors import BackendError, DeadlineExceeded, StreamTruncated, TurnoutError


class _TooSlow(DeadlineExceeded):
    """No text in the time that the route gives one candidate, which says nothing of its endpoint."""


class Sender:
    """Sends on the backends of all APIs."""

    def __init__(
        self,
        backends: Mapping[Api, Backend],
        payer: Payer,
        vitals: Vitals,
        clock: Callable[[], float],
        sent: SentPrompts,
    ) -> None:
        self._backends = backends
        self._payer = payer
        self._vitals = vitals
        self._clock = clock
        self._sent = sent

    async def send(self, attempt: Attempt, clearance: Clearance, model: Model, floor: Floor) -> Try:
        """Ask `model`; raises TurnoutError where it did not answer. What was sent is in `attempt.tries` either way."""
        prompt = tagged(attempt.ask.prompt(model), attempt.ask.kind)
        cleared = await clearance.clear(model, prompt)
        route = await clearance.renewed(model, prompt)
        tried = Try(
            model, prompt_bytes(cleared.prompt), self._clock(), redacted=cleared.counts, reached=False
        )
        tried.edits = prompt.edits if isinstance(prompt, ChatPrompt) else ""
        tried.ticket = self._vitals.enter(model)
        try:
            if await self._payer.set_aside(clearance, route, tried, cleared.prompt):
                await clearance.renewed(model, prompt)
            attempt.tries.append(tried)
            # The worker is handed a prompt at once; what others wait for before that is told by their streams.
            tried.reached = model.api == "local"
            await self._stream(clearance, route, tried, cleared, floor)
        except TurnoutError as error:
            self._failed(tried, error)
            raise
        except BaseException:
            _became(tried, "given up before its end")
            self._vitals.left(model, self._silent_ms(tried), tried.ticket)
            raise
        finally:
            tried.over = True
            floor.leave(tried)
        _became(tried, "answered")
        self._vitals.answered(tried)
        return tried

    def _failed(self, tried: Try, error: TurnoutError) -> None:
        # One that was too slow may have been so before anything departed, which its stream has told.
        if tried.first is None and not isinstance(error, _TooSlow):
            # What fails for another reason than its backend's, as a model that is not here, never got that far.
            extent = error.extent if isinstance(error, BackendError) else "unsent"
            tried.reached, tried.refused = extent != "unsent", extent == "refused"
        self._payer.settle(tried)
        _became(tried, f"{'failed' if tried.reached else 'not sent'}: {error.message}")
        if isinstance(error, _TooSlow):
            self._vitals.left(tried.model, self._silent_ms(tried), tried.ticket)
        else:
            self._vitals.failed(tried.model, error, tried.ticket)

    def _silent_ms(self, tried: Try) -> float | None:
        return None if tried.first is not None else (self._clock() - tried.sent) * 1000

    async def _stream(
        self, clearance: Clearance, route: Route, tried: Try, cleared: Redacted, floor: Floor
    ) -> None:
        limit_ms = route.first_token_ms
        tried.sent = self._clock()
        if limit_ms is None:
            await self._read(clearance, tried, cleared, floor, lambda: None)
            return
        try:
            async with asyncio.timeout(limit_ms / 1000) as first_text:
                await self._read(clearance, tried, cleared, floor, lambda: first_text.reschedule(None))
        except TimeoutError:
            if not first_text.expired():
                raise
            raise _TooSlow(
                f"It sent no text within {limit_ms} ms{tried.waiting and f': {tried.waiting}'}.",
                advice=f"Raise routes.{route.kind}.first_token_ms, or put a faster model first.",
            ) from None

    async def _read(
        self,
        clearance: Clearance,
        tried: Try,
        cleared: Redacted,
        floor: Floor,
        on_first_text: Callable[[], None],
    ) -> None:
        if tried.model.api == "local":
            self._keep(clearance, tried, cleared, Departing())
        answer = self._backends[tried.model.api].stream(tried.model, cleared.prompt)
        # A Protocol cannot say "async generator"; closing it is what stops the model.
        whole = restored(answer, cleared) if cleared.counts else cast("Any", answer)
        async with aclosing(whole) as stream:
            async for item in stream:
                if isinstance(item, Done):
                    tried.done, tried.reached = item, True
                    floor.take(tried)
                    return
                if not isinstance(item, Delta):
                    await _hear(clearance, tried, cleared, floor, item)
                    if isinstance(item, Departing):
                        self._keep(clearance, tried, cleared, item)
                    continue
                tried.reached = True
                if tried.first is None:
                    tried.first = self._clock()
                    on_first_text()
                tried.waiting = ""
                tried.pieces.append(item.text)
                if floor.say(tried, item.text):
                    return
        raise StreamTruncated(f"The answer of {tried.model.name} ended without its end.")

    def _keep(self, clearance: Clearance, tried: Try, cleared: Redacted, departing: Departing) -> None:
        attempt = clearance.attempt
        tried.hop = Hop(
            attempt.id,
            datetime.now().astimezone(),
            attempt.ask.kind,
            tried.model,
            cleared.prompt,
            tried.size,
            departing.url,
            departing.body,
            attempt.ask.files,
            cleared.counts,
            clearance.route.workspace,
        )
        self._sent.keep(tried.hop)


def _became(tried: Try, state: str) -> None:
    """Say what became of a send, for its user to look at."""
    if tried.hop is not None:
        tried.hop.state = state


async def _hear(
    clearance: Clearance, tried: Try, cleared: Redacted, floor: Floor, item: Account | Departing | Waiting
) -> None:
    """Take what a backend tells ahead of any text; raises RouteError where nothing may depart any more."""
    if isinstance(item, Account):
        tried.account = item
    elif isinstance(item, Departing):
        # Whoever waited for a key, or for a store to be unlocked, may have waited for long.
        await clearance.renewed(tried.model, cleared.prompt)
        tried.reached = True
    else:
        tried.reached, tried.waiting = True, item.reason
        floor.waits(tried)
