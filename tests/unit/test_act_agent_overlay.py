"""What a model with tools proposed stays, is what its tools show, and is what it goes on from."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.agent_kit import HERE, Calling, Calls, Turn, around, edits, failed, run
from turnout.act.proposals import Check, Proposal
from turnout.act.refactor import propose
from turnout.core.edits.changes import FileChange
from turnout.core.edits.plans import Approved, PlannedStep

PRICES = {
    "prices.py": "def total(xs):\n    return sum(xs)\n\n\nA = 1\nB = 2\n",
    "basket.py": "from prices import total\n\nSUM = total([1])\n",
}
START = replace(HERE, document="file:///w/prices.py", instruction="Rename total to whole.")
DEF = edits("prices.py", "def total(xs):", "def whole(xs):", done=False)


def call(*, done: bool = False, **given: object) -> Calls:
    return [("propose_edits", {"summary": "x", "done": done, **given})]


def texts(proposal: Proposal) -> dict[str, str]:
    return {change.path: "".join(change.after) for change in proposal.changes}


async def after(*turns: Turn, files: dict[str, str] = PRICES) -> tuple[Proposal, Calling]:
    asker = Calling([*turns])
    return await propose(START, around(asker, files)), asker


@pytest.mark.parametrize(
    "turns",
    [
        [DEF, edits("prices.py", "A = 1", "A = 10")],
        [DEF + edits("prices.py", "A = 1", "A = 10")],
        [[*DEF, ("read_file", {"path": "basket.py"})], edits("prices.py", "A = 1", "A = 10")],
        [DEF, call(edits=[{"path": "prices.py", "search": "A = x", "replace": "A = 10"}]),
         edits("prices.py", "A = 1", "A = 10")],
        [DEF, call(done=True, edits=[
            {"path": "prices.py", "search": "def total(xs):", "replace": "def whole(xs):"},
            {"path": "prices.py", "search": "A = 1", "replace": "A = 10"},
        ])],
    ],
    ids=["in two turns", "in one turn", "with a look in between", "with a miss in between", "sent again"],
)  # fmt: skip
async def test_what_was_accepted_stays(turns: Sequence[Turn]) -> None:
    """Edits of one file add up, whether later ones are found or not; one that is sent again is not made twice."""
    proposal, _ = await after(*turns)
    assert texts(proposal) == {"prices.py": "def whole(xs):\n    return sum(xs)\n\n\nA = 10\nB = 2\n"}
    assert failed(proposal) == {}


async def test_a_move_that_is_sent_again_with_edits_is_no_failure() -> None:
    """Edits that come with a move go by the old path, whether the move was made just now or in an earlier call."""
    moved = [{"path": "basket.py", "new_path": "cart.py"}]
    first = {"path": "basket.py", "search": "SUM = total([1])", "replace": "SUM = 1"}
    second = {"path": "basket.py", "search": "from prices import total", "replace": "import prices"}
    for sent in ([first], [first, second], [second]):
        proposal, asker = await after(
            call(rename=moved, edits=[first]),
            call(rename=moved, edits=[second]),
            call(rename=moved, edits=sent, done=True),
        )
        assert texts(proposal) == {"basket.py": "import prices\n\nSUM = 1\n"}
        assert (len(asker.prompts), failed(proposal)) == (3, {})


async def test_edits_by_the_old_path_find_a_file_that_was_moved() -> None:
    """Where nothing took its place, the old path means the file, and what is wrong is said by its new one."""
    proposal, asker = await after(
        call(rename=[{"path": "basket.py", "new_path": "cart.py"}]),
        edits("basket.py", "SUM = 0", "SUM = 1", done=False),
        edits("basket.py", "SUM = total([1])", "SUM = 1"),
    )
    assert "its SEARCH text is not in cart.py" in asker.said[1]
    assert texts(proposal) == {"basket.py": "from prices import total\n\nSUM = 1\n"}
    assert failed(proposal) == {}


async def test_an_empty_file_that_was_filled_is_not_made_again() -> None:
    """A create without text that is sent again once its file has some is answered as any other, and ends nothing."""
    empty = {"path": "pkg/__init__.py", "text": ""}
    proposal, asker = await after(
        call(create=[empty]),
        call(rewrite=[{"path": "pkg/__init__.py", "text": "X = 1\n"}]),
        call(create=[empty], edits=[{"path": "prices.py", "search": "A = 1", "replace": "A = 10"}]),
        "Done.",
    )
    assert "Block 2 is in pkg/__init__.py already." in asker.said[2]
    assert texts(proposal)["pkg/__init__.py"] == "X = 1\n"
    assert "A = 10" in texts(proposal)["prices.py"]
    assert failed(proposal) == {}


async def test_the_same_again_is_the_end() -> None:
    """A model that never says that it is done, and only sends again what is in place, has nothing more to say."""
    proposal, asker = await after(DEF, DEF)
    assert (len(asker.prompts), failed(proposal)) == (2, {})


TWICE = {"prices.py": "def a():\n    return 0\n\n\ndef b():\n    return 1\n", "basket.py": "X = 1\n"}
ONE = edits("prices.py", "    return 0", "    return 1", done=False)
NONE = edits("prices.py", "def a():\n    return 1", "def a():\n    return 0", done=False)
MORE = edits("prices.py", "def a():", "def a():\n    print()", done=False)


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        ([ONE, NONE, ONE], "def a():\n    return 1\n\n\ndef b():\n    return 1\n"),
        ([ONE, NONE], "def a():\n    return 0\n\n\ndef b():\n    return 1\n"),
        ([ONE, ONE], "def a():\n    return 1\n\n\ndef b():\n    return 1\n"),
        ([MORE, ONE, MORE], "def a():\n    print()\n    return 1\n\n\ndef b():\n    return 1\n"),
        ([MORE, edits("prices.py", "    print()", "", done=False), MORE],
         "def a():\n    print()\n    return 0\n\n\ndef b():\n    return 1\n"),
    ],
    ids=["made again", "taken back", "sent again", "what stays in it is sent again", "an addition made again"],
)  # fmt: skip
async def test_an_edit_is_in_place_where_nothing_is_left_of_what_it_takes_out(
    turns: Sequence[Turn], text: str
) -> None:
    """One that was made, taken back and sent once more is made, also where its new lines stand somewhere else."""
    other = edits("basket.py", "X = 1", "X = 2")
    proposal, _ = await after(*turns, other, files=TWICE)
    assert texts(proposal).get("prices.py", TWICE["prices.py"]) == text
    assert failed(proposal) == {}


async def test_a_proposal_is_not_the_end() -> None:
    """A model that goes file by file is not cut off: it is done when it says so, by `done` or without a call."""
    rest = edits("basket.py", "from prices import total", "from prices import whole as total", done=False)
    proposal, asker = await after(DEF, rest, "I renamed it.")
    assert set(texts(proposal)) == {"prices.py", "basket.py"}
    assert failed(proposal) == {}
    assert len(asker.prompts) == 3


async def test_the_tools_show_what_was_accepted() -> None:
    """Reading, searching and listing tell of files as they are now, by the names that they have now, to the letter."""
    moved = call(
        rename=[{"path": "basket.py", "new_path": "cart.py"}],
        create=[{"path": "new.py", "text": "X = 'total'\n"}],
        edits=[{"path": "prices.py", "search": "    return sum(xs)", "replace": "    return total_of(xs)"}],
    )
    looks: Calls = [
        ("read_file", {"path": "prices.py"}),
        ("search_text", {"text": "total"}),
        ("list_files", {}),
        ("read_file", {"path": "basket.py"}),
    ]
    _, asker = await after(moved, looks, edits("cart.py", "SUM = total([1])", "SUM = 1"))
    _, read, found, listed, gone = asker.said
    assert "    return total_of(xs)\n" in read
    assert "prices.py:2:     return total_of(xs)" in found
    assert "new.py:1: X = 'total'" in found
    assert "cart.py:3: SUM = total([1])" in found
    assert set(listed.splitlines()) == {"prices.py", "cart.py", "new.py"}
    assert gone == "There is no file basket.py any more."


async def test_a_file_that_was_made_or_moved_is_edited_further() -> None:
    """Steps on one file come to one change from what it was to what it is, whatever they are."""
    proposal, _ = await after(
        call(
            rename=[{"path": "basket.py", "new_path": "cart.py"}],
            create=[{"path": "new.py", "text": "X = 1\n"}],
        ),
        call(
            edits=[
                {"path": "cart.py", "search": "SUM = total([1])", "replace": "SUM = 1"},
                {"path": "new.py", "search": "X = 1", "replace": "X = 2"},
            ],
            delete=["prices.py"],
        ),
        call(create=[{"path": "prices.py", "text": "A = 1\n"}], done=True),
    )
    kinds = {change.path: (change.kind, change.new_path) for change in proposal.changes}
    assert kinds == {
        "basket.py": ("rename", "cart.py"),
        "new.py": ("create", None),
        "prices.py": ("edit", None),
    }
    assert texts(proposal) == {
        "basket.py": "from prices import total\n\nSUM = 1\n", "new.py": "X = 2\n", "prices.py": "A = 1\n",
    }  # fmt: skip
    assert failed(proposal) == {}


@pytest.mark.parametrize(
    "there",
    [
        call(create=[{"path": "basket.py", "text": "X = 1\n"}]),
        call(rename=[{"path": "prices.py", "new_path": "basket.py"}]),
        call(rename=[{"path": "prices.py", "new_path": "cart.py"}]),
        call(create=[{"path": "cart.py", "text": "X = 1\n"}]),
    ],
)
async def test_no_two_files_in_one_place(there: Calls) -> None:
    """A place that a file left, or took, in an earlier call is no other one's: both would be written there."""
    proposal, _ = await after(call(rename=[{"path": "basket.py", "new_path": "cart.py"}]), there, "Done.")
    assert {(change.path, change.new_path) for change in proposal.changes} == {("basket.py", "cart.py")}


