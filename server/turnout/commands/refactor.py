"""`turnout refactor`: what an editor's refactor does, on the files as they are on disk.

The result goes to stdout and everything else to stderr. Exit statuses: 0 done, 1 it failed, 2 wrong usage, 3 the
proposal is not whole or a check failed, 4 nothing would change, 5 it was not agreed to, 6 a file has changes that are
not committed, 129, 130 and 143 stopped. Nothing is changed on disk but with `--apply` and status 0.
"""

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.commands import arguments

if TYPE_CHECKING:
    from turnout.act.gathering.scope import Request
    from turnout.act.plans import Plan
    from turnout.act.proposals import Proposal
    from turnout.act.seams import Outlook, Seams
    from turnout.commands.terminal import Terminal
    from turnout.core.edits.changes import FileChange
    from turnout.index import RepositoryIndex
    from turnout.journal import DiskWorkspace
    from turnout.workbench import Bench

DONE, FAILED, UNSOUND, UNCHANGED, DECLINED, DIRTY = 0, 1, 3, 4, 5, 6

_TRIES, _PAUSE_S = 41, 0.25
"""How often it is looked whether a folder is free, and how long is waited in between: ten seconds."""

_EPILOG = (
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the proposal is not whole or a check failed, 4 nothing would "
    "change, 5 not agreed to, 6 a file has changes that are not committed, 129, 130 and 143 stopped."
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `refactor`."""
    parser = subparsers.add_parser(
        "refactor",
        help="change files by an instruction, all of them or none",
        description="Proposes a change to the files of a folder and prints it. Whether text may leave this machine is "
        "up to the settings; where they say to ask and there is no terminal, it stays here.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "instruction",
        type=arguments.instruction,
        metavar="INSTRUCTION",
        help="what to change, in your own words",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=arguments.place,
        metavar="PATH",
        help="files and folders that may change (default: found)",
    )
    parser.add_argument("--workspace", type=Path, metavar="FOLDER", help="default: around this folder")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--diff", action="store_true", help="print the change and make none (the default)")
    what.add_argument("--apply", action="store_true", help="make the change, unless a check failed")
    parser.add_argument(
        "--allow-dirty", action="store_true", help="apply also to files with changes that are not committed"
    )
    parser.add_argument("--plan", choices=("ask", "auto"), help="show a plan first (default: as set)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Propose, and apply where that is wanted."""
    from turnout.commands.ending import failing_in_json, run_to_end

    if args.json:
        return failing_in_json(lambda: run_to_end(_run(args)), {"applied": False})
    return run_to_end(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from turnout.commands.index import searchable
    from turnout.commands.named import workspace_root
    from turnout.commands.terminal import Terminal
    from turnout.workbench import bench

    terminal = Terminal()
    root = workspace_root(args.workspace)
    async with bench(terminal, root) as parts:
        loaded = parts.workspaces.settings("")
        # Named files are all that may change: their neighbours are worth a look into an index, and not the building.
        async with searchable(root, loaded, terminal.say, may_build=not args.paths) as index:
            return await _Job(args, terminal, parts, root, index).run()


@dataclass(frozen=True, slots=True)
class _Job:
    """One run of the command."""

    args: argparse.Namespace
    terminal: "Terminal"
    parts: "Bench"
    root: Path
    index: "RepositoryIndex | None" = None

    async def run(self) -> int:
        from turnout.commands.ending import carried_out
        from turnout.files import Folder
        from turnout.journal import DiskWorkspace

        if self.args.apply:  # what could not be written down is not paid for
            await self._probe()
        workspace = DiskWorkspace(Folder(self.root), self.parts.workspaces.may_read)
        request = self._request(workspace)
        if self._asks(workspace, request):
            planned = await self._planned(request, workspace) if self._can_approve() else None
            if planned is None:
                self.terminal.say("Nothing was changed.")
                if self.args.json:
                    print(json.dumps({"applied": False, "error": "The plan was not approved."}, indent=2))
                return DECLINED
            request = planned.approved
        proposal = await self._proposed(request, workspace)
        status = _status(proposal)
        if not self.args.apply or status != DONE:
            return await self._told(proposal, workspace, status)
        if refused := [] if self.args.allow_dirty else await self._not_committed(proposal):
            return await self._told(proposal, workspace, DIRTY, refused)
        await self._until_free()
        return await carried_out(self._applied(proposal, workspace), self.terminal.say)

    async def _told(
        self,
        proposal: "Proposal",
        workspace: "DiskWorkspace",
        status: int,
        found: Sequence[dict[str, Any]] = (),
    ) -> int:
        """`status`, once the result is printed."""
        notes = await _notes(workspace, (change.path for change in proposal.changes))
        self._print(proposal, status, {"notes": notes, "conflicts": list(found)})
        return status

    async def _probe(self) -> None:
        """Raises Unrecorded where the change could not be applied, whatever it will be."""
        from turnout.act.applying.transactions import real_root
        from turnout.commands.undo import journalled

        await asyncio.to_thread(journalled().probe, real_root(self.root))

    async def _until_free(self) -> None:
        """Wait for whoever changes files of the folder: what a model was paid for is worth that. Raises FolderBusy."""
        from turnout.act.applying.transactions import real_root
        from turnout.commands.undo import journalled
        from turnout.errors import FolderBusy

        proposals, root = journalled(), real_root(self.root)
        for left in reversed(range(_TRIES)):
            try:
                await asyncio.to_thread(proposals.must_be_free, root)
                return
            except FolderBusy as busy:
                if not left:
                    raise
                self.terminal.say_once(f"{busy.message} It is waited for.", "warning")
            await asyncio.sleep(_PAUSE_S)

    def _can_approve(self) -> bool:
        """Whether there is somebody to show a plan to: without, nobody pays for one."""
        if not self.terminal.can_ask:
            self.terminal.say("There is no terminal to approve a plan at; use --plan auto.", "warning")
        return self.terminal.can_ask

    def _request(self, workspace: "DiskWorkspace") -> "Request":
        from turnout.act.gathering.scope import UNSAYABLE, Request
        from turnout.commands.named import named_files

        named = named_files(self.args.paths, workspace)
        for path in named.odd:
            self.terminal.say(f"left out: {path}: {UNSAYABLE}", "warning")
        return Request(self.args.instruction, scope=named.files, swept=named.swept, folders=named.folders)

    def _asks(self, workspace: "DiskWorkspace", request: "Request") -> bool:
        if self.args.plan:
            return bool(self.args.plan == "ask")
        place = next(iter(request.scope), workspace.uri("file"))
        return self.terminal.can_ask and self.parts.workspaces.asks_for_plan(place)

    @property
    def _outlook(self) -> "Outlook":
        return self.parts.outlook.about(str(self.args.instruction))

    def _seams(self, workspace: "DiskWorkspace", progress: Any) -> "Seams":
        from turnout import syntax
        from turnout.act.seams import Seams

        def tell(what: str, done: int, of: int) -> None:
            progress.report(what, done * 100 // of if of else None)

        return Seams(
            self.parts.operation(self.args.instruction),
            workspace,
            syntax,
            tell,
            self._outlook,
            self.index,
            history=self.parts.outlook.history,
        )

    async def _planned(self, request: "Request", workspace: "DiskWorkspace") -> "Plan | None":
        """The plan that the user approved; None where they did not."""
        from turnout.act.plans import draw_up

        earlier: Plan | None = None
        correction = ""
        while True:
            async with self.terminal.progress("Planning") as progress:
                seams = self._seams(workspace, progress)
                plan = await draw_up(request, seams, self._outlook, earlier, correction)
            notes = await _notes(workspace, (step.path for step in plan.steps))
            self.terminal.say("\n".join([*_plan_lines(plan), *(f"  {note}" for note in notes)]))
            answer = await self.terminal.line("Go on? [y/N, or what to change in the plan] ")
            if answer.lower() in ("y", "yes") and not plan.problem:
                return plan
            if answer.lower() in ("", "n", "no", "y", "yes"):
                return None
            earlier, correction = plan, answer

    async def _proposed(self, request: "Request", workspace: "DiskWorkspace") -> "Proposal":
        from turnout.act.drafting.verifying import Verifying
        from turnout.act.refactor import propose

        async with self.terminal.progress("Refactoring") as progress:
            check = Verifying(lambda changes: self.parts.check(workspace.folder, changes, progress.report))
            proposal = await propose(request, replace(self._seams(workspace, progress), check=check))
            checks = await check(proposal.changes)
        return replace(proposal, checks=(*proposal.checks, *checks))

    async def _applied(self, proposal: "Proposal", workspace: "DiskWorkspace") -> int:
        """The exit status, once it is applied and that is said."""
        from turnout.commands.undo import conflicts, in_words, journalled, recovered, way_back

        proposals = journalled()
        proposals.keep(proposal, await recovered(proposals, workspace))
        outcome = await proposals.apply(workspace, proposal.id)
        found = conflicts(outcome, workspace)
        for conflict in found:
            self.terminal.say(in_words(conflict), "error")
        if outcome.is_half_done:
            self.terminal.say(f"What is left of it can be taken back with: {way_back(self.root)}", "error")
        elif not outcome.done:
            is_lasting = any(conflict.is_lasting for conflict in outcome.conflicts)
            again = "" if is_lasting else " Run it again, on the files as they are now."
            self.terminal.say(f"Nothing was changed.{again}", "error")
        return await self._told(proposal, workspace, DONE if outcome.done else FAILED, found)

    async def _not_committed(self, proposal: "Proposal") -> list[dict[str, Any]]:
        """What keeps `proposal` from being applied to files that no commit could bring back; it is said as well."""
        from turnout import git
        from turnout.errors import GitFailed

        # As they were when the work began: what was edited meanwhile is a matter of lines, and of `apply`.
        worked_on = _worked_on(proposal)
        try:
            changed = await git.dirty(self.root, tuple(worked_on), worked_on)
        except GitFailed as failure:
            self.terminal.say(
                f"Nothing was changed, as only --allow-dirty goes without git: {failure}", "error"
            )
            return [{"path": None, "line": None, "message": failure.message}]
        if changed:
            self.terminal.say(
                f"Nothing was changed: {', '.join(changed)} has changes that are not committed. "
                "Commit them, or use --allow-dirty.",
                "error",
            )
        message = "it has changes that are not committed"
        return [{"path": path, "line": None, "message": message} for path in changed]

    def _print(self, proposal: "Proposal", status: int, more: dict[str, Sequence[Any]]) -> None:
        applied = bool(self.args.apply) and status == DONE
        if self.args.json:
            print(json.dumps({**_to_wire(proposal), **more, "applied": applied}, indent=2))
            return
        if not self.args.apply:
            _write("".join(change.diff for change in proposal.changes))
        if status != FAILED:  # what was found out is about files that are no more
            self.terminal.say("\n".join([*more["notes"], *_summary(proposal, applied=applied)]))
        if applied:
            from turnout.commands.undo import way_back

            print(f"Take it back with: {way_back(self.root)}", file=sys.stderr)


def _write(diff: str) -> None:
    """Print a patch: it has the bytes of its files, whatever encoding and line endings stdout is set to."""
    sys.stdout.flush()
    sys.stdout.buffer.write(diff.encode("utf-8", "surrogatepass"))
    sys.stdout.buffer.flush()


async def _notes(workspace: "DiskWorkspace", paths: Iterable[str]) -> tuple[str, ...]:
    """What the project's instructions over `paths` seem to forbid, and nobody holds to."""
    from turnout.act.gathering.guard import Guard

    return await asyncio.to_thread(Guard(workspace).notes, tuple(paths))


def _worked_on(proposal: "Proposal") -> dict[str, str | None]:
    """The text that each file of a proposal had when it was read; None where it was to be made."""
    texts: dict[str, str | None] = {}
    for change in proposal.changes:
        texts[change.path] = None if change.kind == "create" else "".join(change.before)
        if change.new_path:
            texts[change.new_path] = None
    return texts


def _status(proposal: "Proposal") -> int:
    """That nothing changes is a result of its own, but not where there were edits that cannot be used."""
    failed = any(not check.ok and check.name != "changes" for check in proposal.checks)
    if failed or not proposal.complete:
        return UNSOUND
    return DONE if proposal.changes else UNCHANGED


def _plan_lines(plan: "Plan") -> Iterator[str]:
    yield plan.summary or "The plan:"
    yield from (f"  {step.line}" for step in plan.steps)
    yield from (f"  left out: {out.path}: {out.reason}" for out in (*plan.dropped, *plan.skipped))
    if plan.problem:
        yield f"  {plan.problem}"
    guess, most = plan.estimate, plan.estimate.most
    cost = "an unknown price" if guess.cost_usd is None else f"about ${guess.cost_usd:.4f}"
    time = "" if guess.seconds is None else f", about {math.ceil(guess.seconds)} s"
    if most:
        cost += "" if most.cost_usd is None else f" to ${most.cost_usd:.4f}"
        time = "" if most.seconds is None else f"{time.removesuffix(' s')} to {math.ceil(most.seconds)} s"
        time += f", in {guess.turns} to {most.turns} turns"
    if guess.rounds > 1:
        time += f", in {guess.rounds} rounds"
    place = "leaves this machine" if guess.leaves_machine else "stays on this machine"
    yield f"  {guess.model or guess.why_none}: it sees {len(guess.files)} files, {cost}{time}; {place}"


def _summary(proposal: "Proposal", *, applied: bool) -> Iterator[str]:
    from turnout.act.proposals import verdict

    verb = "changed" if applied else "would change"
    yield from (f"{verb}: {change.kind} {_places(change)}" for change in proposal.changes)
    if not proposal.changes:
        yield proposal.plan
    yield from (f"left out: {out.path}: {out.reason}" for out in proposal.skipped)
    is_wrong = _status(proposal) != UNCHANGED
    for check in proposal.checks:
        if not check.ok and is_wrong:
            yield f"failed: {check.name}: {check.message}"
        elif not check.ran:
            yield f"not run: {check.name}: {next(iter(check.message.splitlines()), '')}"
    receipt = proposal.receipt
    cost = "an unknown price" if receipt.cost_usd is None else f"${receipt.cost_usd:.4f}"
    yield f"{receipt.model}: {receipt.tokens_in} tokens in, {receipt.tokens_out} out, {cost}"
    yield verdict(proposal.checks).text


def _places(change: "FileChange") -> str:
    return f"{change.path} -> {change.new_path}" if change.new_path else change.path


def _to_wire(proposal: "Proposal") -> dict[str, Any]:
    from turnout.act.proposals import verdict

    found = verdict(proposal.checks)._asdict()
    return {
        "proposalId": proposal.id,
        "plan": proposal.plan,
        "complete": proposal.complete,
        "files": [
            {"path": c.path, "kind": c.kind, "newPath": c.new_path, "diff": c.diff} for c in proposal.changes
        ],
        "verdict": found | ({"state": "unchanged"} if _status(proposal) == UNCHANGED else {}),
        "checks": [{"name": c.name, "ok": c.ok, "ran": c.ran, "message": c.message} for c in proposal.checks],
        "skipped": [{"path": s.path, "reason": s.reason} for s in proposal.skipped],
        "receipt": proposal.receipt.to_wire(),
    }
