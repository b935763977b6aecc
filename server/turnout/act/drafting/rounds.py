"""A refactor of more files than one request takes: group after group, by one plan, into one proposal.

Invariants: all requests together keep to the limits of one refactor; the model hears in every round what the rounds
before changed; after a failure nothing more is paid for, and every file that was not done is named.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from turnout.act.drafting.bounds import Bounds
from turnout.act.drafting.conversation import Question
from turnout.act.drafting.drafts import Draft, draft_edits
from turnout.act.drafting.mending import mended
from turnout.act.drafting.spent import so_far
from turnout.act.gathering.overviews import changed
from turnout.act.seams import Seams
from turnout.core.answers import Answer, Asker, PromptFor, receipt_of
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind
from turnout.errors import (
    BackendError,
    BudgetExceeded,
    DeadlineExceeded,
    EditError,
    ReplyCutOff,
    ReplyUnusable,
    RouteError,
    TurnoutError,
)

_FEWER = "Name fewer files at once."
_NAMED = 3
"""Files of a round that its progress names."""

Groups: TypeAlias = Sequence[tuple[str, ...]]
"""The paths of the files of each round."""

Asking: TypeAlias = Callable[[Groups, int, str], Question]
"""The question of the round of that number (from 0) of all rounds, with what the ones before changed."""

Unread: TypeAlias = list[tuple[str, TurnoutError]]
"""Files for which there is no draft, and why."""


@dataclass
class Meter:
    """Passes questions on while all of them together keep to `bounds`; has the receipts of all that got to a model.

    Its time begins with it; make it in a running event loop.
    """

    asker: Asker
    bounds: Bounds
    receipts: list[Receipt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.until = asyncio.get_running_loop().time() + self.bounds.seconds

    @property
    def left_s(self) -> float:
        """Seconds until its time is over; less than 0 after that."""
        return self.until - asyncio.get_running_loop().time()

    def within(self, seams: Seams) -> Seams:
        """`seams` with this for who is asked, and for what is said to be spent."""
        return replace(seams, asker=self, spent=self.receipts)

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        """As `Asker`; raises BudgetExceeded or DeadlineExceeded where the limits are used up."""
        if reached := self.bounds.reached(self.receipts, len(self.receipts)):
            raise BudgetExceeded(reached, advice=_FEWER)
        stopped = DeadlineExceeded(f"It was stopped after {self.bounds.seconds:g} s.", advice=_FEWER)
        if self.left_s <= 0:
            raise stopped

        def paid(model: Model) -> ChatPrompt:
            return self.bounds.paid(prompt(model), self.receipts, model)

        limit = asyncio.timeout_at(self.until)
        try:
            async with limit:
                return await self._counted(self.asker.ask(kind, paid, files, on_text))
        except TimeoutError:
            if not limit.expired():
                raise
            raise stopped from None

    async def _counted(self, asked: Awaitable[Answer]) -> Answer:
        """The answer to what was asked; whatever that came to, answered or not, is counted."""
        try:
            answer = await asked
        except (TurnoutError, asyncio.CancelledError) as ended:
            self.receipts += filter(None, [receipt_of(ended)])
            raise
        self.receipts.append(answer.receipt)
        return answer


async def in_rounds(groups: Groups, asking: Asking, seams: Seams, meter: Meter) -> tuple[list[Draft], Unread]:
    """The drafts of all `groups` of paths, mended by what the checks find in all of them together.

    A group whose answer is cut off is asked about in halves. The receipts of all answers are with the first draft.
    Raises what the first round raises; a later one that fails ends it.
    """
    work = _Rounds([*groups], asking, meter.within(seams), meter)
    return await work.run()


def with_receipts(drafts: Iterable[Draft], receipts: Iterable[Receipt]) -> list[Draft]:
    """`drafts` with all `receipts` in the first: some are of requests of which no draft came."""
    first, *others = (replace(draft, receipts=()) for draft in drafts)
    return [replace(first, receipts=tuple(receipts)), *others]


@dataclass
class _Rounds:
    """One refactor under way."""

    groups: list[tuple[str, ...]]
    asking: Asking
    seams: Seams
    meter: Meter
    drafts: list[Draft] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What each round heard of those before."""

    def __post_init__(self) -> None:
        self.before = len(self.meter.receipts)

    async def run(self) -> tuple[list[Draft], Unread]:
        failure = await self._draft()
        drafts = {group[0]: draft for group, draft in zip(self.groups, self.drafts, strict=False)}
        if not failure:
            drafts = await mended(drafts, self._again, self.seams, seconds=self.meter.left_s)
        self.seams.tell("done", len(self.groups), len(self.groups))
        return with_receipts(drafts.values(), self.meter.receipts[self.before :]), self._unread(failure)

    async def _draft(self) -> TurnoutError | None:
        """Make the drafts; what ended it early, if anything did."""
        try:
            while len(self.drafts) < len(self.groups):
                await self._round(len(self.drafts))
        except (BackendError, EditError, RouteError) as failure:
            if not self.drafts:
                raise
            return failure
        return None

    async def _round(self, number: int) -> None:
        names, of = self.groups[number], len(self.groups)
        listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        self.seams.tell(f"round {number + 1} of {of}: {listed}{so_far(self.meter.receipts)}", number, of)
        before = [change for draft in self.drafts for change in draft.changes]
        told = await asyncio.to_thread(changed, before, self.seams.syntax)
        question = self.asking(self.groups, number, told)
        try:
            # One group of several cannot pass the checks of the whole: those come when all are there.
            draft = await draft_edits(question, replace(self.seams, check=None))
        except ReplyCutOff:
            half = len(names) // 2
            if not half:
                raise
            self.groups[number : number + 1] = [names[:half], names[half:]]
            return
        self.told.append(told)
        self.drafts.append(draft)
        self.seams.show(draft.changes)

    def _again(self, path: str) -> Question:
        """The question of the round that begins with that file, once more."""
        number = [group[0] for group in self.groups].index(path)
        return self.asking(self.groups, number, self.told[number])

    def _unread(self, failure: TurnoutError | None) -> Unread:
        if failure is None:
            return []
        failed, *later = self.groups[len(self.drafts) :]
        never = ReplyUnusable(f"it was not asked for any more after round {len(self.drafts) + 1} failed.")
        rest = [(path, never) for group in later for path in group]
        return [*((path, failure) for path in failed), *rest]
