"""What is told and shown of an answer while it arrives: its plan, each file that is written, and what it costs.

Invariants: the answer is read as the whole of it will be, in time linear in its length; what is shown is found on a
thread, in order; nothing here decides what becomes of an answer.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, Self

from turnout.act.drafting.fitting import size_of
from turnout.act.drafting.spent import so_far
from turnout.act.seams import SO_FAR, Seams, show_nobody
from turnout.core.answers import PromptFor
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.assemble import Shown, assemble
from turnout.core.edits.blocks import is_fence, parse_blocks, prose
from turnout.core.edits.changes import FileChange
from turnout.core.edits.replies import Reply, Step
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.errors import ReplyUnusable, TurnoutError

_BYTES_PER_TOKEN = 3.5
_MOST_OF_A_PLAN = 300
_START, _END = "<<<<<", ">>>>>"
_DIRECTIVES = ("*** Delete File:", "*** Rename File:")
_REST_OF_A_BLOCK = ("=======", ">>>>>>> REPLACE")


class Written(NamedTuple):
    """What a piece of an answer brought to its end: the plan, and a file with all its steps so far."""

    plan: str = ""
    path: str = ""
    steps: tuple[Step, ...] = ()


class BlockStream:
    """Reads an answer of blocks line by line; after one that cannot be read it says nothing more."""

    def __init__(self, paths: frozenset[str], default_path: str | None = None) -> None:
        self._paths = paths
        self._default = default_path
        self._rest = ""
        self._segment: list[str] = []
        self._steps: dict[str, list[Step]] = {}
        self._last: str | None = None
        self._is_planned = self._is_inside = self._is_broken = False

    def feed(self, text: str) -> list[Written]:
        """What `text` brings to its end."""
        *lines, self._rest = f"{self._rest}{text}".split("\n")
        return [found for line in lines for found in self._line(line_body(line))]

    def end(self) -> list[Written]:
        """What the end of the answer brings to its end."""
        return [*self.feed("\n"), *self._file_ends()]

    @property
    def files(self) -> int:
        """How many files it speaks of so far."""
        return len(self._steps)

    def _line(self, line: str) -> list[Written]:
        if self._is_broken:
            return []
        found: list[Written] = []
        try:
            if not self._is_inside and line.startswith((_START, *_DIRECTIVES)):
                found = self._begins(line)
            self._segment.append(line)
            if line.startswith(_END if self._is_inside else _DIRECTIVES):
                self._take(self._parsed(self._segment))
        except ReplyUnusable:
            self._is_broken = True
        return found

    def _begins(self, line: str) -> list[Written]:
        """A step begins, and with it the plan ends, or the file before where it is of another one."""
        is_block = line.startswith(_START)
        rest = _REST_OF_A_BLOCK if is_block else ()
        path = self._parsed([*self._segment, line, *rest])[0].path
        found: list[Written] = []
        if not self._is_planned:
            self._is_planned = True
            plan = prose(self._segment, self._paths)
            found += [Written(plan=plan)] if plan else []
        if path != self._last:
            found += self._file_ends()
        self._is_inside = is_block
        return found

    def _take(self, steps: Sequence[Step]) -> None:
        for step in steps:
            of_file = self._steps.setdefault(step.path, [])
            of_file.append(replace(step, number=len(of_file) + 1))
            self._last = step.path
        self._segment, self._is_inside = [], False

    def _file_ends(self) -> list[Written]:
        if self._is_broken or self._is_inside or self._last is None:
            return []
        path, self._last = self._last, None
        return [Written(path=path, steps=tuple(self._steps[path]))]

    def _parsed(self, lines: Sequence[str]) -> tuple[Step, ...]:
        """The steps of a part of the answer; a block that nothing stands above is of the same file as the last."""
        first = next((line for line in lines if line.strip() and not is_fence(line)), "")
        default = self._default or (self._last if first.startswith(_START) else None)
        return parse_blocks("\n".join(lines), self._paths, default).steps


class Arrival:
    """One answer that arrives; in a `with`, which ends when everything that came is shown."""

    def __init__(
        self,
        files: Mapping[str, Snapshot],
        objection: Callable[[FileChange], str | None],
        seams: Seams,
    ) -> None:
        self._files = files
        self._objection = objection
        self._seams = seams
        self._showing: asyncio.Task[None] | None = None
        self._model: Model | None = None
        self._begin(None, 0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self._model = None  # its receipt is among those of what is spent
            self._told(self._stream.end())
            if self._showing is not None:
                await self._showing
        elif self._showing is not None:
            self._showing.cancel()
            await asyncio.gather(self._showing, return_exceptions=True)

    def of(self, render: PromptFor) -> PromptFor:
        """As `render`; each model that it is called for begins an answer of its own."""

        def rendered(model: Model) -> ChatPrompt:
            prompt = render(model)
            self._begin(model, size_of(prompt.messages))
            return prompt

        return rendered

    def on_text(self, text: str) -> None:
        """Take a piece of the answer."""
        self._characters += len(text)
        self._told(self._stream.feed(text))
        files = f", {self._stream.files} files" if self._stream.files else ""
        self._seams.tell(f"{SO_FAR}: {self._characters:,} characters{files}{self._cost}", 0, 0)

    def _begin(self, model: Model | None, sent: int) -> None:
        self._model, self._sent, self._characters = model, sent, 0
        only = next(iter(self._files)) if len(self._files) == 1 else None
        self._stream = BlockStream(frozenset(self._files), only)

    @property
    def _cost(self) -> str:
        """About what this request and those before come to; only those before where it is not known who answers."""
        if self._model is None:
            return so_far(self._seams.spent)
        read, written = (round(size / _BYTES_PER_TOKEN) for size in (self._sent, self._characters))
        return so_far(self._seams.spent, read + written, self._model.cost_usd(read, written))

    def _told(self, found: Sequence[Written]) -> None:
        for one in found:
            if one.plan:
                self._seams.tell(plan_in_short(one.plan), 0, 0)
            else:
                self._seams.tell(f"written: {one.path}{self._cost}", 0, 0)
                if self._seams.show is not show_nobody:
                    self._showing = asyncio.create_task(self._show(one.steps, self._showing))

    async def _show(self, steps: tuple[Step, ...], earlier: asyncio.Task[None] | None) -> None:
        """Show what `steps` change, after what was shown `earlier`."""
        if earlier is not None:
            await earlier
        workspace = self._seams.workspace
        shown = Shown(
            self._files, workspace.uri, workspace.exists, self._seams.syntax, workspace.folder.identity
        )
        with suppress(TurnoutError):  # said where the whole answer is read
            changes = (await asyncio.to_thread(assemble, Reply("", steps), shown)).changes
            self._seams.show([change for change in changes if self._objection(change) is None])


def plan_in_short(plan: str) -> str:
    """What a model says that it will do, as a line of progress."""
    line = " ".join(plan.split())
    return f"plan: {line[:_MOST_OF_A_PLAN]}" + ("..." if len(line) > _MOST_OF_A_PLAN else "")