SHIM = [{"path": "basket.py", "text": "from cart import SUM\n"}]
CART = [{"path": "cart.py", "text": "SUM = 1\n"}]


@pytest.mark.parametrize(
    ("turns", "said", "texts_then"),
    [
        (
            [
                call(rename=[{"path": "basket.py", "new_path": "cart.py"}]),
                call(create=SHIM),
                [("reset_files", {"paths": ["basket.py"]}), *call(create=CART, rewrite=SHIM)],
            ],
            "Use reset_files for basket.py, then create cart.py and rewrite basket.py.",
            {"basket.py": "from cart import SUM\n", "cart.py": "SUM = 1\n"},
        ),
        (
            [
                call(rename=[{"path": "basket.py", "new_path": "cart.py"}], create=SHIM, done=True),
                call(rename=[{"path": "basket.py", "new_path": "cart.py"}], create=SHIM),
                [("reset_files", {"paths": ["basket.py"]}), *call(create=CART, rewrite=SHIM)],
            ],
            "Use reset_files for basket.py, then create cart.py and rewrite basket.py.",
            {"basket.py": "from cart import SUM\n", "cart.py": "SUM = 1\n"},
        ),
        (
            [
                call(delete=["prices.py"]),
                call(rename=[{"path": "basket.py", "new_path": "prices.py"}]),
                call(create=[{"path": "prices.py", "text": "SUM = 1\n"}], delete=["basket.py"]),
            ],
            "Create prices.py with its new text and delete basket.py.",
            {"prices.py": "SUM = 1\n", "basket.py": ""},
        ),
    ],
    ids=["the old place is kept", "in one call", "onto a file that is gone"],
)
async def test_a_move_that_cannot_be_is_made_otherwise(
    turns: Sequence[Turn], said: str, texts_then: dict[str, str]
) -> None:
    """Where one place would be of two files, the model is told what comes to the same, and that is taken."""
    proposal, asker = await after(*turns, "Done.")
    assert said in asker.said[len(turns) - 2]
    assert "no such file" not in "".join(asker.said)
    assert (texts(proposal), failed(proposal)) == (texts_then, {})


