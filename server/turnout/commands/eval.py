"""`turnout eval completions`: how good completions are on your own files, and what the repository's context adds."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.commands import evaluate_edits
from turnout.commands.arguments import positive

if TYPE_CHECKING:
    from turnout.core.fim.layout import Window
    from turnout.core.models import Model
    from turnout.core.repository import Repository
    from turnout.evaluate.run import Progress
    from turnout.settings import Loaded

ENOUGH = 100
"""Fewer holes than this tell large differences only."""

_INTERRUPTED = 130
_INDEX_TIMEOUT_S = 600.0

_ABOUT = """\
Cuts holes in your own files, has the model fill them by the same code that your editor talks to, and prints how often
it wrote what the author wrote. Every hole is filled in three ways with the same model and the same room for text:
as Turnout does it, the same without other files, and in the usual order of prefix, suffix and middle.

Nothing leaves this machine. Ctrl-C ends it and prints what was measured until then."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `eval`."""
    parser = subparsers.add_parser(
        "eval", help="measure how good completions and edits are on your own files"
    )
    actions = parser.add_subparsers(metavar="WHAT", required=True)
    completions = actions.add_parser(
        "completions",
        help="fill holes in the files of a repository",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completions.add_argument(
        "--repo", type=Path, default=Path(), metavar="PATH", help="the repository (default: this folder)"
    )
    completions.add_argument(
        "--holes", type=positive, default=ENOUGH, metavar="N", help=f"how many holes (default: {ENOUGH})"
    )
    completions.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="S",
        help="the same files and seed give the same holes (default: 1)",
    )
    completions.add_argument(
        "--model", metavar="NAME", help="a local model (default: the one that completes in your editor)"
    )
    completions.add_argument(
        "--kind",
        choices=("line", "block", "both"),
        default="line",
        help="single lines, bodies of functions, or both",
    )
    completions.add_argument(
        "--language", nargs="+", default=(), metavar="NAME", help="only these, such as python rust typescript"
    )
    completions.add_argument(
        "--tokens",
        type=positive,
        metavar="N",
        help="room for a prompt (default: what this machine reads in time)",
    )
    completions.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="append every filled hole to FILE, and fill none that is in it: a long run can be broken off",
    )
    completions.add_argument("--json", action="store_true", help="print JSON, every answer included")
    completions.set_defaults(run=run)
    evaluate_edits.add_action(actions)


def run(args: argparse.Namespace) -> int:
    """Measure and print; the exit status is 130 where it was broken off."""
    from turnout.commands.reading import readable
    from turnout.evaluate.keeping import Kept, maker
    from turnout.evaluate.run import KINDS, Progress, Site, Wanted, find_holes
    from turnout.evaluate.run import run as evaluate
    from turnout.local import LocalBackend
    from turnout.models import locate, on_gpu

    root = args.repo.resolve()
    loaded = _settings(root)
    model = _model(args.model, loaded)
    _require_weights(model)
    kept = Kept(args.keep, maker()) if args.keep is not None else None
    wanted = Wanted(args.holes, args.seed, KINDS[args.kind], frozenset(args.language))
    gaps = find_holes(root, wanted, readable(loaded, root))
    if len(gaps) < args.holes:
        _say(f"There is room for {len(gaps)} holes in these files, not {args.holes}.")
    window = _window(model, loaded, args.tokens)
    progress = Progress()

    def local() -> LocalBackend:
        return LocalBackend(locate, folder=on_gpu.folder, gpu_needs=on_gpu.needs)

    with _index(root, loaded) as repository, _shown(progress):
        site = Site(str(root), repository, gaps, args.seed)
        whole = evaluate(local, model, window, [site], progress, kept)
    about = {
        "repo": str(root),
        "model": model.model,
        "seed": args.seed,
        "asked": len(gaps),
        "complete": whole,
    }
    _print(args, progress, {**about, "window": asdict(window)}, loaded_holes=len(gaps))
    return 0 if whole else _INTERRUPTED


