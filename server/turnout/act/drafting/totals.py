"""What the answers of one refactor or action come to, together: one proposal and one receipt.

Invariant: every answer is in the receipt, also one that was not taken; what is missing makes the proposal incomplete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from turnout.act.drafting.drafts import Draft
from turnout.act.drafting.withdrawals import is_named
from turnout.act.proposals import Check, Proposal, Skipped, new_id
from turnout.core.edits.changes import FileChange, numbered
from turnout.core.receipts import Receipt, SentFile
from turnout.errors import TurnoutError


def proposal_from(
    label: str,
    drafts: Sequence[Draft],
    unread: Sequence[tuple[str, TurnoutError]] = (),
    skipped: tuple[Skipped, ...] = (),
    spent: Sequence[Receipt] = (),
) -> Proposal:
    """One proposal of what was drafted; `unread` are files for which there is no draft.

    `spent` are receipts of answers that are in no draft.
    """
    changes, doubled = _each_file_once(change for draft in drafts for change in draft.changes)
    # What only says why nothing changes in its files is no plan of the others.
    by_change = sorted(drafts, key=lambda draft: not draft.changes)
    refused = list({lost.path: lost for draft in drafts for lost in draft.refused}.values())
    failures = [
        *_failures(drafts, unread),
        *(f"Two answers change {path} in different ways." for path in doubled),
    ]
    return Proposal(
        id=new_id(),
        label=label,
        plan=next((draft.reply.plan for draft in by_change if draft.reply.plan), label),
        changes=changes,
        checks=(
            Check("edits", not failures, "\n".join(failures)),
            Check("changes", bool(changes), "" if changes else "The model changed nothing."),
            *(check for draft in drafts for check in draft.checks),
            *_told("edits taken back in", [lost for draft in drafts for lost in draft.reconsidered]),
            *_told("edits refused in", refused),
        ),
        receipt=combined([*spent, *(receipt for draft in drafts for receipt in draft.receipts)], "proposed"),
        skipped=(*skipped, *(lost for lost in refused if lost.path not in {out.path for out in skipped})),
        complete=not failures,
    )


def _failures(drafts: Sequence[Draft], unread: Iterable[tuple[str, TurnoutError]]) -> list[str]:
    """What could not be used, what there is no draft for, and what is missing of what there was."""
    return [
        *(str(failure) for draft in drafts for failure in draft.failures),
        *(f"{path}: {failure}" for path, failure in unread),
        *(f"{lost.path}: {lost.reason}" for draft in drafts for lost in draft.withdrawn),
    ]


def _told(name: str, lost: Sequence[Skipped]) -> list[Check]:
    """That edits are missing, in a check of that `name`: whether they should be, nobody looked at but the model."""
    if not lost:
        return []
    name = f"{name} {', '.join(dict.fromkeys(skipped.path for skipped in lost))}"
    said = (one.reason if is_named(one.path, one.reason) else f"{one.path}: {one.reason}" for one in lost)
    return [Check(name, True, "\n".join(said), ran=False)]


def _each_file_once(changes: Iterable[FileChange]) -> tuple[tuple[FileChange, ...], list[str]]:
    """The first change of every file, with hunks named anew, and the paths that had another one."""
    kept: dict[str, FileChange] = {}
    doubled: list[str] = []
    for change in changes:
        target = change.new_uri or change.uri
        if target in kept:
            doubled.append(change.path)
        else:
            kept[target] = change
    return numbered(kept.values()), doubled


def combined(receipts: Sequence[Receipt], outcome: str) -> Receipt:
    """One receipt for several questions: sums, with the id, route and first times of the first."""
    first, last = receipts[0], receipts[-1]
    models = list(dict.fromkeys(receipt.model for receipt in receipts if receipt.model))
    files: dict[str, SentFile] = {}
    for sent in (file for receipt in receipts for file in receipt.files):
        files[sent.uri] = max(sent, files.get(sent.uri, sent), key=lambda file: file.bytes)
    costs = [receipt.cost_usd for receipt in receipts]
    evaluated = [receipt.tokens_evaluated for receipt in receipts]
    return replace(
        first,
        model=", ".join(models) or None,
        leaves_machine=any(receipt.leaves_machine for receipt in receipts),
        files=tuple(files.values()),
        bytes_sent=sum(receipt.bytes_sent for receipt in receipts),
        tokens_in=sum(receipt.tokens_in for receipt in receipts),
        tokens_out=sum(receipt.tokens_out for receipt in receipts),
        tokens_cached=sum(receipt.tokens_cached for receipt in receipts),
        cost_usd=sum(cost for cost in costs if cost is not None) if None not in costs else None,
        tokens_evaluated=sum(read for read in evaluated if read is not None)
        if None not in evaluated
        else None,
        total_ms=sum(receipt.total_ms for receipt in receipts),
        outcome=outcome,
        estimated=any(receipt.estimated for receipt in receipts),
        reason=last.reason,
        edits="; ".join(dict.fromkeys(receipt.edits for receipt in receipts if receipt.edits)),
    )
