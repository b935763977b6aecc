"""One refactor under way: what is asked about its files, of whom, and what comes of it.

Invariant: every file either has a draft, is in one, or is named with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from turnout.act.agent.loop import ToolsUnavailable, takes_tools, work_out
from turnout.act.drafting import prompts
from turnout.act.drafting.bounds import Bounds
from turnout.act.drafting.conversation import Question
from turnout.act.drafting.drafts import Draft, asked_about, draft_edits
from turnout.act.drafting.groups import Division
from turnout.act.drafting.mending import mended
from turnout.act.drafting.rounds import Groups, Meter, Unread, in_rounds, with_receipts
from turnout.act.drafting.spent import so_far
from turnout.act.gathering.context import Context, quoted_by
from turnout.act.gathering.newfiles import misplaced
from turnout.act.gathering.scope import Request, focused, mentions
from turnout.act.seams import Seams
from turnout.core.documents import Snapshot
from turnout.core.edits.changes import FileChange
from turnout.core.edits.formats import Format, sizes_of
from turnout.core.edits.plans import PlannedStep
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.errors import BackendError, EditError, RouteError

_ANY_NUMBER = 10**6
"""Of turns: a model that writes one file at a time takes one for each, and the other limits hold."""


@dataclass(frozen=True, slots=True)
class Job:
    """A refactor; `spent` are the receipts of what was asked before."""

    request: Request
    context: Context
    division: Division
    seams: Seams
    repairs: int
    spent: tuple[Receipt, ...] = ()

    async def drafts(self) -> tuple[list[Draft], Unread]:
        """What the models make of the files, and those without a draft."""
        if self.division.rounds > 1:
            return await self._in_rounds()
        if self.division.alone and self.division.is_many:
            return await self._one_by_one()
        return await self._at_once()

    @property
    def _files(self) -> Mapping[str, Snapshot]:
        return self.context.scope.files

    @property
    def _plan(self) -> str:
        return self.request.approved.text if self.request.approved else ""

    async def _at_once(self) -> tuple[list[Draft], Unread]:
        """One draft for all files, or one for each: the first answer decides, by whether its model writes all."""
        asked = self._question(self._files)
        cut: tuple[Receipt, ...] = ()
        if takes_tools(self.seams, asked):
            try:
                return [await self._with_tools(asked)], []
            except ToolsUnavailable as failure:
                cut = failure.receipts
        return await self._each(asked, alone=False, cut=cut)

    async def _one_by_one(self) -> tuple[list[Draft], Unread]:
        """A draft for each of many files, within the limits of one refactor but for its turns."""
        asked = self._about(next(iter(self._files)))
        return await self._each(asked, alone=True)

    async def _each(
        self, asked: Question, *, alone: bool, cut: Sequence[Receipt] = ()
    ) -> tuple[list[Draft], Unread]:
        """The draft that answers `asked`, and one for each other file where it is about one `alone`.

        `cut` are receipts of requests for the same that came to nothing: they are with the first draft.
        """
        first, *rest = self._files or ("new files",)
        spent = [*self.spent, *cut]
        meter = Meter(self.seams.asker, replace(self._bounds(), turns=_ANY_NUMBER), spent)
        seams = meter.within(self.seams)
        seams.tell(first, 0, len(self._files))
        drafts = {first: await draft_edits(asked, seams)}
        alone = alone or drafts[first].alone
        seams.show(drafts[first].changes)
        unread: Unread = []
        for done, path in enumerate(rest if alone else [], start=1):
            seams.tell(f"{path}{so_far(seams.spent)}", done, len(self._files))
            try:
                drafts[path] = await draft_edits(self._about(path), seams)
                seams.show(drafts[path].changes)
            except (BackendError, EditError, RouteError) as exc:
                unread.append((path, exc))
        if alone and self.repairs:
            drafts = await mended(drafts, self._about, seams, meter.left_s)
        seams.tell("done", len(self._files), len(self._files))
        return with_receipts(drafts.values(), meter.receipts[len(self.spent) :]), unread

    async def _in_rounds(self) -> tuple[list[Draft], Unread]:
        """A draft for each group of files."""
        meter = Meter(self.seams.asker, self._bounds(), [*self.spent])
        seams = self.seams if self.repairs else replace(self.seams, check=None)
        return await in_rounds(self.division.groups, self._of_round, seams, meter)

    async def _with_tools(self, question: Question) -> Draft:
        """The draft of a model that looks things up by itself; it may add files where the user named none."""
        focus = focused(self.request, self._files)

        def render(model: Model) -> ChatPrompt:
            said, pieces = self.request.instruction, self.context.pieces
            return prompts.agent(model, said, self._files, focus, self._plan, pieces)

        approved = self.request.approved
        may_find = not self.request.scope and approved is None
        asked = replace(question, render=render)
        return await work_out(
            asked,
            self.seams,
            self._bounds(),
            may_find=may_find,
            approved=approved,
            scope=self.context.scope,
            spent=self.spent,
        )

    def _bounds(self) -> Bounds:
        """What all requests of the refactor may come to together, as far as its route says."""
        if self.seams.outlook is None:
            return Bounds()
        uris = tuple(file.uri for file in self._question(self._files).sent)
        route = self.seams.outlook.route("refactor", uris, 0)
        seconds = Bounds().seconds if route.deadline_ms is None else route.deadline_ms / 1000
        return Bounds(seconds=seconds, usd=route.limit_usd)

    def _about(self, path: str) -> Question:
        """The question about one file."""
        return self._question({path: self._files[path]})

    def _question(self, files: Mapping[str, Snapshot]) -> Question:
        said, plan, pieces = self.request.instruction, self._plan, self.context.pieces
        focus = focused(self.request, files)
        sizes = sizes_of(files.values())

        def form(model: Model) -> Format:
            if not files:
                return Format("blocks", "there is no file to write out")
            return self.context.formats.choose(model, sizes)

        def render(model: Model) -> ChatPrompt:
            chosen = form(model)
            if chosen.style == "blocks":
                shown = asked_about(chosen, files)
                prompt = prompts.refactor_blocks(model, said, shown, focus, plan, pieces)
            else:
                path, file = next(iter(files.items()))
                listed = mentions(file, self.context.scope.names)
                prompt = prompts.refactor_whole_file(model, said, path, file, listed, plan)
            return replace(prompt, edits=str(chosen))

        return Question(
            "refactor",
            files,
            render,
            self.repairs,
            f"{said}\n{plan}",
            objection=self._objection,
            pieces=pieces,
            whys=self.context.scope.whys,
            sources=self.context.sources,
            format=form,
        )

    def _of_round(self, groups: Groups, number: int, changed: str) -> Question:
        """The question of the round of that number (from 0); `changed` is what the rounds before did."""
        paths = groups[number]
        files = {path: self._files[path] for path in paths}
        focus = focused(self.request, self._files)
        steps = self._steps(groups)[number]
        own = "\n".join(step.line for step in steps)
        may_change = tuple(dict.fromkeys((*paths, *(step.path for step in steps))))
        one = prompts.Round(number + 1, len(groups), may_change, self._plan, own, changed)
        chosen = Format("blocks", f"{len(groups)} rounds, for files that do not fit one request")

        def render(model: Model) -> ChatPrompt:
            said, pieces = self.request.instruction, self.context.pieces
            return replace(prompts.refactor_round(model, said, files, one, focus, pieces), edits=str(chosen))

        def objection(change: FileChange) -> str | None:
            if change.path not in may_change:
                return f"{change.path} is for another round of this change."
            return self._objection(change)

        return replace(
            self._question(files),
            render=render,
            objection=objection,
            sources=self._quoted(files, f"{self._plan}{changed}"),
            format=lambda _model: chosen,
        )

    def _steps(self, groups: Groups) -> list[list[PlannedStep]]:
        """The plan's steps by round; a file that is created goes with the one that the plan speaks of before it."""
        round_of = {path: number for number, group in enumerate(groups) for path in group}
        steps: list[list[PlannedStep]] = [[] for _ in groups]
        number = 0
        for step in self.request.approved.steps if self.request.approved else ():
            number = round_of.get(step.path, number)
            steps[number].append(step)
        return steps

    def _quoted(self, shown: Mapping[str, Snapshot], text: str) -> tuple[SentFile, ...]:
        """Files that are not among those `shown`, and may be quoted in `text`: the plan, or what was changed before."""
        others = [file.uri for path, file in self._files.items() if path not in shown]
        uris = [*others, *(source.uri for source in self.context.sources)]
        return quoted_by(text, uris, "the plan and the rounds before quote it")

    def _objection(self, change: FileChange) -> str | None:
        """Why a change may not be made: its file is off limits or out of place, or the plan says otherwise."""
        barred = self.context.guard.against(change, self.context.quotable)
        approved = self.request.approved
        if approved:
            return barred or approved.objection(change)
        return barred or misplaced(change, self.request, self.seams.workspace)