def _print(args: argparse.Namespace, progress: "Progress", about: dict[str, Any], loaded_holes: int) -> None:
    from turnout.evaluate import report

    if args.json:
        print(json.dumps(report.to_json(progress.done, about), indent=1))
        return
    if not progress.done:
        _say("Nothing was measured.")
        return
    done = len(progress.done)
    broken_off = "" if about["complete"] else f", broken off after {done} of {loaded_holes}"
    window = about["window"]
    room = f"{window['prefix_chars']} + {window['suffix_chars']} + {window['chunk_chars']}"
    print(f"{about['model']}, seed {about['seed']}{broken_off}")
    print(f"Room in characters: {room} before the cursor, after it and from other files.\n")
    print("\n".join(report.lines(progress.done)))
    if done < ENOUGH:
        print(f"{done} holes are few: only large differences are more than noise. Ask for more with --holes.")


def _settings(root: Path) -> "Loaded":
    from turnout import automatic
    from turnout.commands.settings import load_for

    return load_for(root, automatic.model_name)


def _model(name: str | None, loaded: "Loaded") -> "Model":
    """The model that is measured; raises RouteError where it is none of this machine."""
    from turnout.core.models import Model
    from turnout.core.objections import RouteRequest
    from turnout.core.routing import decide
    from turnout.errors import RouteError

    if name is None:
        route = decide(RouteRequest(kind="inline", paths=(), language=""), loaded.policy)
        found = next((model for model in route.candidates if model.api == "local"), None)
        if found is None:
            raise RouteError(
                "Completions here go to no model of this machine.", advice="Name one with --model."
            )
        return found
    found = next((model for model in loaded.policy.models if name in (model.name, model.model)), None)
    if found is None:
        return Model(name, "local", name)
    if found.api != "local":
        raise RouteError(
            f"{name} is asked over the network, where this would cost money for every hole.",
            advice="Name a model of this machine.",
        )
    return found


def _require_weights(model: "Model") -> None:
    """Say at once that a model is not here, before anything is indexed."""
    import os

    from turnout.models import locate, on_gpu

    if (os.environ.get("TURNOUT_ENGINE") or model.engine) != "fake" and on_gpu.folder(model.model) is None:
        locate(model.path or model.model)


def _window(model: "Model", loaded: "Loaded", tokens: int | None) -> "Window":
    """The room for a prompt: as asked for, or as the server would choose it for this machine."""
    from turnout.core.fim import budget
    from turnout.models import speeds

    if tokens is not None:
        return budget.divided(tokens)
    known = next((speed for speed in speeds.read() if speed.model == model.model), None)
    pace = budget.Pace(known.prefill, known.decode) if known is not None else budget.Pace()
    deadline_ms = loaded.settings.routes.inline.deadline_ms
    return budget.window(pace, deadline_ms, model.context_tokens, loaded.settings.completion.max_tokens)


@contextmanager
def _index(root: Path, loaded: "Loaded") -> "Iterator[Repository]":
    """The repository's index, brought up to date first."""
    from turnout.index import RepositoryIndex, Spec, database_of

    privacy = loaded.settings.privacy
    index = RepositoryIndex(Spec(root, database_of(root), tuple(privacy.never_read)))
    try:
        _say("Bringing the index of the repository up to date ...")
        index.build()
        if not index.wait(_INDEX_TIMEOUT_S):
            _say("The index is not complete yet; what it has is used.")
        yield index
    finally:
        index.close()


@contextmanager
def _shown(progress: "Progress") -> Iterator[None]:
    """How far it is, on stderr: one line that is written over on a terminal, now and then a line elsewhere."""
    began = time.monotonic()
    on_terminal = sys.stderr.isatty()

    def show() -> None:
        done, of = len(progress.done), progress.of
        left_s = (time.monotonic() - began) / max(1, done - progress.known) * (of - done)
        told = f"{done} of {of} holes, about {_duration(left_s)} left"
        if on_terminal:
            sys.stderr.write(f"\r{told}\x1b[K")
            sys.stderr.flush()
        elif done == of or done % 10 == 0:
            _say(told)

    progress.changed = show
    try:
        yield
    finally:
        if on_terminal:
            sys.stderr.write("\r\x1b[K")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
