"""The editor as the rest of the server sees it: someone to tell, to ask and to show progress to."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Status:
    """What the status bar shows; sent whenever it changes.

    `state` is `starting`, `ready`, `loading` (a model), `off` or `error`; `message` is for people.
    """

    state: str
    model: str | None = None
    leaves_machine: bool = False
    last_latency_ms: float | None = None
    spent_today_usd: float = 0.0
    message: str = ""

    def to_wire(self) -> dict[str, Any]:
        """The parameters of `turnout/status`."""
        return {
            "state": self.state,
            "model": self.model,
            "leavesMachine": self.leaves_machine,
            "lastLatencyMs": self.last_latency_ms,
            "spentTodayUsd": self.spent_today_usd,
            "message": self.message,
        }


class Progress(Protocol):
    """A progress display; reporting after the end does nothing."""

    def report(self, message: str, percent: int | None = None) -> None:
        """Show `message`, and how far along the work is where that is known."""
        ...


class Editor(Protocol):
    """The client of this server."""

    def say(self, text: str, level: Level = "info") -> None:
        """Show a message."""
        ...

    def say_once(self, text: str, level: Level = "info") -> None:
        """Show a message unless the very same was shown before."""
        ...

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        """Ask; None when the user closed the question or the client cannot ask."""
        ...

    def progress(self, title: str, token: str | int | None = None) -> AbstractAsyncContextManager[Progress]:
        """Show progress for as long as the context lasts; cancelling it in the editor cancels the task inside.

        `token` is the one that the client sent with its request, if it did.
        """
        ...

    def show_status(self, status: Status) -> None:
        """Tell a client of ours what the status bar should say."""
        ...
