"""What a request would send, made by the very code that sends it, and sent to nobody.

Invariants: the text is the one that would go out, secrets taken out and all, along a route that is decided for all
files in it; only a key is never part of it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from turnout import git, remote, syntax
from turnout.act.actions import Action, Fault
from turnout.act.commit_message import write_message
from turnout.act.perform import perform
from turnout.act.refactor import propose
from turnout.act.scope import Request
from turnout.act.seams import Seams
from turnout.complete import Rules
from turnout.complete.prompts import fim_prompt
from turnout.core import holes
from turnout.core.answers import Answer, PromptFor, tagged
from turnout.core.documents import Position, Snapshot, Span
from turnout.core.edits.changes import Transaction
from turnout.core.receipts import SentFile
from turnout.core.requests import ChatPrompt, Kind, Model, Prompt, Route
from turnout.core.secrets import Redacted
from turnout.dispatch.secrecy import without_secrets
from turnout.errors import FileUnusable, RequestRejected, TurnoutError
from turnout.files import Folder, path_to_uri


@dataclass(frozen=True, slots=True)
class Subject:
    """What the request is about: the lines `first` to before `end` of a file, a cursor, and what the user said."""

    kind: Kind
    path: str
    first: int
    end: int
    cursor: Position
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent: a prompt to a model here, or the body of a request to `url`.

    `redacted` are the kinds of secrets that were taken out of it, and how many of each.
    """

    model: Model
    url: str
    text: str
    redacted: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request would ask first, whichever model it goes to; `files` are those whose text is in it."""

    prompt: Callable[[Model], Prompt]
    files: tuple[SentFile, ...]


def asked(
    subject: Subject,
    folder: Folder,
    rules: Rules,
    may_read: Callable[[str], bool],
    route: Callable[[tuple[str, ...]], Route] | None = None,
) -> Asked:
    """What would be asked for `subject`; raises TurnoutError where nothing would be.

    `route` says where the text of the files with these URIs may go; without it nothing is shown beside those to change.
    """
    outlook = _Settled(route) if route else None
    seams = Seams(_Recorder(), _OnDisk(folder, may_read), syntax, outlook=outlook)
    if subject.kind == "commit_message":
        return _recorded(subject, _write_message(folder.root, seams))
    file = folder.snapshot(folder.uri(subject.path))
    if file is None:
        raise FileUnusable(f"There is no file {subject.path}.")
    if subject.kind in ("inline", "popup"):
        kind = "inline" if subject.kind == "inline" else "popup"
        hole = fim_prompt(kind, file, subject.path, holes.cut(file, subject.cursor), rules)  # type: ignore[arg-type]
        return Asked(lambda _model: hole, (SentFile(file.uri, 0),))
    return _recorded(subject, _act(subject, file, seams))


def _recorded(subject: Subject, doing: Coroutine[Any, Any, None]) -> Asked:
    try:
        asyncio.run(doing)
    except _Recorded as recorded:
        return recorded.asked
    raise RequestRejected(f"No model would be asked for {subject.kind} here.")


def preview(asked: Asked, model: Model, route: Route) -> Preview:
    """What `model` would be sent, along a `route` decided for all files of it; raises TurnoutError where nothing is."""
    prompt = asked.prompt(model)
    if model.api == "local":
        return Preview(model, "", _shown(prompt), ())
    redacted = asyncio.run(without_secrets(prompt, route)) if model.leaves_machine else Redacted(prompt)
    url, body = _body(model, redacted.prompt)
    return Preview(model, url, body, redacted.counts)


def _body(model: Model, prompt: Prompt) -> tuple[str, str]:
    written = remote.Writer().write(model, prompt)
    return written.target.url, written.encoded().decode("utf-8")


def _shown(prompt: Prompt) -> str:
    """A prompt for the model process here, which lays it out in the tokens of its model."""
    if isinstance(prompt, ChatPrompt):
        return "\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
    return f"[{prompt.path}]\n{prompt.prefix}[cursor]{prompt.suffix}"


async def _write_message(root: Path, seams: Seams) -> None:
    """What is staged is the subject, and no file."""
    staged = await git.staged(root)
    await write_message(staged, lambda path: path_to_uri(Path(staged.root) / path), seams)


async def _act(subject: Subject, file: Snapshot, seams: Seams) -> None:
    span = Span(Position(subject.first, 0), Position(subject.end, 0))
    match subject.kind:
        case "refactor":
            await propose(Request(subject.instruction, file.uri, span), seams)
        case "rewrite" | "fix" | "document" | "test" | "explain":
            faults = (Fault(span, subject.instruction),) if subject.kind == "fix" else ()
            symbol = syntax.enclosing(file.language, file.text, subject.first)
            name = symbol.name if symbol else ""
            action = Action(
                subject.kind, name, file.uri, subject.first, subject.end, faults=faults, name=name
            )
            await perform(action, file, seams, instruction=subject.instruction)
        case _:
            raise RequestRejected(f"This version makes no {subject.kind} requests.")


class _Recorded(TurnoutError):
    """What was about to be sent."""

    def __init__(self, asked: Asked) -> None:
        super().__init__("It was not sent.")
        self.asked = asked


class _Recorder:
    """Takes the first request instead of running it."""

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        raise _Recorded(Asked(lambda model: tagged(prompt(model), kind), files))


class _Settled:
    """The outlook of a preview: as decided by the settings, at a pace that nobody asks about."""

    def __init__(self, route: Callable[[tuple[str, ...]], Route]) -> None:
        self._route = route

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return self._route(uris)

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        return

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        return tuple(frozenset(self._route((uri,)).candidates) for uri in uris)

    def ms_per_token(self, model: Model) -> float | None:
        return None


class _OnDisk:
    """A folder without an editor in front of it; nothing is ever applied to it."""

    def __init__(self, folder: Folder, may_read: Callable[[str], bool]) -> None:
        self._may_read = may_read
        self.uri = folder.uri
        self.path = folder.path
        self.exists = folder.exists
        self.names = folder.names
        self.mode = folder.mode
        self.snapshot = folder.snapshot
        self._paths = folder.paths

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        return filter(self._may_read, self._paths(hidden=hidden))

    async def apply(self, transaction: Transaction) -> NoReturn:
        raise RequestRejected("A preview changes nothing.")
