"""When a model with tools is done, and what ends its work before that."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.act_kit import receipt
from support.agent_kit import (
    HERE,
    MODEL,
    OPEN,
    Calling,
    Calls,
    MemoryOutlook,
    Turn,
    around,
    edits,
    failed,
    run,
)
from turnout.act.drafting.bounds import tokens_of
from turnout.act.drafting.groups import divided
from turnout.act.gathering.context import gather_context
from turnout.act.job import Job
from turnout.act.refactor import propose
from turnout.core.answers import Answer, PromptFor
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import ConsentRefused, ProtocolViolation, RouteError, StreamTruncated


@pytest.mark.parametrize(
    "turns",
    [
        ["NOTHING TO CHANGE: there is no area here."],
        [[("search_text", {"text": "aria"})], "**Nothing to change.** there is no area here."],
        ["NOTHING TO CHANGE: it says\n```python\nx = 1\n```\nand there is no area here."],
        ["Nothing to change in it, as there is no area here."],
        ["I looked at all of it.\n\nNOTHING TO CHANGE: there is no area here."],
        ["There is no area here.", "Nothing to change, there is no area here."],
    ],
)
async def test_a_model_that_finds_nothing_to_do_is_done(turns: list[Turn]) -> None:
    """It is taken at its word where it says so as it was told to: the proposal is empty, and has the reason."""
    proposal, asker = await run(turns)
    assert (proposal.changes, len(asker.prompts)) == ((), len(turns))
    assert failed(proposal) == {"changes": "The model changed nothing."}
    assert proposal.plan.endswith("there is no area here.")


async def test_edits_that_were_not_found_are_not_nothing() -> None:
    """Where edits could not be made, there was something to change: the model is not let off with these words."""
    proposal, _ = await run([edits(search="x = 7"), "Nothing to change."])
    assert "its SEARCH text is not in shapes.py" in failed(proposal)["edits"]
    assert "ended without a change that can be used" in failed(proposal)["finished"]


async def test_no_turn_is_begun_that_is_not_paid_for() -> None:
    """A turn may write as much as the money that is left pays for, and where that is next to nothing there is none."""
    model = replace(MODEL, input_usd=1.0, output_usd=10.0)
    looks: list[Turn] = [edits(done=False), [("list_files", {})], [("list_files", {"folder": "far"})]]
    asker = Calling(looks, model=model)

    class Limited(MemoryOutlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            return Route(kind, (model,), (), "test", limit_usd=0.0205)

    proposal = await propose(HERE, replace(around(asker), outlook=Limited()))
    first, second = (prompt.max_tokens for prompt in asker.prompts)
    worst_usd = model.cost_usd(tokens_of(asker.prompts[1]), second)
    assert worst_usd is not None
    assert second < first
    assert 0.02 < 0.01 + worst_usd <= 0.0205
    assert "what is left does not pay for another request" in failed(proposal)["finished"]
    assert [change.path for change in proposal.changes] == ["shapes.py"]


async def test_what_the_plan_cost_is_spent() -> None:
    """The request for a plan and the turns after it keep to one limit together."""
    asker = Calling([edits(done=False), [("list_files", {})], "Done."])

    class Limited(MemoryOutlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            return Route(kind, (MODEL,), (), "test", limit_usd=0.025)

    seams = replace(around(asker), outlook=Limited())
    context = await gather_context(HERE, seams)
    division = await divided(HERE, context, seams.outlook)
    plan = receipt("refactor", MODEL, (), 0)
    (draft,), _ = await Job(HERE, context, division, seams, 1, (plan, plan)).drafts()
    assert len(asker.prompts) == 1
    assert [check.name for check in draft.checks if not check.ok] == ["finished"]


async def test_an_answer_that_breaks_off_is_asked_for_once_more() -> None:
    """What was worked out before is not lost with one connection; where the same breaks off again, it ends."""
    cut = StreamTruncated("The connection is lost.")
    proposal, asker = await run([[("list_files", {})], cut, edits(done=False), cut, "Done."])
    assert failed(proposal) == {}
    assert asker.prompts[1].messages == asker.prompts[2].messages
    proposal, asker = await run([edits(done=False), cut])
    assert len(asker.prompts) == 3
    assert "The connection is lost" in failed(proposal)["finished"]
    limit = StreamTruncated("It reached its limit of tokens.", remedy="fall_back")
    with pytest.raises(StreamTruncated, match="limit of tokens"):
        await run([limit, edits()])


async def test_a_garbled_call_leaves_the_others_of_its_turn() -> None:
    """It alone is answered with what is wrong with it, and what it proposed has to come again."""

    class Garbling(Calling):
        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            answer = await super().ask(kind, prompt, files, on_text)
            first, *rest = answer.calls
            return replace(
                answer, calls=(first, *(replace(call, arguments="{}", garbled='{"path":') for call in rest))
            )

    asker = Garbling([[("list_files", {}), ("read_file", {"path": "main.py"})], edits()])
    proposal = await propose(HERE, around(asker))
    assert [change.path for change in proposal.changes] == ["shapes.py"]
    assert "main.py" in asker.said[0]
    assert "The arguments are not JSON" in asker.said[1]


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (RouteError("No model could answer: it failed lately."), "The connection is lost"),
        (ConsentRefused("You said no."), "You said no"),
    ],
    ids=["nobody is left", "the user said no"],
)
async def test_who_fell_silent_is_what_went_wrong(refusal: RouteError, said: str) -> None:
    """Where nobody is left after an answer broke off, that is said, and not that its model failed lately."""

    class Silent(Calling):
        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            if len(self.prompts) == 1:
                raise refusal
            return await super().ask(kind, prompt, files, on_text)

    with pytest.raises((StreamTruncated, RouteError), match=said):
        await propose(HERE, around(Silent([StreamTruncated("The connection is lost.")])))


async def test_an_answer_that_breaks_off_is_paid_for() -> None:
    """What a cut turn came to is in the receipt of the proposal, and counts for its limits."""
    cut = StreamTruncated("The connection is lost.")
    cut.receipt = replace(receipt("refactor", MODEL, (), 7), estimated=True)
    proposal, asker = await run([[("list_files", {})], cut, edits()])
    assert len(asker.prompts) == 3
    assert (proposal.receipt.tokens_in, proposal.receipt.cost_usd) == (300, pytest.approx(0.03))
    assert proposal.receipt.estimated
    cut.receipt = replace(cut.receipt, bytes_sent=0)
    proposal, _ = await run([[("list_files", {})], cut, edits()])
    assert proposal.receipt.tokens_in == 200


PLAIN = replace(MODEL, name="plain", tools=False)
BLOCK = "shapes.py\n<<<<<<< SEARCH\ndef area(w, h):\n=======\ndef size(w, h):\n>>>>>>> REPLACE\n"


async def test_a_first_turn_that_was_cut_is_in_the_receipt_of_who_takes_over() -> None:
    """What got to a model with tools that never answered is paid for, also where another does without them."""
    cut = StreamTruncated("The connection is lost.")
    cut.receipt = receipt("refactor", MODEL, (), 7)

    class Falling(Calling):
        """Breaks off once, and then another model is there."""

        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            self.model = PLAIN if self.prompts else MODEL
            return await super().ask(kind, prompt, files, on_text)

    proposal = await propose(HERE, around(Falling([cut, BLOCK]), OPEN))
    assert [change.path for change in proposal.changes] == ["shapes.py"]
    assert (proposal.receipt.model, proposal.receipt.cost_usd) == ("far, plain", pytest.approx(0.02))


def _new(number: int) -> tuple[str, object]:
    made = {"path": f"new{number}.py", "text": "X = 1\n"}
    return "propose_edits", {"summary": "x", "create": [made], "done": True}


@pytest.mark.parametrize(
    "calls",
    [
        [_new(0), ("propose_edits", "{")],
        [("propose_edits", {"summary": "x", "edits": [{"path": "shapes.py", "search": "", "replace": "x"}]}), _new(0)],
        [_new(number) for number in range(17)],
    ],
    ids=["one that is broken", "one with an empty search", "more than are taken at once"],
)  # fmt: skip
async def test_a_call_that_was_not_taken_is_no_end(calls: Turn) -> None:
    """A model that calls its work done hears first of each call of that turn that came to nothing."""
    proposal, asker = await run([calls, [*edits(), _new(16)]])
    assert len(asker.prompts) == 2
    assert {"shapes.py", "new16.py"} <= {change.path for change in proposal.changes}


BROKEN: Calls = [("propose_edits", "{")]
NO_SEARCH = {"edits": [{"path": "shapes.py", "search": "", "replace": "x"}], "done": False}


@pytest.mark.parametrize(
    ("turns", "is_lost"),
    [
        ([[*edits(done=False), *BROKEN], "All done."], True),
        ([[*BROKEN, *edits(done=False)], "All done."], True),
        ([[*edits(done=False), ("propose_edits", NO_SEARCH)], "All done."], True),
        ([[*[_new(number) for number in range(16)], *edits(done=False)], "All done."], True),
        ([edits(done=False), ProtocolViolation("not a JSON object."), "All done."], True),
        ([[*edits(done=False), *BROKEN], [_new(0)]], False),
        ([[*edits(done=False), *BROKEN], "All done.", [_new(0)]], False),
        ([edits(done=False), [("propose_edits", {"summary": "x", "done": True})], "All done."], False),
        ([edits(done=False), [("read_file", "{")], "All done."], False),
        ([edits(done=False), ProtocolViolation("x"), [("read_file", {"path": "main.py"})], "All done."], False),
    ],
    ids=[
        "broken", "broken before", "empty search", "too many", "not even a call", "sent again",
        "sent again when told", "only that it is done", "only a look", "another call instead",
    ],
)  # fmt: skip
async def test_a_proposal_that_could_not_be_read_is_missed(turns: list[Turn], is_lost: bool) -> None:
    """A model that ends in words is told once of a call that nothing came in the place of, and then its user is."""
    proposal, asker = await run(turns, files=OPEN)
    assert proposal.complete is not is_lost
    assert len(asker.prompts) == len(turns) + is_lost
    if is_lost:
        assert "could not be read, and nothing came in its place" in asker.prompts[-1].messages[-1].content
        assert "could not be read, and nothing came in its place" in failed(proposal)["edits"]


def _broken(path: str) -> Calls:
    """A call about a file that breaks off."""
    return [("propose_edits", f'{{"summary": "x", "edits": [{{"path": "{path}", "search": "fr')]


OTHER = edits("far/other.py", "import shapes", "import shapes as s", done=False)
FIRST = edits(done=False)
MOVED: Calls = [
    ("propose_edits", {"summary": "x", "rename": [{"path": "shapes.py", "new_path": "forms.py"}]})
]
SIXTEEN: Calls = [("read_file", {"path": "main.py", "first_line": line}) for line in range(1, 17)]
MALFORMED: Calls = [
    ("propose_edits", {"summary": "x", "edits": [{"path": "shapes.py"}], "rewrite": "main.py"})
]


@pytest.mark.parametrize(
    ("turns", "missed", "is_doubtful"),
    [
        ([_broken("./shapes.py"), OTHER, "Done."], ["shapes.py"], False),
        ([_broken("shapes.py"), FIRST, "Done."], [], True),
        ([BROKEN, OTHER, "Done."], [], True),
        ([BROKEN + BROKEN, OTHER, "Done."], ["The arguments"], True),
        ([BROKEN + BROKEN, OTHER, FIRST, "Done."], [], True),
        ([BROKEN, BROKEN, OTHER, "Done."], [], True),
        ([_broken("shapes.py"), BROKEN, FIRST, "Done."], [], True),
        ([_broken("shapes.py"), BROKEN, OTHER, "Done."], ["shapes.py"], False),
        ([_broken("shapes.py"), SIXTEEN + FIRST, FIRST, "Done."], [], True),
        ([ProtocolViolation("x"), OTHER, "Done."], [], True),
        ([ProtocolViolation("x"), [("read_file", {"path": "main.py"})], FIRST, "Done."], [], True),
        ([_broken("shapes.py") * 2, FIRST, "Done."], ["The arguments"], True),
        ([SIXTEEN + FIRST, OTHER, "Done."], ["shapes.py"], False),
        ([SIXTEEN + FIRST + OTHER, OTHER, "Done."], ["shapes.py"], False),
        ([SIXTEEN + FIRST + OTHER, OTHER, FIRST, "Done."], [], False),
        ([MOVED, SIXTEEN + FIRST, edits("forms.py", done=False), "Done."], [], False),
        ([MALFORMED, OTHER, "Done."], ["shapes.py"], False),
        ([MALFORMED, FIRST, "Done."], [], True),
        ([SIXTEEN + FIRST, [("reset_files", {"paths": ["shapes.py"]})], OTHER, "Done."], [], False),
        ([_broken("shapes.py"), [("reset_files", {"paths": ["shapes.py"]})], OTHER, "Done."], [], True),
    ],
    ids=[
        "another file", "the same file", "nobody knows which", "two at once", "two for two", "tried again",
        "less of it tried again", "less of it tried again, and another file", "tried past the limit",
        "an answer", "an answer, and a look",
        "two of one file", "past the limit", "one of two past it", "both of them", "by its new name", "malformed",
        "malformed and mended",
        "let go of", "let go of, and perhaps not all of it",
    ],
)  # fmt: skip
async def test_a_proposal_that_could_not_be_read_is_no_other(
    turns: list[Turn], missed: list[str], is_doubtful: bool
) -> None:
    """Only what speaks of its files later comes in the place of a call; where nobody knows of which, that is a note."""
    proposal, _ = await run(turns, files=OPEN)
    said = failed(proposal).get("edits", "")
    assert [line.partition("place: ")[2].partition(":")[0][:13] for line in said.splitlines()] == missed
    assert proposal.complete is (not missed)
    notes = {check.name for check in proposal.checks if not check.ran}
    assert ("calls that could not be read" in notes) is is_doubtful
