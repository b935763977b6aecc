"""The user types while a refactor is applied and undone: every keystroke survives, whatever the refactor comes to."""

import asyncio
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support.act_kit import LOCAL, MemoryWorkspace, receipt
from turnout.act.applying.transactions import Proposals
from turnout.act.proposals import Proposal
from turnout.core.documents import split_lines
from turnout.core.edits.changes import Transaction, file_change, numbered

NAMES = ("a.py", "b.py", "c.py")
BEFORE = {name: "".join(f"{name[0]}{number}\n" for number in range(8)) for name in NAMES}
AFTER = {
    name: text.replace("2\n", "2 new\n").replace("6\n", "6 new\nmore\n") for name, text in BEFORE.items()
}
NEW, NEW_TEXT = "n.py", "made\n"


class Typing(RuleBasedStateMachine):
    """One proposal for three open files and a new one; the user types marks that nobody else writes."""

    def __init__(self) -> None:
        super().__init__()
        self.workspace = MemoryWorkspace(BEFORE, dict.fromkeys(NAMES, 1))
        self.workspace.before_apply = self._while_the_editor_is_asked
        self.proposals = Proposals()
        changes = [
            file_change(
                "edit", f"file:///w/{n}", n, tuple(split_lines(BEFORE[n])), tuple(split_lines(AFTER[n]))
            )
            for n in NAMES
        ]
        changes.append(file_change("create", f"file:///w/{NEW}", NEW, (), (NEW_TEXT,)))
        self.proposals.keep(Proposal("p", "l", "p", numbered(changes), (), receipt("refactor", LOCAL, (), 1)))
        self.applied = False
        self.typed: list[tuple[str, str]] = []
        self.meanwhile: list[Callable[[], None]] = []

    def _while_the_editor_is_asked(self, _: Transaction) -> bool:
        if self.meanwhile:
            self.meanwhile.pop()()
        return True

    def _type(self, name: str, line: int) -> None:
        """Put a line of one's own before a line, as a user does."""
        mark = f"typed {len(self.typed)}\n"
        lines = split_lines(self.workspace.files[name])
        lines.insert(min(line, len(lines)), mark)
        self.workspace.type(name, "".join(lines))
        self.typed.append((name, mark))

    @rule(name=st.sampled_from(NAMES), line=st.integers(0, 12))
    def type(self, name: str, line: int) -> None:
        self._type(name, line)

    @rule(name=st.sampled_from(NAMES), line=st.integers(0, 12))
    def type_while_the_editor_is_asked(self, name: str, line: int) -> None:
        self.meanwhile.append(lambda: self._type(name, line))

    @precondition(lambda self: not self.applied)
    @rule()
    def apply(self) -> None:
        before = {name: self._without_marks(name) for name in self.workspace.files}
        outcome = asyncio.run(self.proposals.apply(self.workspace, "p"))
        self.applied = outcome.done
        now = {name: self._without_marks(name) for name in self.workspace.files}
        assert now == ({**AFTER, NEW: NEW_TEXT} if outcome.done else before)

    @precondition(lambda self: self.applied)
    @rule()
    def undo(self) -> None:
        before = {name: self._without_marks(name) for name in self.workspace.files}
        outcome = asyncio.run(self.proposals.undo(self.workspace, "p"))
        self.applied = not outcome.done
        now = {name: self._without_marks(name) for name in self.workspace.files}
        assert now == (BEFORE if outcome.done else before)

    def _without_marks(self, name: str) -> str:
        lines = split_lines(self.workspace.files[name])
        return "".join(line for line in lines if not line.startswith("typed"))

    @invariant()
    def nothing_typed_is_lost(self) -> None:
        for name, mark in self.typed:
            assert self.workspace.files[name].count(mark) == 1


Typing.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestTyping = Typing.TestCase
TestTyping.__doc__ = (
    "Any order of typing, applying and undoing: whole or not at all, and every typed line is there."
)
