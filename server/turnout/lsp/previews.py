"""What `turnout/preview` and `turnout/sent` need of the rest of the server."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from turnout.core.answers import Ask
from turnout.core.previews import Preview
from turnout.core.sent import Hop
from turnout.core.withholding import Hear, LeftOut
from turnout.lsp.services import Operation

Begin = Callable[[Operation, Hear], Awaitable[object]]
"""Does what a request is for, with models asked through the operation, and tells what it left out."""


class Previews(Protocol):
    """Tells what requests would send, and sends nothing."""

    async def of_ask(
        self, ask: Ask, *, left_out: tuple[LeftOut, ...] = (), notes: tuple[str, ...] = ()
    ) -> Preview:
        """What `ask` would send; raises TurnoutError where that is nothing."""
        ...

    async def of_work(self, begin: Begin, instruction: str = "") -> Preview:
        """What the work that `begin` begins would send first; raises TurnoutError where that is nothing."""
        ...


class Sent(Protocol):
    """What was sent of late."""

    def last(self, count: int) -> list[Hop]:
        """The newest, newest first."""
        ...
