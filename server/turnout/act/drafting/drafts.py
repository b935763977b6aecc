"""Ask a model for edits, read them, and give it a chance to correct what cannot be used.

Invariant: a draft says of every step of the reply either which change it became or why it became none.
"""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from turnout.act.drafting.closed import without_closed
from turnout.act.drafting.conversation import Complaint, Conversation, Question, converse
from turnout.act.drafting.findings import Findings, findings, quotable
from turnout.act.drafting.prompts import Style
from turnout.act.drafting.withdrawals import Attempt, meant, taken_back
from turnout.act.proposals import Check, Skipped
from turnout.act.seams import Seams, Syntax
from turnout.core.answers import Answer
from turnout.core.documents import Snapshot
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.changes import FileChange
from turnout.core.edits.fences import parse_whole_files
from turnout.core.edits.formats import Format
from turnout.core.edits.paths import normalise
from turnout.core.edits.replies import Reply, has_edits, is_nothing
from turnout.core.languages import language_of
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.receipts import Receipt
from turnout.errors import EditError, PathRefused

_NAME = re.compile(r"\w+")
_REMOVES = re.compile(r"\b(?:delete|drop|inline|merge|remove)", re.IGNORECASE)


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
    has_tools: bool = False
    """Whether its model could look for more files."""
    looked_at: frozenset[str] = frozenset()
    """The paths of those of which it saw something."""
    said: str = ""
    """The last answer that it was read from."""
    withdrawn: tuple[Skipped, ...] = ()
    """Files whose change a repair took back, or edits of it that never fitted or may only have been forgotten."""
    reconsidered: tuple[Skipped, ...] = ()
    """Files of whose change a repair took back a part that was sound."""
    refused: tuple[Skipped, ...] = ()
    """Files that were to change and may not, which nothing came in the place of."""

    @property
    def complaints(self) -> tuple[str, ...]:
        """What the model should mend, in words."""
        broken = (f"{check.name}: {check.message}" for check in self.checks if not check.ok)
        return (*(str(failure) for failure in self.failures), *broken)

    @property
    def meant(self) -> Collection[str]:
        """The paths of the files that it changes, or would if its edits could be applied."""
        return meant(self.reply, self.changes, self.failures)

    def attempt(self, wrong: str, problems: tuple[Problem, ...] = ()) -> Attempt:
        """This draft as one that something is `wrong` with, and the `problems` of it whose place is known."""
        return Attempt(self.meant, wrong, self.reply, self.changes, problems)


async def draft_edits(question: Question, seams: Seams) -> Draft:
    """The edits that a model makes of `question`, corrected at most `repairs` times.

    Raises what the asker raises, and ReplyUnusable where no answer had a well-formed edit.
    """
    draft: Draft | None = None
    attempts: list[Attempt] = []
    tried = False

    async def read(answer: Answer) -> tuple[Draft, Sequence[Complaint]]:
        nonlocal draft, tried
        tried |= has_edits(answer.text)  # who began with edits is not let off them
        draft = await read_edits(answer, draft, question, seams, may_be_none=not tried)
        wrong = draft.complaints or await _failed_checks(draft, question, seams)
        said = (complaint if isinstance(complaint, str) else complaint.whole for complaint in wrong)
        placed = (complaint.problems for complaint in wrong if isinstance(complaint, Findings))
        attempts.append(draft.attempt("\n".join(said), tuple(chain.from_iterable(placed))))
        return draft, wrong

    talk = await converse(question, read, seams)
    draft = talk.result
    return await without_withdrawn(settled(draft, talk), attempts)


async def without_withdrawn(draft: Draft, attempts: Sequence[Attempt]) -> Draft:
    """`draft`, which says what of `attempts` it does not have any more."""
    found = await asyncio.to_thread(taken_back, attempts, draft.attempt(""))
    return replace(draft, withdrawn=found.missing, reconsidered=found.reconsidered)


def settled(draft: Draft, talk: Conversation[Draft]) -> Draft:
    """`draft` with the receipts of the conversation that it is from, and whether that came to its end."""
    checks = (*draft.checks, *([Check("finished", False, talk.unfinished)] if talk.unfinished else ()))
    return replace(draft, receipts=talk.receipts, checks=checks)


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


async def read_edits(
    answer: Answer, earlier: Draft | None, question: Question, seams: Seams, *, may_be_none: bool = False
) -> Draft:
    """The draft that `answer` makes, together with those steps of `earlier` whose files it does not speak of.

    `may_be_none` where blocks are asked for, and it may say that there is nothing to do. Raises ReplyUnusable.
    """
    form = question.format(answer.model)
    files = asked_about(form, question.files)
    only = next(iter(files)) if len(files) == 1 else None
    if may_be_none and form.style == "blocks" and is_nothing(answer.text):
        reply = Reply(answer.text.strip())
    else:
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
    shown = Shown(files, workspace.uri, workspace.exists, seams.syntax, workspace.folder.identity)
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


def _same(path: str) -> str:
    """The form in which two spellings of a path are equal; one that is refused anyhow stands for itself."""
    try:
        return normalise(path)
    except EditError:
        return path
