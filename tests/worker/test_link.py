"""Answers that are no whole answers: whatever a worker says or leaves unsaid, only its `done` ends a stream well."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from turnout.core.backends import Account, Delta, StreamItem, Waiting
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.errors import BackendError, ProtocolViolation, WorkerCrashed
from turnout.local import LocalBackend
from turnout.local.address import Transport, WorkerSpec
from turnout.local.link import Exchange, Link
from turnout.worker import wire
from worker import kit

FIGURES = dict.fromkeys(wire.Figures.__annotations__, 0)
CHUNK = wire.encode({"t": "chunk", "id": 1, "text": "half an ans"})
DONE = {"t": "done", "id": 1, "reason": "stop", "figures": FIGURES}
STATUS: dict[str, Any] = {"t": "status", "id": 1, "state": "idle"}


class Liar:
    """Listens as a worker does, and answers every request with the same bytes before it hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.server: asyncio.Server | None = None

    async def spawn(self, spec: WorkerSpec, path: Path, transport: Transport) -> None:
        self.server = await asyncio.start_unix_server(self._serve, str(path))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder, asked = wire.FrameDecoder(), 0
        writer.write(
            wire.encode({"t": "hello", "protocol": wire.PROTOCOL, "version": "", "pid": os.getpid()})
        )
        while asked < 2 and (data := await reader.read(65536)):
            asked += len(decoder.feed(data))
        writer.write(self._answer)
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (CHUNK, WorkerCrashed),
        (b"", WorkerCrashed),
        (CHUNK + wire.encode(DONE)[:-1], WorkerCrashed),
        (CHUNK + wire.encode({**DONE, "id": 2}), WorkerCrashed),
        (CHUNK + b"\xff" * 64, WorkerCrashed),
        (CHUNK + wire.encode({**DONE, "reason": "enough"}), WorkerCrashed),
        (CHUNK + wire.encode({**DONE, "reason": ["stop"]}), WorkerCrashed),
        (CHUNK + wire.encode({**DONE, "figures": {**FIGURES, "reused": None}}), WorkerCrashed),
        (CHUNK + wire.encode({**DONE, "figures": {**FIGURES, "stop_ms": "0"}}), WorkerCrashed),
        (
            CHUNK + wire.encode({"t": "progress", "id": 1, "phase": "resting", "done": 1, "of": 2}),
            WorkerCrashed,
        ),
        (CHUNK + wire.encode(STATUS), ProtocolViolation),
    ],
    ids=[
        "hung up",
        "silent",
        "cut",
        "other",
        "garbage",
        "no reason",
        "odd reason",
        "no count",
        "no time",
        "odd phase",
        "no answer",
    ],
)
async def test_a_stream_without_its_done_is_an_error(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, error: type[BackendError]
) -> None:
    """Half an answer is never taken for a whole one."""
    monkeypatch.setenv("TURNOUT_ENGINE", "fake")
    liar = Liar(answer)
    backend = LocalBackend(Path, spawn=liar.spawn)
    heard: list[StreamItem] = []
    with pytest.raises(error):
        await _listen(backend, heard)
    assert [item for item in heard if not isinstance(item, Account | Delta | Waiting)] == []
    await backend.close()
    assert liar.server is not None
    liar.server.close()
    await liar.server.wait_closed()


async def _listen(backend: LocalBackend, heard: list[StreamItem]) -> None:
    async with asyncio.timeout(kit.GUARD_S):
        async for item in backend.stream(Model("near", "local", "m"), FimPrompt("d", "a.py", "x", "")):
            heard.append(item)  # noqa: PERF401 (what came before the error counts)


class Pipe(asyncio.Transport):
    """A transport whose other end the test plays."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("frame", "loading"),
    [
        ({**DONE, "reason": "superseded"}, True),
        ({**DONE, "reason": "cancelled"}, True),
        ({**DONE, "reason": "error"}, True),
        (DONE, False),
        ({**DONE, "reason": "length"}, False),
        ({**STATUS, "state": "loading"}, True),
        (STATUS, False),
    ],
)
async def test_a_model_is_there_once_something_of_it_was_heard(frame: dict[str, Any], loading: bool) -> None:
    """A request that is superseded while the model loads ends before it is: the next one still waits for it."""
    link = Link("")
    link.connection_made(Pipe())
    hello = {"t": "hello", "protocol": wire.PROTOCOL, "version": "", "pid": 1, "state": "loading"}
    link.data_received(wire.encode(hello))
    exchange = link.open({"t": "status"})
    link.data_received(wire.encode({**frame, "id": exchange.id}))
    assert await exchange.next() == {**frame, "id": exchange.id}
    assert link.loading is loading


@pytest.mark.parametrize(
    ("frame", "loading"),
    [
        ({"t": "progress", "id": 1, "phase": "loading", "done": 0, "of": 0}, True),
        ({"t": "progress", "id": 1, "phase": "prefill", "done": 1, "of": 2}, False),
        ({"t": "chunk", "id": 1, "text": "a"}, False),
        ({"t": "done", "id": 1, "reason": "cancelled", "figures": FIGURES}, True),
        (DONE, False),
    ],
    ids=["loading", "prefill", "text", "cancelled", "done"],
)
async def test_only_a_worker_with_a_model_reads_and_writes(frame: wire.Frame, loading: bool) -> None:
    """After that a silence is no load any more, whatever the worker said at first."""
    link = Link("")
    link.loading = True
    link._exchanges[1] = Exchange(link, 1)
    link.data_received(wire.encode(frame))
    assert link.loading is loading
