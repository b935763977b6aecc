"""Asking the user before text leaves the machine, and remembering the answer for this session.

Invariant: no answer, a closed question and a client that cannot ask all mean no.
"""

import asyncio
from urllib.parse import urlsplit

from turnout.core.requests import Kind, Model
from turnout.dispatch import Consent
from turnout.session.editor import Editor

ONCE = "Send once"
SESSION = "Send for this session"
KEEP = "Keep it here"


class SessionConsents:
    """Consent by model and kind of request; questions are asked one at a time."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._allowed: set[tuple[Model, Kind]] = set()
        self._asking = asyncio.Lock()

    async def may_leave(self, question: Consent) -> bool:
        """Whether this request may be sent to `question.model`."""
        # The whole model, endpoint included: another folder may call something else by the same name.
        key = (question.model, question.kind)
        async with self._asking:
            if key in self._allowed:
                return True
            allowed = self._allowed
            answer = await self._editor.choose(describe(question), (ONCE, SESSION, KEEP))
            if answer == SESSION:
                allowed.add(key)  # into the set of the settings that the question was asked under
            return answer in (ONCE, SESSION)

    def forget(self) -> None:
        """Ask again from now on: the settings changed."""
        self._allowed = set()


def describe(question: Consent) -> str:
    """The question in words: what goes where, and what it may cost."""
    model, count = question.model, len(question.files)
    files = "1 file" if count == 1 else f"{count} files"
    host = f" at {urlsplit(model.base_url).hostname}" if model.base_url else ""
    where = f"{host} ({model.jurisdiction})" if model.jurisdiction else host
    price = (
        "at an unknown price"
        if question.estimate_usd is None
        else f"for at most ${question.estimate_usd:.3f}"
    )
    return (
        f"Turnout: send {question.bytes_sent:,} bytes from {files} to {model.name}, {model.model}{where}, "
        f"{price}? ({question.kind})"
    )
