"""What is known of a request while it is under way, and the receipt that it comes to.

Invariant: a receipt can be made at any moment, and counts everything that got to a model by then.
"""

import uuid
from dataclasses import dataclass, field

from turnout.core.answers import Ask
from turnout.core.backends import Account, Done, Timings
from turnout.core.limits import Limit
from turnout.core.models import Model, Usage
from turnout.core.providers import provider
from turnout.core.receipts import Receipt, Send
from turnout.core.requests import Route
from turnout.core.sent import Hop
from turnout.dispatch.prompts import estimated_tokens


@dataclass(slots=True)
class Try:
    """One candidate that was asked: what was sent to it, and what is known of its answer."""

    model: Model
    size: int
    """Bytes of its prompt."""
    sent: float
    first: float | None = None
    pieces: list[str] = field(default_factory=list)
    done: Done | None = None
    account: Account | None = None
    waiting: str = ""
    redacted: tuple[tuple[str, int], ...] = ()
    """Kinds of secrets that were taken out of its prompt, and how many of each."""
    reached: bool = True
    """False where the failure says that nothing got to the model."""
    refused: bool = False
    """Whether it was turned away before the model began, which nobody charges for."""
    reservation: str = ""
    """What is set aside for it in the ledger, if anything."""
    worst_usd: float | None = None
    """Dollars that it may come to, None where its price is unknown."""
    ticket: int = 0
    """What the vitals gave it to hand in at its end."""
    over: bool = False
    """Whether nothing more will come of it."""
    hop: Hop | None = None
    """What its user can look at of it, once it departed."""
    edits: str = ""
    """The form of the edits that its prompt asks for, and why that one."""

    def usage(self) -> Usage:
        """Tokens as counted; where nobody counted, an estimate of what was read and written until then."""
        told = self._told
        if told is not None:
            return self.model.checked(told.usage)
        if self._is_free:
            return Usage()
        written = max(len(self.pieces), estimated_tokens(sum(map(len, self.pieces))))
        return Usage(estimated_tokens(self.size), written, estimated=True)

    def cost_usd(self) -> float | None:
        """Dollars for `usage`; None where a price is unknown.

        Where it ended without a count and without text, or its backend knows that there is no telling, it may have
        thought all the while: then it is the worst case.
        """
        if self._is_free:
            return 0.0
        if self._told is None and (self._is_settled or not self.pieces) and self.worst_usd is not None:
            return self.worst_usd
        return self.model.cost_of(self.usage())

    def taken_usd(self) -> float:
        """Dollars that nobody else may spend: what it came to, and its worst case as long as it is under way."""
        return (self.cost_usd() if self.over else self.worst_usd) or 0.0

    @property
    def _is_free(self) -> bool:
        return self.refused or not self.reached

    @property
    def _is_settled(self) -> bool:
        """Whether its backend has said all that it will ever say of what it came to."""
        return self.account is not None and self.account.settled.done()

    @property
    def _told(self) -> Done | None:
        """Its end, or where it was cut what its backend knows of it until then."""
        if self.done is None and self.account is not None and self._is_settled:
            return self.account.settled.result()
        return self.done

    def send(self) -> Send:
        """What it came to, for the receipt."""
        usage = self.usage()
        return Send(
            self.model.name,
            provider(self.model),
            self.size,
            usage.input,
            usage.output,
            usage.cached,
            self.cost_usd(),
            usage.estimated,
            self.model.leaves_machine,
        )

    def timings(self) -> Timings:
        """Times as the backend told them; where it told nothing, when the first text came."""
        told = self._told
        if told is not None and told.timings != Timings():
            return told.timings
        return Timings(first_token=None if self.first is None else (self.first - self.sent) * 1000)


@dataclass(slots=True)
class Attempt:
    """One request: its route and every candidate that was asked, in order; `id` becomes the receipt's."""

    ask: Ask
    started: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    route: Route | None = None
    tries: list[Try] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    answered: Try | None = None
    paid: list[Try] = field(default_factory=list)
    """Every try that money was meant for, those included for which there was not enough."""

    overspent: list[Limit] = field(default_factory=list)
    """Limits that its user allowed it to go over."""

    def taken_usd(self, *, without: Try | None = None) -> float:
        """Dollars that this request has come to, with the worst case of what is under way."""
        return sum(tried.taken_usd() for tried in self.paid if tried is not without)

    @property
    def decisive(self) -> Try | None:
        """The try that answered; where none did, the last."""
        return self.answered or (self.tries[-1] if self.tries else None)

    def receipt(self, outcome: str, now: float) -> Receipt:
        """One receipt for all candidates that were asked: sums, and the times of the one that answered."""
        route = self.route
        reached = [tried for tried in self.tries if tried.reached]
        usages = [tried.usage() for tried in reached]
        sends = tuple(tried.send() for tried in reached)
        costs = [send.cost_usd for send in sends]
        last = self.decisive
        timings = last.timings() if last else Timings()
        reason = "; passed over ".join([route.why if route else "no decision", *self.passed])
        reason += "".join(f"; you allowed it to go over {limit}" for limit in self.overspent)
        return Receipt(
            id=self.id,
            kind=self.ask.kind,
            model=last.model.name if last else None,
            route=tuple(candidate.name for candidate in route.candidates) if route else (),
            reason=reason,
            leaves_machine=any(tried.model.leaves_machine for tried in reached),
            files=self.ask.files if reached else (),
            bytes_sent=sum(tried.size for tried in reached),
            tokens_in=sum(usage.input for usage in usages),
            tokens_out=sum(usage.output for usage in usages),
            tokens_cached=sum(usage.cached for usage in usages),
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
            queue_ms=timings.queue,
            context_ms=self.ask.context_ms,
            first_token_ms=timings.first_token,
            total_ms=(now - self.started) * 1000,
            outcome=outcome,
            redacted=_redacted(reached),
            tokens_evaluated=_evaluated(usages),
            prefill_ms=timings.prefill,
            model_ms=timings.model,
            stop_ms=timings.stop,
            # What stays here costs nothing, so that its figures are of interest to nobody's purse.
            estimated=any(send.estimated for send in sends if send.cost_usd != 0),
            workspace=route.workspace if route else "",
            sends=sends,
            edits=last.edits if last else "",
        )


def _redacted(tries: list[Try]) -> tuple[tuple[str, int], ...]:
    """The secrets that were taken out; the same text that was sent to several models holds the same ones."""
    most: dict[str, int] = {}
    for kind, count in (pair for tried in tries for pair in tried.redacted):
        most[kind] = max(count, most.get(kind, 0))
    return tuple(sorted(most.items()))


def _evaluated(usages: list[Usage]) -> int | None:
    """Tokens of the prompts that were read; None where that was not counted."""
    if not usages or any(usage.estimated for usage in usages):
        return None
    return sum(usage.input - usage.cached for usage in usages)
