"""The refactor of many files: gather them, ask, read, check, and offer one proposal.

Invariant: nothing is written here; what could not be used of an answer is said, and makes the proposal incomplete.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from turnout.act import prompts
from turnout.act.drafts import Draft, Question, asked_about, combined, draft_edits
from turnout.act.proposals import Check, Proposal, new_id
from turnout.act.scope import Request, Scope, gather, selected_text
from turnout.act.seams import Seams
from turnout.core.documents import Snapshot
from turnout.core.edits.changes import FileChange, numbered
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
        raise FileUnusable(_nothing_to_do(scope), advice="Name the files that the change is about.")
    drafts, unread = await _drafts(request, scope.files, seams, repairs)
    return _proposal(request, scope, drafts, unread)


async def _drafts(
    request: Request, files: Mapping[str, Snapshot], seams: Seams, repairs: int
) -> tuple[list[Draft], list[tuple[str, TurnoutError]]]:
    """One draft for all files, or one for each; and the files whose draft failed.

    The first answer decides: its model answered for all files or for the first alone.
    """
    seams.tell(next(iter(files)), 0, len(files))
    first = await draft_edits(_question(request, files, repairs), seams)
    rest = [path for path in files if path not in asked_about(first.style, files)]
    drafts, unread = [first], []
    for done, path in enumerate(rest, start=1):
        seams.tell(path, done, len(files))
        try:
            drafts.append(await draft_edits(_question(request, {path: files[path]}, repairs), seams))
        except (BackendError, EditError) as exc:
            unread.append((path, exc))
    seams.tell("done", len(files), len(files))
    return drafts, unread


def _question(request: Request, files: Mapping[str, Snapshot], repairs: int) -> Question:
    path, file = next(iter(files.items()))
    focus = ""
    if request.selection and file.uri == request.document:
        focus = selected_text(file, request.selection)

    def render(model: Model) -> ChatPrompt:
        if prompts.style_for(model) == "blocks":
            return prompts.refactor_blocks(model, request.instruction, files, focus)
        return prompts.refactor_whole_file(model, request.instruction, path, file)

    return Question("refactor", files, render, repairs)


def _proposal(
    request: Request, scope: Scope, drafts: Sequence[Draft], unread: Sequence[tuple[str, TurnoutError]]
) -> Proposal:
    changes, doubled = _each_file_once(change for draft in drafts for change in draft.changes)
    failures = [str(failure) for draft in drafts for failure in draft.failures]
    failures += [f"{path}: {failure}" for path, failure in unread]
    failures += [f"Two answers change {path} in different ways." for path in doubled]
    return Proposal(
        id=new_id(),
        label=request.instruction,
        plan=next((draft.reply.plan for draft in drafts if draft.reply.plan), request.instruction),
        changes=changes,
        checks=(
            Check("edits", not failures, "\n".join(failures)),
            Check("changes", bool(changes), "" if changes else "The model changed nothing."),
            *(check for draft in drafts for check in draft.checks),
        ),
        receipt=combined([receipt for draft in drafts for receipt in draft.receipts]),
        skipped=scope.skipped,
        complete=not failures,
    )


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


def _nothing_to_do(scope: Scope) -> str:
    reasons = " ".join(f"{skipped.path}: {skipped.reason}" for skipped in scope.skipped[:5])
    return f"There is no file to work on. {reasons}".strip()
