"""Models that fill holes, behind the scripted server: one prompt, streams in each format, and all of one answer."""

import json

import pytest

from support.asking import said
from support.scripted_server import LAST_CHUNK, STREAM_HEAD, Exchange, Script, chunked
from support.streams import Outcome
from turnout.core.backends import Delta
from turnout.core.models import Api, Model, Server
from turnout.core.prompts import FimPrompt, Prompt
from turnout.errors import BackendError
from turnout.remote import RemoteBackend

SECRET = "sk-0123456789abcdef"
PROMPT = FimPrompt(
    "file:///a.py", "a.py", "def add(a, b):\n    return", "\n\nprint(add(1, 2))\n", max_tokens=7
)
HOLE_APIS: tuple[Api, ...] = ("completions", "mistral-fim", "llama-infill")
every_api = pytest.mark.parametrize("api", HOLE_APIS)


def far(
    url: str, api: Api = "completions", model: str = "qwen2.5-coder-0.5b", server: Server | None = None
) -> Model:
    """A model at `url` with a key."""
    return Model("far", api, model, base_url=url, key="env:KEY", context_tokens=8192, server=server)


async def run(backend: RemoteBackend, model: Model, prompt: Prompt = PROMPT) -> Outcome:
    """All of one stream; checks that there is one outcome, and that no error holds the key."""
    text, done, error = "", None, None
    try:
        async for item in said(backend.stream(model, prompt)):
            assert done is None
            if isinstance(item, Delta):
                text += item.text
            else:
                done = item
    except BackendError as exc:
        error = exc
    assert (done is None) != (error is None)
    assert SECRET not in f"{error!r} {error}"
    return Outcome(text, done, error)


def pieces(api: Api, *texts: str, finish: str | None = "stop") -> bytes:
    """A stream of `texts` in the format of `api`; without `finish` it has no end."""
    if api == "llama-infill":
        events: list[object] = [{"content": text, "stop": False} for text in texts]
        ending: list[object] = [
            {"content": "", "stop": True, "stop_type": {"stop": "eos"}.get(finish or "", finish)}
        ]
    elif api == "mistral-fim":
        events = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
        ending = [{"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": finish}]}]
    else:
        events = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in texts]
        ending = [{"choices": [{"index": 0, "text": "", "finish_reason": finish}]}]
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in (*events, *(ending if finish else []))]
    return STREAM_HEAD + chunked(*lines) + LAST_CHUNK


def then_more(api: Api, *texts: str) -> Script:
    """Begin an answer and keep the connection open until the client leaves."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(pieces(api, *texts, finish=None).removesuffix(LAST_CHUNK))
        await exchange.hung_up()

    return script
