"""The refactor of many files: gather them, plan where they are too many for one request, ask, and offer one proposal.

Invariant: nothing is written here; what could not be used of an answer is said, and makes the proposal incomplete.
"""

from dataclasses import replace

from turnout.act.drafting.conversation import MAX_REPAIRS
from turnout.act.drafting.groups import divided
from turnout.act.drafting.totals import proposal_from
from turnout.act.gathering.context import gather_context
from turnout.act.gathering.leftovers import leftovers
from turnout.act.gathering.newfiles import unasked
from turnout.act.gathering.scope import Request, Scope, must_be_workable
from turnout.act.job import Job
from turnout.act.plans import draw_up
from turnout.act.proposals import Check, Proposal
from turnout.act.seams import Seams
from turnout.core.edits.plans import Approved
from turnout.errors import FileUnusable, ReplyUnusable

_NARROW = "Name the files that the change is about, or use a model with tools."


async def propose(request: Request, seams: Seams, *, repairs: int = MAX_REPAIRS) -> Proposal:
    """A proposal for `request`, not kept anywhere yet.

    A model that writes out whole files is asked once for each file, any other once for all, or in rounds by a plan
    where they are too many for one request; each answer may be corrected `repairs` times (at most 3). Raises
    FileUnusable where no file can be worked on, ReplyUnusable where the answer has no edit in it, and what the asker
    raises.
    """
    seams.tell("choosing files", 0, 0)
    context = await gather_context(request, seams)
    must_be_workable(request, context.scope)
    division = await divided(request, context, seams.outlook)
    if division.alone and (blank := _blank(request, context.scope)):
        context = replace(context, scope=context.scope.without(blank, request))
        division = await divided(request, context, seams.outlook)
    job = Job(request, context, division, seams, repairs)
    if job.division.rounds > 1 and request.approved is None:
        job = await _planned(job)
    drafts, unread = await job.drafts()
    scope = job.context.scope
    unread += [(missed.path, FileUnusable(missed.reason)) for missed in scope.missed]
    proposal = proposal_from(request.instruction, drafts, unread, scope.skipped, job.spent)
    approved = job.request.approved
    more = [*unasked(proposal.changes, request), *await leftovers(proposal.changes, seams)]
    more += [_plan_check(approved, proposal)] if approved else []
    if request.approved is None:
        looked_at = frozenset[str]().union(*(draft.looked_at for draft in drafts))
        more += _reach(scope, proposal, looked_at, must_see=not any(draft.has_tools for draft in drafts))
    complete = proposal.complete and all(check.ok or check.name == "plan" for check in more)
    return replace(proposal, checks=(*proposal.checks, *more), complete=complete)


def _blank(request: Request, scope: Scope) -> dict[str, str]:
    """Files that hold nothing and that nobody named, with that, where others hold something.

    A model that is asked about such a file alone writes something into it, or was paid for nothing.
    """
    named = {*request.scope, request.document} - request.swept
    blank = [path for path, file in scope.files.items() if file.uri not in named and not file.text.strip()]
    if request.approved or len(blank) == len(scope.files):
        return {}
    return dict.fromkeys(blank, "It holds nothing, and nobody named it.")


async def _planned(job: Job) -> Job:
    """`job` by a plan that says which of its many files change; its model makes that, and nobody need approve it.

    Raises ReplyUnusable where it makes none: to ask round after round without one is not worth its price.
    """
    seams, scope = job.seams, job.context.scope
    assert seams.outlook is not None, "who asks in rounds knows a model"
    seams.tell(f"planning {len(scope.files)} files in {job.division.rounds} rounds", 0, job.division.rounds)
    plan = await draw_up(job.request, seams, seams.outlook)
    if plan.problem or plan.receipt is None:
        raise ReplyUnusable(
            f"{len(scope.files)} files take {job.division.rounds} rounds, and there is no plan for them. "
            f"{plan.problem}",
            advice="Name fewer files at once, or choose another model.",
        )
    request = plan.unasked
    context = await gather_context(request, seams)
    must_be_workable(request, context.scope)
    left_out = {out.path: out for out in (*scope.skipped, *plan.dropped, *context.scope.skipped)}
    missed = (*scope.missed, *context.scope.missed)
    left = replace(
        context.scope,
        skipped=tuple(left_out.values()),
        missed=missed,
        beyond=scope.beyond,
        mentioning=scope.mentioning,
    )
    context = replace(context, scope=left)
    division = await divided(request, context, seams.outlook)
    return replace(job, request=request, context=context, division=division, spent=(plan.receipt,))


def _reach(scope: Scope, proposal: Proposal, looked_at: frozenset[str], *, must_see: bool) -> list[Check]:
    """That files which were found were not `looked_at`, where that is so: the change may be due in them as well.

    It fails where `must_see` and they mention what the instruction speaks of. A model with tools finds them itself.
    """
    changed = {path for change in proposal.changes for path in (change.path, change.new_path)}
    left = [path for path in scope.beyond if path not in changed and path not in looked_at]
    if not left:
        return []
    name, said = f"{len(left)} files past the limit", f"not looked at: {', '.join(left)}"
    unseen = [path for path in left if path in scope.mentioning]
    if must_see and unseen and proposal.changes:
        said += f"\n{len(unseen)} of them mention what the instruction speaks of. {_NARROW}"
        return [Check(name, False, said)]
    return [Check(name, True, said, ran=False)]


def _plan_check(approved: Approved, proposal: Proposal) -> Check:
    """Whether everything that was planned was done."""
    undone = approved.undone(proposal.changes)
    return Check("plan", not undone, "\n".join(f"not done: {step.line}" for step in undone))
