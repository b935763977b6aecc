"""What a request would send, made by the very code that sends it, and sent to nobody.

Invariants: the text is the one that would go out, secrets taken out and all, along a route that is decided for all
files in it; only a key is never part of it; no model is asked, nothing is set aside and no receipt is kept.
"""

from collections.abc import Awaitable, Callable, Iterator

from turnout.core.answers import Answer, Ask
from turnout.core.previews import Preview, readable
from turnout.core.requests import COMPLETION_KINDS
from turnout.core.withholding import Hear, LeftOut
from turnout.dispatch import Dispatcher, Foreseen, Operation, Write
from turnout.errors import RequestRejected, TurnoutError

_MEANWHILE = "until you have answered, completions go to the models behind this one"
_MORE = "this is the first prompt of a refactor; those that follow it depend on what the model answers"


Begin = Callable[[Operation, Hear], Awaitable[object]]
"""Does what a request is for, with models asked through the operation, and tells what it left out."""


class Previewer:
    """Lets requests run up to their first send."""

    def __init__(self, dispatcher: Dispatcher, write: Write) -> None:
        self._dispatcher = dispatcher
        self._write = write

    async def of_ask(
        self,
        ask: Ask,
        *,
        only: str | None = None,
        left_out: tuple[LeftOut, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Preview:
        """What `ask` would send; raises TurnoutError where that is nothing."""
        foreseen = await self._foresee(ask, Operation(_run_nothing, ask.instruction), only)
        return _preview(foreseen, left_out, notes)

    async def of_work(self, begin: Begin, instruction: str = "", *, only: str | None = None) -> Preview:
        """What the work that `begin` begins would send first; raises TurnoutError where that is nothing.

        `only` names the model that it is to be sent to, None for the first that may be.
        """
        heard: list[LeftOut] = []

        async def caught(ask: Ask, operation: Operation) -> Answer:
            # Where nothing may be sent the work goes on as it would: it may have something else to ask.
            raise _Caught(await self._foresee(ask, operation, only))

        try:
            await begin(Operation(caught, instruction), heard.extend)
        except _Caught as stopped:
            return _preview(stopped.foreseen, tuple(heard))
        raise RequestRejected("No model would be asked for that here.")

    async def _foresee(self, ask: Ask, operation: Operation, only: str | None) -> Foreseen:
        return await self._dispatcher.foresee(ask, operation, self._write, only)


def _preview(foreseen: Foreseen, left_out: tuple[LeftOut, ...], notes: tuple[str, ...] = ()) -> Preview:
    prompt, url = foreseen.prompt.prompt, foreseen.url
    return Preview(
        foreseen.route,
        foreseen.model,
        url,
        foreseen.body.decode() if url else readable(prompt),
        prompt,
        foreseen.prompt.counts,
        foreseen.ask.files,
        left_out,
        foreseen.passed,
        (*notes, *_about(foreseen)),
        foreseen.asks_first,
    )


def _about(foreseen: Foreseen) -> Iterator[str]:
    """What else its user should know of a send."""
    if foreseen.route.kind == "refactor":
        yield _MORE
    if foreseen.asks_first and foreseen.route.kind in COMPLETION_KINDS:
        yield _MEANWHILE


class _Caught(TurnoutError):
    """What was about to be sent."""

    def __init__(self, foreseen: Foreseen) -> None:
        super().__init__("It was not sent.")
        self.foreseen = foreseen


async def _run_nothing(_ask: Ask, _operation: Operation) -> Answer:
    raise RequestRejected("A preview asks no model.")
