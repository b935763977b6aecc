"""A model that writes one file at a time hears what the checks find, and mends it within limits."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, ScriptedAsker, seams
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Check, Proposal
from turnout.act.refactor import propose
from turnout.core.edits.changes import FileChange
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.requests import Kind, Route
from turnout.errors import BackendError, ConnectionFailed

SHAPES, MAIN = "def area(w, h):\n    return w * h\n", "from shapes import area\n\nprint(area(1, 2))\n"
FILES = {"shapes.py": SHAPES, "main.py": MAIN}
RENAMED = {path: text.replace("area", "size") for path, text in FILES.items()}
GOOD, HALF = RENAMED["main.py"], MAIN.replace("import area", "import size")
RENAME = Request("Rename the function area to size.", scope=("file:///w/shapes.py", "file:///w/main.py"))
PLACED, PLACELESS = Problem("main.py", 3, "undefined name area"), Problem("", 0, "FAILED tests::area")
OTHER = Problem("main.py", 1, "another problem")


def whole(text: str) -> str:
    return f"```python\n{text}```\n"


def checks(*rounds: Sequence[Problem], message: str = "secret of other.py") -> "Scripted":
    return Scripted([tuple(problems) for problems in rounds], message)


class Scripted:
    """Finds the prepared problems in turn, none at the end."""

    def __init__(self, rounds: list[tuple[Problem, ...]], message: str) -> None:
        self.rounds, self.message = rounds, message
        self.seen: list[dict[str, str]] = []

    async def __call__(self, changes: Sequence[FileChange]) -> tuple[Check, ...]:
        self.seen.append({change.path: "".join(change.after) for change in changes})
        found = self.rounds.pop(0) if self.rounds else ()
        return (Check("ruff", not found, self.message if found else "", problems=found),)


async def refactored(asker: ScriptedAsker, check: Scripted) -> Proposal:
    return await propose(RENAME, replace(seams(MemoryWorkspace(FILES), asker), check=check))


def texts(proposal: Proposal) -> dict[str, str]:
    return {change.path: "".join(change.after) for change in proposal.changes}


@pytest.mark.parametrize(
    ("rounds", "answers", "heard", "last"),
    [
        ([], [], [], HALF),
        ([[PLACED]], [GOOD], ["main.py:3: undefined name area"], GOOD),
        (
            [[PLACED], [OTHER]],
            [MAIN, GOOD],
            ["undefined name area", "another problem"],
            GOOD,
        ),
        ([[PLACED], [PLACED]], [MAIN, MAIN], ["undefined name area"] * 2, HALF),
        ([[PLACED], [PLACED]], [MAIN, GOOD], ["undefined name area"] * 2, GOOD),
        ([[PLACED], [PLACED, OTHER], [PLACED, OTHER]], [MAIN, MAIN], ["name area", "another"], HALF),
        (
            [[PLACED], [OTHER], [PLACED], [OTHER]],
            [MAIN, HALF, MAIN],
            ["name area", "another", "name area"],
            HALF,
        ),
        ([[Problem("elsewhere.py", 1, "x")]], [], [], HALF),
        ([[PLACED]], ["def ("], ["undefined name area"], HALF),
    ],
    ids=[
        "none",
        "mended",
        "mended in two rounds",
        "no other answer",
        "the same is found in another answer",
        "worse",
        "three rounds",
        "elsewhere",
        "breaks",
    ],
)
async def test_new_problems_go_back_to_their_file(
    rounds: list[list[Problem]], answers: list[str], heard: list[str], last: str
) -> None:
    """At most three rounds, about the files with problems alone; the drafts with the fewest of them are offered."""
    asker = ScriptedAsker([whole(text) for text in (RENAMED["shapes.py"], HALF, *answers)], LOCAL)
    proposal = await refactored(asker, checks(*rounds))
    assert texts(proposal) == {"shapes.py": RENAMED["shapes.py"], "main.py": last}
    again = [prompt.messages for _, prompt, _ in asker.asked[2:]]
    assert len(again) == len(heard)
    for messages, words in zip(again, heard, strict=True):
        assert words in messages[-1].content
        assert "secret of" not in messages[-1].content, "only what is new is named"
        assert "shapes.py" not in messages[-1].content
        assert messages[-2].role == "assistant"
    assert not asker.answers
    assert proposal.receipt.tokens_out == 10 * len(asker.asked)


async def test_a_file_that_is_taken_back_is_said() -> None:
    """To leave a file as it was passes every check, and is not what was asked for: the proposal is not whole."""
    answers: list[str | BackendError] = [whole(text) for text in (RENAMED["shapes.py"], HALF, MAIN)]
    proposal = await refactored(ScriptedAsker(answers, LOCAL), checks([PLACED]))
    assert texts(proposal) == {"shapes.py": RENAMED["shapes.py"]}
    [failed] = [check for check in proposal.checks if not check.ok]
    assert (failed.name, proposal.complete) == ("edits", False)
    assert failed.message == f"main.py: a repair took its change back after: {PLACED.shown}"


async def test_a_problem_without_a_place_is_for_every_file_that_changed() -> None:
    """A failed test names no file of the request; who may not hear everything hears only that a check fails."""
    answers = [whole(text) for text in (RENAMED["shapes.py"], HALF, RENAMED["shapes.py"], GOOD)]
    for model, words in (
        (LOCAL, "FAILED tests::area"),
        (replace(REMOTE, edits="whole_file"), "checks fail with"),
    ):
        asker = ScriptedAsker(list(answers), model)
        proposal = await refactored(asker, checks([PLACELESS]))
        assert texts(proposal) == RENAMED
        assert [words in prompt.messages[-1].content for _, prompt, _ in asker.asked] == [
            False,
            False,
            True,
            True,
        ]


async def test_no_answer_leaves_what_there_is() -> None:
    """A model that is gone in the middle costs the mending and not the proposal."""
    gone: list[str | BackendError] = [whole(RENAMED["shapes.py"]), whole(HALF), ConnectionFailed("gone")]
    proposal = await refactored(ScriptedAsker(gone, LOCAL), checks([PLACED]))
    assert texts(proposal) == {"shapes.py": RENAMED["shapes.py"], "main.py": HALF}


class Poor:
    """A route that two answers use up."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, (LOCAL,), (), "test", limit_usd=0.02)

    def ms_per_token(self, model: Model) -> float | None:
        return None

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """There is no disk here."""

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        return tuple(frozenset() for _ in uris)


async def test_mending_keeps_to_the_budget() -> None:
    """What all requests of a refactor may cost together holds for these, too."""
    asker = ScriptedAsker([whole(RENAMED["shapes.py"]), whole(HALF)], LOCAL)
    around = replace(seams(MemoryWorkspace(FILES), asker), check=checks([PLACED]), outlook=Poor())
    proposal = await propose(RENAME, around)
    assert texts(proposal)["main.py"] == HALF
