"""What the handlers call, as far as this layer needs to know it.

Invariant: only shapes, so that the use cases are imported when the services are built, and not before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from turnout.act.applying.transactions import Proposals
    from turnout.act.proposals import Check
    from turnout.act.seams import Outlook
    from turnout.complete import Completer, Keeper, Warmer
    from turnout.core.answers import Answer, Ask, PromptFor
    from turnout.core.edits.changes import FileChange
    from turnout.core.edits.formats import History
    from turnout.core.previews import Preview
    from turnout.core.receipts import SentFile
    from turnout.core.repository import Repository
    from turnout.core.requests import Kind
    from turnout.core.sent import Hop
    from turnout.core.withholding import Hear, LeftOut
    from turnout.files import Folder


class SettingsView(Protocol):
    """The settings of the workspaces, as far as this layer needs them."""

    def set_roots(self, roots: list[Path]) -> None: ...
    def set_client(
        self,
        settings: Mapping[str, object],
        *,
        trusted: bool | None,
        workspace: Mapping[str, object],
        folders: Mapping[Path, Mapping[str, object]],
    ) -> None: ...
    def reload(self) -> None: ...
    async def prepare(self) -> None: ...
    def changed_on_disk(self) -> bool: ...
    def folder(self, uri: str) -> Folder | None: ...
    def may_read(self, uri: str) -> bool: ...
    def asks_for_plan(self, uri: str) -> bool: ...
    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None: ...
    def explain(self, kind: Kind, uri: str) -> dict[str, Any]: ...
    async def models(self, uri: str) -> list[dict[str, Any]]: ...


class Records(Protocol):
    """Where receipts are kept, and what became of each suggestion."""

    def event(self, receipt_id: str, event: str, length: int | None = None) -> None: ...
    def last(self, count: int) -> list[dict[str, Any]]: ...
    def spend(self, days: int) -> list[dict[str, Any]]: ...


class Operation(Protocol):
    """A `core.answers.Asker` that asks the user and each failing model once for all of its requests."""

    instruction: str

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer: ...

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The models that were given up, each with the reason."""
        ...


class RunChecks(Protocol):
    """Runs the user's checks on changes to a folder; `tell` hears the name of each."""

    async def __call__(
        self, folder: Folder, changes: Sequence[FileChange], tell: Callable[[str], None]
    ) -> tuple[Check, ...]: ...


class Repositories(Protocol):
    """The indexes of the folders."""

    is_watching: bool
    """Whether the client says which files change."""

    @property
    def is_active(self) -> bool: ...
    def of_folder(self, root: Path) -> Repository | None: ...
    def saved(self, uri: str) -> None: ...
    def changed(self, uris: Sequence[str]) -> None: ...


class Outlooks(Protocol):
    """What requests would meet."""

    @property
    def history(self) -> History: ...
    def about(self, instruction: str) -> Outlook: ...


Begin: TypeAlias = "Callable[[Operation, Hear], Awaitable[object]]"
"""Does what a request is for, with models asked through the operation, and tells what it left out."""


class Previews(Protocol):
    """Tells what requests would send, and sends nothing."""

    async def of_ask(
        self, ask: Ask, *, left_out: tuple[LeftOut, ...] = (), notes: tuple[str, ...] = ()
    ) -> Preview:
        """What `ask` would send; raises TurnoutError where that is nothing."""
        ...

    async def of_work(self, begin: Begin, instruction: str = "") -> Preview:
        """What the work that `begin` begins would send first; raises TurnoutError where that is nothing."""
        ...


class Sent(Protocol):
    """What was sent of late."""

    def last(self, count: int) -> list[Hop]:
        """The newest, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers call; built after `initialized`."""

    settings: SettingsView
    completer: Completer
    warmer: Warmer
    operation: Callable[..., Operation]
    """Begins a piece of work that may ask models several times, for what the user said."""
    records: Records
    kept: Keeper
    """Follows what was accepted."""
    check: RunChecks
    """Runs the checks that the settings name for refactors on the changes of a proposal."""
    outlook: Outlooks
    """Tells what a refactor would meet."""
    preview: Previews
    sent: Sent
    repositories: Repositories
    proposals: Proposals
    """What was proposed and applied, also before this process."""
    close: Callable[[], Awaitable[None]]
    settings_changed: Callable[[], None]
    """Forgets what the user agreed to under other settings."""
    settings_read: Callable[[], None]
    """Sets up what follows from the settings."""
