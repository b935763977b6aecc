"""What tests of a model with tools share: a model that gives prepared turns, and the project that it works on."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from support.act_kit import REMOTE, MemoryWorkspace, OutlookByRoute, receipt
from support.repository import MemoryRepository
from turnout import syntax
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Proposal
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.backends import Finish
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, ToolCall
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import (
    BackendError,
)

MODEL = replace(REMOTE, tools=True)
FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n\nprint(area(1, 2))\n",
    "far/other.py": "import shapes\n\nSIZE = shapes.area(1, 1)\n",
    "kept.py": "TOKEN = 'hunter2'\n",
    "AGENTS.md": "Never edit `main.py`.\n",
}
OPEN = {path: text for path, text in FILES.items() if path != "kept.py"}
"""Those that every model may have."""
HERE = Request("Rename area to size.", "file:///w/shapes.py")

Calls = list[tuple[str, object]]
Turn = Calls | str | BackendError
"""Calls by name and arguments, or text, or a failure."""


def edits(
    path: str = "shapes.py",
    search: str = "def area(w, h):",
    new: str = "def size(w, h):",
    *,
    done: bool = True,
) -> Calls:
    """A proposal of one edit, which is called the last where it is `done`."""
    row = {"path": path, "search": search, "replace": new}
    return [("propose_edits", {"summary": "x", "edits": [row], "done": done})]


@dataclass
class Calling:
    """Gives prepared turns; keeps the prompts and files that it was asked with."""

    turns: list[Turn]
    model: Model = MODEL
    prompts: list[ChatPrompt] = field(default_factory=list)
    files: list[tuple[SentFile, ...]] = field(default_factory=list)
    finish: Finish = "stop"
    text: str = ""
    """What it says in front of its calls."""

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        self.prompts.append(prompt(self.model))
        self.files.append(files)
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, BackendError):
            raise turn
        found = receipt(kind, self.model, files, len(self.prompts))
        if isinstance(turn, str):
            return Answer(turn, self.finish, found, self.model)
        calls = tuple(
            ToolCall(
                f"c{len(self.prompts)}.{number}", name, said if isinstance(said, str) else json.dumps(said)
            )
            for number, (name, said) in enumerate(turn)
        )
        return Answer(self.text, "stop", found, self.model, calls)

    @property
    def said(self) -> list[str]:
        """What tools answered, in order."""
        return [message.content for message in self.prompts[-1].messages if message.role == "tool"]


class MemoryOutlook(OutlookByRoute):
    """Every file may go to the model but what is kept."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, () if any("kept" in uri for uri in uris) else (MODEL,), (), "test", limit_usd=None)

    def ms_per_token(self, model: Model) -> float | None:
        return None


def around(asker: Calling, files: dict[str, str] = FILES, **more: Any) -> Seams:
    return Seams(
        asker,
        MemoryWorkspace(files),
        syntax,
        outlook=MemoryOutlook(),
        repository=MemoryRepository(files),
        **more,
    )


async def run(turns: Sequence[Turn], request: Request = HERE, **more: Any) -> tuple[Proposal, Calling]:
    asker = Calling([*turns])
    return await propose(request, around(asker, **more)), asker


def failed(proposal: Proposal) -> dict[str, str]:
    return {check.name: check.message for check in proposal.checks if not check.ok}
