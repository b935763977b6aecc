"""The model processes that servers leave behind on purpose: looked at, and ended with the tests."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.home import Home
from turnout.worker import wire

GUARD_S = 30
"""How long a test waits for anything before it fails."""


class Peer:
    """A connection to a running worker, for questions about it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._decoder = wire.FrameDecoder()
        self._asked = 0
        self._send({"t": "hello", "protocol": wire.PROTOCOL, "version": "test", "pid": os.getpid()})
        self.pid = int(self._read()["pid"])

    def state(self) -> str:
        """What the worker does: `loading`, `idle`, `busy` or `failed`."""
        self._asked += 1
        self._send({"t": "status", "id": self._asked})
        return str(self._read()["state"])

    def end(self, how: signal.Signals) -> None:
        """Send a signal and wait for the worker's last breath."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, how)
        with contextlib.suppress(ConnectionError):
            while self._connection.recv(65536):
                pass

    def _send(self, frame: dict[str, Any]) -> None:
        self._connection.sendall(wire.encode(frame))

    def _read(self) -> wire.Frame:
        while not (frames := self._decoder.feed(data := self._connection.recv(65536))):
            if not data:
                raise ConnectionError("the worker has left")
        (frame,) = frames
        return frame


@contextlib.contextmanager
def worker_of(path: Path) -> Iterator[Peer]:
    """The worker that listens at `path`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(GUARD_S)
        connection.connect(str(path))
        yield Peer(connection)


async def worker_is(home: Home, state: str) -> int:
    """Wait until the only worker of `home` is in `state`; returns its process id."""
    return await asyncio.to_thread(_wait_for, home.runtime, state)


def _wait_for(runtime: Path, state: str) -> int:
    last = time.monotonic() + GUARD_S
    while time.monotonic() < last:
        # Nobody listens yet, or no longer, while a worker comes or goes.
        with contextlib.suppress(OSError):
            for path in _addresses(runtime):
                with worker_of(path) as peer:
                    if peer.state() == state:
                        return peer.pid
    raise AssertionError(f"no worker became {state}")


def _addresses(runtime: Path) -> list[Path]:
    """Where workers listen; a name with one more part is llama.cpp's own socket, behind a worker."""
    return [path for path in runtime.glob("*.sock") if path.suffixes == [".sock"]]


def end_workers(runtime: Path) -> None:
    """End every worker that listens in `runtime`, and wait until each is gone."""
    for path in _addresses(runtime):
        with contextlib.suppress(OSError), worker_of(path) as peer:
            peer.end(signal.SIGKILL)
