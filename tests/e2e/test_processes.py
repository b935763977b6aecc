"""Processes: the server leaves with its client however that goes; the model process is shared and not left over."""

import asyncio
import json
import os
import signal

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import editing
from support.home import TURNOUT, Home
from support.processes import processes_of
from support.raw_server import raw_server
from support.workers import end_workers, worker_is

SLOW = json.dumps({"fim": [{"prefix_ends": "slow", "text": "x ", "repeat": 100, "token_delay_s": 0.1}]})
REQUEST = {
    "textDocument": {"uri": "file:///a.py"},
    "position": {"line": 0, "character": 4},
    "context": {"triggerKind": 1},
}
SLOW_DOCUMENT = {
    "textDocument": {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "slow"}
}


async def test_input_closed(home: Home) -> None:
    """A server whose client is gone without a word leaves by itself."""
    async with raw_server(home) as server:
        server.stdin.close()
        assert await server.ended() == 1


async def test_input_closed_midway(lone_home: Home) -> None:
    """So it does while a request runs and while a message is half read; the model is free for others at once."""
    async with raw_server(lone_home, TURNOUT_FAKE_SCRIPT=SLOW) as server:
        server.notify("textDocument/didOpen", SLOW_DOCUMENT)
        server.say(id=1, method="textDocument/inlineCompletion", params=REQUEST)
        await worker_is(lone_home, "busy")
        server.send(b"Content-Length: 1000\r\n\r\n{")
        server.stdin.close()
        assert await server.ended() == 1
        await worker_is(lone_home, "idle")


@pytest.mark.parametrize("source", [os.devnull, __file__])
async def test_input_that_is_no_pipe(home: Home, source: str) -> None:
    """A server that reads a file or nothing at all comes to its end."""
    with open(source, "rb") as file:  # noqa: ASYNC230, PTH123 - the descriptor is what is tested
        process = await asyncio.create_subprocess_exec(
            TURNOUT, "serve", "--stdio", stdin=file, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, env=home.environment(),
        )  # fmt: skip
    async with asyncio.timeout(30):
        assert await process.wait() == 1


async def test_exit_without_shutdown(home: Home) -> None:
    """`exit` without `shutdown` ends the server with status 1, as the protocol says."""
    async with raw_server(home) as server:
        server.notify("exit")
        assert await server.ended() == 1


async def test_shutdown_midway(lone_home: Home) -> None:
    """`shutdown` while requests run ends each of them with an error, is answered, and leaves the model free."""
    async with raw_server(lone_home, TURNOUT_FAKE_SCRIPT=SLOW) as server:
        server.notify("textDocument/didOpen", SLOW_DOCUMENT)
        server.say(id=1, method="textDocument/inlineCompletion", params=REQUEST)
        await worker_is(lone_home, "busy")
        server.say(id=2, method="shutdown")
        answers = {answer["id"]: answer for answer in (await server.read(), await server.read())}
        assert answers[1]["error"]["code"] == -32800
        assert answers[2]["result"] is None
        server.notify("exit")
        assert await server.ended() == 0
        await worker_is(lone_home, "idle")


async def test_early_shutdown(home: Home) -> None:
    """A client may leave right after `initialize`, before anything is set up."""
    async with raw_server(home) as server:
        assert (await server.ask("shutdown"))["result"] is None
        server.notify("exit")
        assert await server.ended() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_signals(home: Home, how: signal.Signals) -> None:
    """A server that is asked to end by a signal ends."""
    async with raw_server(home) as server:
        await server.lives()
        server.process.send_signal(how)
        assert await server.ended() != 0


async def test_worker_killed(lone_home: Home) -> None:
    """Killed once while it works on a request, the model process is replaced unseen; twice, the request fails.

    The next one works.
    """
    home = lone_home
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SLOW) as editor:
        buffer = editor.open(home.uri("a.py"), "slow")
        other = editor.open(home.uri("b.py"), "hel")
        answer = asyncio.ensure_future(editor.ghost(buffer, 4))
        for _ in range(2):
            os.kill(await worker_is(home, "busy"), signal.SIGKILL)
        assert await answer is None
        assert "died" in await editor.why(buffer)
        assert await editor.ghost(other, 3) == "lo_from_fake(42)"


