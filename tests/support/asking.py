"""Asks a remote model for all of an answer."""

from turnout.core.requests import Delta, Done, Model, Prompt
from turnout.remote import RemoteBackend


async def ask(backend: RemoteBackend, model: Model, prompt: Prompt) -> tuple[str, Done]:
    """All of one stream."""
    text = ""
    async for item in backend.stream(model, prompt):
        if isinstance(item, Done):
            return text, item
        assert isinstance(item, Delta)
        text += item.text
    raise AssertionError("no outcome")
