"""What the project's checks find goes back to a model that writes one file at a time, file by file.

Invariants: it hears new problems only, each with the file that it is in; the drafts that come back are the ones with
the fewest problems; every answer is paid for, also one that was not taken.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from turnout.act.drafting.conversation import MAX_REPAIRS, Question, ask
from turnout.act.drafting.drafts import Draft, read_edits
from turnout.act.drafting.findings import Findings, in_words, quotable, words_of
from turnout.act.drafting.prompts import complaint
from turnout.act.drafting.withdrawals import taken_back
from turnout.act.proposals import Check
from turnout.act.seams import Seams
from turnout.core.edits.changes import FileChange
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.receipts import Receipt
from turnout.errors import BackendError, EditError, ReplyUnusable, RouteError

_MOST_FILES = 5
"""That hear of a problem whose place is not known: all that changed, up to so many."""
_SHOWN = 10

Asking = Callable[[str], Question]
"""The question of a draft."""


async def mended(
    drafts: Mapping[str, Draft],
    asking: Asking,
    seams: Seams,
    seconds: float | None = None,
) -> dict[str, Draft]:
    """`drafts`, by the path of the (first) file that each is about, after at most three rounds with what checks find.

    It ends early where nothing new is found, no answer of a round differs from the one before it, `seconds` are over,
    or no model answers any more, be it for want of money.
    """
    work = _Mending(dict(drafts), asking, seams)
    if seams.check is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await work.run()
    return work.result()


@dataclass
class _Mending:
    """The drafts of one refactor, being mended."""

    drafts: dict[str, Draft]
    asking: Asking
    seams: Seams
    best: dict[str, Draft] = field(default_factory=dict)
    spent: dict[str, list[Receipt]] = field(default_factory=dict)
    heard: dict[str, list[Findings]] = field(default_factory=dict)
    """What the answers about a file may quote."""
    wrong: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    """What was last found wrong with a file."""
    sources: tuple[str, ...] | None = None
    """The URIs of all files that the last check may quote."""

    def result(self) -> dict[str, Draft]:
        """The best drafts, with the receipts of every answer."""
        return {path: self._settled(path, draft) for path, draft in (self.best or self.drafts).items()}

    def _settled(self, path: str, best: Draft) -> Draft:
        first = self.drafts[path]
        wrong = self.wrong.get(path, ())
        said = "\n".join(problem.shown for problem in wrong)
        lost = taken_back([first.attempt(said, wrong)], best.attempt(""))
        done = set(best.meant) - set(first.meant)
        earlier = tuple(skipped for skipped in first.withdrawn if skipped.path not in done)
        receipts = (*first.receipts, *self.spent.get(path, ()))
        reconsidered = (*first.reconsidered, *lost.reconsidered)
        return replace(
            best, receipts=receipts, withdrawn=(*earlier, *lost.missing), reconsidered=reconsidered
        )

    async def run(self) -> None:
        """Check, and mend, until one of the limits is reached."""
        now, fewest = self.drafts, float("inf")
        for round_ in range(MAX_REPAIRS + 1):
            failed = await self._failed(now)
            if (count := sum(max(1, len(check.problems)) for check in failed)) < fewest:
                fewest, self.best = count, now
            wrong = _by_file(failed, now)
            if not wrong or round_ == MAX_REPAIRS:
                return
            try:
                again = await self._again(wrong, now)
            except (BackendError, EditError, RouteError):
                return  # what there is stands, and its checks say what is wrong with it
            if all(draft.said == now[path].said for path, draft in again.items()):
                return
            now = {**now, **again}

    async def _failed(self, drafts: Mapping[str, Draft]) -> list[Check]:
        assert self.seams.check is not None
        changes = [change for draft in drafts.values() for change in draft.changes]
        if not changes:
            return []
        self.seams.tell("running checks", 0, 0)
        self.sources = await quotable(self.seams)
        return [check for check in await self.seams.check(changes) if not check.ok]

    async def _again(
        self, wrong: Mapping[str, Sequence[Problem]], drafts: Mapping[str, Draft]
    ) -> dict[str, Draft]:
        """New drafts of the files that something is wrong with."""
        found = {}
        for done, (path, problems) in enumerate(wrong.items()):
            self.seams.tell(f"mending {path}", done, len(wrong))
            found[path] = await self._mend(path, problems, drafts[path])
            self.seams.show(found[path].changes)
        return found

    async def _mend(self, path: str, problems: Sequence[Problem], draft: Draft) -> Draft:
        """The answer about one file, which stands where the new one cannot be applied."""
        question = self.asking(path)
        self.wrong[path] = tuple(problems)
        known = [f"{name} {file.text}" for name, file in question.files.items()]
        known += ["".join(change.after) for change in draft.changes]
        about = ", ".join(change.path for change in draft.changes) or path
        findings = _findings(about, problems, self.sources, words_of(known))
        earlier = self.heard.setdefault(path, [])

        def said(model: Model) -> str:
            for before in earlier:
                before.told(model)  # raises where an answer may quote what this model may not have
            return complaint([findings.told(model)], question.format(model).style)

        answer = await ask(question, [(draft.said, said)], self.seams, [*earlier, findings])
        self.spent.setdefault(path, []).append(answer.receipt)
        findings.answered(answer.model)
        if answer.finish == "length":
            return draft
        try:
            new = await read_edits(answer, None if draft.alone else draft, question, self.seams)
        except ReplyUnusable:
            return draft
        if new.complaints:
            return draft
        earlier.append(findings)
        return new


def _by_file(failed: Sequence[Check], drafts: Mapping[str, Draft]) -> dict[str, tuple[Problem, ...]]:
    """New problems by the file that hears of them; one without a place is for every file that changed."""
    names = {name: path for path, draft in drafts.items() for name in (path, *map(_new_name, draft.changes))}
    problems = [problem for check in failed for problem in check.problems]
    found: dict[str, tuple[Problem, ...]] = {}
    for problem in problems:
        if path := names.get(problem.path):
            found[path] = (*found.get(path, ()), problem)
    if found:
        return found
    placeless = tuple(problem for problem in problems if not problem.path)
    changed = [path for path, draft in drafts.items() if draft.changes][:_MOST_FILES]
    return dict.fromkeys(changed, placeless) if placeless else {}


def _new_name(change: FileChange) -> str:
    return change.new_path or change.path


def _findings(
    path: str, problems: Sequence[Problem], sources: tuple[str, ...] | None, words: frozenset[str]
) -> Findings:
    """What is said of `problems`: not every model hears of those without a place, and other words than `words`."""
    placed = [problem.shown for problem in problems if problem.path][:_SHOWN]
    others = [problem.shown for problem in problems if not problem.path][:_SHOWN]
    begun = f"The project's checks find new problems with the change of {path}:"
    heard = [in_words(problem, words) for problem in problems if problem.path][:_SHOWN]
    part = "\n".join([begun, *heard] if heard else [f"The project's checks fail with the change of {path}."])
    return Findings("\n".join([begun, *placed, *others]), part, sources)
