"""What the use cases of this package need from outside: a workspace, a parser, a model and someone to tell."""

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from turnout.act.proposals import Check
from turnout.core.answers import Asker
from turnout.core.documents import Snapshot
from turnout.core.edits.changes import FileChange, Transaction
from turnout.core.edits.formats import History, NoHistory
from turnout.core.models import Model
from turnout.core.receipts import Receipt
from turnout.core.repository import Repository
from turnout.core.requests import Kind, Route
from turnout.core.symbols import Problem, Symbol
from turnout.core.withholding import Hear


class Folder(Protocol):
    """The workspace folder on disk, whatever documents are open."""

    def exists(self, uri: str) -> bool:
        """Whether there is anything on disk, readable or not."""
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the files right in `folder`, hidden ones too, in order; none where it is no folder in here."""
        ...

    def link(self, path: str) -> str | None:
        """The first link on the way to `path`, itself included; None without one. Raises PathRefused, as `uri` does."""
        ...

    def identity(self, uri: str) -> Hashable:
        """What all names of one file have in common; None where nobody can tell."""
        ...

    def mode(self, uri: str) -> int | None:
        """The permissions of a file; None where there is none, or where nobody can tell."""
        ...

    def missing(self, path: str) -> tuple[str, ...]:
        """The folders on the way to `path` that are not there, the outermost first."""
        ...

    def remove_empty(self, path: str) -> None:
        """Remove a folder with nothing in it; one that is not empty or not there, and a link, is left as it is."""
        ...

    def snapshot(self, uri: str) -> Snapshot | None:
        """The text of the file, with its byte order mark aside. None and errors as of `Workspace.snapshot`."""
        ...


class Workspace(Protocol):
    """One workspace folder as its user sees it: open documents first, files on disk behind them.

    Paths are relative to the folder, with `/`; URIs are spelled as the editor spells them.
    Text has no byte order mark: whoever writes a file keeps the one that it has.
    """

    @property
    def folder(self) -> Folder:
        """What is on disk."""
        ...

    @property
    def on_disk(self) -> "Workspace":
        """The same folder without any editor: the workspace itself where it is on disk only."""
        ...

    def uri(self, path: str) -> str:
        """The URI of `path`. Raises PathRefused where it leads out of the folder, also through a link."""
        ...

    def path(self, uri: str) -> str:
        """The path of `uri`. Raises PathRefused for a URI outside of the folder."""
        ...

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        """Files that may be looked at, nearest the top first: none ignored by git, none hidden. May be slow.

        With `hidden` also those that are hidden, which a check may read but no model may ask for.
        """
        ...

    def exists(self, uri: str) -> bool:
        """Whether there is a document or a file, readable or not."""
        ...

    def snapshot(self, uri: str) -> Snapshot | None:
        """The text; None where nothing is. Raises FileUnusable for what is not UTF-8 text of sensible size."""
        ...

    async def apply(self, transaction: Transaction) -> bool:
        """Carry out `transaction`, which has either edits or operations; False where the editor did not.

        Edits take effect all together or not at all, and only if every document is at the version given. Raises
        FileUnusable where it can say which file must not or cannot be written, and why; then nothing is done, but what
        could not be put back.
        """
        ...


class Syntax(Protocol):
    """The parser; calls take milliseconds per 1,000 lines, so they belong in a thread."""

    def check(self, language: str, before: str | None, after: str) -> tuple[Problem, ...] | None:
        """Syntax errors of `after` that `before` did not have; None for a language that is not known."""
        ...

    def same(self, language: str, text: str, other: str) -> bool | None:
        """Whether both have the same tokens in the same structure; None for a language that is not known."""
        ...

    def same_code(self, language: str, text: str, other: str) -> bool | None:
        """Whether both are the same but for comments and docstrings; None for a language that is not known."""
        ...

    def literal_rows(self, language: str, text: str) -> frozenset[int] | None:
        """The lines (from 0) that begin inside a string; None for a language that is not known."""
        ...

    def enclosing(self, language: str, text: str, line: int) -> Symbol | None:
        """The innermost function or class around `line` (from 0)."""
        ...

    def defined(self, language: str, text: str) -> frozenset[str]:
        """The names of all functions, methods and classes; empty where no grammar is known."""
        ...


class Outlook(Protocol):
    """What a request would meet if it were made now."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """Where it may go."""
        ...

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """Look at the disk on a thread, so that `route` right behind it need not. Raises PathRefused."""
        ...

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        """For each of `uris` the models that the settings let have its text, in a request of any size and at any price.

        There may be hundreds; nobody who types waits for that.
        """
        ...

    def ms_per_token(self, model: Model) -> float | None:
        """Milliseconds that `model` took for each token of its last answers; None where there were none. Blocks."""
        ...


Tell = Callable[[str, int, int], None]
"""Told what is being worked on, how many parts are done, and of how many (0: unknown)."""


Show = Callable[[Sequence[FileChange]], None]
"""Shown files as they are drafted, before they are checked and before all of them are there."""


SO_FAR = "the answer so far"
"""How what is told of an answer that arrives begins, for who shows not every piece of it."""


def show_nobody(changes: Sequence[FileChange]) -> None:
    """The `Show` for a caller that waits for the whole."""


def tell_nobody(what: str, done: int, of: int) -> None:
    """The `Tell` for a caller that shows no progress."""


@dataclass(frozen=True, slots=True)
class Seams:
    """Everything outside that a use case works with."""

    asker: Asker
    workspace: Workspace
    syntax: Syntax
    tell: Tell = tell_nobody
    outlook: Outlook | None = None
    """Says where text may go before any is chosen; without it nothing is shown beside the files to change."""
    repository: Repository | None = None
    """The index of the folder, where there is one."""
    check: Callable[[Sequence[FileChange]], Awaitable[Sequence[Check]]] | None = None
    """Runs the project's checks on changes, for a model that mends what they find."""
    show: Show = show_nobody
    spent: Sequence[Receipt] = ()
    """Of the requests before, which may grow: what they came to is told with the progress."""
    left_out: Hear | None = None
    """Hears which files were left out of what is about to be asked, and why, where somebody wants to know."""
    history: History = field(default_factory=NoHistory)
    """How refactors went on this machine."""
