"""`turnout route explain --prompt`: exactly what would be sent, to which model, and what was taken out of it."""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.commands.terminal import Terminal

if TYPE_CHECKING:
    from turnout.act.actions import Action
    from turnout.act.seams import Seams
    from turnout.core.documents import Position, Snapshot, Span
    from turnout.core.previews import Preview
    from turnout.core.requests import Kind
    from turnout.core.withholding import Hear
    from turnout.dispatch import Operation
    from turnout.errors import RequestRejected
    from turnout.index import RepositoryIndex
    from turnout.journal import DiskWorkspace
    from turnout.session.editor import Level
    from turnout.workbench import Bench

_UNSAVED = "not known here: text that is not saved"
_IN_AN_EDITOR = (
    "in an editor, `Turnout: Show What Would Be Sent` (VS Code) or `:Turnout outgoing` (Neovim) has it"
)
_UNKNOWN: Mapping[str, str] = {
    "inline": f"{_UNSAVED}, and where you have been and what you changed just now; {_IN_AN_EDITOR}",
    "popup": f"{_UNSAVED}, and where you have been and what you changed just now; {_IN_AN_EDITOR}",
    "refactor": f"{_UNSAVED}, and the references that other language servers find; {_IN_AN_EDITOR}",
}
"""What is known to a running editor alone, by kind."""
_INDEXED = ("inline", "popup", "refactor")
"""Kinds that are shown text which the index of the folder finds."""


def add_arguments(explain: argparse.ArgumentParser) -> None:
    """Register `--prompt` and what a prompt depends on besides its file."""
    shown = explain.add_argument_group("the prompt")
    shown.add_argument(
        "--prompt",
        action="store_true",
        help="print what would be sent first, with what the index of the folder finds, and send nothing",
    )
    shown.add_argument(
        "--model", metavar="NAME", help="as sent to this model of the route (default: the first)"
    )
    shown.add_argument(
        "--lines", metavar="A-B", help="lines that it is about, from 1 (default: the whole file)"
    )
    shown.add_argument(
        "--cursor", metavar="LINE:COLUMN", help="where to complete, from 1 (default: the end of the file)"
    )
    shown.add_argument(
        "--instruction", default="", metavar="TEXT", help="what the user says, or what a fix is to fix"
    )


def previewed(
    args: argparse.Namespace, workspace: Path, choose: "Callable[[Sequence[Path]], str | None]"
) -> "Preview | None":
    """What the request would send first; None, and the reason on stderr, where that is nothing.

    `choose` names the model for a prompt with the text of some files, None for the first that may have it.
    """
    from turnout.errors import TurnoutError

    try:
        return asyncio.run(_previewed(_subject(args, workspace), workspace.resolve(), choose))
    except (TurnoutError, OSError) as error:
        print(f"nothing would be sent: {error}", file=sys.stderr)
        return None


