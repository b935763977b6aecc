"""How far a prompt got, by what its server did: that decides whether it is paid for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.asking import ask
from support.scripted_server import LAST_CHUNK, STREAM_HEAD, answer, chunked, scripted_server
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.errors import BackendError
from turnout.remote import RemoteBackend

PROMPT = ChatPrompt((Message("user", "Say ab."),))
TEXT = b'data: {"choices":[{"delta":{"content":"ab"}}]}\n\n'
THOUGHT = b'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n'
LIMITED = b'data: {"error":{"code":429,"message":"slow down"}}\n\n'
GOOD = (
    STREAM_HEAD
    + chunked(TEXT, b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    + LAST_CHUNK
)


def far(url: str) -> Model:
    """A model elsewhere."""
    return Model("far", "openai-chat", "m-1", base_url=f"{url}/v1", key="env:KEY")


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend with a key."""
    made = RemoteBackend(lambda _: "sk-1")
    yield made
    await made.close()


def gzipped(status: int) -> bytes:
    """An answer in a form that was not asked for."""
    return answer(status, b"\x1f\x8b", "application/json", "content-encoding: gzip")


@pytest.mark.parametrize(
    ("script", "extent"),
    [
        *(
            (answer(status, b"{}"), "refused")
            for status in (307, 400, 401, 402, 403, 404, 408, 413, 422, 429)
        ),
        *((answer(status, b"{}"), "refused") for status in (500, 502, 503, 529)),
        *((answer(status, b"{}"), "taken") for status in (202, 204, 504, 524)),
        (gzipped(401), "refused"),
        (gzipped(200), "taken"),
        (answer(200, b"<html>sign in</html>", "text/html"), "refused"),
        (answer(200, b'{"choices": []}'), "taken"),
        (b"", "taken"),
        (STREAM_HEAD + chunked(LIMITED), "refused"),
        (STREAM_HEAD + chunked(THOUGHT, LIMITED), "taken"),
        (STREAM_HEAD + chunked(TEXT, LIMITED), "taken"),
        (STREAM_HEAD + chunked(TEXT), "taken"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else value,
)
async def test_how_far_it_got(backend: RemoteBackend, script: bytes, extent: str) -> None:
    """What is said in place of an answer costs nothing; what comes after one has begun, or may have, costs."""
    async with scripted_server(script) as server:
        with pytest.raises(BackendError) as caught:
            await ask(backend, far(server.url), PROMPT)
    assert caught.value.extent == extent


async def test_nothing_went_out(backend: RemoteBackend) -> None:
    """Where nobody takes the connection."""
    async with scripted_server(GOOD) as server:
        pass
    with pytest.raises(BackendError) as caught:
        await ask(backend, far(server.url), PROMPT)
    assert caught.value.extent == "unsent"


async def test_a_first_try_is_not_forgotten_because_a_second_one_failed() -> None:
    """A kept connection broke with the request on it: nobody can say that it was not read, though none is left now."""
    backend = RemoteBackend(lambda _: "sk-1", clock=lambda: 0.0)
    done: asyncio.Future[asyncio.Server] = asyncio.get_running_loop().create_future()

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with_body = await reader.readuntil(b"\r\n\r\n")
        length = int(with_body.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(GOOD)
        await reader.readuntil(b"\r\n\r\n")  # the next one, which gets no answer, and nor does any other
        (await done).close()
        writer.transport.abort()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    done.set_result(server)
    model = far(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (await ask(backend, model, PROMPT))[0] == "ab"
    with pytest.raises(BackendError) as caught:
        await ask(backend, model, PROMPT)
    assert "refused the connection" in caught.value.message
    assert caught.value.extent == "taken"
    await backend.close()
