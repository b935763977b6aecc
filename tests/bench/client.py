"""An LSP client over pipes for many requests at once: each gets a future, and what the server says is counted.

Invariant: no future outlives the server; where it ends, every open request fails with ConnectionError.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_END_S = 30.0


class Client:
    """A server in a child process; `start` makes one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._reading = asyncio.create_task(self._read())
        self.heard: Counter[str] = Counter()

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> "Client":
        """Start `command` and talk to it."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environment),
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the server is gone."""
        return self._process.returncode is not None

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> "tuple[int, asyncio.Future[Any]]":
        """Send a request; its id, and its whole answer (with `result` or `error`) to come."""
        self._last_id += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[self._last_id] = answer
        self._send({"id": self._last_id, "method": method, "params": params})
        return self._last_id, answer

    async def leave(self) -> int:
        """Shut down in order; the exit status, negative where the server had to be killed."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_END_S):
                await self.ask("shutdown", None)[1]
                self.notify("exit", None)
                await self._process.wait()
        if not self.ended:
            self._process.kill()
        self._input.close()
        status = await self._process.wait()
        await self._reading
        return status

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._input.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                self._hear(await self._message())
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the server ended"))
        self._open.clear()

    async def _message(self) -> dict[str, Any]:
        header = await self._output.readuntil(b"\r\n\r\n")
        length = int(header.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        message: dict[str, Any] = json.loads(await self._output.readexactly(length))
        return message

    def _hear(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self.heard[message["method"]] += 1
            if "id" in message:
                self._send({"id": message["id"], "result": None})
        elif (answer := self._open.pop(message["id"], None)) is not None and not answer.done():
            answer.set_result(message)
