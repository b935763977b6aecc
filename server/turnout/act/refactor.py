"""The refactor of many files: gather them, ask, read, check, and offer one proposal.

Invariant: nothing is written here; what could not be used of an answer is said, and makes the proposal incomplete.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from turnout.act import prompts
from turnout.act.drafts import Draft, Question, asked_about, draft_edits, proposal_from
from turnout.act.proposals import Check, Proposal
from turnout.act.scope import Request, Scope, gather, mentions, selected_text
from turnout.act.seams import Seams
from turnout.core.documents import Snapshot
from turnout.core.edits.plans import Approved
from turnout.core.requests import ChatPrompt, Model
from turnout.errors import BackendError, EditError, FileUnusable, TurnoutError


async def propose(request: Request, seams: Seams, *, repairs: int = 1) -> Proposal:
    """A proposal for `request`, not kept anywhere yet.

    A model that writes out whole files is asked once for each file, any other once for all; each answer may be
    corrected `repairs` times (at most 3). Raises FileUnusable where no file can be worked on, ReplyUnusable where the
    answer has no edit in it, and what the asker raises.
    """
    seams.tell("choosing files", 0, 0)
    scope = await asyncio.to_thread(gather, request, seams.workspace)
    if not scope.files:
        raise nothing_to_do(scope)
    drafts, unread = await _drafts(request, scope, seams, repairs)
    proposal = proposal_from(request.instruction, drafts, unread, scope.skipped)
    if request.approved is None:
        return proposal
    return replace(proposal, checks=(*proposal.checks, _plan_check(request.approved, proposal)))


def _plan_check(approved: Approved, proposal: Proposal) -> Check:
    """Whether everything that was planned was done."""
    undone = approved.undone(proposal.changes)
    return Check("plan", not undone, "\n".join(f"not done: {step.line}" for step in undone))


async def _drafts(
    request: Request, scope: Scope, seams: Seams, repairs: int
) -> tuple[list[Draft], list[tuple[str, TurnoutError]]]:
    """One draft for all files, or one for each; and the files whose draft failed.

    The first answer decides: its model answered for all files or for the first alone.
    """
    files = scope.files
    seams.tell(next(iter(files)), 0, len(files))
    first = await draft_edits(_question(request, files, scope.names, repairs), seams)
    rest = [path for path in files if path not in asked_about(first.style, files)]
    drafts = [first]
    unread: list[tuple[str, TurnoutError]] = []
    for done, path in enumerate(rest, start=1):
        seams.tell(path, done, len(files))
        try:
            question = _question(request, {path: files[path]}, scope.names, repairs)
            drafts.append(await draft_edits(question, seams))
        except (BackendError, EditError) as exc:
            unread.append((path, exc))
    seams.tell("done", len(files), len(files))
    return drafts, unread


def _question(
    request: Request, files: Mapping[str, Snapshot], names: Collection[str], repairs: int
) -> Question:
    path, file = next(iter(files.items()))
    focus = focused(request, files)
    approved = request.approved
    plan = approved.text if approved else ""

    def render(model: Model) -> ChatPrompt:
        if prompts.style_for(model) == "blocks":
            return prompts.refactor_blocks(model, request.instruction, files, focus, plan)
        listed = mentions(file, names)
        return prompts.refactor_whole_file(model, request.instruction, path, file, listed, plan)

    question = Question("refactor", files, render, repairs, f"{request.instruction}\n{plan}")
    return replace(question, objection=approved.objection) if approved else question


def focused(request: Request, files: Mapping[str, Snapshot]) -> str:
    """The text that the user had selected, where it is in the first of `files`."""
    file = next(iter(files.values()))
    return (
        selected_text(file, request.selection) if request.selection and file.uri == request.document else ""
    )


def nothing_to_do(scope: Scope) -> FileUnusable:
    """The error for a request without a file to work on."""
    reasons = " ".join(f"{skipped.path}: {skipped.reason}" for skipped in scope.skipped[:5])
    return FileUnusable(
        f"There is no file to work on. {reasons}".strip(), advice="Name the files that the change is about."
    )
