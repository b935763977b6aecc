"""Ask a model for edits, read them, and give it a chance to correct what cannot be used.

Invariant: a draft says of every step of the reply either which change it became or why it became none.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias, TypeVar

from turnout.act.closed import without_closed
from turnout.act.findings import Findings, asked_anew, findings, quotable, vetted
from turnout.act.pieces import Piece
from turnout.act.prompts import Style, complaint, continued
from turnout.act.proposals import Check, Skipped
from turnout.act.seams import Seams, Syntax
from turnout.act.withdrawals import Attempt, meant, taken_back
from turnout.core.answers import Answer
from turnout.core.documents import Snapshot
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.changes import FileChange
from turnout.core.edits.fences import parse_whole_files
from turnout.core.edits.formats import Format, Formats
from turnout.core.edits.paths import normalise
from turnout.core.edits.replies import Reply
from turnout.core.languages import language_of
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind
from turnout.errors import EditError, PathRefused, ReplyUnusable

MAX_REPAIRS = 3

_NAME = re.compile(r"\w+")
_REMOVES = re.compile(r"\b(?:delete|drop|inline|merge|move|remove|replace|split)", re.IGNORECASE)

Result = TypeVar("Result")

Complaint: TypeAlias = "str | Findings"
"""What is wrong with an answer."""

Said: TypeAlias = Callable[[Model], str]
"""What the user's side of a conversation says, which may depend on who hears it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What became of a reply so far: changes, checks of their syntax, failures, and the receipts of every answer."""

    reply: Reply
    changes: tuple[FileChange, ...]
    checks: tuple[Check, ...]
    failures: tuple[EditError, ...]
    receipts: tuple[Receipt, ...]
    style: Style
    alone: bool = False
    """Whether its model was asked about one file at a time."""
    said: str = ""
    """The last answer that it was read from."""
    withdrawn: tuple[Skipped, ...] = ()
    """Files whose change a repair took back."""

    @property
    def complaints(self) -> tuple[str, ...]:
        """What the model should mend, in words."""
        broken = (f"{check.name}: {check.message}" for check in self.checks if not check.ok)
        return (*(str(failure) for failure in self.failures), *broken)

    @property
    def meant(self) -> Collection[str]:
        """The paths of the files that it changes, or would if its edits could be applied."""
        return meant(self.reply, self.changes, self.failures)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask about which files; `render` gives the prompt for a model, `repairs` counts second chances.

    `shown` is what is shown of a single file, None where files are shown whole; where that depends on the model it is
    the least, so that a route leaves out no model that could answer: `render` refuses what one cannot take.
    `instruction` is what the user said: a definition that it does not speak of has to survive a file written anew.
    `objection` says why a change is none that may be made; it may read files.
    `pieces` are shown beside the files; `whys` says of a path why its file was chosen.
    `sources` are files that are not shown, but may be quoted in what is.
    `format` is the form in which a model is asked for edits of the files.
    """

    kind: Kind
    files: Mapping[str, Snapshot]
    render: Callable[[Model], ChatPrompt]
    repairs: int = 1
    instruction: str = ""
    shown: str | None = None
    objection: Callable[[FileChange], str | None] = lambda _change: None
    pieces: tuple[Piece, ...] = ()
    whys: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[SentFile, ...] = ()
    format: Callable[[Model], Format] = lambda model: Formats().choose(model, ())

    @property
    def sent(self) -> tuple[SentFile, ...]:
        """The files, with the UTF-8 bytes of each that are shown, and what is shown beside them at most."""
        found = [
            SentFile(
                file.uri, _size(file.text if self.shown is None else self.shown), self.whys.get(path, "")
            )
            for path, file in self.files.items()
        ]
        sent = (*found, *(piece.sent for piece in self.pieces))
        known = {file.uri for file in sent}
        return (*sent, *(source for source in self.sources if source.uri not in known))


async def draft_edits(question: Question, seams: Seams) -> Draft:
    """The edits that a model makes of `question`, corrected at most `repairs` times.

    Raises what the asker raises, and ReplyUnusable where no answer had a well-formed edit.
    """
    draft: Draft | None = None
    attempts: list[Attempt] = []

    async def read(answer: Answer) -> tuple[Draft, Sequence[Complaint]]:
        nonlocal draft
        draft = await read_edits(answer, draft, question, seams)
        wrong = draft.complaints or await _failed_checks(draft, question, seams)
        said = (complaint if isinstance(complaint, str) else complaint.whole for complaint in wrong)
        attempts.append(Attempt(draft.meant, "\n".join(said)))
        return draft, wrong

    result, receipts = await converse(question, read, seams)
    return replace(result, receipts=receipts, withdrawn=taken_back(attempts, result.meant))


async def _failed_checks(draft: Draft, question: Question, seams: Seams) -> tuple[Findings, ...]:
    """What the project's checks have against a draft that is sound in itself.

    One file of several, from a model that writes one at a time, cannot pass them alone: see `mending`.
    """
    if seams.check is None or draft.alone or not draft.changes:
        return ()
    seams.tell("running checks", 0, 0)
    sources = await quotable(seams)
    failed = [check for check in await seams.check(draft.changes) if not check.ok]
    if not failed:
        return ()
    known = {path: file.text for path, file in question.files.items()}
    known |= {change.new_path or change.path: "".join(change.after) for change in draft.changes}
    return (findings(failed, known, sources),)


async def converse(
    question: Question, read: Callable[[Answer], Awaitable[tuple[Result, Sequence[Complaint]]]], seams: Seams
) -> tuple[Result, tuple[Receipt, ...]]:
    """Ask, and ask again with what `read` complains of; the last result that could be read, and all receipts.

    A model that is told the same twice in a row will not do better the third time, so that ends it.
    Raises ReplyUnusable where `read` did so for every answer, or the first was cut off.
    """
    turns: list[tuple[str, Said]] = []
    receipts: list[Receipt] = []
    results: list[Result] = []
    complaints: Sequence[Complaint] = ()
    last: Sequence[Complaint] = ()
    heard: list[Findings] = []
    for left in range(min(question.repairs, MAX_REPAIRS), -1, -1):
        answer = await ask(question, turns, seams, heard)
        receipts.append(answer.receipt)
        for found in heard:
            found.answered(answer.model)
        if answer.finish == "length" and results:
            break
        _must_be_finished(answer)
        try:
            result, complaints = await read(answer)
            results.append(result)
        except ReplyUnusable as exc:
            complaints = (str(exc),)
            if not results and (not left or complaints == last):
                raise
        if not complaints or complaints == last:
            break
        last = complaints
        heard += [complaint for complaint in complaints if isinstance(complaint, Findings)]
        turns.append((answer.text, partial(_complained, complaints, question.format(answer.model).style)))
    return results[-1], tuple(receipts)


def _must_be_finished(answer: Answer) -> None:
    """An answer that ran into its limit would do so again: asking once more only costs the same once more."""
    if answer.finish == "length":
        raise ReplyUnusable(
            f"The answer was cut off after {len(answer.text)} characters.",
            advice="Ask for less at once, or choose a model that may answer at greater length.",
        )


def _complained(complaints: Sequence[Complaint], style: Style, model: Model) -> str:
    """What `model` hears of `complaints`."""
    return complaint([c.told(model) if isinstance(c, Findings) else c for c in complaints], style)


async def ask(
    question: Question, turns: Sequence[tuple[str, Said]], seams: Seams, heard: Sequence[Findings] = ()
) -> Answer:
    """One answer to `question`; `turns` are earlier answers, each with what was said to it, `heard` all findings there.

    Each model is told of these what it may hear by the settings as they are now.
    """
    seen = 0
    await asked_anew(heard, seams)

    def render(model: Model) -> ChatPrompt:
        told = [(text, said(model)) for text, said in turns]
        return vetted(continued(question.render(model), told, model), model, heard, seams)

    def on_text(text: str) -> None:
        nonlocal seen
        seen += len(text)
        seams.tell(f"the answer so far: {seen:,} characters", 0, 0)

    return await seams.asker.ask(question.kind, render, question.sent, on_text)


async def read_edits(answer: Answer, earlier: Draft | None, question: Question, seams: Seams) -> Draft:
    """The draft that `answer` makes, together with those steps of `earlier` whose files it does not speak of."""
    form = question.format(answer.model)
    files = asked_about(form, question.files)
    only = next(iter(files)) if len(files) == 1 else None
    parse = parse_blocks if form.style == "blocks" else parse_whole_files
    reply = parse(answer.text, files, only)
    found = await redraft(reply, earlier, files, form.style, question, answer.model, seams)
    return replace(found, alone=form.alone, said=answer.text)


async def redraft(
    reply: Reply,
    earlier: Draft | None,
    files: Mapping[str, Snapshot],
    style: Style,
    question: Question,
    model: Model,
    seams: Seams,
) -> Draft:
    """The draft of `reply` by `model` on `files`, with those steps of `earlier` whose files it does not speak of."""
    whole = _merged(earlier.reply if earlier else None, reply)
    usable, refused = await without_closed(whole, files, question.kind, model, seams)
    workspace = seams.workspace
    shown = Shown(files, workspace.uri, workspace.exists, seams.syntax, workspace.identity)
    draft = await asyncio.to_thread(_drafted, usable, shown, seams.syntax, style, question)
    return replace(draft, reply=whole, failures=(*refused, *draft.failures))


def asked_about(form: Format, files: Mapping[str, Snapshot]) -> Mapping[str, Snapshot]:
    """The files that one answer is about: all of them, or the first where the model is asked about each alone."""
    return dict([next(iter(files.items()))]) if form.alone else files


def _drafted(reply: Reply, shown: Shown, syntax: Syntax, style: Style, question: Question) -> Draft:
    changes, failures = _agreed(assemble(reply, shown), question)
    checks = [syntax_check(change, syntax) for change in changes if change.kind != "delete"]
    if style == "whole_file":
        checks += [
            found for change in changes if (found := _lost_definitions(change, syntax, question.instruction))
        ]
    return Draft(reply, changes, tuple(checks), failures, (), style)


def _agreed(found: Assembly, question: Question) -> Assembly:
    """`found` without the changes that may not be made, which are failures then."""
    objections = [(change, question.objection(change)) for change in found.changes]
    refused = tuple(PathRefused(objection) for _, objection in objections if objection)
    kept = tuple(change for change, objection in objections if objection is None)
    return Assembly(kept, (*found.failures, *refused))


def _lost_definitions(change: FileChange, syntax: Syntax, instruction: str) -> Check | None:
    """A failed check where a file written anew lacks a definition that nobody asked to remove.

    Small models forget the end of a file; an edit by blocks removes only what it names.
    """
    if change.kind != "edit" or _REMOVES.search(instruction):
        return None
    language = language_of(change.path)
    lost = syntax.defined(language, "".join(change.before)) - syntax.defined(language, "".join(change.after))
    unasked = sorted(lost - set(_NAME.findall(instruction)))
    if not unasked:
        return None
    return Check(f"definitions {change.path}", False, f"{', '.join(unasked)} must stay in the file")


def syntax_check(change: FileChange, syntax: Syntax) -> Check:
    """Whether the text after `change` has syntax errors that the text before had not. Parses: call it in a thread."""
    path = change.new_path or change.path
    language = language_of(path)
    before = None if change.kind == "create" else "".join(change.before)
    problems = syntax.check(language, before, "".join(change.after))
    if problems is None:
        return Check(f"syntax {path}", True, f"not checked: no grammar for {language}", ran=False)
    message = "; ".join(f"line {problem.line + 1}: {problem.message}" for problem in problems[:5])
    return Check(f"syntax {path}", not problems, message)


def _merged(earlier: Reply | None, reply: Reply) -> Reply:
    """`reply`, and in front of it what `earlier` had for other files; numbered anew."""
    if earlier is None:
        return reply
    spoken_of = {_same(step.path) for step in reply.steps}
    kept = [step for step in earlier.steps if _same(step.path) not in spoken_of]
    steps = tuple(replace(step, number=number) for number, step in enumerate([*kept, *reply.steps], start=1))
    return Reply(earlier.plan or reply.plan, steps)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _same(path: str) -> str:
    """The form in which two spellings of a path are equal; one that is refused anyhow stands for itself."""
    try:
        return normalise(path)
    except EditError:
        return path
