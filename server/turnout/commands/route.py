"""`turnout route explain KIND FILE`: which model a request would go to, and why each other one would not."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.core.requests import KINDS

if TYPE_CHECKING:
    from turnout.core.requests import Model, Route
    from turnout.core.routing import RouteRequest

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
    explain.add_argument("--json", action="store_true", help="print JSON")
    explain.set_defaults(run=run_explain)


def run_explain(args: argparse.Namespace) -> int:
    """Print the decision; the exit status is 1 where no model is left."""
    from turnout.commands.settings import load_for, print_problems
    from turnout.core.explaining import route_to_wire
    from turnout.core.routing import decide
    from turnout.settings.workspace import find_workspace

    workspace = args.workspace or find_workspace(args.file.parent)
    loaded = load_for(workspace)
    request = _request(args.kind, args.file, workspace, loaded.policy.models)
    route = decide(request, loaded.policy)
    print_problems(loaded)
    if args.json:
        print(json.dumps(route_to_wire(route), indent=2))
    else:
        print("\n".join(_lines(route, request)))
    return 0 if route.candidates else 1


def _request(kind: str, file: Path, workspace: Path, models: "tuple[Model, ...]") -> "RouteRequest":
    from turnout.core.languages import language_of
    from turnout.core.requests import COMPLETION_KINDS
    from turnout.core.routing import RouteRequest
    from turnout.settings.keys import keys_present
    from turnout.settings.workspace import policy_paths

    known = next(known for known in KINDS if known == kind)
    completion = known in COMPLETION_KINDS
    size = file.stat().st_size if file.is_file() else 0
    return RouteRequest(
        kind=known,
        paths=policy_paths(file, workspace),
        language=language_of(file.name),
        keys_present=keys_present(models),
        # A completion is given the text around the cursor, cut to what the model takes.
        input_tokens=0 if completion else size // _BYTES_PER_TOKEN,
        output_tokens=0 if completion else _ANSWER_TOKENS,
    )


def _lines(route: "Route", request: "RouteRequest") -> list[str]:
    lines = [f"{route.kind} {', '.join(request.paths)}", f"chain: {route.reason}"]
    if route.deadline_ms is not None:
        lines.append(f"deadline: {route.deadline_ms} ms")
    width = max(len(name) for name in _names(route))
    for number, model in enumerate(route.candidates):
        role = "chosen" if number == 0 else "if that fails"
        lines.append(f"  {model.name:{width}}  {role}: {_travel(model, route)}{_cost(model, request)}")
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
