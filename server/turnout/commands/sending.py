"""`turnout route explain --prompt`: exactly what would be sent, to which model, and what was taken out of it."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.core.requests import Model, Route
    from turnout.errors import RequestRejected
    from turnout.preview import Asked, Preview, Subject
    from turnout.settings import Loaded


def add_arguments(explain: argparse.ArgumentParser) -> None:
    """Register `--prompt` and what a prompt depends on besides its file."""
    shown = explain.add_argument_group("the prompt")
    shown.add_argument(
        "--prompt",
        action="store_true",
        help="print what would be sent first, and send nothing (a completion in an editor also shows parts of other "
        "files, gathered while you rest, which its receipt names)",
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


def asked_prompt(
    args: argparse.Namespace, loaded: "Loaded", workspace: Path, route: "Callable[[Sequence[Path]], Route]"
) -> "Asked | None":
    """What the request would ask; None, and the reason on stderr, where it would ask nothing.

    `route` decides for the files whose text would be in it.
    """
    from turnout.complete import Rules
    from turnout.errors import TurnoutError
    from turnout.files import Folder, uri_to_path
    from turnout.preview import asked

    completion = loaded.settings.completion
    rules = Rules(max_tokens=completion.max_tokens, multiline=completion.multiline)
    try:
        return asked(
            _subject(args, workspace),
            Folder(workspace),
            rules,
            readable(loaded, workspace),
            lambda uris: route([uri_to_path(uri) for uri in uris]),
        )
    except (TurnoutError, OSError) as error:
        _say_nothing(error)
        return None


def shown_prompt(name: str | None, asked: "Asked", route: "Route") -> "Preview | None":
    """What the model `name`, or the first, would be sent; None, and the reason on stderr, where that is nothing."""
    from turnout.errors import TurnoutError
    from turnout.preview import preview

    try:
        return preview(asked, _model(name, route), route)
    except TurnoutError as error:
        _say_nothing(error)
        return None


def files_of(asked: "Asked") -> list[Path]:
    """The files whose text would be sent."""
    from turnout.files import uri_to_path

    return [uri_to_path(file.uri) for file in asked.files]


def prompt_lines(preview: "Preview") -> list[str]:
    """The preview as it is printed under the decision."""
    where = f"POST {preview.url}" if preview.url else "to the model on this machine"
    taken = [f"{count} x {kind}" for kind, count in preview.redacted]
    head = ["", f"{preview.model.name}: {where}"]
    head += [f"taken out: {', '.join(taken)}"] if taken else []
    return [*head, "", preview.text]


def prompt_to_wire(preview: "Preview") -> dict[str, Any]:
    """The preview as JSON; `text` is the body of the request where there is a `url`."""
    return {
        "model": preview.model.name,
        "url": preview.url or None,
        "redacted": dict(preview.redacted),
        "text": preview.text,
    }


def _say_nothing(error: Exception) -> None:
    print(f"nothing would be sent: {error}", file=sys.stderr)


def _model(name: str | None, route: "Route") -> "Model":
    from turnout.errors import RouteError

    for model in route.candidates:
        if name in (None, model.name):
            return model
    raise RouteError(f"{name} may not serve this request." if name else "No model may serve this request.")


def readable(loaded: "Loaded", workspace: Path) -> Callable[[str], bool]:
    """Whether the settings let anybody read a path of the workspace, those around the file among them."""
    from turnout.core.globs import fold_path
    from turnout.settings.nested import files_around, never_read, path_limits
    from turnout.settings.workspace import policy_paths, real_files

    unread = loaded.policy.privacy.never_read
    limits = cache(lambda folder: path_limits(files_around([folder / "file"], workspace.resolve())))

    def may_read(path: str) -> bool:
        file = workspace / path
        if any(unread.match(fold_path(each)) for each in policy_paths(file, workspace)):
            return False
        return not any(never_read(limits(real.parent), [real]) for real in real_files(file, workspace))

    return may_read


def _subject(args: argparse.Namespace, workspace: Path) -> "Subject":
    from turnout.core.documents import Position, split_lines
    from turnout.errors import FileUnusable, RequestRejected
    from turnout.files import Folder
    from turnout.preview import Subject

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
    return Subject(
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
