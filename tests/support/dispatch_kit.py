"""A dispatcher with scripted models, and everything that it needs of the rest in one object."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from turnout.core.answers import Ask
from turnout.core.backends import Account, Delta, Departing, Done, StreamItem, Timings
from turnout.core.limits import Limit
from turnout.core.models import Model, Usage
from turnout.core.prompts import ChatPrompt, Message, Prompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Elimination, Kind, Route
from turnout.core.spending import Refusal, Reservation
from turnout.dispatch import Consent, Dispatcher, Overspend, Patience, Vitals
from turnout.dispatch.seams import Permits, Ready
from turnout.errors import TurnoutError

NEAR = Model("near", "local", "tiny")
OPUS = Model("opus", "anthropic", "big", leaves_machine=True, input_usd=5.0, output_usd=25.0)
GLM = Model("glm", "openai-chat", "glm", leaves_machine=True)
HOUSE = Model(
    "house",
    "openai-chat",
    "glm",
    base_url="http://gpu.internal/v1",
    leaves_machine=True,
    jurisdiction="self-hosted",
)
FILES = (SentFile("file:///a.py", 70),)
PROMPT = ChatPrompt((Message("user", "do it"),))
DONE = Done("stop", Usage(100, 20, 40), Timings(1.0, 5.0, 9.0))

Step = StreamItem | TurnoutError | Callable[[], Awaitable[object]]
"""What a scripted model does next: say something, fail, or wait for something."""

Script = list[Step]


async def hang() -> None:
    """Wait until the request is cancelled."""
    await asyncio.Event().wait()


@dataclass
class Scripted:
    """A backend that plays a script for each model and remembers what it was asked; `turns` go before `scripts`."""

    scripts: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    closed: int = 0
    hang: bool = False
    accounts: list[Account] = field(default_factory=list)
    """What this backend begins its streams with, if anything."""
    turns: dict[str, list[Script]] = field(default_factory=dict)

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        self.asked.append(model.name)
        turns = self.turns.get(model.name)
        try:
            for account in self.accounts:
                yield account
            yield Departing()
            for item in turns.pop(0) if turns else self.scripts[model.name]:
                if isinstance(item, TurnoutError):
                    raise item
                if callable(item):
                    await item()
                else:
                    yield item
            if self.hang:
                await hang()
        finally:
            self.closed += 1


@dataclass
class Around:
    """Routes, consent, ledger and purse in one."""

    route: Route
    answer: bool = True
    questions: list[Consent] = field(default_factory=list)
    overspending: list[Overspend] = field(default_factory=list)
    """What was asked about limits; `allows` has the answers, one after the other, and then no more."""
    allows: list[bool] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    refusals: list[Refusal | None] = field(default_factory=list)
    """What the purse answers, one after the other; after that it grants everything."""
    reserved: list[Reservation] = field(default_factory=list)
    settled: list[tuple[str, float | None]] = field(default_factory=list)

    def decide(self, kind: Any, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        return self.route

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        return None

    async def may_leave(self, question: Consent) -> bool:
        self.questions.append(question)
        await asyncio.sleep(0)
        return self.answer

    async def may_overspend(self, question: Overspend) -> bool:
        self.overspending.append(question)
        await asyncio.sleep(0)
        return self.allows.pop(0) if self.allows else False

    def record(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]":
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is None:
            self.reserved.append(reservation)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Refusal | None] = loop.create_future()

        def give() -> None:
            if not answer.done():
                answer.set_result(refusal)

        loop.call_soon(give)
        return answer

    def settle(self, reservation_id: str, usd: float | None) -> None:
        self.settled.append((reservation_id, usd))


@dataclass
class Pauses:
    """Sleeps that take no time and are remembered."""

    taken: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)


def route(*models: Model, ask: bool = False, deadline_ms: int | None = None, **more: Any) -> Route:
    """A route for `refactor` through `models`."""
    out = (Elimination("codex", "no key", "built-in defaults: models.codex"),)
    reason = "config.toml:3 routes.refactor"
    kind = more.pop("kind", "refactor")
    return Route(kind, models, out, reason, deadline_ms, ask, **more)


def setup(
    around: Around,
    backend: Scripted,
    vitals: Vitals | None = None,
    pauses: Pauses | None = None,
    permits: Permits | None = None,
    ready: Ready | None = None,
) -> Dispatcher:
    """A dispatcher over one backend for every API."""
    backends: Any = dict.fromkeys(("local", "anthropic", "openai-chat"), backend)
    patience = Patience((pauses or Pauses()).sleep, lambda: 0.5)
    return Dispatcher(
        around,
        backends,
        around,
        around,
        purse=around,
        vitals=vitals,
        patience=patience,
        permits=permits,
        ready=ready,
    )


def ask(on_text: Callable[[str], bool | None] = lambda _text: None, **more: Any) -> Ask:
    """A request about one file."""
    return Ask(more.pop("kind", "refactor"), FILES, lambda _model: PROMPT, on_text, **more)


def says(text: str) -> Script:
    """A model that answers."""
    return [Delta(text), DONE]