MOVED = call(rename=[{"path": "basket.py", "new_path": "cart.py"}])
TENFOLD_A = edits("prices.py", "A = 1", "A = 10")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (call(create=SHIM), "basket.py is the place of two files"),
        (call(rename=[{"path": "prices.py", "new_path": "cart.py"}]), "cart.py exists already"),
        (call(create=[{"path": "prices.py/x.py", "text": "X = 1\n"}]), "prices.py/x.py cannot be there"),
    ],
    ids=["two files", "exists", "a file is on its way"],
)
async def test_a_place_that_is_taken_is_not_forgotten(there: Calls, said: str) -> None:
    """What could not be put where it was meant to stays wrong until it is mended, whatever else is proposed then."""
    proposal, asker = await after(MOVED, there, TENFOLD_A, "Done.")
    assert said in asker.said[1]
    assert said in asker.said[2]
    assert said in failed(proposal)["edits"]
    assert not proposal.complete


async def test_what_is_put_in_another_place_is_mended() -> None:
    """A new file whose place is taken is let go of, and made where there is room."""
    taken = call(create=[{"path": "prices.py/x.py", "text": "X = 1\n"}])
    free = call(create=[{"path": "x.py", "text": "X = 1\n"}])
    proposal, _ = await after(taken, [("reset_files", {"paths": ["prices.py/x.py"]}), *free], "Done.")
    assert (texts(proposal), failed(proposal), proposal.complete) == ({"x.py": "X = 1\n"}, {}, True)


