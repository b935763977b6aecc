"""`turnout eval edits`: how well each model does your own past commits once more."""

import argparse
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.commands.arguments import positive

if TYPE_CHECKING:
    from turnout.act.drafting.verifying import Verifying
    from turnout.act.proposals import Proposal
    from turnout.act.seams import Seams
    from turnout.commands.terminal import Terminal
    from turnout.core.models import EditStyle, Model
    from turnout.evaluate.edit_scores import EditScore
    from turnout.evaluate.edits import Only, Past, Replay
    from turnout.workbench import Bench

DECLINED, INTERRUPTED = 5, 130

_ABOUT = """\
Takes the last small commits over several files, gives each model the message as the instruction and the parent as the
tree, and holds what it proposes against the commit. Nothing is written: not the work tree, not the index, no branch.
The checks of a folder that you trust are run on copies. How many answers could be used is kept on this machine, by
model, form of edits and size of files, and decides in which form a refactor asks from then on.
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
    parser.add_argument("--commits", type=positive, default=10, metavar="N", help="how many (default: 10)")
    parser.add_argument("--model", metavar="NAME", help="only this one of the route of refactors")
    parser.add_argument(
        "--format",
        choices=("chosen", "blocks", "whole_file", "both"),
        default="chosen",
        help="the form of edits to ask for (default: the one that a refactor would)",
    )
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
    """Measure and print; Ctrl-C and a signal to end print what there is, with exit status 130 and 143 or 129."""
    from turnout.commands.ending import run_to_end

    done = Evaluation()
    try:
        status = run_to_end(_run(args, done))
    except KeyboardInterrupt:
        status = INTERRUPTED
    if done.runs:
        print(json.dumps(_to_wire(done), indent=2) if args.json else "\n".join(_lines(done)))
    return status


async def _run(args: argparse.Namespace, done: Evaluation) -> int:
    from turnout import git
    from turnout.commands.terminal import Terminal
    from turnout.evaluate.edits import replays
    from turnout.workbench import bench

    terminal, root = Terminal(), await git.toplevel(args.repo.absolute())
    found = [replay async for replay in replays(root, args.commits)]
    if not found:
        terminal.say(
            "There are no small commits over several files among the last 500 of this repository.", "error"
        )
        return 1
    async with bench(terminal, root) as parts:
        models = _in_forms(_models(args.model, parts, root), args.format)
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


def _in_forms(models: "Sequence[Model]", wanted: str) -> "tuple[Model, ...]":
    """`models` as they are, or asked for edits in a form, without tools."""
    styles: dict[str, tuple[EditStyle, ...]] = {"both": ("blocks", "whole_file")}
    if wanted == "chosen":
        return tuple(models)
    asked = styles.get(wanted) or tuple(style for style in styles["both"] if style == wanted)
    return tuple(replace(model, edits=style, tools=False) for model in models for style in asked)


@dataclass(frozen=True, slots=True)
class _Around:
    """What a commit is done again with."""

    parts: "Bench"
    root: Path
    progress: Any

    def past(self, replay: "Replay") -> "Past":
        from turnout.evaluate.edits import Past
        from turnout.files import Folder

        return Past(replay, Folder(self.root), self.parts.workspaces.may_read)

    def only(self, model: "Model", past: "Past") -> "Only":
        from turnout.evaluate.edits import Only

        return Only(model, self.parts.outlook, self.parts.operation(), past)

    def seams(self, only: "Only", tree: Path | None = None) -> "Seams":
        """The seams of one model; with a `tree` to run the project's checks in."""
        from turnout import syntax
        from turnout.act.seams import Seams

        def tell(what: str, _done: int, _of: int) -> None:
            self.progress.report(what)

        check = self._check(tree) if tree else None
        return Seams(only, only.past, syntax, tell, only, check=check, history=self.parts.history)

    def _check(self, tree: Path) -> "Verifying":
        from turnout.act.drafting.verifying import Verifying
        from turnout.files import Folder

        of, there, tell = Folder(self.root), Folder(tree), self.progress.report
        return Verifying(lambda changes: self.parts.check.in_tree(of, there, changes, tell))


