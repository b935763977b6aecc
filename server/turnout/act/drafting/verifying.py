"""The project's checks on changes, run while a refactor is worked out and again before it is offered.

Invariant: the same changes are checked once, however often somebody asks.
"""

from collections.abc import Awaitable, Callable, Sequence

from turnout.act.proposals import Check
from turnout.core.edits.changes import FileChange

Run = Callable[[Sequence[FileChange]], Awaitable[Sequence[Check]]]


class Verifying:
    """Runs the checks, and remembers what the last changes came to."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._last: tuple[object, tuple[Check, ...]] | None = None

    async def __call__(self, changes: Sequence[FileChange]) -> tuple[Check, ...]:
        """One result for each check of the project; none where it has none."""
        key = frozenset((change.uri, change.kind, change.new_uri, change.after) for change in changes)
        if self._last is None or self._last[0] != key:
            self._last = (key, tuple(await self._run(changes)))
        return self._last[1]
