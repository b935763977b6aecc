"""What a request may cost is looked at before it is made, and its answer is no longer than that."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, OutlookByRoute, ScriptedAsker, receipt
from support.agent_kit import Calling, edits
from turnout import syntax
from turnout.act.drafting.bounds import LEAST_REPLY, Bounds, tokens_of
from turnout.act.drafting.spent import so_far
from turnout.act.gathering.scope import MAX_FILES, Request
from turnout.act.proposals import verdict
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import BudgetExceeded

PRICED = replace(REMOTE, input_usd=1.0, output_usd=10.0, cache_read_usd=0.1)
"""A prompt of 1,000 tokens costs a tenth of a cent, and so do 100 tokens of an answer."""
PROMPT = ChatPrompt((Message("user", "x" * 35_000),), max_tokens=16_000)
SPENT = receipt("refactor", PRICED, (), 1)
"""One cent."""
CACHED = replace(SPENT, tokens_in=10_000, tokens_cached=10_000)


def test_tokens_are_about_those_of_the_text() -> None:
    """Every message counts."""
    assert tokens_of(PROMPT) == 10_000


@pytest.mark.parametrize(
    ("model", "usd", "last", "goes_on", "most"),
    [
        (PRICED, None, SPENT, False, 16_000),
        (LOCAL, 0.02, SPENT, False, 16_000),
        (REMOTE, 0.02, SPENT, False, 16_000),
        (PRICED, 1.0, SPENT, False, 16_000),
        (PRICED, 0.06, SPENT, False, 4_000),
        (PRICED, 0.051, SPENT, False, 3_100),
        (PRICED, 0.049, SPENT, False, None),
        (PRICED, 0.049, SPENT, True, 2_900),
        (PRICED, 0.021, SPENT, True, None),
        (PRICED, 0.021, CACHED, True, 998),
        (PRICED, 0.021, replace(CACHED, model="another"), True, None),
        (PRICED, 0.005, CACHED, True, None),
        (replace(PRICED, output_usd=0.0), 0.0201, SPENT, True, 16_000),
        (replace(PRICED, output_usd=0.0), 0.0199, SPENT, True, None),
        (replace(PRICED, output_usd=None), 0.0199, SPENT, True, 16_000),
    ],
    ids=[
        "no limit", "a free model", "no price", "plenty", "less than it may write", "enough for edits", "too little",
        "a turn may be short", "not even that", "cached", "cached by another",
        "spent", "only what is sent costs", "too little for what is sent", "a price that is not known",
    ],
)  # fmt: skip
def test_a_request_is_paid_for(
    model: Model, usd: float | None, last: Receipt, goes_on: bool, most: int | None
) -> None:
    """The prompt and edits of what it has have to fit; in a conversation a short answer, to what is cached."""
    bounds = Bounds(usd=usd)
    if most is None:
        with pytest.raises(BudgetExceeded, match="does not pay for another request"):
            bounds.paid(PROMPT, [last], model, goes_on=goes_on)
    else:
        found = bounds.paid(PROMPT, [last], model, goes_on=goes_on)
        assert abs(found.max_tokens - most) < 2


def test_the_first_request_is_for_its_route_to_judge() -> None:
    """Nothing is spent yet, and what one request may cost is held elsewhere."""
    assert Bounds(usd=0.0).paid(PROMPT, [], PRICED) is PROMPT


def test_a_short_answer_needs_no_more_than_it_may_have() -> None:
    """What asks for a word is not held to what edits take."""
    short = replace(PROMPT, max_tokens=LEAST_REPLY // 2)
    assert Bounds(usd=0.0211).paid(short, [SPENT], PRICED).max_tokens == LEAST_REPLY // 2


FREE = replace(REMOTE, leaves_machine=False, input_usd=0.0, output_usd=0.0)
WHOLE = replace(LOCAL, context_tokens=200_000)
MANY = {f"f{number:02}.py": "x = 1\n" for number in range(MAX_FILES + 2)}
PLAN = "SUMMARY: s\n" + "".join(f"EDIT {path}: do it\n" for path in MANY)
CALLED = edits("a.py", "x = 1", "x = 2")


@dataclass
class Spent(OutlookByRoute):
    """A model that costs nothing, on a route that has no money left."""

    asker: ScriptedAsker | Calling

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, (self.asker.model,), (), "test", limit_usd=0.0)

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        answer = await self.asker.ask(kind, prompt, files, on_text)
        return replace(answer, receipt=replace(answer.receipt, cost_usd=0.0))


def blocks(*paths: str) -> str:
    return "".join(f"{path}\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n" for path in paths)


@pytest.mark.parametrize(
    ("files", "asker"),
    [
        ({"a.py": "x = 1\n"}, ScriptedAsker(["no edit", blocks("a.py")], FREE)),
        (dict.fromkeys(["a.py", "b.py"], "x = 1\n"), ScriptedAsker(["```python\nx = 2\n```\n"] * 2, WHOLE)),
        (MANY, ScriptedAsker([PLAN, blocks(*[*MANY][:MAX_FILES]), blocks(*[*MANY][MAX_FILES:])], FREE)),
        ({"a.py": "x = 1\n"}, Calling([[("list_files", {})], CALLED], replace(FREE, tools=True))),
    ],
    ids=["blocks", "whole files", "rounds", "tools"],
)
async def test_who_costs_nothing_works_on_without_money(
    files: dict[str, str], asker: ScriptedAsker | Calling
) -> None:
    """A budget that is spent stops no refactor by a model that takes nothing of it, however it is asked."""
    request = Request("Make x two.", scope=tuple(f"file:///w/{path}" for path in files))
    free = Spent(asker)
    proposal = await propose(request, Seams(free, MemoryWorkspace(files), syntax, outlook=free))
    assert (verdict(proposal.checks).state, len(proposal.changes)) == ("verified", len(files))


def test_who_costs_something_is_stopped_by_no_money() -> None:
    """Nothing spent is not yet all of nothing, but one cent of it is too much."""
    assert Bounds(usd=0.0).reached([replace(SPENT, cost_usd=0.0)], 1) == ""
    assert "$0.01" in Bounds(usd=0.0).reached([SPENT], 1)


def test_little_money_is_not_shown_as_none() -> None:
    """What is under way and what stopped it have as many digits as tell the amount."""
    little = replace(SPENT, cost_usd=0.00042)
    assert so_far([little]) == " (110 tokens, $0.00042 so far)"
    assert so_far([SPENT]) == " (110 tokens, $0.010 so far)"
    assert Bounds(usd=0.0004).reached([little], 1) == "It was stopped after $0.00042."
