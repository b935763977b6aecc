"""A language server in a child process, and the client at its other end: blocking and small.

Invariant: every child of a run keeps its files in one directory of that run and ends before the run does.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import ascii_letters
from typing import Any

HERE = Path(__file__).parent
_TIMEOUT_S = 60


@contextmanager
def fresh_environment() -> Iterator[dict[str, str]]:
    """Environment variables of a user without settings or history, whose models are all the fake engine."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-", ignore_cleanup_errors=True) as name:
        directories = {
            f"TURNOUT_{kind}_DIR": str(Path(name) / kind.lower())
            for kind in ("CONFIG", "CACHE", "STATE", "RUNTIME")
        }
        # The worker leaves once its socket is gone, which is when the directory is.
        yield {**os.environ, **directories, "TURNOUT_ENGINE": "fake"}


@contextmanager
def entered(environment: Mapping[str, str]) -> Iterator[None]:
    """Make `environment` that of this process for a while."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def folder() -> Iterator[Path]:
    """A workspace folder."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
        yield Path(name)


def turnout_command() -> list[str]:
    """What editors run."""
    return [str(Path(sys.executable).with_name("turnout")), "serve", "--stdio"]


def bare_command(*options: str) -> list[str]:
    """The server to compare with."""
    return [sys.executable, str(HERE / "bare_server.py"), *options]


class Session:
    """A running server; requests wait for their answers, notifications of the server are dropped."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._last_id = 0
        self._answers: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.request("shutdown", None)
            self.notify("exit", None)
            self._input.close()
            self._process.wait(timeout=_TIMEOUT_S)
        except (OSError, EOFError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._output.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def initialize(self, folder: Path | None = None) -> None:
        """Shake hands as our clients do: with a folder open, ghost text and a status line."""
        params: dict[str, Any] = {
            "processId": None,
            "rootUri": folder.as_uri() if folder else None,
            "capabilities": {"textDocument": {"inlineCompletion": {}}},
            "initializationOptions": {"client": {"name": "bench", "version": "1"}},
        }
        self.request("initialize", params)

    def initialized(self) -> None:
        """End the handshake."""
        self.notify("initialized", {})

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: Any) -> Any:
        """Send a request and give its result; raises RuntimeError for an error, EOFError where the server died."""
        return self.answer(self.ask(method, params), method)

    def ask(self, method: str, params: Any) -> int:
        """Send a request; the number that its answer will have."""
        self._last_id += 1
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return self._last_id

    def answer(self, number: int, method: str = "a request") -> Any:
        """Read on to the answer of a request; the answers of others on the way are kept for who asks for them."""
        while number not in self._answers:
            message = self._receive()
            if "id" in message and "method" not in message:
                self._answers[message["id"]] = message
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer.get("result")

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps(message).encode()
        self._input.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._input.flush()

    def _receive(self) -> dict[str, Any]:
        length = 0
        while line := self._output.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise EOFError("the server ended")
        message: dict[str, Any] = json.loads(self._output.read(length))
        return message


class Editing:
    """One document in a session, typed into one letter at a time at the ends of its lines.

    The letters are random, so that no place looks like one where ghost text was computed already.
    """

    LETTERS_PER_LINE = 40

    def __init__(self, session: Session, folder: Path, lines: int) -> None:
        line = "    value = compute_something(alpha, beta)  # comment"
        self._session = session
        self._uri = (folder / "src" / "typed.py").as_uri()
        self._lines = lines
        self._start = len(line)
        self._typed = 0
        self._random = random.Random(7)
        item = {"uri": self._uri, "languageId": "python", "version": 0, "text": (line + "\n") * lines}
        session.notify("textDocument/didOpen", {"textDocument": item})

    def type_letter(self) -> None:
        """Send the next change."""
        line, character = self._place(self._typed)
        self._typed += 1
        at = {"line": line, "character": character}
        letter = self._random.choice(ascii_letters)
        params = {
            "textDocument": {"uri": self._uri, "version": self._typed},
            "contentChanges": [{"range": {"start": at, "end": at}, "text": letter}],
        }
        self._session.notify("textDocument/didChange", params)

    def complete(self) -> str:
        """Ask for ghost text behind the letter typed last."""
        line, character = self._place(self._typed - 1)
        params = {
            "textDocument": {"uri": self._uri},
            "position": {"line": line, "character": character + 1},
            "context": {"triggerKind": 2},
        }
        answer = self._session.request("textDocument/inlineCompletion", params)
        items = answer["items"] if isinstance(answer, dict) else answer
        return str(items[0]["insertText"]) if items else ""

    def _place(self, letter: int) -> tuple[int, int]:
        """Where a letter goes: from the middle of the document downwards, some letters on each line."""
        row, column = divmod(letter, self.LETTERS_PER_LINE)
        return (self._lines // 2 + row) % self._lines, self._start + column


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, in MB of 10^6 bytes."""
    status = Path(f"/proc/{pid}/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True, text=True)
    return int(shown.stdout) * 1024 / 1e6
