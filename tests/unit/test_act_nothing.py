"""A model that writes blocks may say that nothing is to be done, and is taken at its word."""

import pytest

from support.act_kit import MemoryWorkspace, ScriptedAsker, seams
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Proposal
from turnout.act.refactor import propose
from turnout.commands.refactor import UNCHANGED, UNSOUND, _status, _summary, _to_wire
from turnout.core.edits.plans import Approved, PlannedStep
from turnout.errors import ReplyUnusable

WRONG = "a.py\n<<<<<<< SEARCH\nold(2)\n=======\nnew(2)\n>>>>>>> REPLACE\n"
HALF = "a.py\n<<<<<<< SEARCH\na = 1\n"


async def proposed(*answers: str, approved: Approved | None = None) -> tuple[Proposal, ScriptedAsker]:
    asker = ScriptedAsker([*answers])
    request = Request("Rename old to new.", scope=("file:///w/a.py",), approved=approved)
    return await propose(request, seams(MemoryWorkspace({"a.py": "a = 1\n"}), asker)), asker


@pytest.mark.parametrize(
    "answer",
    [
        "NOTHING TO CHANGE: no old here.",
        "**Nothing to change.** no old here.",
        "nothing to change\nno old here.",
        "Nothing to change - no old here.",
        "NOTHING TO CHANGE because there is no old here.",
        "Nothing to change, as there is no old here.",
        "Nothing to change as there is no old here.",
        "Nothing to change since there is no old here.",
        "I looked at it all.\n\nNOTHING TO CHANGE: no old here.\n",
        "<think>\nWhere is it?\n</think>\n**Nothing to change**: no old here.",
    ],
)
async def test_nothing_to_change_ends_at_once(answer: str) -> None:
    """The proposal is empty, whole, and has the reason; the model was told how to say so, and was asked once."""
    proposal, asker = await proposed(answer)
    assert (proposal.changes, proposal.complete, len(asker.asked)) == ((), True, 1)
    assert [check.name for check in proposal.checks if not check.ok] == ["changes"]
    assert proposal.plan.endswith("no old here.")
    assert "answer NOTHING TO CHANGE: and why" in asker.asked[0][1].messages[0].content
    assert _status(proposal) == UNCHANGED
    said = [*_summary(proposal, applied=False)]
    assert said[-1] == "Nothing to change."
    assert not any(line.startswith("failed") for line in said)
    assert _to_wire(proposal)["verdict"] == {"state": "unchanged", "text": "Nothing to change."}


@pytest.mark.parametrize(
    "answers",
    [
        [f"Nothing to change in b.py.\n\n{HALF}"] * 2,
        [f"Nothing to change.\n\n{HALF}"] * 2,
        ["Nothing to change.\n\na.py\n```python\na = 2\n```\n"] * 2,
        ["Nothing to change in a.py that I could do now."] * 2,
        ["There is nothing to change."] * 2,
        [f"{HALF}Nothing to change."] * 2,
        ["Is there\nnothing to change?\nThere is."] * 2,
        ["I see\nnothing to change in b.py."] * 2,
        ["Nothing to change as far as a.py goes."] * 2,
        ["Nothing to change as to a.py."] * 2,
        [HALF, "Nothing to change.", "Nothing to change."],
    ],
    ids=[
        "half a block",
        "more words",
        "another form",
        "no sentence of its own",
        "prose",
        "half a block in front",
        "in the middle",
        "more words behind",
        "as far as",
        "as to",
        "given up",
    ],
)
async def test_what_may_have_edits_is_not_nothing(answers: list[str]) -> None:
    """An answer with edits that cannot be read is refused as before, and these words do not let a model off them."""
    with pytest.raises(ReplyUnusable):
        await proposed(*answers)


async def test_edits_that_were_not_found_are_not_nothing() -> None:
    """Where edits could not be made, there was something to change."""
    proposal, _ = await proposed(WRONG, *["Nothing to change."] * 2)
    assert not proposal.complete
    assert "its SEARCH text is not in a.py" in proposal.checks[0].message


async def test_a_plan_is_not_done_by_nothing() -> None:
    """What was approved and not done is said as ever."""
    approved = Approved((PlannedStep("edit", "a.py", "rename"),))
    proposal, _ = await proposed("Nothing to change.", approved=approved)
    assert "plan" in [check.name for check in proposal.checks if not check.ok]
    assert _status(proposal) == UNSOUND
