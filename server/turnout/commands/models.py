"""`turnout models list | pull [NAME] | verify [NAME]`: the weights of local models from the command line.

The answer goes to stdout; progress and errors go to stderr, so that the path of a pull can be piped on.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout import models
from turnout.errors import TurnoutError

_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `models` and its subcommands."""
    parser = subparsers.add_parser("models", help="list, fetch and check the weights of local models")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="what is known, and what is on this machine")
    listing.add_argument("--json", action="store_true", help="print it as JSON")
    listing.set_defaults(run=list_models)

    pull = actions.add_parser("pull", help="fetch a model, going on where an earlier pull stopped")
    pull.add_argument(
        "name",
        nargs="?",
        default=models.DEFAULT_MODEL,
        metavar="NAME",
        help=f"default: {models.DEFAULT_MODEL}",
    )
    pull.add_argument("--file", type=Path, metavar="PATH", help="take this GGUF file instead of downloading")
    pull.set_defaults(run=pull_model)

    verify = actions.add_parser("verify", help="hash a model's file, or those of all models that are here")
    verify.add_argument("name", nargs="?", metavar="NAME")
    verify.set_defaults(run=verify_models)


def list_models(args: argparse.Namespace) -> int:
    """Print every known model and what of it is on this machine."""
    listing = models.listing()
    if args.json:
        print(json.dumps([_as_json(listed) for listed in listing], indent=2))
        return 0
    width = max(len(listed.entry.name) for listed in listing)
    for listed in listing:
        mark = "*" if listed.entry.name == models.DEFAULT_MODEL else " "
        size = models.in_megabytes(listed.entry.bytes)
        print(
            f"{mark} {listed.entry.name:{width}}  {size:>8}  {_state(listed):20}  {listed.entry.description}"
        )
    print("* the default")
    return 0


def pull_model(args: argparse.Namespace) -> int:
    """Fetch a model and print its path."""
    try:
        path = pull_shown(args.name, file=args.file)
    except KeyboardInterrupt:
        _say("\nStopped. What has arrived is kept; the next pull goes on from there.")
        return _INTERRUPTED
    _say(f"{args.name} is ready.")
    print(path)
    return 0


def pull_shown(name: str, *, file: Path | None = None) -> Path:
    """`models.pull` with its progress on stderr: a bar on a terminal, a line for every tenth elsewhere."""
    with _shown() as progress:
        return models.pull(name, file=file, progress=progress)


def verify_models(args: argparse.Namespace) -> int:
    """Hash the files of one model, or of all that are here; 1 when one is wrong or missing."""
    names = [args.name] if args.name else [each.entry.name for each in models.listing() if _has_file(each)]
    if not names:
        print("No model is on this machine; fetch the default one with: turnout models pull")
        return 0
    failed = 0
    for name in names:
        try:
            with _shown() as progress:
                path = models.verify(name, progress=progress)
        except TurnoutError as exc:
            failed = 1
            _say(f"turnout: {exc}")
        else:
            print(f"{name}: {path} is right (SHA-256 {models.entry(name).sha256})")
    return failed


@contextmanager
def _shown() -> Iterator[Callable[[models.Progress], None]]:
    if not sys.stderr.isatty():
        yield PercentLines(_say).show
        return
    # rich costs 60 ms to import, which only a bar is worth.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", start=True, visible=False, total=None)

        def show(progress: models.Progress) -> None:
            if progress.notice:
                bar.console.print(progress.notice, markup=False, highlight=False)
            bar.update(
                task,
                description=_describe(progress),
                completed=progress.done_bytes,
                total=progress.total_bytes,
                visible=True,
            )

        yield show


class PercentLines:
    """Progress for a log file: each phase once, each notice, and every tenth of a download."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: tuple[str, str, int] | None = None

    def show(self, progress: models.Progress) -> None:
        """Say what is new since the last call, if anything."""
        if progress.notice:
            self._say(progress.notice)
        percent = progress.done_bytes * 10 // max(progress.total_bytes, 1) * 10
        step = (progress.phase, progress.source, percent if progress.phase == "downloading" else 0)
        if step == self._last:
            return
        self._last = step
        done, total = models.in_megabytes(progress.done_bytes), models.in_megabytes(progress.total_bytes)
        share = f": {percent} % ({done} of {total})" if progress.phase == "downloading" else ""
        self._say(_describe(progress) + share)


def _describe(progress: models.Progress) -> str:
    match progress.phase:
        case "waiting":
            return f"{progress.model}: another process is fetching it; waiting"
        case "checking":
            return f"{progress.model}: checking its SHA-256"
        case "downloading":
            return f"{progress.model} from {progress.source}" if progress.source else progress.model


def _state(listed: models.Listed) -> str:
    match listed.state:
        case "ready":
            return "ready"
        case "unchecked":
            return "here, not checked"
        case "partial":
            return f"partial ({models.in_megabytes(listed.have_bytes)})"
        case "missing":
            return "not here"


def _has_file(listed: models.Listed) -> bool:
    return listed.state in {"ready", "unchecked"}


def _as_json(listed: models.Listed) -> dict[str, object]:
    entry = listed.entry
    return {
        "name": entry.name,
        "default": entry.name == models.DEFAULT_MODEL,
        "state": listed.state,
        "path": str(listed.path),
        "bytes": entry.bytes,
        "have_bytes": listed.have_bytes,
        "sha256": entry.sha256,
        "licence": entry.licence,
        "family": entry.family,
        "context_tokens": entry.context_tokens,
        "description": entry.description,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
