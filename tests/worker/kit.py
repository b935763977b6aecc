"""What the worker's tests share: a worker process of their own, and a client that speaks raw frames."""

import asyncio
import contextlib
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from turnout.worker import wire

GUARD_S = 30
"""How long a test waits for anything before it fails."""


class RawClient:
    """A connection to a worker, one frame at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._decoder = wire.FrameDecoder()
        self._frames: list[wire.Frame] = []

    def send(self, *frames: dict[str, Any]) -> None:
        self.writer.write(b"".join(map(wire.encode, frames)))

    async def read(self) -> wire.Frame | None:
        """The next frame, or None at the end of the connection."""
        async with asyncio.timeout(GUARD_S):
            while not self._frames:
                try:
                    data = await self._reader.read(65536)
                except ConnectionError:
                    data = b""
                if not data:
                    return None
                self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    async def until(self, kind: str, request: int | None = None) -> wire.Frame:
        """The next frame of that kind (and request); others are dropped."""
        while (frame := await self.read()) is not None:
            if frame["t"] == kind and request in (None, frame.get("id")):
                return frame
        raise AssertionError(f"the connection ended before a {kind} frame")

    async def answers(self, *requests: int) -> dict[int, list[wire.Frame]]:
        """All frames of these requests, up to the last `done`."""
        got: dict[int, list[wire.Frame]] = {request: [] for request in requests}
        open_requests = set(requests)
        while open_requests:
            frame = await self.read()
            assert frame is not None, "the connection ended early"
            if frame.get("id") in got:
                got[frame["id"]].append(frame)
            if frame["t"] == "done":
                open_requests.discard(frame["id"])
        return got

    async def status(self) -> wire.Frame:
        self.send({"t": "status", "id": 0})
        return await self.until("status")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def hello(**changes: Any) -> dict[str, Any]:
    return {"t": "hello", "protocol": wire.PROTOCOL, "version": "test", "pid": os.getpid(), **changes}


def fim(request: int, prefix: str = "hel", suffix: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "t": "complete",
        "id": request,
        "kind": "inline",
        "document": "doc",
        "parts": [
            {"role": "prefix", "text": prefix, "path": "a.py"},
            {"role": "suffix", "text": suffix},
        ],
        "max_tokens": 64,
        "temperature": 0.0,
        "stop": [],
        "shape": "line",
        **changes,
    }


def chat(request: int, asked: str, **changes: Any) -> dict[str, Any]:
    parts = [{"role": "user", "text": asked}]
    return {**fim(request), "kind": "chat", "document": "", "parts": parts, "max_tokens": 100_000, **changes}


def text(frames: list[wire.Frame]) -> str:
    return "".join(frame["text"] for frame in frames if frame["t"] == "chunk")


def mode(path: Path) -> int:
    """Permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def read(path: Path) -> str:
    return path.read_text()


def write(path: Path, content: str) -> None:
    path.write_text(content)


def remove(path: Path) -> None:
    path.unlink()


def exists(path: Path) -> bool:
    return path.exists()


class WorkerProcess:
    """A worker that this test started, with the fake engine."""

    def __init__(self, process: asyncio.subprocess.Process, socket: Path) -> None:
        self.process = process
        self.socket = socket
        self._clients: list[RawClient] = []

    async def connect(self, greet: bool = True) -> RawClient:
        client = RawClient(*await asyncio.open_unix_connection(str(self.socket)))
        self._clients.append(client)
        if greet:
            client.send(hello())
            await client.until("hello")
        return client

    async def ended(self) -> int:
        async with asyncio.timeout(GUARD_S):
            return await self.process.wait()

    async def kill(self) -> None:
        """kill -9, and the end of every connection to it."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.ended()
        for client in self._clients:
            await client.close()


async def launch(socket: Path, script: dict[str, Any] | None = None, **options: Any) -> WorkerProcess:
    """Start a worker and wait until it says that it is ready, or ends."""
    arguments = {"model": "test", "engine": "fake", "socket": socket, "idle-s": 60, **options}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "turnout.worker",
        *(item for name, value in arguments.items() for item in (f"--{name}", str(value))),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "TURNOUT_FAKE_SCRIPT": json.dumps(script or {})},
    )
    assert process.stdout is not None
    async with asyncio.timeout(GUARD_S):
        await process.stdout.readline()
    return WorkerProcess(process, socket)


@contextlib.asynccontextmanager
async def worker(
    socket: Path, script: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[WorkerProcess]:
    """A running worker that is gone at the end."""
    started = await launch(socket, script, **options)
    try:
        yield started
    finally:
        await started.kill()
