"""`turnout route explain KIND FILE`: which model a request would go to, and why each other one would not."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from turnout.commands.sending import add_arguments, previewed, prompt_lines
from turnout.core.limits import dollars
from turnout.core.requests import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.core.budget import Standing
    from turnout.core.health import Health, Spend
    from turnout.core.models import Model
    from turnout.core.requests import Route
    from turnout.core.routing import RouteRequest
    from turnout.settings import Loaded

_BYTES_PER_TOKEN = 3
_ANSWER_TOKENS = 2048


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `route`."""
    parser = subparsers.add_parser("route", help="explain which model a request goes to")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    explain = actions.add_parser("explain", help="print the decision for a file, without sending anything")
    explain.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    explain.add_argument("file", type=Path, metavar="FILE")
    explain.add_argument("--workspace", type=Path, metavar="PATH", help="default: around the file")
    explain.add_argument(
        "--files", type=int, default=1, metavar="N", help="how many files it is about, this one among them"
    )
    explain.add_argument("--json", action="store_true", help="print JSON")
    add_arguments(explain)
    explain.set_defaults(run=run_explain)


def run_explain(args: argparse.Namespace) -> int:
    """Print the decision; the exit status is 1 where no model is left."""
    from turnout.commands.settings import print_problems
    from turnout.core.budget import standings
    from turnout.core.explaining import health_lines, route_to_wire
    from turnout.core.previews import preview_to_wire
    from turnout.settings.workspace import find_workspace

    _check(args)
    workspace = args.workspace or find_workspace(args.file.parent)
    decided: list[_Decided] = []

    def choose(files: "Sequence[Path]") -> str | None:
        decided.append(_decided(args, files, workspace))
        first = next((model.name for model in decided[-1].route.candidates), None)
        return args.model or first

    shown = previewed(args, workspace, choose) if args.prompt else None
    loaded, request, route, spend, health, now = (
        decided[-1] if decided else _decided(args, [args.file], workspace)
    )
    limits = list(standings(loaded.policy.budget, spend))
    print_problems(loaded)
    if args.json:
        prompt = {"prompt": preview_to_wire(shown)} if shown else {}
        print(json.dumps({**route_to_wire(route, limits, health, now), **prompt}, indent=2))
    else:
        there = () if args.file.exists() else (f"there is no {args.file}; this is what would hold for it:",)
        told = [*there, *_lines(route, request, limits), *health_lines(route, health, now)]
        print("\n".join([*told, *(prompt_lines(shown) if shown else ())]))
    return 0 if route.candidates and (shown or not args.prompt) else 1


class _Decided(NamedTuple):
    """A decision, and everything that it was made from."""

    loaded: "Loaded"
    request: "RouteRequest"
    route: "Route"
    spend: "Spend"
    health: "Health"
    now: float


def _decided(args: argparse.Namespace, files: "Sequence[Path]", workspace: Path) -> _Decided:
    """Decide for a request with the text of `files`."""
    from turnout.commands.settings import load_for
    from turnout.core.routing import decide
    from turnout.settings.workspace import real_files

    loaded = load_for(workspace, files=[real for file in files for real in real_files(file, workspace)])
    request = _request(args.kind, files, args.files, workspace, loaded, args.instruction)
    spend, health, now = _spent(request.workspace), _health(loaded.policy.models), time.time()
    route = decide(request, loaded.policy, health, spend, now)
    return _Decided(loaded, request, route, spend, health, now)


def _check(args: argparse.Namespace) -> None:
    """Raises TurnoutError for what is no file, no workspace or no number of files; a file need not be there yet."""
    from turnout.errors import FileUnusable, RequestRejected

    try:
        args.file.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise FileUnusable(f"{args.file} cannot be followed: {error}.") from error
    if args.file.is_dir():
        raise FileUnusable(f"{args.file} is a folder.", advice="Name a file in it.")
    if args.workspace is not None and not args.workspace.is_dir():
        raise FileUnusable(f"{args.workspace} is not a folder.", advice="Give the path of a workspace.")
    if not args.prompt and any((args.model, args.lines, args.cursor)):
        raise RequestRejected("--model, --lines and --cursor are about the prompt.", advice="Add --prompt.")
    if args.files < 1:
        raise RequestRejected("--files counts from 1.", advice="This file is one of them.")


def _spent(workspace: str) -> "Spend":
    """What the ledger that all servers of this user share says; nothing, and a word on stderr, if it cannot be read."""
    from datetime import datetime

    from turnout import paths, store
    from turnout.core.health import Spend
    from turnout.errors import TurnoutError

    try:
        today = datetime.now().astimezone().date()
        return store.spent(paths.state_dir() / "ledger.sqlite", workspace, today)
    except TurnoutError as error:
        print(error, file=sys.stderr)
        return Spend()


