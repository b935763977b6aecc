"""A full disk, directories that cannot be used, sockets of the dead: the way to the model is found all the same."""

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from typing import Any

import pytest

from support.editor import editing
from support.home import TURNOUT, Home
from support.raw_server import raw_server
from support.workers import end_workers, worker_is

FULL_DISK = ("sh", "-c", f"ulimit -f 0; exec {TURNOUT} serve --stdio")
"""The server and its model process may not write a byte to any file."""


@pytest.mark.parametrize("runtime", ["/proc/turnout", "too long"], ids=["read-only", "too long"])
async def test_runtime_directory_that_will_not_do(lone_home: Home, runtime: str) -> None:
    """The socket goes to a short directory of this user alone; two editors still find the same one."""
    home = lone_home
    places: dict[str, Any] = {
        "TURNOUT_RUNTIME_DIR": str(home.root / ("x" * 120)) if runtime == "too long" else runtime,
        "TMPDIR": str(home.root),
    }
    async with editing(home, options={}, **places) as one, editing(home, options={}, **places) as two:
        assert await one.ghost(one.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        assert await two.ghost(two.open(home.uri("b.py"), "hel"), 3) == "lo_from_fake(42)"
    (short,) = home.root.glob("turnout-*")
    assert len(list(short.glob("*.sock"))) == 1
    await asyncio.to_thread(end_workers, short)


async def test_no_directory_will_do(lone_home: Home) -> None:
    """Where no place is short and private enough the reason names the variable to set, and typing goes on."""
    home = lone_home
    long = home.root / ("x" * 120)
    long.mkdir()
    stranger = "import os, sys; os.getuid = lambda: 4711; from turnout.__main__ import main; sys.exit(main(['serve']))"
    places: dict[str, Any] = {"TURNOUT_RUNTIME_DIR": "/proc/turnout", "TMPDIR": str(long)}
    async with editing(home, options={}, command=(sys.executable, "-c", stranger), **places) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        for _ in range(2):
            assert await editor.ghost(buffer, 3) is None
        assert "Set TURNOUT_RUNTIME_DIR to a short path that only you can write." in await editor.why(buffer)


async def test_full_disk(lone_home: Home) -> None:
    """Neither the log, nor receipts, nor what the model process says are worth more than a completion."""
    home = lone_home
    async with editing(home, options={}, command=FULL_DISK) as editor:
        for number in range(3):
            buffer = editor.open(home.uri(f"{number}.py"), "hel")
            assert await editor.ghost(buffer, 3) == "lo_from_fake(42)"
        assert (await editor.request("turnout/receipts", {"count": 5}))["receipts"] == []


async def test_disk_that_fills_up(lone_home: Home) -> None:
    """Receipts of before are still there once there is room again."""
    home = lone_home
    async with editing(home, options={}) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
    async with editing(home, options={}, command=FULL_DISK) as editor:
        assert await editor.ghost(editor.open(home.uri("b.py"), "hel"), 3) == "lo_from_fake(42)"
    with closing(sqlite3.connect(home.state / "ledger.sqlite")) as ledger:
        assert ledger.execute("SELECT COUNT(*) FROM receipts").fetchone() == (1,)


async def test_sockets_of_the_dead(lone_home: Home) -> None:
    """A worker that was killed leaves its socket, and another program may leave worse: both are replaced."""
    home = lone_home
    async with editing(home, options={}) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        (address,) = home.runtime.glob("*.sock")
        os.kill(await worker_is(home, "idle"), signal.SIGKILL)
        assert await editor.ghost(editor.open(home.uri("b.py"), "hel"), 3) == "lo_from_fake(42)"
    os.kill(await worker_is(home, "idle"), signal.SIGKILL)
    address.unlink()
    with socket.socket(socket.AF_UNIX) as forgotten:
        forgotten.bind(str(address))  # bound, and nobody listens
        async with editing(home, options={}) as editor:
            assert await editor.ghost(editor.open(home.uri("c.py"), "hel"), 3) == "lo_from_fake(42)"


async def test_client_that_stops_reading(lone_home: Home) -> None:
    """An editor that hangs with its pipe full holds up neither the model process nor the other editors."""
    home = lone_home
    async with raw_server(home) as hanging, editing(home, options={}) as other:
        for number in range(2_000):
            document = {"uri": home.uri(f"{number}.py"), "languageId": "python", "version": 1, "text": "hel"}
            hanging.notify("textDocument/didOpen", {"textDocument": document})
            hanging.say(id=number, method="turnout/receipts", params={"count": 100})
            hanging.say(
                id=f"ghost {number}",
                method="textDocument/inlineCompletion",
                params={
                    "textDocument": {"uri": document["uri"]},
                    "position": {"line": 0, "character": 3},
                    "context": {"triggerKind": 1},
                },
            )
        for number in range(3):
            buffer = other.open(home.uri(f"other{number}.py"), "hel")
            assert await other.ghost(buffer, 3) == "lo_from_fake(42)"
