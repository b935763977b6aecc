"""The conversation with a model that calls tools: its next turn, within the limits of one refactor.

Invariants: every turn is a request of its own, cleared and paid for as any other; a model hears only what it may have
by the settings as they are then; there is a receipt of all that got to a model, answered, failed or cut off.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from turnout.act.agent.tools import Toolbox
from turnout.act.drafting.bounds import Bounds
from turnout.act.drafting.conversation import Question
from turnout.act.drafting.findings import Findings, asked_anew, vetted
from turnout.act.drafting.fitting import fitting, size_of
from turnout.act.drafting.spent import so_far
from turnout.act.seams import SO_FAR, Seams
from turnout.core.answers import Answer, receipt_of
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message, ToolCall
from turnout.core.receipts import Receipt
from turnout.errors import (
    BudgetExceeded,
    ConsentRefused,
    ProtocolViolation,
    RequestRejected,
    RouteError,
    StreamTruncated,
    TurnoutError,
)

BYTES_PER_TOKEN = 3
_BY_CALLS = "tools: its model is known to call them"
_MOST_BROKEN = 2


class Stopped(Exception):
    """A limit was reached; the message says which."""


@dataclass
class Talk:
    """One conversation under way; `spent` are receipts of what was asked before, which count for its `bounds`."""

    question: Question
    seams: Seams
    bounds: Bounds
    spent: Sequence[Receipt]
    tools: Toolbox
    turns: list[Message] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    answers: int = 0
    model: Model | None = None
    """The one that gave the last answer."""
    others: bool = False
    """Whether a model without tools would have been asked."""
    garbled: str = ""
    """Why the last answer was none, until a call comes in its place."""
    _broken: int = 0
    _cut: int = 0
    """Turns whose answer broke off, and that were taken once more."""
    _cut_by: StreamTruncated | None = None
    """What broke off the last one."""
    _told: dict[int, Findings] = field(default_factory=dict)
    """What checks said, by the number of the turn that it is in."""
    _hearers: frozenset[Model] | None = None
    """Who may hear all names of files that are in the conversation; None where no others than the request's are."""

    async def answer(self) -> Answer | None:
        """The next answer; None where it is to be asked for again. Raises Stopped at a limit."""
        if reached := self.bounds.reached(self._paid, self._taken):
            raise Stopped(reached)
        try:
            answer = await self._ask()
        except BudgetExceeded as failure:
            if not self.answers:
                raise
            raise Stopped(failure.message) from failure
        except ProtocolViolation as failure:
            if not self.may_err():
                raise
            self.garbled = failure.message
            self.say(f"Your last answer cannot be used: {failure.message} Try again.")
            return None
        except (StreamTruncated, RouteError) as failure:
            self._break_off(failure)
            return None
        self._take(answer)
        return answer

    def _break_off(self, failure: StreamTruncated | RouteError) -> None:
        """Have the turn taken once more; raises where that is no use, or was tried."""
        before = self._cut_by
        if isinstance(failure, RouteError):
            if before is None or isinstance(failure, ConsentRefused):
                raise failure
            raise before from failure  # that its model failed lately is no news, and says less
        if before or failure.remedy != "retry":
            raise failure
        self._cut_by = failure
        self._cut += 1

    def say(self, text: str) -> None:
        """Say something that no tool says."""
        self.turns.append(Message("user", text))

    def respond(self, call: ToolCall, said: str, found: Findings | None) -> None:
        """Give the answer of a tool; `found` is what checks said in it."""
        if found:
            self._told[len(self.turns)] = found
        self.turns.append(Message("tool", said, call_id=call.id))

    def add(self, said: str) -> None:
        """Say something more in the last answer of a tool, unless it says so already."""
        last = self.turns[-1]
        if said and said not in last.content:
            self.turns[-1] = replace(last, content="\n".join(filter(None, [last.content, said])))

    def may_err(self) -> bool:
        """Count an answer that cannot be used; whether there may be another."""
        self._broken += 1
        return self._broken <= _MOST_BROKEN

    @property
    def left(self) -> int:
        """How many turns there may be yet."""
        return self.bounds.turns - self._taken

    def tell(self, what: str) -> None:
        """Tell whoever waits what is being done, and what it came to."""
        self.seams.tell(f"{what}{so_far(self.receipts)}", 0, 0)

    def _take(self, answer: Answer) -> None:
        self._cut_by = None
        self.answers += 1
        self.receipts.append(answer.receipt)
        self.model = answer.model
        for found in self._told.values():
            found.answered(answer.model)
        self.turns.append(Message("assistant", answer.text, answer.calls, answer.thoughts))
        if answer.calls:
            self.garbled = ""

    @property
    def _paid(self) -> tuple[Receipt, ...]:
        return (*self.spent, *self.receipts)

    @property
    def _taken(self) -> int:
        """Turns so far, those that came to nothing included."""
        return self.answers + self._broken + self._cut

    async def _ask(self) -> Answer:
        characters = 0

        def on_text(text: str) -> None:
            nonlocal characters
            characters += len(text)
            self.tell(f"{SO_FAR}: {characters:,} characters")

        self.tell(f"turn {self.answers + 1}")
        self._hearers = await self.tools.readers()
        await asked_anew([*self._told.values()], self.seams)
        try:
            return await self.seams.asker.ask(self.question.kind, self._render, self.tools.sent, on_text)
        except (TurnoutError, asyncio.CancelledError) as ended:
            self.receipts += filter(None, [receipt_of(ended)])
            raise

    def _render(self, model: Model) -> ChatPrompt:
        """The conversation for `model`, the oldest answers of tools left out where all of it does not fit."""
        if not model.tools:
            self.others = True
            raise RequestRejected(f"{model.name} calls no tools, and this refactor is worked out with them.")
        if self._hearers is not None and model not in self._hearers:
            raise RequestRejected(f"Names were listed of files that are kept from {model.name}.")
        begun = self.question.render(model)
        room = (model.context_tokens - begun.max_tokens) * BYTES_PER_TOKEN - size_of(begun.messages)
        prompt = replace(
            begun,
            messages=(*begun.messages, *fitting(self._turns_for(model), room)),
            tools=self.tools.offered(),
            edits=_BY_CALLS,
        )
        prompt = self.bounds.paid(prompt, self._paid, model, goes_on=self.answers > 0)
        return vetted(prompt, model, [*self._told.values()], self.seams, self.tools.named)

    def _turns_for(self, model: Model) -> list[Message]:
        """The turns so far, each check with as much of its output as `model` may have."""
        turns = list(self.turns)
        for number, found in self._told.items():
            said = turns[number].content.replace(found.part, found.told(model))
            turns[number] = replace(turns[number], content=said)
        return turns
