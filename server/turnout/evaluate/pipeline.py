"""Asks what the server would ask at a hole, by the server's own code: context, prompt, route, worker, trimming.

Invariants: arms of one hole differ in nothing but the surroundings of their prompts; a hole is asked about once the
model has done with the one before; nothing leaves the machine.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Protocol

from turnout.complete.completer import Completer
from turnout.complete.context import Gatherer
from turnout.complete.prompts import Rules, fim_prompt
from turnout.core import holes
from turnout.core.answers import Answer, Ask
from turnout.core.backends import Backend
from turnout.core.context import Surroundings
from turnout.core.documents import Position, Snapshot, split_lines
from turnout.core.fim import budget
from turnout.core.fim.layout import Window
from turnout.core.models import Model
from turnout.core.prompts import Prompt
from turnout.core.receipts import Receipt
from turnout.core.repository import Repository
from turnout.core.requests import Kind, Route
from turnout.dispatch import Consent, Dispatcher, Overspend
from turnout.errors import TurnoutError
from turnout.evaluate.arms import ARMS, Arm
from turnout.evaluate.cutting import Gap

_RECEIPT_S = 60.0
"""A model that was stopped says within a step what it did."""


class Local(Backend, Protocol):
    """The models of this machine."""

    async def warm(self, model: Model, prompt: Prompt) -> object:
        """Evaluate a prompt ahead."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What was shown at a hole, and what it took; `reason` says why nothing was, where `text` is empty.

    `text` stands for the next `replaces` characters behind the hole, too: brackets that an editor closed by itself.
    """

    text: str
    reason: str
    first_ms: float
    total_ms: float
    prompt_tokens: int
    evaluated_tokens: int
    generated_tokens: int
    sources: tuple[str, ...]
    replaces: int = 0


class Pipeline:
    """The way from a hole to what is shown, without an editor."""

    def __init__(
        self, local: Local, model: Model, window: Window, max_tokens: int, repository: Repository
    ) -> None:
        self._local = local
        self._model = model
        self._window = window
        self._rules = Rules(max_tokens=max_tokens)
        self._receipt: Receipt | None = None
        self._error: TurnoutError | None = None
        self._open: dict[str, Snapshot] = {}
        self._gatherer = Gatherer(_Files(repository, window), self._open.get)
        self._is_asked = False
        self._recorded = asyncio.Event()
        self._dispatcher = Dispatcher(_OneRoute(model), {"local": local}, _Nobody(), self)
        self._completer = Completer(
            self, lambda _uri: self._rules, path_of, self._failed, around=self._current
        )

    async def ask(self, gap: Gap, number: int, arm: Arm) -> Answered:
        """Fill a hole one way; raises TurnoutError where the model could not be asked.

        What is there before the user types in the line is read ahead, as the server does while they rest there.
        """
        uri = f"{arm}:{number}:{gap.path}"
        snapshot = Snapshot(uri, gap.language, None, tuple(split_lines(gap.before + gap.after)))
        self._receipt = self._error = None
        self._is_asked = False
        self._recorded.clear()
        # Who asks by a key gets a block on an empty line; a hole is asked for as what was cut out of it.
        self._rules = replace(self._rules, multiline="never" if gap.kind == "line" else "auto")
        if arm == "context":
            await self._gatherer.gather(snapshot, gap.position)
            self._gatherer.adopt(uri)
        await self._read_ahead(snapshot, gap.position)
        began = time.perf_counter()
        shown = await self._completer.complete("inline", snapshot, gap.position, explicit=True)
        total_ms = (time.perf_counter() - began) * 1000
        if self._error is not None:
            raise self._error
        if self._is_asked:  # an answer is shown as soon as it is whole, and its receipt follows
            await asyncio.wait_for(self._recorded.wait(), _RECEIPT_S)
        text = shown.text if shown is not None else ""
        answered = self._answered(text, self._completer.why(uri), total_ms)
        if shown is not None:
            answered = replace(answered, replaces=shown.replaces)
        self._completer.forget(uri)
        self._gatherer.forget(uri)
        return answered

    async def run(self, ask: Ask) -> Answer:
        """Ask the model."""
        self._is_asked = True
        return await self._dispatcher.run(ask)

    def record(self, receipt: Receipt) -> None:
        """Keep the receipt of the request under way, and nothing in the user's ledger."""
        self._receipt = receipt
        self._recorded.set()

    def _answered(self, text: str, why: str, total_ms: float) -> Answered:
        receipt = self._receipt
        if receipt is None:
            return Answered(text, why, total_ms, total_ms, 0, 0, 0, ())
        return Answered(
            text,
            "" if text else why,
            total_ms if receipt.first_token_ms is None else receipt.first_token_ms,
            total_ms,
            receipt.tokens_in,
            receipt.tokens_evaluated or 0,
            receipt.tokens_out,
            tuple(file.why for file in receipt.files if file.why),
        )

    async def _read_ahead(self, snapshot: Snapshot, position: Position) -> None:
        line = snapshot.lines[position.line] if position.line < len(snapshot.lines) else ""
        start = min(position.character, len(line) - len(line.lstrip()))
        lines = list(snapshot.lines)
        if line:
            lines[position.line] = line[:start] + line[position.character :]
        before = Snapshot(snapshot.uri, snapshot.language, None, tuple(lines))
        hole = holes.cut(before, Position(position.line, start))
        around = self._around(snapshot.uri)
        path = path_of(snapshot.uri)
        await self._local.warm(self._model, fim_prompt("inline", before, path, hole, self._rules, around))

    async def _current(self, _kind: Kind, uri: str) -> Surroundings:
        return self._around(uri)

    def _around(self, uri: str) -> Surroundings:
        arm = uri.partition(":")[0]
        if arm == "context":
            return self._gatherer.around(uri)
        return Surroundings(window=budget.without_context(self._window), plain=arm == "plain")

    def _failed(self, error: TurnoutError) -> str:
        self._error = error
        return str(error)


