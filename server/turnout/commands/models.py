"""`turnout models list | catalogue | pull | verify | remove | recommend | prepare`: local models from the command line.

The answer goes to stdout; progress and errors go to stderr, so that the path of a pull can be piped on.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout import models
from turnout.commands import catalogue
from turnout.errors import TurnoutError
from turnout.models import choice

_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `models` and its subcommands."""
    parser = subparsers.add_parser("models", help="list, fetch and check the weights of local models")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="what is known, and what is on this machine")
    listing.add_argument("--json", action="store_true", help="print it as JSON, with every form")
    listing.set_defaults(run=list_models)

    catalogue.add_parser(actions)

    pull = actions.add_parser("pull", help="fetch a model, going on where an earlier pull stopped")
    pull.add_argument("name", nargs="?", metavar="NAME", help="default: what suits this machine")
    _add_form(pull, default=None)
    pull.add_argument("--file", type=Path, metavar="PATH", help="take this GGUF file instead of downloading")
    pull.set_defaults(run=pull_model)

    verify = actions.add_parser("verify", help="hash a model's files, or those of all models that are here")
    verify.add_argument("name", nargs="?", metavar="NAME")
    _add_form(verify)
    verify.set_defaults(run=verify_models)

    advise = actions.add_parser(
        "recommend", help="say which model suits this machine, and what to expect of it"
    )
    advise.add_argument("--json", action="store_true", help="print it as JSON")
    advise.add_argument("--apply", action="store_true", help='choose anew what `model = "auto"` stands for')
    advise.set_defaults(run=recommend)

    prepare = actions.add_parser("prepare", help="compile what exllamav2 needs on this machine, once")
    prepare.set_defaults(run=prepare_engine)

    remove = actions.add_parser("remove", help="delete a model's files")
    remove.add_argument("name", metavar="NAME")
    _add_form(remove)
    remove.set_defaults(run=remove_model)


def _add_form(parser: argparse.ArgumentParser, default: str | None = "gguf") -> None:
    parser.add_argument(
        "--form",
        choices=models.FORM_NAMES,
        default=default,
        help="how the weights are stored: gguf for llama.cpp (the default), the others for exllamav2",
    )


def recommend(args: argparse.Namespace) -> int:
    """Print the recommendation."""
    from turnout.commands import recommending

    return recommending.run(args)


def prepare_engine(args: argparse.Namespace) -> int:
    """Compile the extension."""
    from turnout.commands import preparing

    return preparing.run(args)


def list_models(args: argparse.Namespace) -> int:
    """Print every known model and what of it is on this machine."""
    listing, auto = models.listing(), _remembered()
    if args.json:
        print(json.dumps([_as_json(listed, auto) for listed in listing], indent=2))
        return 0
    # Other forms are for one engine: those that are here are shown, the rest only in the JSON.
    shown = [each for each in listing if each.form.name == "gguf" or each.state != "missing"]
    width = max(len(_title(listed)) for listed in shown)
    for listed in shown:
        mark = "*" if listed.entry.name == auto else " "
        size = models.in_megabytes(listed.form.bytes)
        licence = listed.entry.licence + (" (!)" if listed.entry.terms else "")
        print(
            f"{mark} {_title(listed):{width}}  {size:>9}  {_state(listed):19}  {licence:23}  "
            f"{listed.entry.description}"
        )
    print("* the default, chosen for this machine" if choice.remembered() else "* the default")
    for name, entry in models.known().items():
        if entry.terms:
            print(f"! {name}: {entry.terms}")
    return 0


def pull_model(args: argparse.Namespace) -> int:
    """Fetch a model and print its path."""
    name: str = args.name
    form: models.FormName = args.form or "gguf"
    if not name:
        name, chosen_form = _automatic()
        form = args.form or chosen_form
    try:
        path = pull_shown(name, form, file=args.file)
    except KeyboardInterrupt:
        _say("\nStopped. What has arrived is kept; the next pull goes on from there.")
        return _INTERRUPTED
    _say(f"{name} is ready.")
    print(path)
    return 0


def _automatic() -> tuple[str, models.FormName]:
    from turnout import automatic

    chosen = automatic.model()
    _say(f"{chosen.model}: {chosen.reason}.")
    return chosen.model, chosen.form


def pull_shown(name: str, form: models.FormName = "gguf", *, file: Path | None = None) -> Path:
    """`models.pull` with its progress on stderr: a bar on a terminal, a line for every tenth elsewhere."""
    with _shown() as progress:
        return models.pull(name, form, file=file, progress=progress)


def verify_models(args: argparse.Namespace) -> int:
    """Hash the files of one model, or of all that are here; 1 when one is wrong or missing."""
    here = [(each.entry.name, each.form.name) for each in models.listing() if _has_file(each)]
    wanted = [(args.name, args.form)] if args.name else here
    if not wanted:
        print("No model is on this machine; fetch the default one with: turnout models pull")
        return 0
    failed = 0
    for name, form in wanted:
        try:
            with _shown() as progress:
                path = models.verify(name, form, progress=progress)
        except TurnoutError as exc:
            failed = 1
            _say(f"turnout: {exc}")
        else:
            print(f"{name}: {path} is right ({_held_to(name, form)})")
    return failed


def remove_model(args: argparse.Namespace) -> int:
    """Delete a model's files; 1 where there were none."""
    there = models.remove(args.name, args.form)
    print(f"{args.name} is no longer on this machine." if there else f"{args.name} was not on this machine.")
    return 0 if there else 1


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


def _title(listed: models.Listed) -> str:
    name, form = listed.entry.name, listed.form.name
    return name if form == "gguf" else f"{name} ({form})"


def _held_to(name: str, form: models.FormName) -> str:
    sha256 = models.form_of(name, form).sha256
    return f"SHA-256 {sha256}" if sha256 else "SHA-256 as the hub listed it at the first pull"


def _has_file(listed: models.Listed) -> bool:
    return listed.state in {"ready", "unchecked"}


def _remembered() -> str:
    """What `auto` stands for, without measuring the machine for a list."""
    remembered = choice.remembered()
    return remembered.model if remembered else models.DEFAULT_MODEL


def _as_json(listed: models.Listed, auto: str) -> dict[str, object]:
    entry, form = listed.entry, listed.form
    return {
        "name": entry.name,
        "form": form.name,
        "quantization": form.quantization,
        "default": entry.name == auto and form.name == "gguf",
        "state": listed.state,
        "path": str(listed.path),
        "bytes": form.bytes,
        "have_bytes": listed.have_bytes,
        "sha256": form.sha256 or None,
        "parameters": entry.parameters,
        "kv_bytes_per_token": entry.kv_bytes_per_token,
        "licence": entry.licence,
        "terms": entry.terms,
        "family": entry.family,
        "context_tokens": entry.context_tokens,
        "description": entry.description,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
