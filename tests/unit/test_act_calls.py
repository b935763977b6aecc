"""What the arguments of a tool call say is read whole, or refused in words."""

import json
from typing import Any

import pytest

from support.agent_kit import Calling, edits, run
from turnout.act.agent.calls import BadCall, arguments_of, reply_of
from turnout.core.edits.replies import Replace


def row(**said: str) -> dict[str, Any]:
    return {"edits": [{"path": "a.py", "search": "x = 1", "replace": "x = 2", **said}]}


@pytest.mark.parametrize(
    ("replace", "lines"),
    [("", ()), ("\n", ("",)), ("\n\n", ("", "")), ("a", ("a",)), ("a\n", ("a",)), ("a\r\nb", ("a", "b"))],
)
def test_the_lines_of_an_edit(replace: str, lines: tuple[str, ...]) -> None:
    """Nothing in the place of lines removes them; a line break at the end begins no further line."""
    (step,) = reply_of(row(replace=replace)).steps
    assert isinstance(step, Replace)
    assert step.replace == lines


@pytest.mark.parametrize("search", ["", "\n"])
def test_an_edit_of_nothing_makes_no_file(search: str) -> None:
    """An edit has lines that it replaces."""
    with pytest.raises(BadCall, match="search is empty in an edit of"):
        reply_of(row(search=search))


def test_more_edits_than_one_call_takes() -> None:
    """They are refused, not cut: nobody would know which were made."""
    many = {"delete": [f"{number}.py" for number in range(501)]}
    with pytest.raises(BadCall, match="501 edits are too many for one call, and none was made: 500 at most"):
        reply_of(many)
    assert len(reply_of({"delete": many["delete"][1:]}).steps) == 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "cannot be read"),
        ('{"first_line": ' + "9" * 5_000 + "}", "cannot be read"),
        ("{", "not JSON"),
        ("[1]", "have to be a JSON object"),
    ],
    ids=["too deep", "too long", "cut", "a list"],
)
async def test_arguments_that_cannot_be_read(text: str, said: str) -> None:
    """They are said to the model, and what it had proposed stays."""
    with pytest.raises(BadCall, match=said):
        arguments_of(text)
    proposal, asker = await run([edits(done=False), [("read_file", text)], "Done."])
    assert isinstance(asker, Calling)
    assert said in asker.said[1]
    assert [change.path for change in proposal.changes] == ["shapes.py"]


def test_no_arguments() -> None:
    """A tool that takes none is called with none by some models."""
    assert arguments_of("") == json.loads("{}")
