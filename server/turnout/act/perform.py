"""Carry out an action on one file.

Invariant: the lines that an action is about are the only ones that change, except that a fix by a capable model may
touch other lines of its file (an import, say) through exact edits; nothing is written here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from turnout.act.actions import COMMENT_INSTRUCTION, Action, Fault
from turnout.act.documenting import documentation_check
from turnout.act.drafting import prompts
from turnout.act.drafting.conversation import Question, converse
from turnout.act.drafting.drafts import Draft, read_edits, settled, syntax_check
from turnout.act.drafting.totals import combined, proposal_from
from turnout.act.gathering.guard import Guard
from turnout.act.proposals import Check, Proposal
from turnout.act.seams import Seams
from turnout.act.testfiles import free_test_path
from turnout.core.answers import Answer
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.changes import FileChange, file_change
from turnout.core.edits.elision import elided, refusal
from turnout.core.edits.fences import parse_region
from turnout.core.edits.formats import Format, Formats
from turnout.core.edits.matching import new_file, part, replace_regions
from turnout.core.edits.readable import must_read_back
from turnout.core.edits.regions import indented_like, unindented
from turnout.core.edits.replies import Reply
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt
from turnout.errors import PathRefused, ReplyUnusable

_LINES_BEFORE = 40
_LINES_AFTER = 20


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer in Markdown; nothing changes."""

    markdown: str
    receipt: Receipt


async def perform(
    action: Action, file: Snapshot, seams: Seams, *, instruction: str = "", repairs: int = 1
) -> Proposal | Explanation:
    """Run `action` on `file`, the version of the document that it was offered for.

    Raises ReplyUnusable where the answer is not what was asked for, and what the asker raises.
    """
    seams.tell(action.title, 0, 0)
    if action.kind in ("rewrite", "fix", "document"):
        await _must_be_free(seams.workspace.path(file.uri), seams)
    match action.kind:
        case "explain":
            return await _explain(action, file, seams)
        case "test":
            return await _write_tests(action, file, seams, repairs)
        case "rewrite" | "fix" | "document":
            return await _write_anew(action, file, _task(action, instruction), seams, repairs)


async def _must_be_free(path: str, seams: Seams) -> None:
    """Raises PathRefused where the project's instructions put `path` off limits: no model need be asked then."""
    if barred := await asyncio.to_thread(Guard(seams.workspace).objection, path):
        raise PathRefused(barred)


def _task(action: Action, instruction: str) -> str:
    if action.kind == "rewrite":
        return f"Instruction: {instruction or action.says}"
    if action.kind == "document":
        return (
            f"Instruction: write the documentation comment (docstring) of {action.name}, in the style of the language, "
            "where it stands in this language. Do not change the code itself."
        )
    if len(action.faults) == 1:
        return f"Instruction: fix this problem, {_reported(action, action.faults[0])}"
    listed = "\n".join(f"- {_reported(action, fault)}" for fault in action.faults)
    return f"Instruction: fix these problems:\n{listed}"


def _reported(action: Action, fault: Fault) -> str:
    """A fault in words, with its line counted in the part that is shown, its code, and what belongs to it."""
    line = fault.span.start.line - action.first + 1
    by = " ".join(filter(None, (fault.source, fault.code)))
    related = "".join(f"\n  {text}" for text in fault.related)
    return f"reported{f' by {by}' if by else ''} for line {line} of the part: {fault.message}{related}"


async def _explain(action: Action, file: Snapshot, seams: Seams) -> Explanation:
    path = seams.workspace.path(file.uri)
    text = _part(action, file)

    def render(model: Model) -> ChatPrompt:
        return prompts.explain(model, path, text, file.language)

    async def read(answer: Answer) -> tuple[str, Sequence[str]]:
        return answer.text.strip(), ()

    question = Question("explain", {path: file}, render, repairs=0, shown=text)
    talk = await converse(question, read, seams)
    return Explanation(talk.result, combined(talk.receipts, "answered"))


async def _write_tests(action: Action, file: Snapshot, seams: Seams, repairs: int) -> Proposal:
    workspace = seams.workspace
    path = workspace.path(file.uri)
    target = await asyncio.to_thread(
        free_test_path, path, lambda candidate: workspace.exists(workspace.uri(candidate)), workspace.paths()
    )
    await _must_be_free(target, seams)
    text = _part(action, file)

    def render(model: Model) -> ChatPrompt:
        return prompts.tests(model, path, text, target, file.language)

    async def read(answer: Answer) -> tuple[Draft, Sequence[str]]:
        lines = new_file(parse_region(answer.text))
        return await _drafted(file_change("create", workspace.uri(target), target, (), lines), answer, seams)

    question = Question("test", {path: file}, render, repairs, shown=text)
    return await _offered(action, question, read, seams)


