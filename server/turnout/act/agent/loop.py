"""A refactor by a model that calls tools: it looks things up, proposes edits, and mends what is wrong with them.

Invariants: there is a limit to turns, tokens, money and time, and when one is reached, what there is is offered and
called unfinished; nothing is written here.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from turnout.act.agent.accepted import Accepted, spelled, spelling, spoken_of
from turnout.act.agent.overlay import Overlay
from turnout.act.agent.remaining import Remaining
from turnout.act.agent.tools import Toolbox, rejected, told
from turnout.act.agent.turns import BYTES_PER_TOKEN, Stopped, Talk
from turnout.act.drafting.arriving import plan_in_short
from turnout.act.drafting.bounds import Bounds
from turnout.act.drafting.conversation import Question
from turnout.act.drafting.drafts import Draft, without_withdrawn
from turnout.act.drafting.findings import Findings, findings, quotable
from turnout.act.gathering.scope import Scope
from turnout.act.proposals import Check
from turnout.act.seams import Seams
from turnout.core.answers import Answer
from turnout.core.documents import Snapshot
from turnout.core.edits.plans import Approved
from turnout.core.edits.replies import Reply, is_nothing
from turnout.core.models import Model
from turnout.core.prompts import ToolCall
from turnout.core.receipts import Receipt
from turnout.errors import BackendError, ReplyUnusable, RouteError

_NOTHING = re.compile(r"\W*nothing to change\b", re.IGNORECASE)
"""How a model is told to begin an answer that there is nothing to do; one that edits by calls may quote code in it."""
_MOST_REPEATS = 3
_NAMED = 5
"""Files that its progress names."""
_FEW_TURNS = 3
"""So many before the last, the model is told."""
_MOST_CALLS = 16
"""Of one turn; the rest is answered with a request for fewer."""

_DOUBTFUL = "Nobody can tell whether what came after says all that they did."

_NO_SCOPE = Scope({}, ())


async def work_out(
    question: Question,
    seams: Seams,
    bounds: Bounds,
    *,
    may_find: bool,
    approved: Approved | None = None,
    scope: Scope = _NO_SCOPE,
    spent: Sequence[Receipt] = (),
) -> Draft:
    """The change that a model with tools makes of `question`; where `may_find`, also to files that it found itself.

    It ends where the model says that it is done; once it is told what of an `approved` plan is not, and which files
    past the limit of `scope` its change may break without its having seen them. It keeps to `bounds` together with what
    was `spent` before.
    Raises ReplyUnusable where it proposed nothing that can be used, ToolsUnavailable, and what the asker raises.
    """
    return await _Work(question, seams, bounds, may_find, approved, scope, spent).run()


def takes_tools(seams: Seams, question: Question) -> bool:
    """Whether the model that would be asked first calls tools."""
    if seams.outlook is None:
        return False
    uris = tuple(file.uri for file in question.sent)
    tokens = sum(file.bytes for file in question.sent) // BYTES_PER_TOKEN
    candidates = seams.outlook.route(question.kind, uris, tokens).candidates
    return bool(candidates) and candidates[0].tools


class ToolsUnavailable(Exception):
    """No model with tools answered, and there are others that could without: nothing was done yet.

    `receipts` are of requests that got to one all the same.
    """

    def __init__(self, receipts: Sequence[Receipt]) -> None:
        super().__init__("No model with tools answered.")
        self.receipts = tuple(receipts)


@dataclass
class _Work:
    """One refactor under way."""

    question: Question
    seams: Seams
    bounds: Bounds
    may_find: bool
    approved: Approved | None
    scope: Scope
    spent: Sequence[Receipt]
    draft: Draft | None = None
    passed: bool = True
    """Whether no check of the project failed with the last draft."""
    is_last: bool = False
    """Whether the model called the proposal of this turn the last."""
    proposals: int = 0
    """How many calls of this turn were proposals that could be taken up."""
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    found: Findings | None = None
    """What the checks said since the last answer of a tool."""

    def __post_init__(self) -> None:
        self.files: dict[str, Snapshot] = dict(self.question.files)
        check = self._check if self.seams.check else None
        overlay = Overlay(self.seams.workspace)
        self.accepted = Accepted(self.question, self.seams, overlay)
        self.tools = Toolbox(self.seams, overlay, self._propose, self._reset, check, self.question.sent)
        self.talk = Talk(self.question, self.seams, self.bounds, self.spent, self.tools)
        self.remaining = Remaining(self.approved, self.scope, self.talk, self.seams)

    async def run(self) -> Draft:
        unfinished = ""
        try:
            async with asyncio.timeout(self.bounds.seconds):
                while await self._turn():
                    pass
        except Stopped as stopped:
            unfinished = str(stopped)
        except TimeoutError:
            unfinished = f"It was stopped after {self.bounds.seconds:g} s."
        except (BackendError, RouteError) as failure:
            if self.talk.others and not self.talk.answers:
                raise ToolsUnavailable(self.talk.receipts) from failure
            if self.draft is None or not self.draft.changes:
                raise
            unfinished = f"The model could not go on: {failure}"
        if self.talk.model:
            self.seams.history.took(self.talk.model, self.talk.answers)
        return await self._result(unfinished)

    async def _result(self, unfinished: str) -> Draft:
        if self.draft is None:
            raise ReplyUnusable(
                f"The model proposed no change. {unfinished}".strip(),
                advice="Ask for less at once, or choose another model.",
            )
        draft = self.accepted.chosen(await without_withdrawn(self.draft, self.accepted.attempts))
        missing = await self.remaining.failures(draft.changes)
        return replace(
            draft,
            receipts=tuple(self.talk.receipts),
            failures=(*draft.failures, *missing),
            looked_at=frozenset(self.tools.read),
            refused=self.accepted.refused,
            checks=(*draft.checks, *self._notes(unfinished)),
        )

    def _notes(self, unfinished: str) -> Iterator[Check]:
        """What the user has to be told of how it came about."""
        if doubtful := self.tools.unread.doubtful:
            said = "".join(f"\n{why}" for why in doubtful)
            yield Check("calls that could not be read", True, f"{_DOUBTFUL}{said}", ran=False)
        if unfinished:
            yield Check("finished", False, unfinished)

    async def _turn(self) -> bool:
        """Ask once and do what is asked for; whether there is anything left to do."""
        answer = await self.talk.answer()
        if answer is None:
            if self.talk.garbled:
                self.tools.unread.unusable(self.talk.garbled)
            return True
        if answer.finish == "length" and not answer.calls:
            raise Stopped("Its answer was cut off.")
        if not answer.calls:
            return await self._is_unfinished(answer)
        if answer.text.strip():
            self.talk.tell(plan_in_short(answer.text))
        await self._respond(answer)
        if await self._is_done(answer):
            return False
        self._warn()
        return True

    async def _respond(self, answer: Answer) -> None:
        """Do what is asked for."""
        self.is_last, self.proposals = False, 0
        self.tools.unread.begin()
        for number, call in enumerate(answer.calls):
            said = await self._answered(number, call, answer.model)
            self.talk.respond(call, said, self.found)
            self.found = None

    async def _is_unfinished(self, answer: Answer) -> bool:
        """Whether a model that calls nothing more has still to be told something."""
        if self.draft is not None and not self.draft.complaints:
            news = await self.remaining.news(self.draft.changes, answer.model)
            if news:
                self.talk.say(f"{news}\nDo that, or say why it is not to be done.")
            return bool(news)
        says_so = _NOTHING.match(answer.text) or is_nothing(answer.text)
        if says_so and not (self.draft and self.draft.meant):
            self.draft = replace(self.accepted.draft, reply=Reply(answer.text.strip()))
            return False
        if not self.talk.may_err():
            raise Stopped(f"It ended without a change that can be used: {answer.text[:300]}")
        missing = "\n".join(self.draft.complaints) if self.draft else "Nothing was proposed yet."
        how = "Use propose_edits, or answer NOTHING TO CHANGE: and why."
        self.talk.say(f"That is not done:\n{missing}\n{how}")
        return True

    async def _answered(self, number: int, call: ToolCall, model: Model) -> str:
        self.talk.tell(call.name)
        if number >= _MOST_CALLS:
            if call.name == "propose_edits":
                self.tools.unread.note(call.garbled or call.arguments, f"{_MOST_CALLS} came before it.")
            return f"At most {_MOST_CALLS} calls at once: ask for this one again."
        key = (call.name, call.garbled or call.arguments)
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.seen[key] > _MOST_REPEATS:
            raise Stopped(f"It asked for the same thing again and again: {call.name}.")
        return await self.tools.run(call, model)

    async def _is_done(self, answer: Answer) -> bool:
        """Whether the model called its work done and nothing speaks against it: no other turn has to be paid for."""
        proposed = self.proposals == len(answer.calls)
        if not (proposed and self.is_last and self.draft and not self.draft.complaints and self.passed):
            return False
        news = await self.remaining.news(self.draft.changes, answer.model)
        self.talk.add(news)
        return not news

    def _undone(self) -> str:
        return self.remaining.undone(self.draft.changes if self.draft else ())

    def _warn(self) -> None:
        """Say in the last answer of a tool that there are few turns left, and for what."""
        if self.talk.left <= _FEW_TURNS:
            self.talk.add("\n".join(filter(None, [f"({self.talk.left} more turns at most)", self._undone()])))

    async def _propose(self, reply: Reply, is_last: bool) -> str:
        """Take edits; what is wrong with them, and what all that were accepted come to."""
        model = self.talk.model
        assert model is not None, "it is the one that proposes"
        reply = spelled(reply)
        if self.may_find:
            await self._find(reply, model)
        already = await self.accepted.take(reply, self.files, model)
        self.proposals += 1
        places = spoken_of(reply)
        # A file that was moved is the same one by both of its names.
        self.tools.unread.proposed({*places, *filter(None, map(self.accepted.overlay.origin, places))})
        # Who sends again what is in place already has nothing more to say.
        self.is_last = is_last or len(already) == len(reply.steps)
        self._take_stock()
        if self.draft and self.draft.complaints:
            self.accepted.attempted(reply, "\n".join(self.draft.complaints))
            return "\n".join([*already, rejected(self.draft), told(self.draft.changes)])
        found = await self._checked()
        self.accepted.attempted(reply, self.found.whole if self.found else "")
        changes = self.draft.changes if self.draft else ()
        more = (
            "" if self.is_last else "If nothing more is to be done, say so in one sentence, without a call."
        )
        return "\n".join(filter(None, [*already, told(changes), *found, self._undone(), more]))

    async def _reset(self, paths: Sequence[str]) -> str:
        """Let go of what was proposed for files."""
        # What may not be at all goes by the name that it was given.
        names = [spelling(path) for path in paths]
        unread = {path for path in names if self.tools.unread.let_go(path)}
        gone = [path for path in names if self.accepted.let_go(path) or path in unread]
        self._take_stock()
        said = ", ".join(gone) or "no file"
        return f"Let go of the edits of {said}.\n{told(self.accepted.draft.changes)}"

    def _take_stock(self) -> None:
        """Make a draft of what there is, after it changed."""
        self.draft = self.accepted.draft
        # What was looked up or checked before may well be worth another look now.
        self.seen = {key: count for key, count in self.seen.items() if key[0] == "propose_edits"}
        self.seams.show(self.draft.changes)
        written = [change.new_path or change.path for change in self.draft.changes]
        if written:
            self.talk.tell(
                f"written: {', '.join(written[:_NAMED])}{', ...' if len(written) > _NAMED else ''}"
            )

    async def _find(self, reply: Reply, model: Model) -> None:
        """Take in files that `model` found, and let go of one that another model did and this one may not have."""
        for path in dict.fromkeys(self.accepted.overlay.origin(step.path) for step in reply.steps):
            if path is None or path in self.question.files:
                continue
            # What is wrong with an edit is said with lines of its file.
            found = await self.tools.quoted(path, model)
            if found is None:
                self.files.pop(path, None)
            else:
                self.files.setdefault(path, found)

    async def _check(self) -> str:
        if self.draft is None or not self.draft.changes:
            return "Propose edits first."
        return "\n".join(await self._checked())

    async def _checked(self) -> Sequence[str]:
        """What the project's checks say of the draft; nothing where it has none."""
        if self.seams.check is None or self.draft is None:
            return ()
        self.talk.tell("running checks")
        sources = await quotable(self.seams)
        checks = await self.seams.check(self.draft.changes)
        failed = [check for check in checks if not check.ok]
        self.passed = not failed
        if not any(check.ran for check in checks):
            return ()
        if not failed:
            return ["All checks pass."]
        self.found = findings(failed, await self._known(failed), sources)
        return ["These checks fail with the change:", self.found.part]

    async def _known(self, failed: Sequence[Check]) -> dict[str, str]:
        """The files of the request by their paths; those of problems that its model may have are among them then."""
        draft = self.draft
        known = {path: file.text for path, file in self.files.items()}
        known |= {c.new_path or c.path: "".join(c.after) for c in (draft.changes if draft else ())}
        for path in dict.fromkeys(problem.path for check in failed for problem in check.problems):
            if path and path not in known and self.talk.model:
                shown = "\n".join(p.shown for check in failed for p in check.problems if p.path == path)
                if file := await self.tools.quoted(path, self.talk.model, shown):
                    known[path] = file.text
        return known
