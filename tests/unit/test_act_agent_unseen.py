"""A model with tools may not break files that it never looked at."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.act_kit import MemoryWorkspace
from support.agent_kit import HERE, Calling, Calls, Turn, around, edits, failed
from turnout import syntax
from turnout.act.agent.unseen import unseen
from turnout.act.gathering.scope import MAX_FILES, Scope
from turnout.act.proposals import Proposal, verdict
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.documents import split_lines
from turnout.core.edits.changes import ChangeKind, file_change

USE = "from shapes import area\n\nprint(area(1, 1))\n"
FILES = {"shapes.py": "def area(w, h):\n    return w * h\n"} | {
    f"use{number:02}.py": USE for number in range(1, MAX_FILES + 2)
}
LAST = ["use20.py", "use21.py"]
"""Those past the limit."""


def renaming(paths: Sequence[str], *, done: bool = True) -> Calls:
    rows = [{"path": path, "text": FILES[path].replace("area", "size")} for path in paths]
    return [("propose_edits", {"summary": "x", "rewrite": rows, "done": done})]


SHOWN = renaming([path for path in FILES if path not in LAST])
LOOK: Calls = [("read_file", {"path": path}) for path in LAST]
DOCSTRING = edits(search="def area(w, h):", new='def area(w, h):\n    """Of a rectangle."""')


async def after(*turns: Turn, files: dict[str, str] = FILES) -> tuple[Proposal, Calling]:
    asker = Calling([*turns])
    return await propose(HERE, around(asker, files)), asker


@pytest.mark.parametrize(
    "turns",
    [
        [SHOWN, renaming(LAST)],
        [SHOWN, LOOK, "They need not be changed."],
        [SHOWN, [("search_text", {"text": "area"})], "They need not be changed."],
        [renaming(list(FILES), done=False), "Done."],
        [LOOK, SHOWN],
    ],
    ids=["changed then", "read then", "found then", "changed at once", "read before"],
)
async def test_what_was_seen_or_changed_is_no_concern(turns: list[Turn]) -> None:
    """A model that looked at a file may leave it as it is; it is told of those that it did not before it ends.

    Whether it was right to leave one is for the user to see.
    """
    proposal, asker = await after(*turns)
    assert (proposal.complete, failed(proposal)) == (True, {})
    assert len(asker.prompts) == len(turns)
    is_whole = len(proposal.changes) == len(FILES)
    assert verdict(proposal.checks).state == ("verified" if is_whole else "partly")


@pytest.mark.parametrize("turns", [[SHOWN, "Done."], [renaming(["shapes.py"], done=False), "Done.", "No."]])
async def test_what_was_never_seen_makes_the_change_incomplete(turns: list[Turn]) -> None:
    """It is told once which files still mention what it renames, and where they stay unseen nothing is applied."""
    proposal, asker = await after(*turns)
    assert len(asker.prompts) == len(turns)
    assert "- use20.py\n- use21.py" in asker.prompts[-1].messages[-1].content
    assert not proposal.complete
    assert "did not look at them: use20.py, use21.py." in failed(proposal)["edits"]


async def test_as_long_as_it_looks_it_is_told_of_the_rest() -> None:
    """A search shows only so many lines: who saw some of the files hears which are left, and who saw none does not."""
    proposal, asker = await after(SHOWN, LOOK[:1], "Done.", "No.")
    said = [prompt.messages[-1].content for prompt in asker.prompts]
    assert ["use20.py" in text for text in said[1:]] == [True, True, False]
    assert [LAST[1] in text for text in said[1:]] == [True, False, True]
    assert "did not look at them: use21.py." in failed(proposal)["edits"]


@pytest.mark.parametrize(
    "turn", [DOCSTRING, edits("shapes.py", "    return w * h", "    return h * w")], ids=["docstring", "body"]
)
async def test_a_change_that_renames_nothing_asks_for_no_look(turn: Turn) -> None:
    """What mentions a name does not depend on what is written beside its declaration."""
    proposal, asker = await after(turn)
    assert (len(asker.prompts), proposal.complete) == (1, True)
    assert verdict(proposal.checks).state == "partly"


async def test_a_model_hears_of_no_file_that_is_kept_from_it() -> None:
    """Such a file is named to the user alone."""
    files = {**FILES, "zz_kept.py": USE}
    proposal, asker = await after(SHOWN, renaming(LAST), files=files)
    assert len(asker.prompts) == 2
    assert not any("zz_kept" in m.content for prompt in asker.prompts for m in prompt.messages)
    assert "zz_kept.py" in failed(proposal)["edits"]


@pytest.mark.parametrize(
    ("kind", "before", "after", "is_altered"),
    [
        ("edit", "def area(w):\n", "def area(w, h):\n", True),
        ("edit", "area = 1\n", "extent = 1\n", True),
        ("edit", "area: int = 1\n", "", True),
        ("edit", "def f():\n    area = 1\n", "def f():\n    size = 1\n", False),
        ("edit", "print(area(1))\n", "print(size(1))\n", False),
        ("edit", "def area(): ...\nx = 1\n", "x = 1\ndef area(): ...\n", False),
        ("delete", "def area(): ...\n", "", True),
        ("delete", "print(area())\n", "", False),
        ("create", "", "def area(): ...\n", False),
    ],
)
async def test_what_alters_a_declaration(kind: ChangeKind, before: str, after: str, is_altered: bool) -> None:
    """A declaration that reads otherwise or is gone concerns who mentions the name; a use of it does not."""
    scope = Scope({}, (), frozenset({"area"}), beyond=("b.py",), mentioning=frozenset({"b.py"}))
    change = file_change(kind, "file:///w/a.py", "a.py", split_lines(before), split_lines(after))
    seams = Seams(Calling([]), MemoryWorkspace({"b.py": "area\n"}), syntax)
    assert await unseen(scope, [change], (), seams) == (("b.py",) if is_altered else ())
    assert await unseen(scope, [change], {"b.py"}, seams) == ()
    gone = replace(seams, workspace=MemoryWorkspace({"b.py": "size\n"}))
    assert await unseen(scope, [change], (), gone) == ()


async def test_a_file_that_moves_concerns_who_names_it() -> None:
    """What is imported by the name of its file is not found any more under another."""
    scope = Scope({}, (), frozenset({"a"}), beyond=("b.py",), mentioning=frozenset({"b.py"}))
    lines = ("x = 1\n",)
    change = file_change(
        "rename", "file:///w/a.py", "a.py", lines, lines, new_uri="file:///w/c.py", new_path="c.py"
    )
    seams = Seams(Calling([]), MemoryWorkspace({"b.py": "import a\n"}), syntax)
    assert await unseen(scope, [change], (), seams) == ("b.py",)
