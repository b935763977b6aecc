"""What a check says about a change: its problems with the change, against those without.

Invariant: a check fails only for what is new, and passes only where it ran to its end, what it found could be told
from what was there before, it ran no fewer tests than before, and it looked at what is offered.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

from turnout.act.proposals import Check
from turnout.checks.comparing import Side, compare
from turnout.checks.counting import fewer, tallies
from turnout.checks.running import TIMEOUT_S, Ran, run
from turnout.checks.shadow import Shadow, TooLarge, environment, shadow
from turnout.checks.steering import steering
from turnout.core.edits.changes import FileChange
from turnout.core.newness import fresh
from turnout.core.problems import Problem
from turnout.files import Folder

_SHOWN = 10
_NAMED = 3
_TAIL = 2_000
_TIMES, _MORE_S = 3, 30.0
"""What a check that passes may take without the change: so many times what it took with it, and so much more."""


async def run_checks(
    folder: Folder,
    changes: Sequence[FileChange],
    commands: Sequence[str],
    *,
    hidden_variables: Collection[str] = (),
    may_read: Callable[[str], bool] = lambda _uri: True,
    tell: Callable[[str], None] = lambda _command: None,
    timeout_s: float = TIMEOUT_S,
    lender: Path | None = None,
) -> tuple[Check, ...]:
    """One result for each of `commands`, in order, and one for each changed file that they go by.

    Those of `changes` without a hunk are files as they are in an editor that did not save them.
    `hidden_variables` are not passed on to them. They run on copies without the files of whose URI `may_read` says no;
    it is asked in a thread. Installed dependencies are those of the folder `lender`, where `folder` is not the one that
    they were installed in.
    """
    made = [change for change in changes if change.hunks]
    if not commands or not made:
        return ()
    async with AsyncExitStack() as stack:
        judge = _Judge(folder, lender or folder.root, changes, hidden_variables, may_read, timeout_s, stack)
        found = []
        for command in commands:
            tell(command)
            try:
                found.append(await judge.check(command))
            except TooLarge as reason:
                found.append(Check(command, True, f"not run: {reason}", ran=False))
        return (*found, *steering(made, commands))


class _Judge:
    """The folder with and without the change; the copy without is only made once a check fails or counts tests."""

    def __init__(
        self,
        folder: Folder,
        lender: Path,
        changes: Sequence[FileChange],
        hidden_variables: Collection[str],
        may_read: Callable[[str], bool],
        timeout_s: float,
        stack: AsyncExitStack,
    ) -> None:
        self._folder = folder
        self._lender = lender
        self._changes = tuple(changes)
        self._hidden = hidden_variables
        self._may_read = may_read
        self._timeout_s = timeout_s
        self._stack = stack
        self._copies: dict[bool, Shadow] = {}

    async def check(self, command: str) -> Check:
        """The result of one command."""
        try:
            after = await self._run(command, changed=True)
            found = await (self._passed(command, after) if after.status == 0 else self._held(command, after))
        except (OSError, ValueError) as error:
            return await self._not_started(command, error)
        if found.ok and found.ran and after.doubt:
            return Check(command, True, f"could not be judged: {after.doubt}", ran=False)
        return found

    async def _held(self, command: str, after: Ran) -> Check:
        """A check that fails with the change, held against what it does without."""
        before = await self._run(command, changed=False)
        if before.status == 0:
            return _failed(command, after, await asyncio.to_thread(self._new, after, before))
        return await asyncio.to_thread(self._compared, command, after, before)

    async def _passed(self, command: str, after: Ran) -> Check:
        """A check that passes with the change; that says nothing of tests which the change makes it leave out."""
        if not await asyncio.to_thread(tallies, after.output):
            return Check(command, True)
        try:
            limit_s = min(self._timeout_s, round(_TIMES * after.seconds + _MORE_S, 1))
            before = await self._run(command, changed=False, limit_s=limit_s)
        except (OSError, ValueError):
            return Check(command, True)
        if before.status is None:
            unclear = f"without the change {before.tail(0)}, so its tests could not be counted"
        elif not (after.whole and before.whole):
            unclear = "it prints too much for its tests to be counted"
        else:
            unclear = await asyncio.to_thread(fewer, before.output, after.output)
        if not unclear:
            return Check(command, True)
        return Check(command, True, f"could not be judged: it passes, but {unclear}", ran=False)

    async def _not_started(self, command: str, error: OSError | ValueError) -> Check:
        """A check that cannot be started; that is the change's doing only where it can be started without it."""
        try:
            await self._run(command, changed=False)
        except (OSError, ValueError):
            return Check(command, True, f"not run: it cannot be started: {error}", ran=False)
        return Check(command, False, f"it cannot be started with the change: {error}")

    def _compared(self, command: str, after: Ran, before: Ran) -> Check:
        """A check that fails with and without the change. Reads and compares: call it in a thread."""
        found = compare(self._side(after, changed=True), self._side(before, changed=False), self._changes)
        if found.new:
            return _failed(command, after, found.new)
        if found.unclear:
            said = f"could not be judged: the check failed before too, and {found.unclear}"
            return Check(command, True, f"{said}.\n{after.tail(_TAIL)}", ran=False)
        return Check(command, True, f"failed before too; none of its {found.known} problems is new")

    def _new(self, after: Ran, before: Ran) -> Sequence[Problem]:
        """What a check that passes without the change did not say then: that may warn, too. Reads."""
        sides = self._side(after, changed=True), self._side(before, changed=False)
        return fresh(sides[0].told.problems, sides[1].told.problems, self._changes)

    def _side(self, ran: Ran, *, changed: bool) -> Side:
        root = self._copies[changed].root
        return Side(ran, cache(lambda path: (root / path).is_file()))

    async def _run(self, command: str, *, changed: bool, limit_s: float | None = None) -> Ran:
        copy = await self._copy(changed=changed)
        variables = environment(self._lender, copy, self._hidden)
        await asyncio.to_thread(copy.python.clear)
        ran = await run(command, copy.root, variables, self._timeout_s if limit_s is None else limit_s)
        if changed_files := await asyncio.to_thread(copy.original.restore):
            return replace(ran, doubt=_writes(changed_files))
        doubt = await asyncio.to_thread(copy.python.doubt, command, variables, copy.root)
        return replace(ran, doubt=doubt)

    async def _copy(self, *, changed: bool) -> Shadow:
        if changed not in self._copies:
            made = shadow(
                self._folder,
                self._changes,
                changed=changed,
                may_read=self._may_read,
                lender=self._lender,
            )
            self._copies[changed] = await self._stack.enter_async_context(made)
        return self._copies[changed]


def _writes(paths: Sequence[str]) -> str:
    """Why a check that changed files says nothing of what is offered."""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    named = ", ".join(paths[:_NAMED])
    return f"it changed {named}{more}, which is not part of the proposal: have it report and change nothing"


def _failed(command: str, ran: Ran, new: Sequence[Problem]) -> Check:
    return Check(command, False, _failure(ran, new), problems=tuple(new))


def _failure(ran: Ran, new: Sequence[Problem]) -> str:
    """Why a check fails, in words that a model can work with."""
    if not new or ran.status is None:
        return ran.tail(_TAIL)
    more = f"\n... and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
    listed = "\n".join(problem.shown for problem in new[:_SHOWN])
    return f"new problems:\n{listed}{more}\n{ran.tail(_TAIL // 2)}"
