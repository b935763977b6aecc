"""A terminal in an editor's place: what is said and asked goes to stderr, and stdout is left to the result.

Invariant: without a terminal to ask at, the answer to every question is no.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from turnout.session.editor import Level, Status

_UNSAID = "the answer so far"


class Terminal:
    """The `Editor` of a command."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self.can_ask = sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: str, level: Level = "info") -> None:
        """Print a message."""
        to_stderr(text if level == "info" else f"{level}: {text}")

    def say_once(self, text: str, level: Level = "info") -> None:
        """Print a message unless the very same was printed before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text, level)

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        """Ask for one of `options` by number; nothing else is an answer."""
        if not self.can_ask:
            self.say(f"{question} There is no terminal to ask at, so the answer is no.", "warning")
            return None
        listed = "  ".join(f"[{number}] {option}" for number, option in enumerate(options, start=1))
        answer = await self.line(f"{question}\n{listed}: ")
        return options[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(options) else None

    async def agrees(self, question: str) -> bool:
        """Whether the user says yes."""
        return self.can_ask and (await self.line(f"{question} [y/N] ")).lower() in ("y", "yes")

    async def line(self, prompt: str) -> str:
        """What the user types behind `prompt`; empty at the end of the input."""
        to_stderr(prompt, end="")
        return (await _typed()).strip()

    @asynccontextmanager
    async def progress(self, title: str, token: str | int | None = None) -> AsyncIterator["Shown"]:
        """Show progress: a line that changes on a terminal, a line for each step elsewhere."""
        if not sys.stderr.isatty():
            yield Shown(title, _printed())
            return
        # rich costs 60 ms to import, which only something to look at is worth.
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status(Text(title)) as status:
            yield Shown(title, lambda text: status.update(Text(text)))

    def show_status(self, status: Status) -> None:
        """A terminal has no status bar."""

    async def api_key(self, endpoint: str) -> str | None:
        """A terminal keeps no keys."""
        return None


def to_stderr(text: str, end: str = "\n") -> None:
    """Print beside the result; where that cannot be read or written any more, the work goes on unheard."""
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)


class Shown:
    """A progress display."""

    def __init__(self, title: str, show: Callable[[str], None]) -> None:
        self._title = title
        self._show = show

    def report(self, message: str, percent: int | None = None) -> None:
        """Show `message`, and how far along the work is where that is known."""
        share = "" if percent is None else f" {percent} %"
        self._show(f"{self._title}{share}: {message}")


def _printed() -> Callable[[str], None]:
    """Prints each step once, for a log; how long an answer is by now is none."""
    last = ""

    def show(text: str) -> None:
        nonlocal last
        if text != last and _UNSAID not in text:
            last = text
            to_stderr(text)

    return show


async def _typed() -> str:
    """The next line of stdin; being cancelled ends the wait, where the platform can watch a terminal."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), ready.set)
    except (NotImplementedError, OSError):
        return await asyncio.to_thread(sys.stdin.readline)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()
