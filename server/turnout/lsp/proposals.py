"""Proposals, outcomes and places as the JSON that clients are promised."""

from collections.abc import Iterable
from typing import Any

from lsprotocol import types

from turnout.act.applying.effects import Conflict
from turnout.act.applying.transactions import Outcome, Standing
from turnout.act.estimates import Most
from turnout.act.plans import Plan
from turnout.act.proposals import Proposal, verdict
from turnout.core.documents import Encoding, Snapshot
from turnout.core.edits.changes import FileChange
from turnout.core.edits.plans import PlannedStep
from turnout.lsp.positions import span_to_lsp


def proposal_to_wire(proposal: Proposal, encoding: Encoding) -> dict[str, Any]:
    """The answer to `turnout/refactor`."""
    found = verdict(proposal.checks)
    return {
        "proposalId": proposal.id,
        "plan": proposal.plan,
        "files": [change_to_wire(change, encoding) for change in proposal.changes],
        "checks": [{"name": c.name, "ok": c.ok, "ran": c.ran, "message": c.message} for c in proposal.checks],
        "verdict": {"state": found.state, "text": found.text},
        "skipped": [{"path": s.path, "reason": s.reason} for s in proposal.skipped],
        "complete": proposal.complete,
        "receipt": proposal.receipt.to_wire(),
    }


def standing_to_wire(standing: Standing, encoding: Encoding) -> dict[str, Any]:
    """The answer to `turnout/proposal`."""
    return {
        **proposal_to_wire(standing.proposal, encoding),
        "label": standing.proposal.label,
        "conflicts": _conflicts_to_wire(standing.conflicts),
    }


def plan_to_wire(plan: Plan) -> dict[str, Any]:
    """The answer to `turnout/plan`."""
    guess = plan.estimate
    return {
        "id": plan.id or None,
        "summary": plan.summary,
        "steps": [_step_to_wire(step) for step in plan.steps],
        "dropped": [{"path": s.path, "reason": s.reason} for s in plan.dropped],
        "skipped": [{"path": s.path, "reason": s.reason} for s in plan.skipped],
        "problem": plan.problem,
        "estimate": {
            "model": guess.model,
            "leavesMachine": guess.leaves_machine,
            "tokensIn": guess.tokens_in,
            "tokensOut": guess.tokens_out,
            "costUsd": guess.cost_usd,
            "seconds": guess.seconds,
            "whyNone": guess.why_none,
            "turns": guess.turns,
            "rounds": guess.rounds,
            "most": guess.most and _most_to_wire(guess.most),
        },
        "files": [file.to_wire() for file in guess.files],
        "receipt": plan.receipt and plan.receipt.to_wire(),
    }


def _most_to_wire(most: Most) -> dict[str, Any]:
    return {
        "turns": most.turns,
        "tokensIn": most.tokens_in,
        "tokensOut": most.tokens_out,
        "costUsd": most.cost_usd,
        "seconds": most.seconds,
    }


def _step_to_wire(step: PlannedStep) -> dict[str, Any]:
    wire = {"kind": step.kind, "path": step.path, "change": step.change}
    return wire if step.new_path is None else {**wire, "newPath": step.new_path}


def change_to_wire(change: FileChange, encoding: Encoding) -> dict[str, Any]:
    """One file of a proposal."""
    before = Snapshot(change.uri, "", change.version, change.before)
    hunks = [
        {
            "id": hunk.id,
            "before": "".join(hunk.before),
            "after": "".join(hunk.after),
            "range": _range_to_wire(span_to_lsp(before, change.span(hunk), encoding)),
        }
        for hunk in change.hunks
    ]
    wire = {
        "uri": change.uri,
        "kind": change.kind,
        "version": change.version,
        "diff": change.diff,
        "hunks": hunks,
    }
    return wire if change.new_uri is None else {**wire, "newUri": change.new_uri}


def outcome_to_wire(outcome: Outcome, done: str) -> dict[str, Any]:
    """The answer to `turnout/apply` (`done` is `applied`) and `turnout/undo` (`undone`)."""
    return {done: outcome.done, "conflicts": _conflicts_to_wire(outcome.conflicts)}


def _conflicts_to_wire(conflicts: Iterable[Conflict]) -> list[dict[str, Any]]:
    return [{"uri": c.uri, "message": c.message, "hunk": c.hunk, "line": c.line} for c in conflicts]


def _range_to_wire(value: types.Range) -> dict[str, Any]:
    return {
        "start": {"line": value.start.line, "character": value.start.character},
        "end": {"line": value.end.line, "character": value.end.character},
    }
