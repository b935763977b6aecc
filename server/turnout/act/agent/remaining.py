"""What is left of a refactor when its model would end.

Invariant: a model that is told of something and leaves it all the same is not told again; the user is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from turnout.act.agent.turns import Talk
from turnout.act.agent.unseen import unseen
from turnout.act.gathering.scope import Scope
from turnout.act.seams import Seams
from turnout.core.edits.changes import FileChange
from turnout.core.edits.plans import Approved
from turnout.core.models import Model
from turnout.errors import EditError, FileUnusable, ReplyUnusable

_MOST_NAMED = 100
_MOST_OF_A_REASON = 300
_MOST_CALLS = 5


@dataclass
class Remaining:
    """What `approved`, the files past the limit of `scope`, and calls that came to nothing still ask for."""

    approved: Approved | None
    scope: Scope
    talk: Talk
    seams: Seams
    _told: set[str] = field(default_factory=set)
    _least: int | None = None
    """How many files were left the last time that it was told of them."""

    def undone(self, changes: Sequence[FileChange]) -> str:
        """What of the plan is not done, for the model; empty where there is nothing."""
        steps = self.approved.undone(changes) if self.approved else ()
        return "\n".join(["Not done yet of the plan:", *(step.line for step in steps)]) if steps else ""

    async def news(self, changes: Sequence[FileChange], model: Model) -> str:
        """What there is that `model` was not told of before; empty where there is nothing."""
        found = {"plan": self.undone(changes), "unread": self._unread()}
        said = [text for kind, text in found.items() if text and kind not in self._told]
        self._told |= {kind for kind, text in found.items() if text}
        return "\n".join(filter(None, [*said, await self._unlooked(changes, model)]))

    async def failures(self, changes: Sequence[FileChange]) -> tuple[EditError, ...]:
        """What is missing of the change that was made, for the user; the plan has a check of its own."""
        found: list[EditError] = [ReplyUnusable(unread)] if (unread := self._unread()) else []
        if paths := await unseen(self.scope, changes, self.talk.tools.read, self.seams):
            found.append(
                FileUnusable(
                    f"{len(paths)} more files mention what it changes, and the model did not look at them: "
                    f"{', '.join(paths)}.",
                    advice="Name the files that the change is about.",
                )
            )
        return tuple(found)

    def _unread(self) -> str:
        """That a proposal could not be read, and the model went on without it; empty where there is none."""
        whys = [self.talk.garbled[:_MOST_OF_A_REASON]] if self.talk.garbled else self.talk.tools.unread.missed
        told = (f"A call could not be read, and nothing came in its place: {why}" for why in whys)
        return "\n".join(islice(told, _MOST_CALLS))

    async def _unlooked(self, changes: Sequence[FileChange], model: Model) -> str:
        """Files that `model` should look at before it ends, of those that it may have; again as they become fewer."""
        paths = await unseen(self.scope, changes, self.talk.tools.read, self.seams)
        known = await self.talk.tools.nameable(paths, model)
        if not known or (self._least is not None and len(known) >= self._least):
            return ""
        self._least = len(known)
        rows = [f"- {path}" for path in known[:_MOST_NAMED]]
        if len(known) > _MOST_NAMED:
            rows.append(f"(and {len(known) - _MOST_NAMED} more)")
        begun = "These files mention what you changed, and you neither looked at them nor changed them:"
        return "\n".join([begun, *rows, "Look at each (search_symbol shows lines of many at once)."])
