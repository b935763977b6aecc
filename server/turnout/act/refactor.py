"""The refactor of many files: gather them, ask, read, check, and offer one proposal.

Invariant: nothing is written here; what could not be used of an answer is said, and makes the proposal incomplete.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from turnout.act import prompts
from turnout.act.agent import Bounds, ToolsUnavailable, takes_tools, work_out
from turnout.act.context import Context, gather_context
from turnout.act.drafts import MAX_REPAIRS, Draft, Question, asked_about, draft_edits
from turnout.act.mending import mended
from turnout.act.proposals import Check, Proposal
from turnout.act.scope import MAX_BYTES, MAX_FILES, Request, Scope, mentions, selected_text
from turnout.act.seams import Seams
from turnout.act.totals import proposal_from, so_far
from turnout.core.documents import Snapshot
from turnout.core.edits.changes import FileChange
from turnout.core.edits.formats import Format, sizes_of
from turnout.core.edits.plans import Approved
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.errors import BackendError, EditError, FileUnusable, TurnoutError


async def propose(request: Request, seams: Seams, *, repairs: int = MAX_REPAIRS) -> Proposal:
    """A proposal for `request`, not kept anywhere yet.

    A model that writes out whole files is asked once for each file, any other once for all; each answer may be
    corrected `repairs` times (at most 3). Raises FileUnusable where no file can be worked on, ReplyUnusable where the
    answer has no edit in it, and what the asker raises.
    """
    seams.tell("choosing files", 0, 0)
    context = await gather_context(request, seams)
    must_be_workable(request, context.scope)
    drafts, unread = await _drafts(request, context, seams, repairs)
    unread += [(missed.path, FileUnusable(missed.reason)) for missed in context.scope.missed]
    proposal = proposal_from(request.instruction, drafts, unread, context.scope.skipped)
    more = [_plan_check(request.approved, proposal)] if request.approved else _reach(context.scope)
    return replace(proposal, checks=(*proposal.checks, *more))


def _reach(scope: Scope) -> list[Check]:
    """That files which were found were not looked at, where that is so: the change may be due in them as well."""
    if not scope.beyond:
        return []
    name = f"{len(scope.beyond)} files past the limit"
    return [Check(name, True, f"not looked at: {', '.join(scope.beyond)}", ran=False)]


def _plan_check(approved: Approved, proposal: Proposal) -> Check:
    """Whether everything that was planned was done."""
    undone = approved.undone(proposal.changes)
    return Check("plan", not undone, "\n".join(f"not done: {step.line}" for step in undone))


async def _drafts(
    request: Request, context: Context, seams: Seams, repairs: int
) -> tuple[list[Draft], list[tuple[str, TurnoutError]]]:
    """One draft for all files, or one for each; and the files whose draft failed.

    The first answer decides: its model answered for all files or for the first alone.
    """
    files = context.scope.files
    asked = _question(request, files, context, repairs)
    if takes_tools(seams, asked):
        with suppress(ToolsUnavailable):
            return [await _with_tools(request, asked, context, seams)], []
    seams.tell(next(iter(files)), 0, len(files))
    first = await draft_edits(asked, seams)
    rest = list(files)[1:] if first.alone else []
    seams.show(first.changes)
    drafts = {next(iter(files)): first}
    unread: list[tuple[str, TurnoutError]] = []

    def about(path: str) -> Question:
        return _question(request, {path: files[path]}, context, repairs)

    for done, path in enumerate(rest, start=1):
        spent = so_far([receipt for draft in drafts.values() for receipt in draft.receipts])
        seams.tell(f"{path}{spent}", done, len(files))
        try:
            drafts[path] = await draft_edits(about(path), seams)
            seams.show(drafts[path].changes)
        except (BackendError, EditError) as exc:
            unread.append((path, exc))
    if first.alone and repairs:
        drafts = await mended(drafts, about, seams, _limit_usd(asked, seams))
    seams.tell("done", len(files), len(files))
    return list(drafts.values()), unread


def _limit_usd(question: Question, seams: Seams) -> float | None:
    """What all requests of a refactor may cost; None where no budget limits it."""
    if seams.outlook is None:
        return None
    return seams.outlook.route("refactor", tuple(file.uri for file in question.sent), 0).limit_usd


async def _with_tools(request: Request, question: Question, context: Context, seams: Seams) -> Draft:
    """The draft of a model that looks things up by itself; it may add files where the user named none."""
    files, pieces, approved = context.scope.files, context.pieces, request.approved
    focus, plan = focused(request, files), approved.text if approved else ""

    def render(model: Model) -> ChatPrompt:
        return prompts.agent(model, request.instruction, files, focus, plan, pieces)

    assert seams.outlook is not None
    route = seams.outlook.route("refactor", tuple(file.uri for file in question.sent), 0)
    seconds = Bounds().seconds if route.deadline_ms is None else route.deadline_ms / 1000
    bounds = Bounds(seconds=seconds, usd=route.limit_usd)
    may_find = not request.scope and approved is None
    return await work_out(replace(question, render=render), seams, bounds, may_find=may_find)


def _question(request: Request, files: Mapping[str, Snapshot], context: Context, repairs: int) -> Question:
    path, file = next(iter(files.items()))
    focus = focused(request, files)
    approved = request.approved
    plan = approved.text if approved else ""
    names, pieces = context.scope.names, context.pieces
    sizes = sizes_of(files.values())

    def form(model: Model) -> Format:
        return context.formats.choose(model, sizes)

    def render(model: Model) -> ChatPrompt:
        chosen = form(model)
        if chosen.style == "blocks":
            shown = asked_about(chosen, files)
            prompt = prompts.refactor_blocks(model, request.instruction, shown, focus, plan, pieces)
        else:
            listed = mentions(file, names)
            prompt = prompts.refactor_whole_file(model, request.instruction, path, file, listed, plan)
        return replace(prompt, edits=str(chosen))

    return Question(
        "refactor",
        files,
        render,
        repairs,
        f"{request.instruction}\n{plan}",
        objection=partial(_objection, context, approved),
        pieces=pieces,
        whys=context.scope.whys,
        sources=context.sources,
        format=form,
    )


def _objection(context: Context, approved: Approved | None, change: FileChange) -> str | None:
    """Why a change may not be made: the project puts its file off limits, or the user did not agree to it."""
    barred = context.guard.against(change, context.quotable)
    return barred or (approved.objection(change) if approved else None)


def focused(request: Request, files: Mapping[str, Snapshot]) -> str:
    """The text that the user had selected, where it is in the first of `files`."""
    file = next(iter(files.values()))
    return (
        selected_text(file, request.selection) if request.selection and file.uri == request.document else ""
    )


def must_be_workable(request: Request, scope: Scope) -> None:
    """Raises FileUnusable for a request without a file to work on, or with more named files than one refactor takes.

    What was named and is not even looked at would be missing from a change that is called whole.
    """
    if not scope.files:
        reasons = " ".join(f"{skipped.path}: {skipped.reason}" for skipped in scope.skipped[:5])
        raise FileUnusable(
            f"There is no file to work on. {reasons}".strip(),
            advice="Name the files that the change is about.",
        )
    if scope.beyond and request.scope and request.approved is None:
        raise FileUnusable(
            f"{len(scope.files) + len(scope.beyond)} files were named, {len(scope.beyond)} more than fit: one refactor "
            f"takes at most {MAX_FILES} files and {MAX_BYTES:,} bytes.",
            advice="Name fewer at once, or none, to have those found that mention what the instruction speaks of.",
        )
