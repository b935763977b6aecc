"""What a request came to: told for every one, also where nobody hears its end any more."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from turnout.core.backends import Account, Delta, Waiting
from turnout.errors import WorkerCrashed, WorkerUnavailable
from turnout.worker import wire
from worker import kit
from worker.backend_kit import ENDLESS, ENDLESS_RULE, HOLE, MODEL, Make, Workers, collect


async def test_a_closed_stream_still_learns_what_it_came_to(make: Make, workers: Workers) -> None:
    """The figures come when the engine is free again, after the stream was closed."""
    workers.script = {"chat": [ENDLESS_RULE]}
    backend = make()
    async with aclosing(backend.stream(MODEL, ENDLESS)) as stream:  # type: ignore[type-var]
        account = await anext(stream)
        assert isinstance(account, Account)
        while not isinstance(await anext(stream), Delta):
            pass
        assert not account.settled.done()
    done = await asyncio.wait_for(account.settled, kit.GUARD_S)
    assert done is not None
    assert (done.finish, done.usage.input) == ("cancelled", 2)
    assert done.usage.output >= 1
    assert done.timings.stop is not None
    assert done.timings.prefill is not None
    assert done.timings.model is not None


async def test_a_stream_that_fails_settles_its_account(make: Make, workers: Workers) -> None:
    """Nobody waits for figures of a worker that has died, or of one that could not be started."""
    workers.script = {"fim": [{"text": "a b c", "crash_after": 1}]}
    backend = make()
    for _ in range(3):  # the third finds a worker that is left alone for a while
        stream = backend.stream(MODEL, HOLE)
        account = await anext(stream)
        assert isinstance(account, Account)
        with pytest.raises((WorkerCrashed, WorkerUnavailable)):
            _ = [item async for item in stream]
        assert account.settled.result() is None


async def test_closing_the_backend_settles_and_ends_everything(make: Make, workers: Workers) -> None:
    """Requests under way fail with a reason, and neither they nor later ones start a worker."""
    workers.script = {"chat": [ENDLESS_RULE]}
    backend = make()
    stream = backend.stream(MODEL, ENDLESS)
    account = await anext(stream)
    assert isinstance(account, Account)
    while not isinstance(await anext(stream), Delta):
        pass
    starting = make(spawn=_never)
    waiting = asyncio.create_task(collect(starting))
    await asyncio.sleep(0)
    await asyncio.gather(backend.close(), starting.close())
    with pytest.raises(WorkerUnavailable, match="leaving"):
        await waiting
    with pytest.raises(WorkerUnavailable, match="leaving"):
        _ = [item async for item in stream]
    assert account.settled.done()
    with pytest.raises(WorkerUnavailable, match="leaving"):
        await collect(backend)
    assert len(workers.started) == 1


async def _never(*_: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("greets", [None, False, True], ids=["starting", "no hello", "hello"])
async def test_a_silent_worker_is_said_to_be_loading(make: Make, greets: bool | None) -> None:
    """While a process starts, or loads its model for another editor, it cannot speak for itself."""
    servers: list[asyncio.Server] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if greets:
            hello = {"t": "hello", "protocol": wire.PROTOCOL, "version": "", "pid": 0, "state": "loading"}
            writer.write(wire.encode(hello))
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async def spawn(_spec: Any, path: Path, _transport: str) -> None:
        if greets is None:
            await asyncio.Event().wait()
        servers.append(await asyncio.start_unix_server(serve, str(path)))

    heard: list[tuple[Any, ...]] = []
    backend = make(spawn=spawn, on_progress=lambda *what: heard.append(what))
    stream = backend.stream(MODEL, HOLE)
    assert isinstance(await anext(stream), Account)
    assert await asyncio.wait_for(anext(stream), kit.GUARD_S) == Waiting("the worker is loading the model")
    assert heard == [("near", "loading", 0, 0)]
    await stream.aclose()  # type: ignore[attr-defined]
    await backend.close()
    for server in servers:
        server.close()
        await server.wait_closed()
