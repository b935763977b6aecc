"""`turnout eval edits`: how well each model does your own past commits once more."""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.act.proposals import Proposal
    from turnout.act.seams import Seams
    from turnout.app import Bench
    from turnout.commands.terminal import Terminal
    from turnout.core.requests import Model
    from turnout.evaluate.edit_scores import EditScore
    from turnout.evaluate.edits import Replay

DECLINED, INTERRUPTED = 5, 130

_MOSTLY = 0.7
"""Share of replies that can be used whole, below which another form of reply is worth a try."""

_ABOUT = """\
Takes the last small commits over several files, gives each model the message as the instruction and the parent as the
tree, and holds what it proposes against the commit. Nothing is written: not the work tree, not the index, no branch.
What it will cost is said first; text leaves this machine as the settings allow it for refactors."""


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `eval edits`."""
    parser = actions.add_parser(
        "edits",
        help="do past commits of a repository once more",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--repo", type=Path, default=Path(), metavar="PATH", help="default: this folder")
    parser.add_argument("--commits", type=int, default=10, metavar="N", help="how many (default: 10)")
    parser.add_argument("--model", metavar="NAME", help="only this one of the route of refactors")
    parser.add_argument("--yes", action="store_true", help="do not ask about what it will cost")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


@dataclass
class Run:
    """What one commit came to with one model; `problem` says why there is no score."""

    model: str
    commit: str
    score: "EditScore | None" = None
    problem: str = ""
    usd: float | None = 0.0
    seconds: float = 0.0
    tokens: int = 0
    style: str = ""


@dataclass
class Evaluation:
    """Everything that was measured, complete or broken off."""

    runs: list[Run] = field(default_factory=list)
    complete: bool = False


def run(args: argparse.Namespace) -> int:
    """Measure and print; Ctrl-C prints what there is, with exit status 130."""
    done = Evaluation()
    try:
        status = asyncio.run(_run(args, done))
    except KeyboardInterrupt:
        status = INTERRUPTED
    if done.runs:
        print(json.dumps(_to_wire(done), indent=2) if args.json else "\n".join(_lines(done)))
    return status


async def _run(args: argparse.Namespace, done: Evaluation) -> int:
    from turnout import git
    from turnout.app import bench
    from turnout.commands.terminal import Terminal
    from turnout.evaluate.edits import replays

    terminal, root = Terminal(), await git.toplevel(args.repo.absolute())
    found = [replay async for replay in replays(root, args.commits)]
    if not found:
        terminal.say(
            "There are no small commits over several files among the last 500 of this repository.", "error"
        )
        return 1
    async with bench(terminal, root) as parts:
        models = _models(args.model, parts, root)
        work = [(model, replay) for model in models for replay in found]
        if not await _agreed(args, work, parts, terminal, root):
            terminal.say("Nothing was asked.")
            return DECLINED
        await _measure(work, parts, terminal, root, done)
    done.complete = True
    return 0


def _models(name: str | None, parts: "Bench", root: Path) -> "tuple[Model, ...]":
    """The models that a refactor here may go to, or that one of them. Raises RouteError where there is none."""
    from turnout.errors import RouteError
    from turnout.files import path_to_uri

    route = parts.outlook.route("refactor", (path_to_uri(root / "file"),), 0)
    found = tuple(model for model in route.candidates if name in (None, model.name))
    if not found:
        out = next((gone.reason for gone in route.eliminated if gone.model == name), "its route names none")
        raise RouteError(f"No model to measure: {name or 'refactors'}: {out}.")
    return found


def _seams(model: "Model", replay: "Replay", parts: "Bench", root: Path, progress: Any) -> "Seams":
    from turnout import syntax
    from turnout.act.seams import Seams
    from turnout.evaluate.edits import Only, Past
    from turnout.files import Folder

    workspace = Past(replay, Folder(root), parts.workspaces.may_read)
    only = Only(model, parts.outlook, parts.operation(), workspace)
    return Seams(only, workspace, syntax, lambda what, _done, _of: progress.report(what), only)


async def _agreed(
    args: argparse.Namespace,
    work: "Sequence[tuple[Model, Replay]]",
    parts: "Bench",
    terminal: "Terminal",
    root: Path,
) -> bool:
    """Say what it will cost, and whether the user wants it; what is free needs no question."""
    from turnout.errors import TurnoutError
    from turnout.evaluate.edits import expected

    usd, unknown, seconds = 0.0, False, 0.0
    async with terminal.progress("Estimating") as progress:
        for model, replay in work:
            progress.report(f"{replay.commit[:10]} with {model.name}")
            try:
                guess = await expected(replay, _seams(model, replay, parts, root, progress))
            except TurnoutError:
                continue
            usd += guess.cost_usd or 0.0
            unknown |= guess.cost_usd is None and guess.model is not None
            seconds += guess.seconds or 0.0
    price = f"about ${usd:.2f}" + (" and more, as some prices are not known" if unknown else "")
    time_s = f", about {seconds:.0f} s of answers" if seconds else ""
    terminal.say(f"{len(work)} refactors: {price}{time_s}; corrections and tools cost more.")
    return bool(args.yes or not (usd or unknown) or await terminal.agrees("Go on?"))


async def _measure(
    work: "Sequence[tuple[Model, Replay]]", parts: "Bench", terminal: "Terminal", root: Path, done: Evaluation
) -> None:
    async with terminal.progress("Measuring") as progress:
        for number, (model, replay) in enumerate(work, start=1):
            progress.report(f"{number} of {len(work)}: {replay.commit[:10]} with {model.name}")
            done.runs.append(await _one(model, replay, _seams(model, replay, parts, root, progress)))


async def _one(model: "Model", replay: "Replay", seams: "Seams") -> Run:
    from turnout.act.prompts import style_for
    from turnout.errors import TurnoutError
    from turnout.evaluate.edits import done_again

    began = time.monotonic()
    found = Run(model.name, replay.commit, style=style_for(model))
    try:
        found.score, proposal = await done_again(replay, seams)
        _count(found, proposal)
    except TurnoutError as error:
        found.problem, found.usd = str(error), None
    found.seconds = time.monotonic() - began
    return found


def _count(found: Run, proposal: "Proposal") -> None:
    receipt = proposal.receipt
    found.usd, found.tokens = receipt.cost_usd, receipt.tokens_in + receipt.tokens_out


def _to_wire(done: Evaluation) -> dict[str, Any]:
    return {
        "complete": done.complete,
        "models": {name: _sums(runs) for name, runs in _by_model(done).items()},
        "runs": [asdict(one) for one in done.runs],
    }


def _lines(done: Evaluation) -> list[str]:
    rows = [("model", "commits", "failed", "files", "others", "hunks", "same", "parses", "cost", "time")]
    for name, runs in _by_model(done).items():
        sums = _sums(runs)
        cost = "unknown" if sums["usd"] is None else f"${sums['usd']:.4f}"
        shares = [f"{sums[key]:.0%}" for key in ("files", "hunks", "same", "parses")]
        files, hunks, same, parses = shares
        others = f"{sums['others']:.1f}"
        counts = (str(len(runs)), str(sums["failed"]))
        rows.append((name, *counts, files, others, hunks, same, parses, cost, f"{sums['seconds']:.0f} s"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    lines.append(
        "files, hunks: shares of the commits' own that the model changed, and changed alike; others: files more"
    )
    lines += [_suggestion(name) for name, runs in _by_model(done).items() if _is_wrong_form(runs)]
    return lines if done.complete else [*lines, "Broken off: these are the commits until then."]


def _is_wrong_form(runs: Sequence[Run]) -> bool:
    """Whether a model that writes blocks has many that cannot be used."""
    sums = _sums(runs)
    return bool(runs[0].style == "blocks" and sums["commits"] and sums["whole"] < _MOSTLY)


def _suggestion(name: str) -> str:
    return f'{name}: many of its edits cannot be used; measure it with models.{name}.edits = "whole_file" as well.'


def _by_model(done: Evaluation) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for one in done.runs:
        found.setdefault(one.model, []).append(one)
    return found


def _sums(runs: Sequence[Run]) -> dict[str, Any]:
    from turnout.evaluate.edit_scores import total

    costs = [one.usd for one in runs if one.score]
    return {
        **asdict(total([one.score for one in runs if one.score])),
        "failed": sum(one.score is None for one in runs),
        "usd": None if None in costs else sum(cost for cost in costs if cost is not None),
        "tokens": sum(one.tokens for one in runs),
        "seconds": sum(one.seconds for one in runs),
    }
