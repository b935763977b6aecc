"""A workspace in memory and a model with prepared answers, for tests of the use cases that change files.

Invariant: the workspace takes edits the way an editor does: all documents at the version given, or none touched.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from turnout import syntax
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.backends import Finish
from turnout.core.documents import Document, Snapshot, split_lines
from turnout.core.edits.changes import CreateFile, DeleteFile, RenameFile, Transaction
from turnout.core.edits.paths import normalise
from turnout.core.languages import language_of
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import BackendError, FileUnusable, PathRefused
from turnout.evaluate.texts import TextFolder

ROOT = "file:///w/"
LOCAL = Model("near", "local", "qwen", context_tokens=4096)
REMOTE = Model("far", "anthropic", "opus", leaves_machine=True, context_tokens=200_000)


class OutlookByRoute(ABC):
    """For outlooks of tests: who may have a file is who is in the route of it alone."""

    @abstractmethod
    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route: ...

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        return

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        return tuple(frozenset(self.route(kind, (uri,), 0).candidates) for uri in uris)

    def ms_per_token(self, model: Model) -> float | None:
        return None


class MemoryWorkspace:
    """Files by path; those in `versions` are open. `before_apply` runs first, and may type or refuse (False)."""

    def __init__(self, files: dict[str, str], versions: dict[str, int] | None = None) -> None:
        self.files = dict(files)
        self.folder = TextFolder(self.files)
        self.versions = dict(versions or {})
        self.transactions: list[Transaction] = []
        self.before_apply: Callable[[Transaction], bool] = lambda _: True

    @property
    def on_disk(self) -> "MemoryWorkspace":
        return self

    def uri(self, path: str) -> str:
        return ROOT + normalise(path)

    def path(self, uri: str) -> str:
        if not uri.startswith(ROOT):
            raise PathRefused(f"{uri} is elsewhere.")
        return uri.removeprefix(ROOT)

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        return iter(sorted(self.files, key=lambda path: (path.count("/"), path)))

    def exists(self, uri: str) -> bool:
        return self.path(uri) in self.files

    def snapshot(self, uri: str) -> Snapshot | None:
        path = self.path(uri)
        text = self.files.get(path)
        if text is None:
            return None
        if "\0" in text:
            raise FileUnusable(f"{path} is binary.")
        return Snapshot(uri, language_of(path), self.versions.get(path), tuple(split_lines(text)))

    def type(self, path: str, text: str) -> None:
        """Change a file the way its user does."""
        self.files[path] = text
        if path in self.versions:
            self.versions[path] += 1

    async def apply(self, transaction: Transaction) -> bool:
        self.transactions.append(transaction)
        assert not (transaction.edits and transaction.operations), (
            "text edits and file operations go separately"
        )
        if not self.before_apply(transaction):
            return False
        if any(self.versions.get(self.path(edit.uri)) != edit.version for edit in transaction.edits):
            return False
        for edit in transaction.edits:
            path = self.path(edit.uri)
            document = Document(edit.uri, "", 0, self.files[path])
            for piece in reversed(edit.edits):
                document.replace(piece.span, piece.text, 0)
            self.type(path, document.snapshot().text)
        for operation in transaction.operations:
            self._operate(operation)
        return True

    def _operate(self, operation: CreateFile | DeleteFile | RenameFile) -> None:
        path = self.path(operation.uri)
        match operation:
            case CreateFile(text=text):
                assert path not in self.files
                self.files[path] = text
            case DeleteFile():
                del self.files[path]
            case RenameFile(new_uri=new_uri):
                assert self.path(new_uri) not in self.files
                self.files[self.path(new_uri)] = self.files.pop(path)


@dataclass
class ScriptedAsker:
    """Gives the prepared answers in turn, rendering each prompt for `model`; keeps what it was asked."""

    answers: list[str | BackendError]
    model: Model = REMOTE
    finish: Finish = "stop"
    asked: list[tuple[Kind, ChatPrompt, tuple[SentFile, ...]]] = field(default_factory=list)

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        rendered = prompt(self.model)
        self.asked.append((kind, rendered, files))
        answer = self.answers.pop(0)
        if isinstance(answer, BackendError):
            raise answer
        on_text(answer)
        return Answer(answer, self.finish, receipt(kind, self.model, files, len(self.asked)), self.model)


def receipt(kind: Kind, model: Model, files: tuple[SentFile, ...], number: int) -> Receipt:
    """The receipt of request `number`: 100 tokens in, 10 out, one cent, one second."""
    return Receipt(
        id=f"r{number}", kind=kind, model=model.name, route=(model.name,), reason="test",
        leaves_machine=model.leaves_machine, files=files, bytes_sent=1000, tokens_in=100, tokens_out=10,
        tokens_cached=0, cost_usd=0.01, queue_ms=0.0, context_ms=1.0, first_token_ms=5.0, total_ms=1000.0,
        outcome="answered",
    )  # fmt: skip


def seams(workspace: MemoryWorkspace, asker: ScriptedAsker) -> Seams:
    """The seams with the real parser."""
    return Seams(asker, workspace, syntax)
