"""Proposals, outcomes and places as the JSON that clients are promised."""

from collections.abc import Iterable, Mapping
from typing import Any

from lsprotocol import types

from turnout.act.actions import Action, Fault
from turnout.act.applying.effects import Conflict
from turnout.act.applying.transactions import Outcome, Standing
from turnout.act.estimates import Most
from turnout.act.plans import Plan
from turnout.act.proposals import Proposal, verdict
from turnout.core.documents import Encoding, Position, Snapshot, Span
from turnout.core.edits.changes import FileChange
from turnout.core.edits.plans import PlannedStep
from turnout.lsp.positions import span_from_lsp, span_to_lsp

_MOST_RELATED = 5


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


def action_to_wire(action: Action, snapshot: Snapshot) -> dict[str, Any]:
    """An action as the argument of its command; it comes back as it went."""
    return {
        "kind": action.kind,
        "title": action.title,
        "uri": action.uri,
        "version": snapshot.version,
        "first": action.first,
        "end": action.end,
        "asks": action.asks,
        "name": action.name,
        "says": action.says,
        "faults": [
            {
                "message": fault.message,
                "line": fault.span.start.line,
                "code": fault.code,
                "source": fault.source,
                "related": list(fault.related),
            }
            for fault in action.faults
        ],
    }


def action_from_wire(fields: Mapping[str, Any]) -> Action:
    """The action of a command's argument; raises KeyError, TypeError or ValueError for anything else."""
    kind = fields["kind"]
    if kind not in ("rewrite", "fix", "document", "test", "explain"):
        raise ValueError(f"no such action: {kind!r}")
    faults = fields.get("faults") or ()
    first, end = int(fields["first"]), int(fields["end"])
    if not 0 <= first < end:
        raise ValueError(f"no such lines: {first} to {end}")
    return Action(
        kind=kind,
        title=str(fields.get("title", kind)),
        uri=str(fields["uri"]),
        first=first,
        end=end,
        asks=bool(fields.get("asks")),
        faults=tuple(_fault_from_wire(fault) for fault in faults),
        name=str(fields.get("name", "")),
        says=str(fields.get("says", "")),
    )


def _fault_from_wire(fields: Mapping[str, Any]) -> Fault:
    line = int(fields["line"])
    return Fault(
        Span(Position(line, 0), Position(line, 0)),
        str(fields["message"]),
        str(fields.get("source", "")),
        str(fields.get("code", "")),
        tuple(map(str, fields.get("related") or ())),
    )


def fault_from_lsp(snapshot: Snapshot, diagnostic: types.Diagnostic, encoding: Encoding) -> Fault:
    """A diagnostic of another server."""
    message = diagnostic.message if isinstance(diagnostic.message, str) else str(diagnostic.message)
    return Fault(
        span_from_lsp(snapshot, diagnostic.range, encoding),
        message,
        diagnostic.source or "",
        "" if diagnostic.code is None else str(diagnostic.code),
        tuple(
            f"{related.location.uri.rpartition('/')[2]}:{related.location.range.start.line + 1}: {related.message}"
            for related in (diagnostic.related_information or ())[:_MOST_RELATED]
        ),
    )


def _range_to_wire(value: types.Range) -> dict[str, Any]:
    return {
        "start": {"line": value.start.line, "character": value.start.character},
        "end": {"line": value.end.line, "character": value.end.character},
    }
