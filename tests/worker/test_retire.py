"""Workers of one model file beside each other: an upgrade retires the old one, another context does not."""

import asyncio
import os
from pathlib import Path

import pytest

from turnout import __version__
from turnout.local.address import WorkerSpec, socket_path
from turnout.local.station import Station
from turnout.worker import wire
from worker import kit

MINE = WorkerSpec("m", "fake", None, context_tokens=4096)
OTHER = WorkerSpec("m", "fake", None, context_tokens=8192)


class Listening:
    """Says `hello` as a worker of `version`, and keeps what it is told until each client has left."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.heard: list[str] = []
        self.left = asyncio.Event()

    async def start(self, path: Path) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, str(path))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = {"t": "hello", "protocol": wire.PROTOCOL, "version": self._version, "pid": os.getpid()}
        writer.write(wire.encode({**hello, "state": "idle"}))
        decoder = wire.FrameDecoder()
        while data := await reader.read(65536):
            self.heard += [frame["t"] for frame in decoder.feed(data)]
        writer.close()
        self.left.set()


@pytest.mark.parametrize(
    ("version", "heard"), [("0.0.1", ["hello", "unload"]), (__version__, ["hello"])], ids=["older", "same"]
)
async def test_only_workers_of_other_versions_are_asked_to_leave(
    short_dir: Path, version: str, heard: list[str]
) -> None:
    """Two entries of one file with different contexts keep a worker each."""
    mine, other = Listening(__version__), Listening(version)
    servers = [await mine.start(socket_path(MINE)), await other.start(socket_path(OTHER))]
    station = Station(MINE, _no_spawn, lambda: 0.0)
    async with asyncio.timeout(kit.GUARD_S):
        assert await station.link() is not None
        await other.left.wait()
        await station.close()
        await mine.left.wait()
    assert other.heard == heard
    for server in servers:
        server.close()


async def _no_spawn(*_: object) -> None:
    raise AssertionError("a worker listens already")
