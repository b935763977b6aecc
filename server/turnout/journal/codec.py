"""Entries of the journal as bytes: a line that says what it is, and a line with the texts.

Invariant: what is read back is what was written, line endings and lone surrogates included; anything else is no entry.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from turnout.act.applying.entries import Applied, Entry, Head
from turnout.act.proposals import Check, Proposal, Skipped
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, Hunk
from turnout.core.receipts import Receipt, Send, SentFile

_FORMAT = 1


def encoded(entry: Entry) -> bytes:
    """`entry` as the content of a file."""
    head = {"format": _FORMAT, **entry.head._asdict()}
    proposal = entry.proposal
    body = {
        "label": proposal.label,
        "plan": proposal.plan,
        "complete": proposal.complete,
        "proposed": [_change_to_json(change) for change in proposal.changes],
        "changes": [_change_to_json(change) for change in entry.changes],
        "earlier": [
            {"since": part.since, "changes": [_change_to_json(change) for change in part.changes]}
            for part in entry.earlier
        ],
        "checks": [_check_to_json(check) for check in proposal.checks],
        "skipped": [asdict(skipped) for skipped in proposal.skipped],
        "receipt": asdict(proposal.receipt),
    }
    return f"{json.dumps(head)}\n{json.dumps(body)}\n".encode()


def head_of(line: bytes) -> Head:
    """The head in the first line of a file. Raises ValueError, KeyError or TypeError for anything else."""
    fields_ = json.loads(line)
    if fields_["format"] != _FORMAT or fields_["state"] not in ("offered", "applying", "applied", "undoing"):
        raise ValueError("an entry of another version")
    since, undone = float(fields_["since"]), float(fields_.get("undone", 0))
    return Head(str(fields_["id"]), str(fields_["root"]), fields_["state"], since, undone)


def decoded(data: bytes) -> Entry:
    """The entry in a file. Raises ValueError, KeyError or TypeError for anything else."""
    first, _, second = data.partition(b"\n")
    head, body = head_of(first), json.loads(second)
    proposal = Proposal(
        id=head.id,
        label=str(body["label"]),
        plan=str(body["plan"]),
        changes=tuple(_change_from_json(change) for change in body["proposed"]),
        checks=tuple(Check(**check) for check in body["checks"]),
        receipt=_receipt(body["receipt"]),
        skipped=tuple(Skipped(**skipped) for skipped in body["skipped"]),
        complete=bool(body["complete"]),
    )
    changes = tuple(_change_from_json(change) for change in body["changes"])
    earlier = tuple(_applied(part) for part in body.get("earlier", ()))
    return Entry(proposal, head.root, head.state, head.since, changes, earlier, head.undone)


def _applied(value: Mapping[str, Any]) -> Applied:
    return Applied(tuple(_change_from_json(change) for change in value["changes"]), float(value["since"]))


def _check_to_json(check: Check) -> dict[str, Any]:
    """A check without its problems, which are for the model that mends them."""
    return {"name": check.name, "ok": check.ok, "message": check.message, "ran": check.ran}


def _change_to_json(change: FileChange) -> dict[str, Any]:
    return {
        "uri": change.uri,
        "path": change.path,
        "kind": change.kind,
        "before": "".join(change.before),
        "after": "".join(change.after),
        "hunks": [[hunk.id, hunk.start, "".join(hunk.before), "".join(hunk.after)] for hunk in change.hunks],
        "version": change.version,
        "new_uri": change.new_uri,
        "new_path": change.new_path,
        "mark": change.mark,
        "mode": change.mode,
        "folders": list(change.folders),
        "in_editor": change.in_editor,
    }


def _change_from_json(value: Mapping[str, Any]) -> FileChange:
    if value["kind"] not in ("edit", "create", "delete", "rename"):
        raise ValueError("a change of another kind")
    return FileChange(
        uri=value["uri"],
        path=value["path"],
        kind=value["kind"],
        before=_lines(value["before"]),
        after=_lines(value["after"]),
        hunks=tuple(_hunk(hunk) for hunk in value["hunks"]),
        version=value["version"],
        new_uri=value["new_uri"],
        new_path=value["new_path"],
        mark=value.get("mark", ""),
        mode=value.get("mode"),
        folders=tuple(value.get("folders", ())),
        in_editor=value.get("in_editor", True),  # where nobody says, a text may not be saved
    )


def _hunk(value: Sequence[Any]) -> Hunk:
    name, start, before, after = value
    return Hunk(name, start, _lines(before), _lines(after))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(split_lines(text))


def _receipt(value: Mapping[str, Any]) -> Receipt:
    """A receipt; fields that another version had are left out."""
    known = {field.name for field in fields(Receipt)}
    given = {name: item for name, item in value.items() if name in known}
    given["route"] = tuple(given["route"])
    given["files"] = tuple(SentFile(**file) for file in given["files"])
    given["sends"] = tuple(Send(**send) for send in given.get("sends", ()))
    given["redacted"] = tuple((kind, count) for kind, count in given.get("redacted", ()))
    return Receipt(**given)