async def _write_anew(action: Action, file: Snapshot, task: str, seams: Seams, repairs: int) -> Proposal:
    path = seams.workspace.path(file.uri)
    around, part = _around(action, file), _part(action, file)
    formats = Formats(await asyncio.to_thread(seams.history.evidence))

    def form(model: Model) -> Format:
        return formats.choose(model, ())  # what else it would write is a part, not the file

    def reads_edits(model: Model) -> bool:
        """Whether the answer is edits anywhere in the file: a fix may need an import that is not among its lines."""
        return action.kind == "fix" and form(model).style == "blocks"

    def render(model: Model) -> ChatPrompt:
        if reads_edits(model):
            lines = f"lines {action.first + 1} to {action.end}"
            prompt = prompts.refactor_blocks(model, f"In {lines} of {path}. {task}", {path: file})
            return replace(prompt, edits=str(form(model)))
        return prompts.region(model, task, path, around, part, file.language)

    shown = "".join((*around, part))
    objection = partial(_objection, Guard(seams.workspace), path)
    question = Question(
        action.kind, {path: file}, render, repairs, shown=shown, objection=objection, format=form
    )

    async def read(answer: Answer) -> tuple[Draft, Sequence[str]]:
        if reads_edits(answer.model):
            draft = await read_edits(answer, None, question, seams, may_be_none=True)
            return draft, draft.complaints
        rows = await asyncio.to_thread(seams.syntax.literal_rows, file.language, file.text)
        change = _region_change(action, file, path, answer.text, rows)
        checks = []
        if action.kind == "document":
            checks.append(await asyncio.to_thread(documentation_check, file, change, rows, seams.syntax))
        return await _drafted(change, answer, seams, *checks)

    return await _offered(action, question, read, seams)


def _objection(guard: Guard, path: str, change: FileChange) -> str | None:
    """Why a fix of the file at `path` may not make `change`, which nobody looks at before it is done."""
    if change.kind != "edit":
        return f"An action edits {path} and does nothing else: {change.path} must stay as it is."
    # The answer to one file's problem may name others, also in words of instructions that nobody may quote.
    return guard.against(change, quotable=())


def _part(action: Action, file: Snapshot) -> str:
    """The lines of an action, without the comment that asks for it."""
    lines = file.lines[action.first : action.end]
    if not action.says:
        return unindented(lines)
    return unindented(tuple(line for line in lines if not _says(line, action.says)))


def _says(line: str, instruction: str) -> bool:
    found = COMMENT_INSTRUCTION.search(line_body(line))
    return found is not None and found[1] == instruction


def _around(action: Action, file: Snapshot) -> tuple[str, str]:
    before = file.lines[max(0, action.first - _LINES_BEFORE) : action.first]
    after = file.lines[action.end : action.end + _LINES_AFTER]
    return unindented(before), unindented(after)


def _region_change(
    action: Action, file: Snapshot, path: str, text: str, literal: frozenset[int] | None
) -> FileChange:
    """What an answer makes of the lines of `action`; `literal` are the lines of the file that begin inside a string."""
    old = file.lines[action.first : action.end]
    bodies = indented_like(parse_region(text), old)
    left_out = elided(old, bodies)
    if left_out is not None:
        raise ReplyUnusable(refusal("The new text", left_out))
    counting = None if literal is None else frozenset(row - 1 for row in literal)
    region = part(file.lines, action.first, action.end, bodies, counting)
    after = replace_regions(file.lines, [region])
    return file_change("edit", file.uri, path, file.lines, after, version=file.version, mark=file.mark)


async def _drafted(
    change: FileChange, answer: Answer, seams: Seams, *checks: Check
) -> tuple[Draft, Sequence[str]]:
    must_read_back(change)
    syntax = await asyncio.to_thread(syntax_check, change, seams.syntax)
    changes = (change,) if change.hunks else ()
    draft = Draft(Reply(""), changes, (syntax, *checks), (), (), prompts.style_for(answer.model))
    return draft, draft.complaints


async def _offered(
    action: Action,
    question: Question,
    read: Callable[[Answer], Awaitable[tuple[Draft, Sequence[str]]]],
    seams: Seams,
) -> Proposal:
    talk = await converse(question, read, seams)
    return proposal_from(action.title.rstrip("."), [settled(talk.result, talk)])
