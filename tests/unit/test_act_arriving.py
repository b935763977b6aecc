"""What a user sees of an answer while it arrives: its plan, each file as it is written, and what it costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.act_kit import REMOTE, MemoryWorkspace, receipt
from support.agent_kit import Calling, around, edits
from turnout import syntax
from turnout.act.drafting.arriving import BlockStream, Written
from turnout.act.drafting.spent import so_far
from turnout.act.drafting.totals import combined
from turnout.act.gathering.scope import Request
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.changes import FileChange
from turnout.core.models import Model
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind

PRICED = replace(REMOTE, input_usd=1000.0, output_usd=1000.0)
FILES = {"a.py": "x = 1\ny = 1\n", "b.py": "x = 1\n"}


def block(path: str, old: str = "x = 1", new: str = "x = 2") -> str:
    named = f"{path}\n" if path else ""
    return f"{named}<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


ROWS = [
    ("", []),
    ("Only prose.\n", []),
    (f"I do it.\n\n{block('a.py')}", ["I do it.", "a.py 1"]),
    (f"{block('a.py')}{block('', 'y = 1', 'y = 2')}\n{block('b.py')}", ["a.py 2", "b.py 1"]),
    (block("a.py") + block("b.py") + block("a.py", "y = 1", "y = 2"), ["a.py 1", "b.py 1", "a.py 2"]),
    (f"```python\n{block('a.py')}```\n", ["a.py 1"]),
    (f"{block('a.py')}*** Delete File: b.py\n", ["a.py 1", "b.py 1"]),
    (f"P\n*** Rename File: b.py -> c.py\n{block('a.py')}", ["P", "b.py 1", "a.py 1"]),
    (block("a.py") + block("b.py").removesuffix(">>>>>>> REPLACE\n"), ["a.py 1"]),
    (f"{block('a.py')}What next?\n{block('')}", []),
    (block("a.py").replace("\n", "\r\n"), ["a.py 1"]),
]


def said(found: Sequence[Written]) -> list[str]:
    return [one.plan or f"{one.path} {len(one.steps)}" for one in found]


@pytest.mark.parametrize(("answer", "expected"), ROWS)
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 400), max_size=6))
def test_an_answer_is_told_as_it_comes(answer: str, expected: list[str], cuts: list[int]) -> None:
    """The plan, then each file once another begins or the answer ends, however the answer is cut into pieces."""
    stream = BlockStream(frozenset(FILES))
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    found = [one for start, end in pairwise(edges) for one in stream.feed(answer[start:end])]
    assert said([*found, *stream.end()]) == expected


def test_what_is_told_is_what_is_read() -> None:
    """The steps that were told of by the end are those of the whole answer."""
    answer = ROWS[4][0]
    stream = BlockStream(frozenset(FILES))
    told = {one.path: one.steps for one in [*stream.feed(answer), *stream.end()]}
    whole = parse_blocks(answer, FILES).steps
    for path, steps in told.items():
        assert [replace(step, number=0) for step in steps] == [
            replace(step, number=0) for step in whole if step.path == path
        ]


@dataclass
class Streaming:
    """Sends an answer in pieces; `begun` came from a model that was gone then, before."""

    pieces: list[str]
    begun: str = ""
    seen: list[str] = field(default_factory=list)

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        for pieces in filter(None, ([self.begun], self.pieces)):
            prompt(PRICED)
            for piece in pieces:
                if piece:
                    on_text(piece)
        self.seen.append("answered")
        return Answer("".join(self.pieces), "stop", receipt(kind, PRICED, files, 1), PRICED)

    def tell(self, what: str, done: int, of: int) -> None:
        self.seen.append(what)

    def show(self, changes: Sequence[FileChange]) -> None:
        self.seen.append(f"shown {[change.path for change in changes]}")


@pytest.mark.parametrize("begun", ["", f"Otherwise.\n{block('a.py')}{block('b.py')}"], ids=["one", "anew"])
async def test_files_are_told_and_shown_as_they_are_written(begun: str) -> None:
    """Plan, files, tokens and cost are told before the answer ends, and files are shown; a second model begins anew."""
    asker = Streaming(["I set ", "x to 2.\n\n" + block("a.py"), block("b.py")], begun)
    request = Request("Set x to 2", scope=("file:///w/a.py", "file:///w/b.py"))
    proposal = await propose(
        request, Seams(asker, MemoryWorkspace(FILES), syntax, asker.tell, show=asker.show)
    )
    before = asker.seen[: asker.seen.index("answered")]
    last = before[before.index("plan: I set x to 2.") :]
    [written] = [said for said in last if said.startswith("written: a.py")]
    assert "tokens, $" in written
    assert "written: b.py (110 tokens, $0.010 so far)" in asker.seen, "no estimate on top"
    assert "shown ['a.py']" in asker.seen
    assert asker.seen.index("shown ['b.py']") > asker.seen.index("shown ['a.py']")
    assert [change.path for change in proposal.changes] == ["a.py", "b.py"]


async def test_the_plan_and_files_of_a_model_with_tools_are_told() -> None:
    """What it says in front of its calls is its plan; files are named as their edits are accepted."""
    told: list[str] = []
    asker = Calling([edits()], text="I rename it\nin one file.")
    await propose(
        Request("Rename area to size", "file:///w/shapes.py"),
        around(asker, tell=lambda what, *_: told.append(what)),
    )
    assert "plan: I rename it in one file. (110 tokens, $0.010 so far)" in told
    assert "written: shapes.py (110 tokens, $0.010 so far)" in told


@pytest.mark.parametrize(
    ("model", "price"), [(PRICED, "$0"), (REMOTE, "an unknown price so far")], ids=["known", "unknown"]
)
async def test_a_price_that_is_not_known_is_no_number(model: Model, price: str) -> None:
    """Nobody is told $0.000 of a request that may have cost anything."""
    one = replace(receipt("refactor", model, (), 1), cost_usd=0.01 if model is PRICED else None)
    assert price in so_far([one])
    assert so_far([]) == ""


@pytest.mark.parametrize(("read", "all_read"), [((3, 4), 7), ((3, None), None)])
def test_one_receipt_has_what_all_prompts_came_to(read: tuple[int | None, ...], all_read: int | None) -> None:
    """Tokens that were read count for every answer, and where one is not known, nobody is told a part of it."""
    receipts = [replace(receipt("refactor", REMOTE, (), 1), tokens_evaluated=tokens) for tokens in read]
    assert combined(receipts, "proposed").tokens_evaluated == all_read
