"""Asks a remote model for all of an answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from turnout.core.backends import Delta, Done, StreamItem
from turnout.core.models import Model
from turnout.core.prompts import Prompt
from turnout.remote import RemoteBackend


async def ask(backend: RemoteBackend, model: Model, prompt: Prompt) -> tuple[str, Done]:
    """All of one stream."""
    text = ""
    async with aclosing(said(backend.stream(model, prompt))) as items:
        async for item in items:
            if isinstance(item, Done):
                return text, item
            text += item.text
    raise AssertionError("no outcome")


async def said(stream: AsyncGenerator[StreamItem, None]) -> AsyncGenerator[Delta | Done, None]:
    """What a model says in `stream`, without what its backend tells ahead of it; closing this closes it."""
    async with aclosing(stream) as items:
        async for item in items:
            if isinstance(item, Delta | Done):
                yield item
