"""The plan of a refactor, which the user approves before any edit is written.

Invariant: a plan names only files that its request may change, that its model may know of, and in the folder; every
other step is dropped with the reason. Nothing is changed and nothing is kept here.
"""

import asyncio
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from turnout.act.drafting import prompts
from turnout.act.drafting.conversation import Question, Said, ask
from turnout.act.drafting.groups import Division, divided
from turnout.act.estimates import Estimate, estimate
from turnout.act.gathering.context import Context, gather_context, quoted_by
from turnout.act.gathering.guard import Guard
from turnout.act.gathering.newfiles import out_of_place
from turnout.act.gathering.overviews import overview
from turnout.act.gathering.scope import Request, Scope, focused, must_be_workable
from turnout.act.proposals import Skipped, new_id
from turnout.act.seams import Outlook, Seams, Syntax, Workspace
from turnout.core.answers import Answer
from turnout.core.documents import Snapshot
from turnout.core.edits.paths import is_hidden, normalise
from turnout.core.edits.plans import Approved, PlannedStep, PlanText, parse_plan, plain
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.errors import EditError, PathRefused, ReplyUnusable

_MOST_OF_A_PATH = 300


@dataclass(frozen=True, slots=True)
class Plan:
    """What a model would change for `request`; `problem` says why there is no usable plan, where there is none.

    `reply` is the model's own text; `turns` are earlier replies, each with the user's correction of it.
    `estimate` is of the refactor that follows; `receipt` is of the plan itself, None where no model was asked.
    """

    id: str
    request: Request
    estimate: Estimate
    summary: str = ""
    steps: tuple[PlannedStep, ...] = ()
    dropped: tuple[Skipped, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problem: str = ""
    reply: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    receipt: Receipt | None = None
    sources: tuple[str, ...] = ()
    """URIs of the files that it was made from, those of earlier plans included."""

    @property
    def approved(self) -> Request:
        """The request that carries this plan out, once the user agreed to it."""
        return _approved(self.request, self.steps, self.turns, self.sources)

    @property
    def unasked(self) -> Request:
        """The request that carries this plan out where nobody was asked."""
        approved = Approved(self.steps, sources=self.sources, by="of this change")
        return replace(self.request, approved=approved)


async def draw_up(
    request: Request, seams: Seams, outlook: Outlook, earlier: Plan | None = None, correction: str = ""
) -> Plan:
    """The plan that a model makes for `request`, or makes anew of an `earlier` one with the user's `correction`.

    A reply that is no plan is no error: the user may go on without one. Raises FileUnusable where no file can be
    worked on, and what the asker raises.
    """
    context = await _gathered(request, seams)
    scope = context.scope
    division = await divided(request, context, outlook)
    turns = (*earlier.turns, (earlier.reply, correction)) if earlier else ()
    question = await asyncio.to_thread(_question, request, context, division, earlier, seams.syntax)
    sources = tuple(dict.fromkeys(file.uri for file in question.sent))
    answer = await ask(question, _said(turns), seams)
    told = "\n".join((request.instruction, *(said for _, said in turns)))
    ground = _Ground(
        replace(request, instruction=told), scope, seams.workspace, answer.model, outlook, context.guard
    )
    plan = await asyncio.to_thread(_read, answer, ground)
    approved = _approved(request, plan.steps, turns, sources)
    carried_out = await gather_context(approved, seams)
    plan = _without_unreadable(plan, carried_out.scope)
    if plan.steps:
        context, division = carried_out, await divided(approved, carried_out, outlook)
    return Plan(
        id=new_id(),
        request=request,
        estimate=await estimate(context, plan.steps or None, outlook, seams.history, division),
        summary=plan.summary,
        steps=plan.steps,
        dropped=plan.dropped,
        skipped=scope.skipped,
        problem=plan.problem,
        reply=answer.text,
        turns=turns,
        receipt=answer.receipt,
        sources=sources,
    )


async def only_estimate(request: Request, seams: Seams, outlook: Outlook) -> Plan:
    """What a refactor without a plan would take; no model is asked, and there is nothing to approve."""
    context = await _gathered(request, seams)
    division = await divided(request, context, outlook)
    guess = await estimate(context, None, outlook, seams.history, division)
    return Plan("", request, guess, skipped=context.scope.skipped)


async def _gathered(request: Request, seams: Seams) -> Context:
    seams.tell("choosing files", 0, 0)
    context = await gather_context(request, seams)
    must_be_workable(request, context.scope)
    return context


def _question(
    request: Request, context: Context, division: Division, earlier: Plan | None, syntax: Syntax
) -> Question:
    """What to ask; parses files that are too many to be shown."""
    files, pieces = context.scope.files, context.pieces
    focus = focused(request, files)
    made_from = earlier.sources if earlier else ()
    said = "".join(reply for reply, _ in earlier.turns) + earlier.reply if earlier else ""
    sources = quoted_by(said, made_from, "the plan before was made from it")
    if division.is_many and division.model:
        most = prompts.overview_bytes(division.model, len(files))
        names = context.scope.names
        overviews = {path: overview(file, names, syntax, most) for path, file in files.items()}
        sources += tuple(_sent(files[path], text) for path, text in overviews.items())

        def render_many(model: Model) -> ChatPrompt:
            return prompts.plan_of_many(model, request.instruction, overviews, focus, pieces)

        return Question("refactor", {}, render_many, repairs=0, pieces=pieces, sources=sources)

    def render(model: Model) -> ChatPrompt:
        return prompts.plan(model, request.instruction, files, focus, pieces)

    whys = context.scope.whys
    return Question("refactor", files, render, repairs=0, pieces=pieces, whys=whys, sources=sources)


def _sent(file: Snapshot, shown: str) -> SentFile:
    """What is sent of a file whose overview is `shown`."""
    return SentFile(file.uri, len(shown.encode("utf-8", "replace")), "the lines that define something in it")


def _said(turns: tuple[tuple[str, str], ...]) -> list[tuple[str, Said]]:
    return [(reply, partial(_corrected, correction)) for reply, correction in turns]


def _corrected(correction: str, _model: Model) -> str:
    return prompts.corrected(correction)


def _approved(
    request: Request,
    steps: tuple[PlannedStep, ...],
    turns: tuple[tuple[str, str], ...],
    sources: tuple[str, ...],
) -> Request:
    corrections = tuple(correction for _, correction in turns)
    return replace(request, approved=Approved(steps, corrections, sources))


@dataclass(frozen=True, slots=True)
class _Sifted:
    """What is left of a reply."""

    summary: str = ""
    steps: tuple[PlannedStep, ...] = ()
    dropped: tuple[Skipped, ...] = ()
    problem: str = ""


@dataclass
class _Ground:
    """What a plan may speak of: `model` made it, after it was shown the files of `scope`."""

    request: Request
    scope: Scope
    workspace: Workspace
    model: Model
    outlook: Outlook
    guard: Guard
    taken: set[str] = field(default_factory=set)
    """Paths that a step before has spoken of."""

    @cached_property
    def listed(self) -> frozenset[str]:
        """Files that may be looked at; slow, and needed only for one that was not shown."""
        return frozenset(self.workspace.paths())

    def step(self, step: PlannedStep) -> PlannedStep:
        """`step` with its paths as they are told apart here. Raises EditError where it is none to offer."""
        path = self._new(step.path) if step.kind == "create" else self._present(step.path)
        new_path = None if step.new_path is None else self._new(step.new_path)
        for place in (path, *([new_path] if new_path else ())):
            removed = place == path and step.kind in ("delete", "rename")
            if barred := self.guard.objection(place, removed=removed):
                raise PathRefused(barred)
        places = {path} if new_path is None else {path, new_path}
        if (len(places) < 2 and new_path) or places & self.taken:
            raise PathRefused("The plan speaks of it twice.")
        self.taken.update(places)
        return replace(step, path=path, new_path=new_path)

    def _present(self, written: str) -> str:
        path = _path(written)
        if path in self.scope.files:
            return path
        uri = self.workspace.uri(path)
        if not self.workspace.exists(uri):
            raise PathRefused("There is no such file.")
        if self.request.scope or path not in self.listed:
            raise PathRefused("It is not among the files that this request may change.")
        self._must_be_known(uri)
        return path

    def _new(self, written: str) -> str:
        path = _path(written)
        uri = self.workspace.uri(path)
        if is_hidden(path):
            raise PathRefused("It is hidden: a reply may not create it.")
        if self.workspace.exists(uri):
            raise PathRefused("It exists already.")
        if why := out_of_place(path, self.request, self.workspace):
            raise PathRefused(why)
        self._must_be_known(uri)
        return path

    def _must_be_known(self, uri: str) -> None:
        """The settings must let the model that planned a file's change have its text."""
        route = self.outlook.route("refactor", (uri,), 0)
        if self.model in route.candidates:
            return
        reasons = [out.reason for out in route.eliminated if out.model == self.model.name]
        raise PathRefused(f"{reasons[0] if reasons else 'Its route does not name the model of this plan'}.")


def _path(written: str) -> str:
    if plain(written, _MOST_OF_A_PATH) != written:
        raise PathRefused("That is not a file name.")
    return normalise(written)


def _read(answer: Answer, ground: _Ground) -> _Sifted:
    """The steps of `answer` that can be offered. Reads folders: call it in a thread."""
    try:
        if answer.finish == "length":
            raise ReplyUnusable("The plan was cut off.", advice="Ask for less at once, or go on without one.")
        return _sift(parse_plan(answer.text, ground.scope.files), ground)
    except ReplyUnusable as exc:
        return _Sifted(problem=str(exc))


def _sift(text: PlanText, ground: _Ground) -> _Sifted:
    steps: list[PlannedStep] = []
    dropped: list[Skipped] = []
    for step in text.steps:
        try:
            steps.append(ground.step(step))
        except EditError as exc:
            dropped.append(Skipped(plain(step.path, _MOST_OF_A_PATH), str(exc)))
    return _judged(_Sifted(text.summary, tuple(steps), tuple(dropped)))


def _without_unreadable(plan: _Sifted, carried_out: Scope) -> _Sifted:
    """`plan` without steps of files that the refactor could not take."""
    present = {step.path for step in plan.steps if step.kind != "create"}
    lost = {skipped.path: skipped for skipped in carried_out.skipped if skipped.path in present}
    if not lost:
        return plan
    steps = tuple(step for step in plan.steps if step.path not in lost)
    return _judged(_Sifted(plan.summary, steps, (*plan.dropped, *lost.values())))


def _judged(plan: _Sifted) -> _Sifted:
    """`plan`, with its problem where no step of it is left."""
    if plan.steps:
        return plan
    why = " ".join(f"{out.path}: {out.reason}" for out in plan.dropped[:5])
    return replace(plan, problem=f"Nothing of the plan can be done. {why}")