async def test_a_file_is_let_go_of() -> None:
    """After `reset_files` it is as it was, and what comes then is made to that; what is left out is said."""
    proposal, asker = await after(
        DEF, [("reset_files", {"paths": ["./prices.py"]})], edits("prices.py", "A = 1", "A = 10")
    )
    assert asker.said[1].startswith("Let go of the edits of prices.py.")
    assert texts(proposal)["prices.py"].startswith("def total(xs):")
    assert "A = 10" in texts(proposal)["prices.py"]


TENFOLD = edits("basket.py", "SUM = total([1])", "SUM = 10", done=False)
BACK = edits("basket.py", "SUM = 10", "SUM = total([1])")
SCRATCH = call(create=[{"path": "new.py", "text": "X = 1\n"}])


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ([SCRATCH, call(rename=[{"path": "new.py", "new_path": "new2.py"}]), "Done."], ""),
        ([SCRATCH, call(delete=["new.py"]), "Done."], "new.py"),
        ([TENFOLD, [("reset_files", {"paths": ["basket.py"]})], "Done."], "basket.py"),
        ([TENFOLD, BACK], "basket.py"),
    ],
    ids=["called otherwise", "made and deleted", "reset", "edited back"],
)
async def test_what_a_model_takes_back_of_its_own_accord_is_told(turns: Sequence[Turn], told: str) -> None:
    """Where nothing was wrong with a change it is the model's to take it back: that is a note, and no failure."""
    proposal, _ = await after(DEF, *turns)
    assert (proposal.complete, failed(proposal)) == (True, {})
    notes = {
        check.name: check.message for check in proposal.checks if not check.ran and "taken" in check.name
    }
    said = {f"edits taken back in {told}": f"{told}: the model took its change back."}
    assert notes == (said if told else {})