def path_of(uri: str) -> str:
    """The path of the file that a hole was cut in."""
    return uri.split(":", 2)[-1]


@dataclass(frozen=True, slots=True)
class _Files:
    """One folder whose index holds nothing that may not be shown to a model of this machine."""

    index: Repository
    room: Window

    def repository(self, uri: str) -> Repository:
        return self.index

    def relative_path(self, uri: str) -> str:
        return path_of(uri)

    def uri(self, beside: str, path: str) -> str:
        return path

    async def objection(self, kind: Kind, uri: str, others: tuple[str, ...]) -> str:
        return ""

    def look(self, uri: str) -> object:
        return uri

    def holds(self, uri: str, text: str) -> bool:
        return True

    async def window(self, uri: str) -> Window:
        return self.room


@dataclass(frozen=True, slots=True)
class _OneRoute:
    """To the model that is measured, and without a deadline, since a late answer is an answer here."""

    model: Model

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        return Route(kind, (self.model,), (), "the model that is measured", ask_before_leaving=True)


class _Nobody:
    """Agrees to nothing: an evaluation sends no text anywhere, and spends nothing."""

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        return False

    async def may_leave(self, question: Consent) -> bool:
        return False

    async def may_overspend(self, question: Overspend) -> bool:
        return False


async def ask_every_way(pipeline: Pipeline, gap: Gap, number: int) -> dict[Arm, Answered]:
    """Fill one hole in all ways; `number` tells it from the others of a measurement."""
    answers: dict[Arm, Answered] = {}
    # Whoever comes second finds some of the prompt read already, so that it is somebody else each time.
    for turn in range(len(ARMS)):
        arm = ARMS[(number + turn) % len(ARMS)]
        answers[arm] = await pipeline.ask(gap, number, arm)
    return answers
