"""Runs a request along its route.

Invariants: no candidate is tried that the route did not name; nothing that leaves the machine is sent before the
user agreed where the route says to ask; a request has exactly one outcome and exactly one receipt.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from turnout.core.answers import SUPERSEDED, Answer, Ask, with_receipt
from turnout.core.backends import Backend, Done
from turnout.core.models import Api
from turnout.core.receipts import Receipt
from turnout.core.requests import Route
from turnout.dispatch.attempt import Attempt, Try
from turnout.dispatch.chain import Chain, Patience
from turnout.dispatch.clearance import Clearance
from turnout.dispatch.foreseeing import Foreseen, Write, foresee
from turnout.dispatch.operation import Operation
from turnout.dispatch.paying import Payer
from turnout.dispatch.seams import Consents, Ledger, Permits, Purse, Ready, Routes
from turnout.dispatch.sending import Sender
from turnout.dispatch.sent import SentPrompts
from turnout.dispatch.vitals import Vitals
from turnout.errors import DeadlineExceeded, TurnoutError

PATIENCE = Patience(asyncio.sleep, random.random)


class Dispatcher:
    """Runs requests on backends by their routes."""

    def __init__(
        self,
        routes: Routes,
        backends: Mapping[Api, Backend],
        consents: Consents,
        ledger: Ledger,
        clock: Callable[[], float] = time.perf_counter,
        *,
        purse: Purse | None = None,
        vitals: Vitals | None = None,
        patience: Patience = PATIENCE,
        permits: Permits | None = None,
        ready: Ready | None = None,
        sent: SentPrompts | None = None,
    ) -> None:
        """Without a `purse` nothing is set aside; `vitals` are shared with whoever decides routes by them.

        `permits` is asked before every send, since settings may change while a request is under way; `ready` is
        awaited before the route is decided and before every send, for what is read on a thread.
        `sent` keeps what was sent.
        """
        self._ready = ready
        self._permits = permits
        self._routes = routes
        self._consents = consents
        self._ledger = ledger
        self._clock = clock
        self._patience = patience
        self._sender = Sender(backends, Payer(purse), vitals or Vitals(), clock, sent or SentPrompts())

    def operation(self, instruction: str = "") -> Operation:
        """A piece of the user's work that may take several requests, with one memory for all of them."""
        return Operation(self.run_within, instruction)

    async def run(self, ask: Ask) -> Answer:
        """Run `ask` on the first candidate that answers; raises TurnoutError when none did."""
        return await self.run_within(ask, self.operation())

    async def run_within(self, ask: Ask, operation: Operation) -> Answer:
        """Run `ask` as a part of `operation`."""
        attempt = Attempt(ask, ask.received if ask.received is not None else self._clock())
        outcome = "failed: internal error"
        ended: TurnoutError | asyncio.CancelledError | None = None
        try:
            route = await self._decide(attempt)
            answered = attempt.answered = await self._within_deadline(attempt, route, operation)
            finish = answered.done.finish if answered.done else "stop"
            text = "".join(answered.pieces)
            outcome = ask.outcome(text) if finish != "superseded" else "superseded"
        except TurnoutError as error:
            outcome = f"{'late' if isinstance(error, DeadlineExceeded) else 'failed'}: {error.message}"
            ended = error
            raise
        except asyncio.CancelledError as cancelled:
            outcome = SUPERSEDED if SUPERSEDED in cancelled.args else "cancelled"
            ended = cancelled
            raise
        finally:
            receipt = attempt.receipt(outcome, self._clock())
            self._keep(attempt, receipt)
            if ended is not None:
                with_receipt(ended, receipt)
        done = answered.done or Done("stop")
        return Answer(text, finish, receipt, answered.model, done.calls, done.thoughts)

    async def foresee(
        self, ask: Ask, operation: Operation, write: Write, only: str | None = None
    ) -> Foreseen:
        """What `ask` would send first if it were run within `operation`, to the model `only` if one is named.

        `write` writes prompts down as they would go out. Nothing is sent, set aside or recorded; raises TurnoutError
        where nothing would be sent.
        """
        attempt = Attempt(ask, self._clock())
        route = await self._decide(attempt)
        clearance = Clearance(attempt, route, operation, self._consents, self._permits, self._ready)
        return await foresee(clearance, write, only)

    async def _decide(self, attempt: Attempt) -> Route:
        ask = attempt.ask
        uris = tuple(file.uri for file in ask.files)
        if self._ready is not None:
            await self._ready(ask.kind, uris)
        attempt.route = self._routes.decide(ask.kind, uris, ask.input_tokens, ask.instruction)
        return attempt.route

    async def _within_deadline(self, attempt: Attempt, route: Route, operation: Operation) -> Try:
        limit_ms = route.deadline_ms
        clearance = Clearance(attempt, route, operation, self._consents, self._permits, self._ready)
        try:
            async with asyncio.timeout(None if limit_ms is None else limit_ms / 1000) as deadline:
                until = deadline.when()
                chain = Chain(attempt, route, operation, clearance, self._sender, self._patience, until)
                return await chain.answer()
        except TimeoutError:
            last = attempt.decisive
            waiting = last.waiting if last else ""
            raise DeadlineExceeded(
                f"No answer within {limit_ms} ms{waiting and f': {waiting}'}.",
                advice=f"Raise routes.{attempt.ask.kind}.deadline_ms, or put a faster model first.",
            ) from None

    def _keep(self, attempt: Attempt, receipt: Receipt) -> None:
        """Record `receipt`; where its stream was closed early, once it is known what the request came to.

        What cost money does not wait: the next request has to find it spent.
        """
        last = attempt.decisive
        account = last.account if last is not None and last.done is None else None
        if last is None or account is None or account.settled.done() or receipt.cost_usd != 0:
            self._ledger.record(receipt)
            return

        def complete(settled: "asyncio.Future[Done | None]") -> None:
            last.done = settled.result()
            whole = attempt.receipt(receipt.outcome, self._clock())
            self._ledger.record(replace(whole, total_ms=receipt.total_ms))

        account.settled.add_done_callback(complete)