def prompt_lines(preview: "Preview") -> list[str]:
    """The preview as it is printed under the decision."""
    from turnout.core.previews import made_of

    return ["", *made_of(preview), "", preview.text]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What the request is about: the lines `first` to before `end` of a file, a cursor, and what the user said."""

    kind: "Kind"
    path: str
    first: int
    end: int
    cursor: "Position"
    instruction: str = ""


async def _previewed(
    subject: _Subject, root: Path, choose: "Callable[[Sequence[Path]], str | None]"
) -> "Preview":
    from turnout.commands.index import searchable
    from turnout.files import uri_to_path
    from turnout.workbench import bench

    said: list[str] = []
    async with AsyncExitStack() as opened:
        parts = await opened.enter_async_context(bench(_Quiet(), root))
        index = None
        if subject.kind in _INDEXED:
            looking = searchable(root, parts.workspaces.settings(""), said.append, may_build=True)
            index = await opened.enter_async_context(looking)
        show = partial(_show, subject, root, parts, index)
        shown = await show(None)
        name = choose([uri_to_path(file.uri) for file in shown.files])
        if name not in (None, shown.model.name):
            shown = await show(name)
    unknown = _UNKNOWN.get(subject.kind, f"{_UNSAVED}; {_IN_AN_EDITOR}")
    return replace(shown, notes=(*shown.notes, *said, unknown))


async def _show(
    subject: _Subject, root: Path, parts: "Bench", index: "RepositoryIndex | None", only: str | None
) -> "Preview":
    from turnout.errors import FileUnusable
    from turnout.files import Folder
    from turnout.journal import DiskWorkspace

    folder = Folder(root)
    file = folder.snapshot(folder.uri(subject.path))
    if file is None:
        raise FileUnusable(f"There is no file {subject.path}.")
    if subject.kind in ("inline", "popup"):
        return await _completion(subject, file, parts, index, only)
    workspace = DiskWorkspace(folder, parts.workspaces.may_read)

    async def begin(operation: "Operation", hear: "Hear") -> None:
        from turnout import syntax
        from turnout.act.seams import Seams

        outlook = parts.outlook.about(subject.instruction)
        seams = Seams(
            operation, workspace, syntax, outlook=outlook, repository=index, history=parts.outlook.history
        )
        await _act(subject, file, workspace, replace(seams, left_out=hear), parts)

    return await parts.preview.of_work(begin, subject.instruction, only=only)


async def _completion(
    subject: _Subject, file: "Snapshot", parts: "Bench", index: "RepositoryIndex | None", only: str | None
) -> "Preview":
    """What an editor that has the file open, and no other, would send once the cursor has come to rest there."""
    gatherer, completer = parts.typing(index, lambda uri: file if uri == file.uri else None)
    await parts.workspaces.ready("inline", (file.uri,))
    await gatherer.gather(file, subject.cursor)
    gatherer.adopt(file.uri)
    kind = "inline" if subject.kind == "inline" else "popup"
    wanted = await completer.wanted(kind, file, subject.cursor, explicit=False)  # type: ignore[arg-type]
    silent = f"nothing is sent as you type here: {wanted.silence}; this is what asking by key would send"
    notes = (silent,) if wanted.silence else ()
    return await parts.preview.of_ask(wanted.ask, only=only, left_out=wanted.left_out, notes=notes)


async def _act(
    subject: _Subject, file: "Snapshot", workspace: "DiskWorkspace", seams: "Seams", parts: "Bench"
) -> None:
    from turnout import git
    from turnout.act.commit_message import write_message
    from turnout.act.drafting.verifying import Verifying
    from turnout.act.gathering.scope import Request
    from turnout.act.perform import perform
    from turnout.act.plans import draw_up
    from turnout.act.refactor import propose
    from turnout.core.documents import Position, Span
    from turnout.files import path_to_uri

    span = Span(Position(subject.first, 0), Position(subject.end, 0))
    if subject.kind == "commit_message":
        staged = await git.staged(workspace.folder.root)
        await write_message(staged, lambda path: path_to_uri(Path(staged.root) / path), seams)
    elif subject.kind == "refactor":
        # Whether there are checks to run is a part of what a model with tools is told.
        check = Verifying(lambda changes: parts.check(workspace.folder, changes, lambda _name: None))
        request = Request(subject.instruction, file.uri, span)
        if parts.workspaces.asks_for_plan(file.uri):
            await draw_up(request, seams, parts.outlook.about(subject.instruction))
        else:
            await propose(request, replace(seams, check=check))
    else:
        await perform(_action(subject, file, span), file, seams, instruction=subject.instruction)


def _action(subject: _Subject, file: "Snapshot", span: "Span") -> "Action":
    from turnout import syntax
    from turnout.act.actions import Action, Fault

    faults = (Fault(span, subject.instruction),) if subject.kind == "fix" else ()
    symbol = syntax.enclosing(file.language, file.text, subject.first)
    name = symbol.name if symbol else ""
    kind: Any = subject.kind
    return Action(kind, name, file.uri, subject.first, subject.end, faults=faults, name=name)


class _Quiet(Terminal):
    """A terminal that leaves it to the command to say what is wrong with the settings."""

    def say(self, text: str, level: "Level" = "info") -> None:
        """Print nothing."""


def _subject(args: argparse.Namespace, workspace: Path) -> _Subject:
    from turnout.core.documents import Position, split_lines
    from turnout.errors import FileUnusable, RequestRejected
    from turnout.files import Folder

    file, root = args.file.resolve(), workspace.resolve()
    if not file.is_relative_to(root):
        raise FileUnusable(f"{args.file} is outside of the workspace {workspace}.")
    if args.kind == "fix" and not args.instruction:
        raise RequestRejected("There is no problem to fix.", advice="Say which with --instruction TEXT.")
    text = Folder(root).read(file.relative_to(root).as_posix())
    if text is None:
        raise FileUnusable(f"There is no file {args.file}.")
    lines = split_lines(text)
    first, end = _lines(args.lines, len(lines))
    line, column = _cursor(args.cursor, lines)
    return _Subject(
        args.kind,
        file.relative_to(root).as_posix(),
        first - 1,
        end,
        Position(line - 1, column - 1),
        args.instruction,
    )


def _lines(text: str | None, count: int) -> tuple[int, int]:
    """The first and the last line, from 1."""
    if text is None:
        return 1, count
    first, last = _numbers(text, r"(\d{1,9})-(\d{1,9})")
    if not 1 <= first <= last <= count:
        raise _no_place(text, f"the file has lines 1-{count}, and the first one comes first")
    return first, last


def _cursor(text: str | None, lines: "Sequence[str]") -> tuple[int, int]:
    """The line and the column, from 1."""
    from turnout.core.documents import line_body

    sizes = [len(line_body(line)) for line in lines] or [0]
    if text is None:
        return len(sizes), sizes[-1] + 1
    line, column = _numbers(text, r"(\d{1,9}):(\d{1,9})")
    if not 1 <= line <= len(sizes):
        raise _no_place(text, f"the file has lines 1-{len(sizes)}")
    if not 1 <= column <= sizes[line - 1] + 1:
        raise _no_place(text, f"line {line} has columns 1-{sizes[line - 1] + 1}")
    return line, column


def _numbers(text: str, form: str) -> tuple[int, int]:
    found = re.fullmatch(form, text, re.ASCII)
    if found is None:
        raise _no_place(text, "write --lines 3-9 or --cursor 3:7")
    return int(found[1]), int(found[2])


def _no_place(text: str, why: str) -> "RequestRejected":
    from turnout.errors import RequestRejected

    return RequestRejected(f"{text} is not a place in the file.", advice=f"{why[0].upper()}{why[1:]}.")
