"""One request to a model about a hole, from the prompt to what is left of the answer.

Invariant: the model is stopped as soon as more text would not be shown, and what it said comes back trimmed or with the
reason why nothing is left.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from turnout.complete.prompts import ALONE, CompletionKind, Rules, fim_prompt
from turnout.core import trimming
from turnout.core.answers import Ask, Runner
from turnout.core.context import Surroundings
from turnout.core.documents import Snapshot
from turnout.core.holes import Hole, Shape
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.trimming import Trimmed
from turnout.errors import RequestRejected

Around = Callable[[CompletionKind, str], Awaitable[Surroundings]]
"""(kind, URI) -> what a prompt in a document shows now besides the text around the cursor."""


async def alone(_kind: CompletionKind, _uri: str) -> Surroundings:
    """Nothing of other files."""
    return ALONE


@dataclass(frozen=True, slots=True)
class Question:
    """A hole to fill, by whose rules, and who wants to know."""

    kind: CompletionKind
    snapshot: Snapshot
    hole: Hole
    rules: Rules
    explicit: bool = False
    ahead: bool = False
    """Whether nobody waits: then it is asked of this machine alone, behind everything else."""
    received: float | None = None
    """When it came, on the clock of receipts."""

    @property
    def shape(self) -> Shape:
        """How much is wanted; who asks by a key on an empty line wants all that belongs there."""
        hole = self.hole
        if self.explicit and self.rules.multiline != "never" and not (hole.head + hole.tail).strip():
            return "block" if hole.spot().kind == "code" else "line"
        return self.rules.shape(hole)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is left of an answer, and the receipt and model that it is of."""

    trimmed: Trimmed
    receipt: Receipt
    model: Model
    superseded: bool


class Asking:
    """Asks models about holes."""

    def __init__(
        self,
        runner: Runner,
        relative_path: Callable[[str], str],
        clock: Callable[[], float],
        around: Around = alone,
    ) -> None:
        self._runner = runner
        self._relative_path = relative_path
        self._clock = clock
        self._around = around

    async def ask(
        self,
        question: Question,
        on_waiting: Callable[[str], None],
        on_heard: Callable[[str], None] = lambda _text: None,
    ) -> Reply:
        """Run a question along its route; raises TurnoutError where no model answered.

        `on_heard` is told the whole answer so far, whenever there is more of it.
        """
        around = await self._around(question.kind, question.snapshot.uri)
        trims = _Trims(question.hole, question.shape)
        answer = await self._runner.run(self._request(question, around, on_waiting, trims, on_heard))
        trimmed = trims.of(answer.text, cut_short=answer.finish == "length")
        return Reply(trimmed, answer.receipt, answer.model, answer.finish == "superseded")

    async def request(
        self, question: Question, on_waiting: Callable[[str], None] = lambda _reason: None
    ) -> tuple[Ask, Surroundings]:
        """What would be run for a question now, and what it shows besides the text around its hole."""
        around = await self._around(question.kind, question.snapshot.uri)
        trims = _Trims(question.hole, question.shape)
        return self._request(question, around, on_waiting, trims), around

    def _request(
        self,
        question: Question,
        around: Surroundings,
        on_waiting: Callable[[str], None],
        trims: "_Trims",
        on_heard: Callable[[str], None] = lambda _text: None,
    ) -> Ask:
        uri, hole = question.snapshot.uri, question.hole
        prompt = self._prompt(question, around, trims.shape)
        size = len(hole.prefix.encode("utf-8", "replace")) + len(hole.suffix.encode("utf-8", "replace"))
        listener = _Listener(trimming.ender(hole, prompt.shape), on_waiting, on_heard)

        def prompt_for(model: Model) -> FimPrompt:
            if question.ahead and model.api != "local":
                raise RequestRejected("Nothing is asked of other machines ahead of time.")
            return prompt

        def outcome(text: str) -> str:
            trimmed = trims.of(text)
            if not trimmed.text:
                return f"empty: {trimmed.reason}"
            return "ahead" if question.ahead else "shown"

        return Ask(
            question.kind,
            (SentFile(uri, size), *around.files),
            prompt_for,
            listener.hear,
            outcome,
            input_tokens=(size + sum(file.bytes for file in around.files)) // 4,
            received=question.received,
            context_ms=None if question.received is None else (self._clock() - question.received) * 1000,
            on_waiting=on_waiting,
            on_restart=listener.restart,
        )

    def _prompt(self, question: Question, around: Surroundings, shape: Shape) -> FimPrompt:
        snapshot = question.snapshot
        path = self._relative_path(snapshot.uri)
        prompt = fim_prompt(question.kind, snapshot, path, question.hole, question.rules, around)
        return replace(prompt, shape=shape, kind="ahead" if question.ahead else question.kind)


@dataclass(slots=True)
class _Listener:
    """Reads along, to stop the model in time."""

    is_over: Callable[[str], bool]
    on_waiting: Callable[[str], None]
    on_heard: Callable[[str], None]
    seen: list[str] = field(default_factory=list)

    def hear(self, piece: str) -> bool:
        """Take the next piece; true where no more is wanted."""
        self.on_waiting("the model is writing")
        self.seen.append(piece)
        text = "".join(self.seen)
        self.on_heard(text)
        return self.is_over(text)

    def restart(self) -> None:
        """Another model begins anew."""
        self.seen.clear()
        self.on_heard("")


class _Trims:
    """What is left of answers at one place; the receipt and the editor want to know it of the same one."""

    def __init__(self, hole: Hole, shape: Shape) -> None:
        self._hole = hole
        self.shape = shape
        self._last: tuple[tuple[str, bool], Trimmed] | None = None

    def of(self, text: str, *, cut_short: bool = False) -> Trimmed:
        """What is left of `text`; `cut_short` says that it ended at the token limit."""
        asked = (text, cut_short)
        if self._last is None or self._last[0] != asked:
            self._last = asked, trimming.trim(text, self._hole, self.shape, cut_short=cut_short)
        return self._last[1]
