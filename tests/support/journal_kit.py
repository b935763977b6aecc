"""Entries of a journal, for tests of what is kept of a proposal and of what is done with it."""

from support.act_kit import LOCAL, receipt
from turnout.act.applying.entries import Entry, State
from turnout.act.proposals import Check, Proposal, Skipped
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, file_change, numbered
from turnout.core.receipts import SentFile

ROOT = "/home/user/project"


def change(before: str, after: str, path: str = "a.py") -> FileChange:
    """An edit of a file that nobody looks at."""
    uri = f"file:///w/{path}"
    return file_change("edit", uri, path, split_lines(before), split_lines(after), version=3)


def entry(
    name: str, state: State = "offered", since: float = 0.0, *changes: FileChange, root: str = ROOT
) -> Entry:
    """An entry with something of everything, whose changes are those given."""
    given = numbered(changes or [change("a\n", "b\n")])
    files = (SentFile("file:///w/a.py", 10),)
    proposal = Proposal(
        name, "label", "plan", given, (Check("syntax", True, ran=False),), receipt("refactor", LOCAL, files, 1),
        (Skipped("b.py", "binary"),), complete=False,
    )  # fmt: skip
    return Entry(proposal, root, state, since, given if state != "offered" else ())
