"""How the worker is reached, and by whom: a Unix socket of this user alone, or loopback TCP with a token.

Invariant: at most one worker listens at an address. Who starts takes the start lock, and gives way to a worker
that answers there; a file left by a dead worker is replaced.
"""

import contextlib
import os
import secrets
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

_BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket, the file that leads to it, and the token that clients must show (TCP only)."""

    socket: socket.socket
    path: Path
    token: str
    inode: int

    def vanished(self) -> bool:
        """Whether the file no longer leads here, so that no new client can come."""
        try:
            return self.path.stat().st_ino != self.inode
        except OSError:
            return True

    def withdraw(self) -> None:
        """Remove the file, so that the next client starts a new worker; a newer worker's file stays."""
        if not self.vanished():
            with contextlib.suppress(OSError):
                self.path.unlink()


def listen(path: Path, transport: Literal["unix", "tcp"]) -> Listener | None:
    """Listen at `path`, or return None where another worker does; raises OSError where neither can be."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _start_lock(path):
        if _answers(path, transport):
            return None
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return _listen_unix(path) if transport == "unix" else _listen_tcp(path)


def may_connect(connection: socket.socket) -> bool:
    """Whether the peer of a Unix socket is this user; True where the system does not say."""
    uid = _peer_uid(connection)
    return uid is None or uid == os.getuid()


def _peer_uid(connection: socket.socket) -> int | None:
    uid: int | None = None
    if connection.family != getattr(socket, "AF_UNIX", None):
        pass
    elif sys.platform == "linux":
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        uid = struct.unpack("3i", data)[1]
    elif sys.platform == "darwin":
        sol_local, local_peercred, xucred_bytes = 0, 1, 76
        data = connection.getsockopt(sol_local, local_peercred, xucred_bytes)
        uid = struct.unpack_from("2I", data)[1]
    return uid


def _listen_unix(path: Path) -> Listener:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(_BACKLOG)
    return Listener(listening, path, "", path.stat().st_ino)


def _listen_tcp(path: Path) -> Listener:
    listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    token = secrets.token_hex(16)
    port = listening.getsockname()[1]
    written = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        written.unlink()
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{port} {token}")
    written.replace(path)
    return Listener(listening, path, token, path.stat().st_ino)


def _answers(path: Path, transport: Literal["unix", "tcp"]) -> bool:
    try:
        if transport == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(str(path))
        else:
            port = int(path.read_text("ascii").split()[0])
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except (OSError, ValueError, IndexError):
        return False
    return True


@contextlib.contextmanager
def _start_lock(path: Path) -> Iterator[None]:
    with path.with_suffix(".lock").open("a+b") as file:
        _lock(file)
        yield  # closing the file gives the lock back, and so does the end of the process


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
