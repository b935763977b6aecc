"""One prompt to one model and its answer back.

Invariants: nothing goes out that was not cleared right before; closing the stream is what stops the model.
"""

from collections.abc import Callable, Mapping
from contextlib import aclosing

from turnout.core.requests import Api, Backend, Delta, Done, Model
from turnout.core.secrets import Redacted
from turnout.dispatch.attempt import Attempt, Try
from turnout.dispatch.clearance import Clearance
from turnout.dispatch.prompts import prompt_bytes
from turnout.dispatch.secrecy import restored
from turnout.errors import (
    ConnectionFailed,
    EngineMissing,
    KeyMissing,
    ModelError,
    StreamTruncated,
    WorkerUnavailable,
)

_UNREACHED = (ConnectionFailed, EngineMissing, KeyMissing, ModelError, WorkerUnavailable)
"""Failures that say that nothing of the prompt got to the model."""


class Sender:
    """Sends on the backends of all APIs."""

    def __init__(self, backends: Mapping[Api, Backend], clock: Callable[[], float]) -> None:
        self._backends = backends
        self._clock = clock

    async def send(self, attempt: Attempt, clearance: Clearance, model: Model) -> Try:
        """Ask `model`; raises TurnoutError where it did not answer. What was sent is in `attempt.tries` either way."""
        cleared = await clearance.clear(model, attempt.ask.prompt(model))
        tried = Try(model, prompt_bytes(cleared.prompt), self._clock(), redacted=cleared.counts)
        attempt.tries.append(tried)
        try:
            await self._stream(attempt, tried, cleared)
        except _UNREACHED:
            tried.reached = False
            raise
        return tried

    async def _stream(self, attempt: Attempt, tried: Try, cleared: Redacted) -> None:
        answer = self._backends[tried.model.api].stream(tried.model, cleared.prompt)
        stream = restored(answer, cleared)
        ask = attempt.ask
        async with aclosing(stream):
            async for item in stream:
                if isinstance(item, Done):
                    tried.done = item
                    return
                if not isinstance(item, Delta):
                    tried.note(item)
                    ask.on_waiting(tried.waiting)
                    continue
                tried.waiting = ""
                tried.first = tried.first if tried.first is not None else self._clock()
                tried.pieces.append(item.text)
                if ask.on_text(item.text):
                    return
        raise StreamTruncated(f"The answer of {tried.model.name} ended without its end.")