async def test_worker_killed_between_requests(lone_home: Home) -> None:
    """When it was killed meanwhile, the user does not notice."""
    home = lone_home
    async with editing(home, options={}) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        assert await editor.ghost(buffer, 3) == "lo_from_fake(42)"
        await asyncio.to_thread(end_workers, home.runtime)
        other = editor.open(home.uri("b.py"), "hel")
        assert await editor.ghost(other, 3) == "lo_from_fake(42)"


async def test_worker_that_keeps_dying(lone_home: Home) -> None:
    """A model process that dies on every request costs completions, said with a reason, and nothing else."""
    script = '{"fim": [{"prefix_ends": "hel", "text": "lo there", "crash_after": 1}]}'
    home = lone_home
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=script) as editor:
        for number in range(4):
            buffer = editor.open(home.uri(f"{number}.py"), "hel")
            assert await editor.ghost(buffer, 3) is None
            assert await editor.why(buffer) != "there is a completion here"
        assert (await editor.request("turnout/explain", {"kind": "fix"}))["chosen"] == "near"


async def test_shared(lone_home: Home) -> None:
    """Two editors share one model process, which outlives the first of them and survives a server that is killed."""
    home = lone_home
    async with editing(home, options={}) as first:
        assert await first.ghost(first.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        worker = await worker_is(home, "idle")
        async with raw_server(home) as second:
            document = {"uri": home.uri("b.py"), "languageId": "python", "version": 1, "text": "hel"}
            second.notify("textDocument/didOpen", {"textDocument": document})
            request = {
                **REQUEST,
                "textDocument": {"uri": home.uri("b.py")},
                "position": {"line": 0, "character": 3},
            }
            assert (await second.ask("textDocument/inlineCompletion", request))["result"]["items"]
            assert await worker_is(home, "idle") == worker
            second.process.kill()
            await second.ended()
        assert await first.ghost(first.open(home.uri("c.py"), "hel"), 3) == "lo_from_fake(42)"
        assert await worker_is(home, "idle") == worker


async def test_started_together(lone_home: Home) -> None:
    """Editors that ask at the same moment end up with one model process."""
    home = lone_home
    async with (
        editing(home, options={}) as one,
        editing(home, options={}) as two,
        editing(home, options={}) as three,
    ):
        answers = [
            editor.ghost(editor.open(home.uri(f"{number}.py"), "hel"), 3)
            for number, editor in enumerate((one, two, three))
        ]
        assert await asyncio.gather(*answers) == ["lo_from_fake(42)"] * 3
        await worker_is(home, "idle")
        workers = [command for command in processes_of(home.root).values() if "turnout.worker" in command]
        assert len(workers) == 1


async def test_nothing_left_over(lone_home: Home) -> None:
    """After the editor has left there is the model process alone, and once it is told to go there is nothing."""
    home = lone_home
    async with editing(home, options={}) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
    worker = await worker_is(home, "idle")
    assert set(processes_of(home.root)) == {worker}
    await asyncio.to_thread(end_workers, home.runtime)
    assert processes_of(home.root) == {}


async def test_slow_load(lone_home: Home) -> None:
    """A completion that comes too early for the model is empty within its deadline, and says what it waited for."""
    home = lone_home
    home.configure("[routes.inline]\ndeadline_ms = 700\n")
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT='{"load_s": 3600}') as editor:
        for name in ("a.py", "b.py"):
            buffer = editor.open(home.uri(name), "hel")
            assert await editor.ghost(buffer, 3) is None
            assert "within 700 ms: the worker is loading the model." in await editor.why(buffer)


async def test_failed_load(lone_home: Home) -> None:
    """A model that cannot be loaded costs completions, with the engine's words as the reason; the rest works."""
    home = lone_home
    async with editing(
        home, options={}, TURNOUT_FAKE_SCRIPT='{"load_error": "tensor shapes differ"}'
    ) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        assert await editor.ghost(buffer, 3) is None
        assert "tensor shapes differ" in await editor.why(buffer)
        assert "tensor shapes differ" in await editor.said()
        argument = {"kind": "explain", "uri": buffer.uri, "version": 1, "first": 0, "end": 1}
        with pytest.raises(JsonRpcException, match="tensor shapes differ"):
            await editor.request(
                types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams("turnout.explain", [argument])
            )
        await editor.displayed()
