"""What a model with tools proposed, call after call: what was accepted of it, and what is still wrong with the rest.

Invariants: edits are made to files as they are with all that was accepted before; the edits of one file in one call are
accepted together or not at all; what could not be accepted stays known until its file is proposed anew or let go of.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from turnout.act.agent.overlay import Overlay
from turnout.act.drafting.closed import without_closed
from turnout.act.drafting.conversation import Question
from turnout.act.drafting.drafts import Draft, syntax_check
from turnout.act.drafting.withdrawals import Attempt, is_named, meant
from turnout.act.proposals import Check, Skipped
from turnout.act.seams import Seams
from turnout.core.documents import Snapshot
from turnout.core.edits.assemble import Shown, assemble
from turnout.core.edits.locating import bodies_of
from turnout.core.edits.paths import normalise
from turnout.core.edits.replies import Delete, Rename, Replace, Reply, Step, Write
from turnout.core.models import Model
from turnout.errors import EditError, PathRefused, PlaceTaken

_MOST_SAID = 300
"""Characters of a path."""


@dataclass
class Accepted:
    """What holds of the proposals for one question."""

    question: Question
    seams: Seams
    overlay: Overlay
    plan: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    """What the model made of it with each proposal."""
    _open: dict[str, list[EditError]] = field(default_factory=dict)
    """What is wrong with the last edits of a file, or its move, by its path; "" for what may not be at all."""
    _refused: dict[str, Skipped] = field(default_factory=dict)
    """Files whose edits, or move, may not be and that nothing came in the place of, by the same paths."""
    _steps: dict[str, Step] = field(default_factory=dict)
    """One for each path that was spoken of."""
    _made: set[Step] = field(default_factory=set)
    _checks: dict[str, Check] = field(default_factory=dict)

    @property
    def draft(self) -> Draft:
        """What there is, without receipts."""
        failures = tuple(failure for found in self._open.values() for failure in found)
        reply = Reply(self.plan, tuple(self._steps.values()))
        return Draft(
            reply,
            tuple(self.overlay.changes.values()),
            tuple(self._checks.values()),
            failures,
            (),
            "blocks",
            has_tools=True,
        )

    async def take(self, reply: Reply, files: Mapping[str, Snapshot], model: Model) -> tuple[str, ...]:
        """Take the edits of a call by `model`, which may have `files`; those that are in place already, in words."""
        now = self.overlay.files(files)
        made = [step for step in reply.steps if self._is_in_place(step, now)]
        moved = {step.path for step in made if isinstance(step, Rename)}
        wanted = replace(
            reply,
            steps=tuple(
                self._where_it_is(step, is_moved_again=step.path in moved)
                for step in reply.steps
                if step not in made
            ),
        )
        usable, refused = await without_closed(wanted, now, self.question.kind, model, self.seams)
        failures = await asyncio.to_thread(self._accept_in_order, usable, files)
        self._note(wanted, (*refused, *failures))
        self.plan = self.plan or reply.plan
        return tuple(f"Block {step.number} is in {step.path} already." for step in made)

    @property
    def refused(self) -> tuple[Skipped, ...]:
        """Files that were to change and may not, and that were neither proposed otherwise nor let go of."""
        return tuple({file.path: file for file in self._refused.values()}.values())

    def let_go(self, path: str) -> bool:
        """Forget all that was proposed for a file; whether there was anything."""
        change = self.overlay.reset(path)
        gone = {key: file for key, file in self._refused.items() if _is_of(key, file, path)}
        self._refused = {key: file for key, file in self._refused.items() if key not in gone}
        if others := [failure for failure in self._open.pop("", []) if str(failure) not in _reasons(gone)]:
            self._open[""] = others
        known = bool(gone) or not self._open.keys().isdisjoint((path, _move_of(path)))
        for name in {path, *((change.path, change.new_path or change.path) if change else ())}:
            self._forget(name)
        return known or change is not None

    def attempted(self, reply: Reply, wrong: str) -> None:
        """Note what was `wrong` after a call with `reply`."""
        draft = self.draft
        # Edits of a file that were refused are looked for one by one: its change has only those before them.
        changes = tuple(
            change
            for change in draft.changes
            if self._open.keys().isdisjoint(_names(change.path, change.new_path))
        )
        # A file that was moved goes by the path that it had, as its change does.
        meant_now = dict.fromkeys(self.overlay.origin(path) or path for path in draft.meant)
        # One that only took back what was there before meant nothing more: it is not missed later.
        steps = tuple(step for step in reply.steps if not self._is_as_it_was(step.path))
        self.attempts.append(Attempt(meant_now, wrong, replace(reply, steps=steps), changes))

    def chosen(self, draft: Draft) -> Draft:
        """`draft`, where what the model took back with nothing wrong in it was its choice: told, and not missing."""
        wrong = {path: attempt.wrong for attempt in self.attempts for path in attempt.meant}
        free = [
            lost for lost in draft.withdrawn if not wrong.get(lost.path, "") and lost.path not in draft.meant
        ]
        told = (replace(lost, reason="the model took its change back.") for lost in free)
        missing = tuple(lost for lost in draft.withdrawn if lost not in free)
        return replace(draft, withdrawn=missing, reconsidered=(*draft.reconsidered, *told))

    def _accept_in_order(self, reply: Reply, files: Mapping[str, Snapshot]) -> list[EditError]:
        """Take `reply`; a file that is made in the place of one that it moves comes after the move."""
        moved = {step.path for step in reply.steps if isinstance(step, Rename)}
        late = [step for step in reply.steps if step.path in moved and _makes(step)]
        failures: list[EditError] = []
        for steps in ([step for step in reply.steps if step not in late], late):
            shown = self.overlay.shown(self.overlay.files(files), self.seams.syntax)
            failures += self._accept(replace(reply, steps=tuple(steps)), shown)
        return failures

    def _accept(self, reply: Reply, shown: Shown) -> list[EditError]:
        """Take what can be made of `reply` into the overlay; what is wrong with the rest. Parses and reads files."""
        found = assemble(reply, shown)
        failures = list(found.failures)
        for change in found.changes:
            is_new = self.overlay.origin(change.path) is None
            try:
                self.overlay.take(change, self.question.objection)
            except PathRefused as failure:
                failures.append(failure)
            else:
                if is_new and change.new_path:
                    self._called(change.path, change.new_path)
        self._checks = {path: check for path, check in self._checks.items() if path in self.overlay.changes}
        touched = {change.path for change in found.changes} | {change.new_path for change in found.changes}
        for path, whole in self.overlay.changes.items():
            if whole.kind == "delete":
                self._checks.pop(path, None)
            elif not touched.isdisjoint((path, whole.new_path)):
                self._checks[path] = syntax_check(whole, self.seams.syntax)
        return failures

    def _called(self, path: str, new_path: str) -> None:
        """A file that was made at `path` is meant by `new_path` from now on, also where it was spoken of before."""
        self.attempts = [
            replace(attempt, meant=[new_path if name == path else name for name in attempt.meant])
            for attempt in self.attempts
        ]

    def _note(self, reply: Reply, failures: Sequence[EditError]) -> None:
        """Remember what is wrong with `reply`, in the place of what was before with its files."""
        spoken_of = dict.fromkeys(step.path for step in reply.steps)
        moves = (_move_of(step.path) for step in reply.steps if isinstance(step, Rename | Delete))
        for about in ("", *spoken_of, *moves):
            self._open.pop(about, None)
            self._refused.pop(about, None)
        refused: set[str] = set()
        for failure in failures:
            about = _about(failure, reply)
            refused.add(about)
            self._open.setdefault(about, []).append(failure)
            if not about:
                self._refused |= _closed_by(failure, reply)
        self._steps |= {step.path: step for step in reply.steps}
        made = (
            step
            for step in reply.steps
            if refused.isdisjoint((step.path, _move_of(step.path))) or self._is_moved(step)
        )
        self._made |= {replace(step, number=0) for step in made}

    def _is_in_place(self, step: Step, files: Mapping[str, Snapshot]) -> bool:
        """Whether `files` are as `step` left them when it was made before: to make it again would do harm or fail."""
        sent, path = replace(step, number=0), self.overlay.present(step.path)
        if self._made.isdisjoint((sent, replace(sent, path=path))):
            return False
        if isinstance(step, Rename):
            return self._is_moved(step)
        if isinstance(step, Delete):
            return self.overlay.is_gone(step.path)
        if not isinstance(step, Replace) or path not in files:
            return False
        there = bodies_of(files[path].lines)
        return _holds(there, step.replace) and not _is_to_do(there, step)

    def _is_as_it_was(self, path: str) -> bool:
        """Whether a file has no change, and none that failed."""
        path = self.overlay.present(path)
        failed = {path, _move_of(path)} & (self._open.keys() | self._refused.keys())
        return not failed and self.overlay.at(path) is None and path not in self.overlay.changes

    def _is_moved(self, step: Step) -> bool:
        """Whether `step` is a move that was made, whatever became of other edits of its file."""
        if not isinstance(step, Rename) or not self.overlay.is_gone(step.path):
            return False
        return self.overlay.origin(step.new_path) == step.path

    def _where_it_is(self, step: Step, *, is_moved_again: bool) -> Step:
        """`step` by the name that its file has now; one that makes a file is for the place that it names.

        A whole text is for the file that was there only where the same call speaks of its move.
        """
        is_edit = isinstance(step, Replace) and bool(step.search)
        is_rewrite = isinstance(step, Write) and is_moved_again
        return replace(step, path=self.overlay.present(step.path)) if is_edit or is_rewrite else step

    def _forget(self, path: str) -> None:
        for about in (path, _move_of(path)):
            self._open.pop(about, None)
            self._refused.pop(about, None)
        self._checks.pop(path, None)
        self._steps.pop(path, None)
        self._made = {step for step in self._made if path not in _places(step)}


def spoken_of(reply: Reply) -> frozenset[str]:
    """Every path that a step of `reply` names."""
    return frozenset(place for step in reply.steps for place in _places(step))


def spelled(reply: Reply) -> Reply:
    """`reply` with each path in the one spelling of its file; one that is refused stays as it was written."""
    steps: list[Step] = []
    for step in reply.steps:
        step = replace(step, path=spelling(step.path))
        steps.append(replace(step, new_path=spelling(step.new_path)) if isinstance(step, Rename) else step)
    return replace(reply, steps=tuple(steps))


def spelling(path: str) -> str:
    """`path` in the one spelling of its file; one that is refused as it was written."""
    with suppress(PathRefused):  # said where the edits are made
        return normalise(path)
    return path


def _about(failure: EditError, reply: Reply) -> str:
    """What of `reply` failed: the path of a step, or its move; "" for none, and for what may not be at all.

    A failure names its file before it quotes lines, which may name others.
    """
    text = str(failure)
    if not isinstance(failure, PlaceTaken):
        return min(meant(reply, (), [failure]), key=text.find, default="")
    places = {step.path: step.path for step in reply.steps}
    places |= {step.new_path: _move_of(step.path) for step in reply.steps if isinstance(step, Rename)}
    named = [place for place in places if is_named(place, text)]
    return places[min(named, key=text.find)] if named else ""


def _closed_by(failure: EditError, reply: Reply) -> dict[str, Skipped]:
    """The file of `reply` that `failure` says may not change, by its path or its move."""
    text = str(failure)
    step_of = {place: step for step in reply.steps for place in _places(step)}
    named = {place: at for place in step_of if (at := _first(place, text)) >= 0}
    if not named:
        return {}
    place = min(named, key=named.__getitem__)
    path = step_of[place].path
    is_moved = any(step.path == path and isinstance(step, Rename | Delete) for step in reply.steps)
    return {_move_of(path) if is_moved else path: Skipped(_sayable(place), text)}


def _first(place: str, text: str) -> int:
    """Where `text` names `place`, also where it is no name of a file and so is quoted; less than 0 for nowhere."""
    return text.find(place) if is_named(place, text) else text.find(repr(place[:80])[:-1])


def _sayable(place: str) -> str:
    """`place` for the user, quoted where it is no name of a file."""
    return place if place.isprintable() and len(place) <= _MOST_SAID else repr(place[:_MOST_SAID])


def _is_of(key: str, file: Skipped, path: str) -> bool:
    """Whether what was refused, of `file` and kept by `key`, is of the file that a model calls `path`."""
    return path in (key, file.path) or key == _move_of(path)


def _reasons(files: Mapping[str, Skipped]) -> frozenset[str]:
    return frozenset(file.reason for file in files.values())


def _places(step: Step) -> frozenset[str]:
    return _names(step.path, step.new_path if isinstance(step, Rename) else None)


def _move_of(path: str) -> str:
    """What a move of the file at `path` goes by: one that was refused is mended by another, and by no edit."""
    return f"{path} ->"


def _makes(step: Step) -> bool:
    """Whether `step` can only be about a file that is new."""
    return isinstance(step, Replace) and not step.search


def _holds(lines: Sequence[str], part: Sequence[str]) -> bool:
    """Whether `part` stands in `lines`, as it is; one without lines stands anywhere."""
    return not part or next(_starts(lines, part), None) is not None


def _is_to_do(lines: Sequence[str], step: Replace) -> bool:
    """Whether what `step` takes out stands in `lines`, and not only in what it puts in."""
    made = [range(row, row + len(step.replace)) for row in _starts(lines, step.replace)]
    last = len(step.search) - 1
    return any(
        not any(row in there and row + last in there for there in made) for row in _starts(lines, step.search)
    )


def _starts(lines: Sequence[str], part: Sequence[str]) -> Iterator[int]:
    """The rows at which `part` stands in `lines`, as it is; none for one without lines."""
    first = part[0] if part else None
    rows = (row for row, line in enumerate(lines) if line == first)
    return (row for row in rows if tuple(lines[row : row + len(part)]) == tuple(part))


def _names(path: str, new_path: str | None) -> frozenset[str]:
    return frozenset(filter(None, (path, new_path)))