async def _agreed(
    args: argparse.Namespace,
    work: "Sequence[tuple[Model, Replay]]",
    parts: "Bench",
    terminal: "Terminal",
    root: Path,
) -> bool:
    """Say what it will cost, and whether the user wants it; what is free needs no question."""
    from turnout.core.limits import dollars
    from turnout.errors import TurnoutError
    from turnout.evaluate.edits import expected

    usd, most_usd, unknown, seconds = 0.0, 0.0, False, 0.0
    async with terminal.progress("Estimating") as progress:
        around = _Around(parts, root, progress)
        for model, replay in work:
            progress.report(f"{replay.commit[:10]} with {model.name}")
            try:
                guess = await expected(replay, around.seams(around.only(model, around.past(replay))))
            except TurnoutError:
                continue
            usd += guess.cost_usd or 0.0
            most_usd += (guess.most.cost_usd if guess.most else guess.cost_usd) or 0.0
            unknown |= guess.cost_usd is None and guess.model is not None
            seconds += guess.seconds or 0.0
    range_ = f" to {dollars(most_usd)}" if most_usd > usd else ""
    price = f"about {dollars(usd)}{range_}" + (" and more, as some prices are not known" if unknown else "")
    time_s = f", about {seconds:.0f} s of answers" if seconds else ""
    terminal.say(f"{len(work)} refactors: {price}{time_s}; corrections cost more.")
    return bool(args.yes or not (usd or unknown) or await terminal.agrees("Go on?"))


async def _measure(
    work: "Sequence[tuple[Model, Replay]]", parts: "Bench", terminal: "Terminal", root: Path, done: Evaluation
) -> None:
    async with terminal.progress("Measuring") as progress:
        for number, (model, replay) in enumerate(work, start=1):
            progress.report(f"{number} of {len(work)}: {replay.commit[:10]} with {model.name}")
            done.runs.append(await _one(model, replay, _Around(parts, root, progress)))


async def _one(model: "Model", replay: "Replay", around: _Around) -> Run:
    from turnout.errors import EditError, TurnoutError
    from turnout.evaluate.edits import done_again

    began = time.monotonic()
    found = Run(_label(model), replay.commit)
    only = around.only(model, around.past(replay))
    usable: bool | None = None
    try:
        async with _tree(replay, only, around) as tree:
            found.score, proposal = await done_again(replay, around.seams(only, tree))
        usable = found.score.whole and found.score.parses
        _count(found, proposal)
    except TurnoutError as error:
        found.problem, found.usd = str(error), None
        usable = False if isinstance(error, EditError) else None
    found.style = only.asked[0][0] if only.asked else ""
    found.seconds = time.monotonic() - began
    if usable is not None and only.asked:
        _keep(usable, only, replay, around)
    return found


@asynccontextmanager
async def _tree(replay: "Replay", only: "Only", around: _Around) -> "AsyncIterator[Path | None]":
    """The tree that the commit began from, where there are checks to be run in it."""
    from turnout.evaluate.trees import laid_out
    from turnout.files import Folder

    if not around.parts.check.commands(Folder(around.root)):
        yield None
        return
    async with laid_out(around.root, replay, only.past) as tree:
        yield tree


def _keep(usable: bool, only: "Only", replay: "Replay", around: _Around) -> None:
    """Keep what a commit says of the form that its model was asked for."""
    from turnout.core.edits.formats import identity, size_class
    from turnout.store import Trial

    style, largest = only.asked[0]
    trial = Trial(identity(only.model), replay.commit, size_class(largest), style, usable)
    around.parts.history.keep(trial)


def _label(model: "Model") -> str:
    return f"{model.name} ({model.edits})" if model.edits else model.name


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
    rows = [
        ("model", "commits", "failed", "files", "others", "hunks", "same", "parses", "checks", "cost", "time")
    ]
    for name, runs in _by_model(done).items():
        sums = _sums(runs)
        cost = "unknown" if sums["usd"] is None else f"${sums['usd']:.4f}"
        files, hunks, same, parses = (f"{sums[key]:.0%}" for key in ("files", "hunks", "same", "parses"))
        checks = "none" if sums["passes"] is None else f"{sums['passes']:.0%}"
        others = f"{sums['others']:.1f}"
        counts = (str(len(runs)), str(sums["failed"]))
        shown = (files, others, hunks, same, parses, checks, cost, f"{sums['seconds']:.0f} s")
        rows.append((name, *counts, *shown))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    lines.append(
        "files, hunks: shares of the commits' own that the model changed, and changed alike; others: files more"
    )
    lines += [_suggestion(name) for name, runs in _by_model(done).items() if _is_wrong_form(runs)]
    return lines if done.complete else [*lines, "Broken off: these are the commits until then."]


def _is_wrong_form(runs: Sequence[Run]) -> bool:
    """Whether a model that writes blocks has many that cannot be used."""
    from turnout.core.edits.formats import MOSTLY

    sums = _sums(runs)
    return bool(runs[0].style == "blocks" and sums["commits"] and sums["whole"] < MOSTLY)


def _suggestion(name: str) -> str:
    return (
        f"{name}: many of its edits cannot be used; measure the other form as well, with --format whole_file."
    )


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
