"""A repair that takes a part of a change back is never silent, and one that only says it otherwise is no withdrawal."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.act_kit import LOCAL, MemoryWorkspace, ScriptedAsker, seams
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Check, Proposal, verdict
from turnout.act.refactor import propose
from turnout.core.edits.changes import FileChange
from turnout.core.problems import Problem

FILE = "import os\n\na = old(1)\n\nb = 2\n\n\ndef f():\n    return old(1)\n\n\nprint(old(1))\n"
REQUEST = Request("Rename old to new.", scope=("file:///w/a.py",))
PLACED = Problem("a.py", 12, "undefined name new")


def block(search: str, replacement: str) -> str:
    return f"a.py\n<<<<<<< SEARCH\n{search}\n=======\n{replacement}\n>>>>>>> REPLACE\n"


A, F, P = (
    block(f"{start}old(1){end}", f"{start}new(1){end}")
    for start, end in (("a = ", ""), ("    return ", ""), ("print(", ")"))
)
TWICE = block("\nb = 2", "import new\nb = 2") + A + F + P
WRONG = block("print(old( 1 ))", "print(new( 1 ))")


async def proposed(*answers: str, checked: bool, model: object = None) -> Proposal:
    """What the answers come to; where it is `checked`, the first draft is found to have a problem."""
    found = [(PLACED,)] if checked else []

    async def check(changes: Sequence[FileChange]) -> tuple[Check, ...]:
        problems = found.pop() if found else ()
        return (Check("lint", not problems, "lint", problems=problems),)

    asker = ScriptedAsker(list(answers), **({"model": model} if model else {}))  # type: ignore[arg-type]
    proposal = await propose(REQUEST, replace(seams(MemoryWorkspace({"a.py": FILE}), asker), check=check))
    assert not asker.answers
    return proposal


@pytest.mark.parametrize(
    ("repair", "lost"),
    [
        (A + F + P, ""),
        (block("print(old(1))", "print(new( 1 ))") + F + A, ""),
        (block("a = old(1)\n\nb = 2", "a = new(1)\n\nb = 2") + F + P, ""),
        (P, "`a = old(1)`, `return old(1)`"),
        (A + F, "`print(old( 1 ))`"),
        (F + P, "`a = old(1)`"),
    ],
    ids=[
        "all",
        "otherwise",
        "more around it",
        "only the wrong one",
        "without the wrong one",
        "one forgotten",
    ],
)
async def test_edits_that_a_repair_forgets_are_missing(repair: str, lost: str) -> None:
    """Where one edit of a file is not found, the model sends all of them again: those that it leaves out are named."""
    proposal = await proposed(A + F + WRONG, repair, checked=False)
    edits = proposal.checks[0]
    assert (proposal.complete, edits.ok) == (not lost, not lost)
    if lost:
        said = f"a.py: a repair took a part of its change ({lost}) back after: Block 3: its SEARCH text is not in a.py"
        assert edits.message.startswith(said)


@pytest.mark.parametrize(
    ("first", "repair", "complete"),
    [
        (block("    return older(1)", "    return newer(1)"), F, True),
        (block("    return older(1)", "    return newer(1)"), A, False),
        (
            block("    return older(1)", "    return newer(1)")
            + block("return oldest(1)", "return newest(1)"),
            F,
            False,
        ),
    ],
    ids=["corrected", "something else", "two for one"],
)
async def test_what_was_misremembered_may_be_corrected(first: str, repair: str, *, complete: bool) -> None:
    """An edit that fitted nowhere is kept where a line of the repair is close to it, each such line for one edit."""
    assert (await proposed(first, repair, checked=False)).complete is complete


PAIR = Request("Rename total to whole.", scope=("file:///w/a.py",))
MISREMEMBERED = block("a = total(y)\nb = total(x)", "a = whole(y)\nb = whole(x)")


@pytest.mark.parametrize(
    ("first", "repair", "complete"),
    [
        (MISREMEMBERED, block("a = total(x)\nb = total(x)", "a = whole(x)\nb = whole(x)"), True),
        (MISREMEMBERED, block("a = total(x)", "a = whole(x)") + block("b = total(x)", "b = whole(x)"), True),
        (MISREMEMBERED, block("b = total(x)", "b = whole(x)"), False),
        (MISREMEMBERED, block("a = total(x)", "a = whole(x)"), False),
        (block("a = total(x)\nlog('done')", "a = whole(x)"), block("a = total(x)", "a = whole(x)"), True),
        (block("a = sum_of(them)", "a = whole(x)"), block("a = total(x)", "a = whole(x)"), True),
    ],
    ids=["all", "in two", "the right one alone", "the wrong one alone", "a line that never was", "by the new line"],
)  # fmt: skip
async def test_each_line_of_what_was_misremembered_is_corrected(
    first: str, repair: str, *, complete: bool
) -> None:
    """One line of several that was to change and is as it was, is missing, whatever became of the others."""
    asker = ScriptedAsker([first, repair])
    files = {"a.py": "a = total(x)\nb = total(x)\nc = 1\n"}
    proposal = await propose(PAIR, seams(MemoryWorkspace(files), asker))
    assert proposal.complete is complete


@pytest.mark.parametrize(
    ("first", "repair", "lost"),
    [
        (A + F + P, A + F + P, ""),
        (A + F + P, A + F + block("print(old(1))", "print(2)"), ""),
        (TWICE, block("import os", "import new\nimport os") + A + F + P, ""),
        (A + F + P, A + F, "line 12"),
        (A + block("    return old(1)", "    return new(1)\n\n\n# end"), A + F, ""),
        (A + F + block("print(old(1))", ""), A + F, "line 12"),
    ],
    ids=[
        "the same",
        "another text",
        "another place",
        "one hunk",
        "a part of a hunk",
        "what was gone",
    ],
)
async def test_sound_edits_that_a_repair_takes_back_are_told(first: str, repair: str, lost: str) -> None:
    """It may be right to do so, since a check complained of them: the change is whole, and verified in part."""
    proposal = await proposed(first, repair, checked=True)
    assert proposal.complete
    told = [check for check in proposal.checks if not check.ran]
    assert [check.name for check in told] == (["edits taken back in a.py"] if lost else [])
    if lost:
        assert told[0].message == f"a.py: a repair took a part of its change ({lost}) back after: lint: lint"
        assert verdict(proposal.checks).state == "partly"


@pytest.mark.parametrize(
    ("first", "repair", "lost"),
    [
        (A, P, "line 3"),
        (P, A, "line 12"),
        (A + F + P, P, "line 3, line 9"),
        (A + F + P, F, "line 3, line 12"),
    ],
    ids=["one on top", "the wrong one alone", "two not blamed", "one of two not blamed"],
)
async def test_sound_edits_that_a_repair_may_have_forgotten_are_missing(
    first: str, repair: str, lost: str
) -> None:
    """Where no check spoke of them, or the repair gives none of the file's edits again, it is not to be applied."""
    proposal = await proposed(first, repair, checked=True)
    edits = proposal.checks[0]
    assert (proposal.complete, edits.ok) == (False, False)
    assert edits.message == f"a.py: a repair took a part of its change ({lost}) back after: lint: lint"


async def test_a_model_that_writes_whole_files_is_held_to_it_too() -> None:
    """What the checks had it mend is compared with what it first wrote."""
    all_, less = (FILE.replace("old", "new", count) for count in (3, 2))
    answers = [f"```python\n{text}```" for text in (all_, less)]
    proposal = await proposed(*answers, checked=True, model=LOCAL)
    assert [check.name for check in proposal.checks if not check.ran] == ["edits taken back in a.py"]
    assert proposal.complete
