"""Ask a model about files, and give it a chance to correct what cannot be used of its answer.

Invariant: every request tells a model only what it may hear by the settings as they are then; what could be read of an
answer is not lost by what comes after it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from turnout.act.drafting.arriving import Arrival
from turnout.act.drafting.findings import Findings, asked_anew, vetted
from turnout.act.drafting.prompts import Style, complaint, continued
from turnout.act.gathering.pieces import Piece
from turnout.act.seams import Seams
from turnout.core.answers import Answer
from turnout.core.documents import Snapshot
from turnout.core.edits.changes import FileChange
from turnout.core.edits.formats import Format, Formats
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind
from turnout.errors import BackendError, ReplyCutOff, ReplyUnusable, RouteError

MAX_REPAIRS = 3

Result = TypeVar("Result")

Complaint: TypeAlias = "str | Findings"
"""What is wrong with an answer."""

Said: TypeAlias = Callable[[Model], str]
"""What the user's side of a conversation says, which may depend on who hears it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask about which files; `render` gives the prompt for a model, `repairs` counts second chances.

    `shown` is what is shown of a single file, None where files are shown whole; where that depends on the model it is
    the least, so that a route leaves out no model that could answer: `render` refuses what one cannot take.
    `instruction` is what the user said: a definition that it does not speak of has to survive a file written anew.
    `objection` says why a change is none that may be made; it may read files.
    `pieces` are shown beside the files; `whys` says of a path why its file was chosen.
    `sources` are files that are not shown, but may be quoted in what is.
    `format` is the form in which a model is asked for edits of the files.
    """

    kind: Kind
    files: Mapping[str, Snapshot]
    render: Callable[[Model], ChatPrompt]
    repairs: int = 1
    instruction: str = ""
    shown: str | None = None
    objection: Callable[[FileChange], str | None] = lambda _change: None
    pieces: tuple[Piece, ...] = ()
    whys: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[SentFile, ...] = ()
    format: Callable[[Model], Format] = lambda model: Formats().choose(model, ())

    @property
    def sent(self) -> tuple[SentFile, ...]:
        """The files, with the UTF-8 bytes of each that are shown, and what is shown beside them at most."""
        found = [
            SentFile(
                file.uri, _size(file.text if self.shown is None else self.shown), self.whys.get(path, "")
            )
            for path, file in self.files.items()
        ]
        sent = (*found, *(piece.sent for piece in self.pieces))
        known = {file.uri for file in sent}
        return (*sent, *(source for source in self.sources if source.uri not in known))


@dataclass(frozen=True, slots=True)
class Conversation(Generic[Result]):
    """The last result that could be read, and the receipts of all answers.

    `unfinished` says why there was no correction of it that was asked for; empty where there is nothing to say.
    """

    result: Result
    receipts: tuple[Receipt, ...]
    unfinished: str = ""


Read: TypeAlias = Callable[[Answer], Awaitable[tuple[Result, Sequence[Complaint]]]]
"""Takes an answer; what became of it, and what the model should mend. Raises ReplyUnusable where nothing did."""


async def converse(question: Question, read: Read[Result], seams: Seams) -> Conversation[Result]:
    """Ask, and ask again with what `read` complains of.

    A model that only says again what it said will not do better the third time, so that ends it; and so does a request
    for a correction that fails: what was read before it was paid for, and stands.
    Raises ReplyUnusable where `read` did so for every answer, or the first was cut off, and what the first request
    raises.
    """
    talk = _Talk(question, read, seams)
    unfinished = ""
    for left in range(min(question.repairs, MAX_REPAIRS), -1, -1):
        try:
            answer = await talk.ask()
        except (BackendError, RouteError) as failure:
            if not talk.results:
                raise
            unfinished = f"The correction failed: {failure}"
            break
        if answer.finish == "length" and talk.results:
            unfinished = "The correction was cut off."
            break
        _must_be_finished(answer)
        if not await talk.goes_on(answer, left):
            break
    return Conversation(talk.results[-1], tuple(talk.receipts), unfinished)


@dataclass
class _Talk(Generic[Result]):
    """One conversation under way."""

    question: Question
    read: Read[Result]
    seams: Seams
    turns: list[tuple[str, Said]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    heard: list[Findings] = field(default_factory=list)

    async def ask(self) -> Answer:
        answer = await ask(self.question, self.turns, self.seams, self.heard)
        self.receipts.append(answer.receipt)
        for found in self.heard:
            found.answered(answer.model)
        return answer

    async def goes_on(self, answer: Answer, left: int) -> bool:
        """Read an answer; whether there is something to mend in it. Raises ReplyUnusable if no request is `left`."""
        again = any(answer.text.strip() in earlier for earlier, _ in self.turns)
        complaints: Sequence[Complaint]
        try:
            result, complaints = await self.read(answer)
            self.results.append(result)
        except ReplyUnusable as exc:
            complaints = (str(exc),)
            if not self.results and (not left or again):
                raise
        if not complaints or again:
            return False
        self.heard += [complaint for complaint in complaints if isinstance(complaint, Findings)]
        said = partial(_complained, complaints, self.question.format(answer.model).style)
        self.turns.append((answer.text, said))
        return True


def _must_be_finished(answer: Answer) -> None:
    """An answer that ran into its limit would do so again: asking once more only costs the same once more."""
    if answer.finish == "length":
        raise ReplyCutOff(
            f"The answer was cut off after {len(answer.text)} characters.",
            advice="Ask for less at once, or choose a model that may answer at greater length.",
        )


def _complained(complaints: Sequence[Complaint], style: Style, model: Model) -> str:
    """What `model` hears of `complaints`."""
    return complaint([c.told(model) if isinstance(c, Findings) else c for c in complaints], style)


async def ask(
    question: Question, turns: Sequence[tuple[str, Said]], seams: Seams, heard: Sequence[Findings] = ()
) -> Answer:
    """One answer to `question`; `turns` are earlier answers, each with what was said to it, `heard` all findings there.

    Each model is told of these what it may hear by the settings as they are now.
    """
    await asked_anew(heard, seams)

    def render(model: Model) -> ChatPrompt:
        told = [(text, said(model)) for text, said in turns]
        return vetted(continued(question.render(model), told, model), model, heard, seams)

    async with Arrival(question.files, question.objection, seams) as arrival:
        return await seams.asker.ask(question.kind, arrival.of(render), question.sent, arrival.on_text)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
