"""Keeps secrets out of a prompt that leaves the machine, and puts them back into its answer.

Invariant: where the settings block secrets, a prompt with one is refused; where they redact them, no placeholder gets
past `restored` that is not turned back.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar, cast

from turnout.core.backends import Delta, Done, StreamItem
from turnout.core.prompts import Prompt
from turnout.core.requests import Route
from turnout.core.secrets import Redacted, Restorer, redacting
from turnout.errors import SecretsFound

TURN_S = 0.0005
"""How long is scanned before the event loop has another turn."""

_Result = TypeVar("_Result")


async def without_secrets(prompt: Prompt, route: Route) -> Redacted:
    """`prompt` as it may leave the machine; raises SecretsFound where `route` blocks what is in it."""
    if route.secrets == "off":
        return Redacted(prompt)
    redacted = await _in_turns(redacting(prompt))
    if redacted.counts and route.secrets == "block":
        found = ", ".join(f"{count} x {kind}" for kind, count in redacted.counts)
        raise SecretsFound(
            f"Nothing was sent to it, because there are secrets in the text: {found} ({route.secrets_source}).",
            advice='Take them out of the file, or set `privacy.secrets` to "redact".',
        )
    return redacted


async def restored(stream: AsyncIterator[StreamItem], redacted: Redacted) -> AsyncGenerator[StreamItem, None]:
    """`stream` with every placeholder turned back; raises RedactionLost where one is spoiled."""
    restorer = Restorer(redacted)
    # A Protocol cannot say "async generator"; closing it is what stops the model.
    async with aclosing(cast("Any", stream)) as items:
        async for item in items:
            text = restorer.feed(item.text) if isinstance(item, Delta) else ""
            if isinstance(item, Done):
                text = restorer.rest()
                calls = tuple(replace(call, arguments=restorer.whole(call.arguments)) for call in item.calls)
                item = replace(item, calls=calls)
            if text:
                yield Delta(text)
            if not isinstance(item, Delta):
                yield item


async def _in_turns(steps: Generator[None, None, _Result]) -> _Result:
    """The result of `steps`, with turns of the event loop in between."""
    until = time.perf_counter() + TURN_S
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: _Result = stop.value
            return result
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + TURN_S
