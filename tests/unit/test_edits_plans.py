"""A plan is read out of any reply, or refused with the reason; what it shows to people is harmless."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnout.core.edits.changes import ChangeKind, file_change
from turnout.core.edits.plans import (
    MAX_CHANGE,
    MAX_STEPS,
    MAX_SUMMARY,
    Approved,
    PlannedStep,
    parse_plan,
    plain,
)
from turnout.errors import ReplyUnusable


def check(reply: str, *steps: PlannedStep, summary: str = "", paths: tuple[str, ...] = ()) -> None:
    plan = parse_plan(reply, paths)
    assert plan.steps == steps
    assert plan.summary == summary


A = PlannedStep("edit", "src/a.py", "take a list")


@pytest.mark.parametrize(
    "line",
    [
        "EDIT src/a.py: take a list",
        "edit src/a.py: take a list",
        "- EDIT `src/a.py`: take a list",
        "1. **EDIT** `src/a.py` - take a list",
        "* **Edit: src/a.py:** take a list",
        "2) Modify src/a.py \u2014 take a list",
        "[UPDATE] src/a.py: take a list",
        "Change the file src/a.py: take a list",
        "> EDIT  src/a.py:\ttake  a  list\r",
        "```\nEDIT src/a.py: take a list\n```",
        "EDIT src/a.py:\n  take a list",
        "EDIT src/a.py: take\n    - a list",
    ],
)
def test_a_step_is_found_in_any_dress(line: str) -> None:
    """Lists, numbers, bold, quotes, fences, other words and lines that go on below say the same."""
    check(line, A)


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("CREATE src/b.py: the tests", PlannedStep("create", "src/b.py", "the tests")),
        ("New file `src/b.py`", PlannedStep("create", "src/b.py")),
        ("DELETE src/b.py", PlannedStep("delete", "src/b.py")),
        ("Remove src/b.py: unused", PlannedStep("delete", "src/b.py", "unused")),
        ("RENAME src/a.py -> src/b.py: clearer", PlannedStep("rename", "src/a.py", "clearer", "src/b.py")),
        ("Move `src/a.py` to `src/b.py`", PlannedStep("rename", "src/a.py", "", "src/b.py")),
        ("EDIT Makefile: a target", PlannedStep("edit", "Makefile", "a target")),
        ("edit Makefile: a target", PlannedStep("edit", "Makefile", "a target")),
        ("EDIT with - odd: name.py: a target", PlannedStep("edit", "with - odd: name.py", "a target")),
        ("EDIT ../../etc/passwd: root", PlannedStep("edit", "../../etc/passwd", "root")),
        ("EDIT C:\\x\\y.py: no", PlannedStep("edit", "C:\\x\\y.py", "no")),
    ],
)
def test_kinds_and_names(line: str, step: PlannedStep) -> None:
    """Every kind of step, names of files that were shown, and paths just as they were written."""
    check(line, step, paths=("Makefile", "with - odd: name.py"))


def test_what_is_said_before_is_the_summary() -> None:
    """With or without its label, in one line; what is said after the steps is not kept."""
    check(f"## Plan\n\n{A.line}\n\nShall I go on?", A, summary="Plan")
    check(f"**Summary:** Lists,\nnot tuples.\n\n{A.line}", A, summary="Lists, not tuples.")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I would rather talk.",
        "Add a test for it: soon",
        "Change it everywhere",
        "edit\n",
        "RENAME a.py: to what?",
    ],
)
def test_no_plan(reply: str) -> None:
    """Prose is not taken for a step."""
    with pytest.raises(ReplyUnusable, match="no plan"):
        parse_plan(reply)


def test_too_many_steps() -> None:
    """A reply without end is no plan."""
    lines = "\n".join(f"EDIT f{number}.py: x" for number in range(MAX_STEPS + 1))
    with pytest.raises(ReplyUnusable, match=f"more than {MAX_STEPS}"):
        parse_plan(lines)


def hidden(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in text)


pieces = st.sampled_from(
    [
        "EDIT ",
        "RENAME ",
        "- ",
        "a.py",
        " -> ",
        ": ",
        "`",
        "**",
        "\n",
        "  ",
        "Summary:",
        "\x1b[2J",
        "\u202e",
        "to",
        "../",
    ]
)
replies = st.lists(pieces | st.text(max_size=8), max_size=60).map("".join)


@given(replies)
@example("EDIT " + "a" * 400 + ": x")
@example(" " * 3000 + "EDIT a.py: x")
@example("EDIT a.py:" + " -" * 900)
def test_any_reply_is_read_or_refused(reply: str) -> None:
    """Nothing a model may write is a fault; what is shown is bounded, in one line, and moves no cursor."""
    try:
        plan = parse_plan(reply, ("a.py",))
    except ReplyUnusable:
        return
    assert 0 < len(plan.steps) <= MAX_STEPS
    assert len(plan.summary) <= MAX_SUMMARY
    assert not hidden(plan.summary)
    for step in plan.steps:
        assert len(step.change) <= MAX_CHANGE
        assert not hidden(step.change)
        assert (step.new_path is None) == (step.kind != "rename")


names = st.from_regex(r"[a-z]{1,8}/[a-z]{1,8}\.py", fullmatch=True)
words = st.from_regex(r"[a-z]{1,9}( [a-z]{1,9}){0,4}", fullmatch=True)
planned = st.builds(PlannedStep, st.sampled_from(["edit", "create", "delete"]), names, words) | st.builds(
    PlannedStep, st.just("rename"), names, words, names
)


@given(st.lists(planned, min_size=1, max_size=9))
def test_what_is_written_is_read_again(steps: list[PlannedStep]) -> None:
    """A plan as models are told to write it comes back as it was."""
    check("\n".join(step.line for step in steps), *steps)


def test_plain_text() -> None:
    """Text for people has no escape sequences, no reversed writing, no second line, and an end."""
    assert plain("a\x1b[31mb\n\u202ec\u2028d", 99) == "a [31mb c d"
    assert plain("abcdef", 5) == "ab..."


PLAN = Approved(
    (
        PlannedStep("edit", "a.py"),
        PlannedStep("create", "new.py"),
        PlannedStep("delete", "old.py"),
        PlannedStep("rename", "b.py", "", "c.py"),
    )
)


@pytest.mark.parametrize(
    ("kind", "path", "new_path", "agreed"),
    [
        ("edit", "a.py", None, True),
        ("delete", "a.py", None, False),
        ("rename", "a.py", "z.py", False),
        ("create", "new.py", None, True),
        ("create", "other.py", None, False),
        ("delete", "old.py", None, True),
        ("edit", "old.py", None, True),
        ("rename", "b.py", "c.py", True),
        ("rename", "b.py", "d.py", False),
        ("edit", "b.py", None, True),
        ("edit", "other.py", None, False),
        ("edit", "new.py", None, False),
    ],
)
def test_what_was_agreed_to(kind: ChangeKind, path: str, new_path: str | None, agreed: bool) -> None:
    """A change has the file and the kind of its step, or does less to it; anything else is refused by name."""
    change = file_change(kind, f"file:///{path}", path, ("a\n",), ("b\n",), new_path=new_path)
    objection = PLAN.objection(change)
    assert (objection is None) is agreed
    assert agreed or path in (objection or "")
    assert len(PLAN.undone([change])) == (3 if path in ("a.py", "b.py", "new.py", "old.py") else 4)


def test_the_plan_for_a_prompt() -> None:
    """It says every step, and what the user added."""
    text = Approved((A, PlannedStep("rename", "b.py", "", "c.py")), ("not the tests",)).text
    assert text == "EDIT src/a.py: take a list\nRENAME b.py -> c.py\nThe user adds: not the tests"
    assert PLAN.present == ("a.py", "old.py", "b.py")