def _health(models: "tuple[Model, ...]") -> "Health":
    """How `models` did lately, as the servers of this user saw it; `_spent` has said where that cannot be read."""
    from turnout import paths, store
    from turnout.core.health import Health

    try:
        return store.health_lately(paths.state_dir() / "ledger.sqlite", models, time.time())
    except store.Unreadable:
        return Health()


def _request(
    kind: str, files: "Sequence[Path]", count: int, workspace: Path, loaded: "Loaded", instruction: str
) -> "RouteRequest":
    """The request that is decided on; `files` are those whose text is in it, and it is about `count` at least."""
    from turnout.core.languages import language_of
    from turnout.core.requests import COMPLETION_KINDS
    from turnout.core.routing import RouteRequest
    from turnout.settings.keys import keys_present
    from turnout.settings.nested import local_only, never_read
    from turnout.settings.workspace import policy_paths, real_files

    known = next(known for known in KINDS if known == kind)
    completion = known in COMPLETION_KINDS
    size = sum(file.stat().st_size for file in files if file.is_file())
    real = [path for file in files for path in real_files(file, workspace)]
    ignored = filter(None, (_withheld(file, workspace) for file in files))
    return RouteRequest(
        kind=known,
        paths=tuple(dict.fromkeys(path for file in files for path in policy_paths(file, workspace))),
        language=language_of(files[0].name) if files else "",
        keys_present=keys_present(loaded.policy.models),
        # A completion is given the text around the cursor, cut to what the model takes.
        input_tokens=0 if completion else size // _BYTES_PER_TOKEN,
        output_tokens=0 if completion else _ANSWER_TOKENS,
        files=max(count, len(files)),
        instruction=instruction,
        workspace=str(workspace.resolve()),
        withheld=never_read(loaded.nested, real) or next(ignored, None),
        stays=local_only(loaded.nested, real),
    )


def _withheld(file: Path, workspace: Path) -> tuple[str, str] | None:
    """That an ignore file keeps the file from every model, and its line."""
    from turnout.ignores import Ignores, top_of

    named = file.parent.resolve() / file.name
    for path in dict.fromkeys((named, file.resolve())):
        top = workspace.resolve() if path.is_relative_to(workspace.resolve()) else top_of(path.parent)
        if keeper := Ignores(top).withheld(path.relative_to(top).as_posix()):
            return f"{path.name} is kept from every model by an ignore file", keeper
    return None


def _lines(route: "Route", request: "RouteRequest", limits: "Sequence[Standing]") -> list[str]:
    lines = [
        f"{route.kind} {', '.join(request.paths)}",
        f"workspace: {request.workspace}",
        f"chain: {route.reason}",
    ]
    if route.tier is not None:
        lines.append(f"tier: {route.tier}, from {route.tier_reason}")
    if route.strategy != "order":
        lines.append(f"strategy: {route.strategy}")
    if route.deadline_ms is not None:
        lines.append(f"deadline: {route.deadline_ms} ms")
    lines += (
        f"budget: {dollars(limit.spent_usd)} of {dollars(limit.limit_usd)} {limit.over}  [{limit.source}]"
        for limit in limits
    )
    width = max(len(name) for name in _names(route))
    notes = {note.model: f" ({note.text})" for note in route.notes}
    for number, model in enumerate(route.candidates):
        role = "chosen" if number == 0 else "if that fails"
        place = f"{role}{notes.get(model.name, '')}"
        lines.append(f"  {model.name:{width}}  {place}: {_travel(model, route)}{_cost(model, request)}")
    if not route.candidates:
        lines.append("  no model may serve this request")
    if route.eliminated:
        lines.append("passed over:")
    lines += (f"  {e.model:{width}}  {e.reason}  [{e.source}]" for e in route.eliminated)
    return lines


def _names(route: "Route") -> list[str]:
    return [*(model.name for model in route.candidates), *(e.model for e in route.eliminated), ""]


def _travel(model: "Model", route: "Route") -> str:
    if not model.leaves_machine:
        return "stays on this machine"
    consent = ", after you agree" if route.ask_before_leaving else ""
    place = f" ({model.jurisdiction})" if model.jurisdiction else ""
    return f"goes to {model.base_url}{place}{consent}"


def _cost(model: "Model", request: "RouteRequest") -> str:
    cost = model.cost_usd(request.input_tokens, request.output_tokens)
    if not model.leaves_machine or request.output_tokens == 0:
        return ""
    return "; price unknown" if cost is None else f"; at most ${cost:.2f} for a prompt of this file"
