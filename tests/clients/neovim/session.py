"""A real Neovim as a child process with a screen attached, spoken to over msgpack-RPC.

Everything is waited for, nothing is slept for: `until` looks again whenever something was drawn.
"""

import itertools
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgpack
import pytest

from clients.neovim.screen import Screen

T = TypeVar("T")
TIMEOUT_S = 30.0
_LOOK_AGAIN_S = 0.02  # for conditions that change nothing on the screen


class RpcError(Exception):
    """Neovim answered a request with an error."""


class Neovim:
    """One editor; use it as a context manager."""

    def __init__(
        self,
        binary: Path,
        directory: Path,
        environment: dict[str, str],
        size: tuple[int, int],
        *arguments: str,
    ) -> None:
        self.screen = Screen()
        self.directory = directory
        self._numbers = itertools.count()
        self._answers: dict[int, tuple[Any, Any]] = {}
        self._changed = threading.Condition()
        self._size = size
        self._process = subprocess.Popen(
            [str(binary), "--embed", "-n", "-i", "NONE", *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Neovim":
        self._reader.start()
        # Neovim reads its configuration only now, with the screen attached, as in a terminal.
        self.request("nvim_ui_attach", *self._size, {"rgb": True, "ext_linegrid": True})
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            self._send([2, "nvim_command", ["qall!"]])
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, unicode_errors="surrogateescape")
        while data := self._process.stdout.read1(65536):  # type: ignore[attr-defined]
            unpacker.feed(data)
            with self._changed:
                for message in unpacker:
                    if message[0] == 1:
                        self._answers[message[1]] = (message[2], message[3])
                    elif message[1] == "redraw":
                        self.screen.feed(message[2])
                self._changed.notify_all()

    def _send(self, message: list[Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgpack.packb(message, unicode_errors="surrogateescape"))
        self._process.stdin.flush()

    def request(self, method: str, *arguments: Any) -> Any:
        """Call an API function. Raises RpcError."""
        number = next(self._numbers)
        self._send([0, number, method, arguments])
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._answers, TIMEOUT_S):
                pytest.fail(f"Neovim did not answer {method} {arguments}\n{self.screen.text()}")
            error, result = self._answers.pop(number)
        if error:
            raise RpcError(error[1])
        return result

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run Lua and return what it returns; arguments are its `...`."""
        return self.request("nvim_exec_lua", code, arguments)

    def command(self, text: str) -> None:
        """Run an Ex command."""
        self.request("nvim_command", text)

    def type(self, keys: str) -> None:
        """Type keys, in the notation of mappings."""
        self.request("nvim_input", keys)

    def lines(self) -> list[str]:
        """Lines of the current buffer."""
        lines: list[str] = self.request("nvim_buf_get_lines", 0, 0, -1, False)
        return lines

    def cursor(self) -> tuple[int, int]:
        """Line from 1 and byte column from 0."""
        line, column = self.request("nvim_win_get_cursor", 0)
        return line, column

    def messages(self) -> str:
        """Everything that was said to the user."""
        output: str = self.request("nvim_exec2", "messages", {"output": True})["output"]
        return output

    def until(self, probe: Callable[[], T], what: str) -> T:
        """Wait until `probe` gives something true, and return it."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := probe()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}\n{self.screen.text()}\n{self.messages()}")
            with self._changed:
                self._changed.wait(_LOOK_AGAIN_S)
        return found

    def until_shown(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        self.until(lambda: text in self.screen.text(), f"{text!r} on the screen")

    def until_ghost(self, *rows: str) -> None:
        """Wait until the ghost text on the screen is exactly `rows`."""
        self.until(lambda: self.screen.ghost() == list(rows), f"ghost text {rows}, not {self.screen.ghost()}")

    def server(self, method: str, params: Any = None) -> Any:
        """Send a request to the language server of the current buffer, and return its result."""
        return self.lua(
            """
            local method, params = ...
            local client = assert(vim.lsp.get_clients({ name = "turnout" })[1], "no client")
            if params == vim.NIL then params = vim.empty_dict() end
            local answer = assert(client:request_sync(method, params, 20000))
            return answer.err and error(answer.err.message) or answer.result
            """,
            method,
            params,
        )
