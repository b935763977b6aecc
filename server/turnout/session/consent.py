"""Asking the user before text leaves the machine or money is spent over a limit, and remembering the answer.

Invariant: no answer, a closed question and a client that cannot ask all mean no.
Completions are asked for once a keystroke, so their question is asked once and waited for by none of them.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import PurePath
from urllib.parse import urlsplit

from turnout.core.limits import Limit, dollars
from turnout.core.models import Model
from turnout.core.requests import COMPLETION_KINDS, Kind
from turnout.dispatch import Consent, Overspend
from turnout.session.editor import Editor

ONCE = "Send once"
SESSION = "Send for this session"
KEEP = "Keep it here"

ALLOW = "Allow this request"
UNTIL_TOMORROW = "Allow until tomorrow"
NO = "No"


class SessionConsents:
    """Consent by model and kind of request; questions are asked one at a time."""

    def __init__(self, editor: Editor, today: Callable[[], date] = date.today) -> None:
        self._editor = editor
        self._today = today
        self._overspending: dict[Limit, date] = {}
        """Limits that may be gone over on a day."""
        self._allowed: set[tuple[Model, Kind]] = set()
        self._asking = asyncio.Lock()
        self._asked_ahead: dict[tuple[Model, Kind], asyncio.Task[None]] = {}

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        """What the user said about sending requests of a kind to `model`; None where they would be asked."""
        key = model, kind
        if key in self._allowed:
            return True
        asked = self._asked_ahead.get(key)
        return False if asked is not None and asked.done() else None

    async def may_leave(self, question: Consent) -> bool:
        """Whether this request may be sent to `question.model`."""
        # The whole model, endpoint included: another folder may call something else by the same name.
        key = (question.model, question.kind)
        if question.kind in COMPLETION_KINDS:
            return self._may_leave_while_typing(key, question)
        async with self._asking:
            if key in self._allowed:
                return True
            allowed = self._allowed
            answer = await self._editor.choose(describe(question), (ONCE, SESSION, KEEP))
            if answer == SESSION:
                allowed.add(key)  # into the set of the settings that the question was asked under
            return answer in (ONCE, SESSION)

    async def may_overspend(self, question: Overspend) -> bool:
        """Whether this request may go over `question.limit`."""
        async with self._asking:
            if self._overspending.get(question.limit) == self._today():
                return True
            days = self._overspending
            answer = await self._editor.choose(describe_overspend(question), (ALLOW, UNTIL_TOMORROW, NO))
            if answer == UNTIL_TOMORROW:
                days[question.limit] = self._today()
            return answer in (ALLOW, UNTIL_TOMORROW)

    def forget(self) -> None:
        """Ask again from now on: the settings changed."""
        self._allowed, self._overspending = set(), {}
        # An open question keeps its place, so that there are never two of it.
        self._asked_ahead = {key: task for key, task in self._asked_ahead.items() if not task.done()}

    async def close(self) -> None:
        """Wait for no answer any more."""
        tasks = list(self._asked_ahead.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _may_leave_while_typing(self, key: tuple[Model, Kind], question: Consent) -> bool:
        """What is known by now; the question is put to the user the first time, for the requests that follow."""
        if key not in self._allowed and key not in self._asked_ahead:
            asking = self._ask_ahead(key, question, self._allowed)
            self._asked_ahead[key] = asyncio.create_task(asking, name=f"consent {question.model.name}")
        return key in self._allowed

    async def _ask_ahead(
        self, key: tuple[Model, Kind], question: Consent, allowed: set[tuple[Model, Kind]]
    ) -> None:
        async with self._asking:
            answer = await self._editor.choose(describe_typing(question), (SESSION, KEEP))
        if answer == SESSION:
            allowed.add(key)
        if allowed is not self._allowed:
            del self._asked_ahead[key]  # the settings changed meanwhile: the next completion asks anew


def describe(question: Consent) -> str:
    """The question in words: what goes where, and what it may cost."""
    count = len(question.files)
    files = "1 file" if count == 1 else f"{count} files"
    price = (
        "at an unknown price"
        if question.estimate_usd is None
        else f"for at most ${question.estimate_usd:.3f}"
    )
    if question.folder:
        name = PurePath(question.folder).name
        files += f", and whichever others of {name or 'this workspace'} it asks for after that,"
    return (
        f"Turnout: send {question.bytes_sent:,} bytes from {files} to {_whom(question.model)}, "
        f"{price}?{_without(question)} ({question.kind})"
    )


def describe_typing(question: Consent) -> str:
    """The question for all completions to come: what goes where, how much of it, and what each may cost."""
    price = (
        "an unknown price each"
        if question.estimate_usd is None
        else f"at most ${question.estimate_usd:.5f} each"
    )
    return (
        "Turnout: while you type, send the text around the cursor and lines of other files of this folder that are "
        f"near (now {question.bytes_sent:,} bytes) to {_whom(question.model)}, for {price}?{_without(question)} "
        f"({question.kind})"
    )


def describe_overspend(question: Overspend) -> str:
    """The question in words: what is spent, what it may cost on top, and which setting limits it."""
    what = "each part of this refactor" if question.kind == "refactor" else f"this {question.kind} request"
    return (
        f"Turnout: {dollars(question.taken_usd)} of {question.limit} is spent or set aside, and {what} may cost up to "
        f"{dollars(question.worst_usd)} with {question.model.name}. Go over the limit? ({question.limit.source})"
    )


def _without(question: Consent) -> str:
    """What is taken out of the text before it goes."""
    count = sum(number for _, number in question.redacted)
    kinds = ", ".join(f"{number} x {kind}" for kind, number in question.redacted)
    return f" {count} secret{'s' * (count > 1)} will be replaced first: {kinds}." if count else ""


def _whom(model: Model) -> str:
    host = f" at {urlsplit(model.base_url).hostname}" if model.base_url else ""
    where = f"{host} ({model.jurisdiction})" if model.jurisdiction else host
    return f"{model.name}, {model.model}{where}"