async def test_an_edit_that_is_refused_can_be_let_go_of() -> None:
    """A model that tried a file that it may not change hears how to go on without it, and that is no failure then."""
    both = call(
        edits=[
            {"path": "prices.py", "search": "A = 1", "replace": "A = 10"},
            {"path": "basket.py", "search": "SUM = total([1])", "replace": "SUM = 1"},
        ]
    )
    asker = Calling([both, [("reset_files", {"paths": ["basket.py"]})], "Done."])
    proposal = await propose(replace(START, scope=("file:///w/prices.py",)), around(asker, PRICES))
    assert "Let go of what may not be done with reset_files" in asker.said[0]
    assert asker.said[1].startswith("Let go of the edits of basket.py.")
    assert (set(texts(proposal)), failed(proposal), proposal.complete) == ({"prices.py"}, {}, True)


async def test_edits_that_were_refused_with_others_are_missed() -> None:
    """A file's edits in one call are made together or not at all, and those that are never sent again are told."""
    both = call(
        edits=[
            {"path": "prices.py", "search": "A = 1", "replace": "A = 10"},
            {"path": "prices.py", "search": "B = 3", "replace": "B = 20"},
        ]
    )
    proposal, asker = await after(DEF, both, edits("prices.py", "B = 2", "B = 20"))
    assert "None of the edits of those files was made" in asker.said[1]
    assert "A = 1\nB = 20\n" in texts(proposal)["prices.py"]
    assert not proposal.complete
    assert "A = 1" in failed(proposal)["edits"]


async def test_a_file_that_is_quoted_is_not_the_one_that_failed() -> None:
    """What is wrong with the edits of a file is over once they are mended, whatever other file its lines speak of."""
    files = {**PRICES, "Makefile": "run:\n\tpython prices.py --all\n"}
    both = call(
        edits=[
            {"path": "prices.py", "search": "A = 1", "replace": "A = 10"},
            {"path": "Makefile", "search": "\tpython prices.py --every", "replace": "\tpython prices.py"},
        ]
    )
    proposal, asker = await after(
        both, edits("Makefile", "\tpython prices.py --all", "\tpython prices.py"), files=files
    )
    assert len(asker.prompts) == 2
    assert set(texts(proposal)) == {"prices.py", "Makefile"}
    assert "edits" not in failed(proposal)


async def test_what_of_the_plan_is_not_done_is_told() -> None:
    """A model that ends before its plan does is told once what is missing, and that ends it the second time."""
    steps = (PlannedStep("edit", "prices.py", "the name"), PlannedStep("edit", "basket.py", "its import"))
    request = replace(START, approved=Approved(steps))
    first = edits("prices.py", "def total(xs):", "def whole(xs):")
    rest = edits("basket.py", "from prices import total", "from prices import whole as total")
    for turns in ([first, rest], [[*DEF], "Done.", rest]):
        asker = Calling([*turns])
        proposal = await propose(request, around(asker, PRICES))
        assert set(texts(proposal)) == {"prices.py", "basket.py"}
        assert (
            "Not done yet of the plan:\nEDIT basket.py: its import" in asker.prompts[-1].messages[-1].content
        )
    asker = Calling([first, "It need not be."])
    proposal = await propose(request, around(asker, PRICES))
    assert len(asker.prompts) == 2
    assert "basket.py" in failed(proposal)["plan"]


async def test_a_repair_goes_on_from_what_the_checks_saw() -> None:
    """An edit that mends what a check found is made to the file that was checked."""
    seen: list[str] = []

    async def check(changes: Sequence[FileChange]) -> list[Check]:
        seen.append("".join(changes[0].after))
        return [Check("pytest", "A = 10" in seen[-1], "NameError")]

    first = edits("prices.py", "def total(xs):", "def whole(xs):")
    proposal, _ = await run([first, edits("prices.py", "A = 1", "A = 10")], START, files=PRICES, check=check)
    assert [text.startswith("def whole(xs):") for text in seen] == [True, True]
    assert failed(proposal) == {}
