"""A refactor asks in the format that its model keeps to, corrects what can be corrected, and says what could not."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, ScriptedAsker, seams
from support.agent_kit import Calling, around, edits
from turnout.act.applying.transactions import Outcome, Proposals
from turnout.act.drafting import prompts
from turnout.act.gathering.scope import MAX_FILES, Request
from turnout.act.proposals import Check, Proposal, verdict
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.documents import Position, Span
from turnout.core.edits.changes import FileChange
from turnout.core.edits.formats import Evidence, NoHistory, identity
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind
from turnout.errors import (
    ConnectionFailed,
    ConsentRefused,
    FileUnusable,
    ReplyUnusable,
    RequestRejected,
    TurnoutError,
)

FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n\nprint(area(1, 2))\n",
    "notes.txt": "area\n",
}
RENAME = Request(
    "Rename the function area to compute_area.", scope=("file:///w/shapes.py", "file:///w/main.py")
)
RENAMED = {path: text.replace("area", "compute_area") for path, text in FILES.items() if path != "notes.txt"}


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


SHAPES = block("shapes.py", "def area(w, h):", "def compute_area(w, h):")
MAIN = block("main.py", FILES["main.py"].rstrip(), RENAMED["main.py"].rstrip())
WRONG = block("main.py", "print(area(1,2))", "print(compute_area(1, 2))")


def whole(text: str) -> str:
    return f"```python\n{text}```\n"


async def check(
    asker: ScriptedAsker, after: dict[str, str], failed: tuple[str, ...] = (), request: Request = RENAME
) -> Proposal:
    """Propose with `asker`; the changes give `after`, and the checks that failed are `failed`."""
    workspace = MemoryWorkspace(FILES, {"main.py": 4})
    proposal = await propose(request, seams(workspace, asker))
    assert {change.new_path or change.path: "".join(change.after) for change in proposal.changes} == after
    assert tuple(check.name for check in proposal.checks if not check.ok) == failed
    assert workspace.files == FILES, "nothing is written before apply"
    return proposal


async def test_a_capable_model_is_asked_once_for_all_files() -> None:
    """One question, one answer in blocks, one proposal that applies and is undone as one."""
    asker = ScriptedAsker([f"I rename it everywhere.\n\n{SHAPES}\n{MAIN}"])
    proposal = await check(asker, RENAMED)
    assert proposal.plan == "I rename it everywhere."
    assert [change.version for change in proposal.changes] == [None, 4]
    assert [check.name for check in proposal.checks] == [
        "edits",
        "changes",
        "syntax shapes.py",
        "syntax main.py",
    ]
    ((kind, prompt, files),) = asker.asked
    assert kind == "refactor"
    assert files == tuple(
        SentFile(f"file:///w/{path}", len(FILES[path])) for path in ("shapes.py", "main.py")
    )
    assert all(FILES[path] in prompt.messages[-1].content for path in ("shapes.py", "main.py"))
    workspace, proposals = MemoryWorkspace(FILES, {"main.py": 4}), Proposals()
    proposals.keep(proposal)
    assert await proposals.apply(workspace, proposal.id) == Outcome(True)
    assert workspace.files == {**FILES, **RENAMED}
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


async def test_a_local_model_writes_one_file_at_a_time() -> None:
    """Small models lose track of a second file, so each has its own question; the receipt is the sum."""
    asker = ScriptedAsker([whole(RENAMED["shapes.py"]), whole(RENAMED["main.py"])], LOCAL)
    proposal = await check(asker, RENAMED)
    first, second = (prompt.messages[-1].content for _, prompt, _ in asker.asked)
    assert FILES["shapes.py"] in first
    assert FILES["main.py"] not in first
    assert FILES["main.py"] in second
    receipt = proposal.receipt
    assert (receipt.tokens_in, receipt.tokens_out, receipt.cost_usd, receipt.total_ms) == (
        200,
        20,
        0.02,
        2000.0,
    )
    assert [file.uri for file in receipt.files] == ["file:///w/shapes.py", "file:///w/main.py"]
    assert (receipt.model, receipt.outcome) == ("near", "proposed")


async def test_a_file_that_stays_is_no_change() -> None:
    """A model that repeats a file has changed nothing in it."""
    await check(
        ScriptedAsker([whole(RENAMED["shapes.py"]), whole(FILES["main.py"])], LOCAL),
        {"shapes.py": RENAMED["shapes.py"]},
    )


async def test_nothing_changed_is_said() -> None:
    """A proposal without a change fails a check that says so."""
    await check(ScriptedAsker([whole(FILES["shapes.py"]), whole(FILES["main.py"])], LOCAL), {}, ("changes",))


async def test_what_did_not_match_goes_back_once() -> None:
    """The model is told which block failed and what stands there; blocks for other files stand."""
    asker = ScriptedAsker([SHAPES + WRONG, "Sorry.\n" + MAIN])
    await check(asker, RENAMED)
    repair = asker.asked[1][1].messages
    assert [message.role for message in repair[-2:]] == ["assistant", "user"]
    assert "Block 2: its SEARCH text is not in main.py" in repair[-1].content
    assert "print(area(1, 2))" in repair[-1].content


async def test_what_cannot_be_corrected_makes_it_incomplete() -> None:
    """After the last round the good files are offered hunk by hunk, and the check names what is missing."""
    proposal = await check(
        ScriptedAsker([SHAPES + WRONG, WRONG]), {"shapes.py": RENAMED["shapes.py"]}, ("edits",)
    )
    assert not proposal.complete


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([WRONG, WRONG], 2),
        ([WRONG, WRONG.replace("area", "Area"), MAIN], 3),
        ([WRONG, "I would rather not.", WRONG.replace("area", "Area"), MAIN], 4),
        ([WRONG, WRONG.replace("area", "Area"), WRONG], 3),
        (["Not I.", "Nor I.", "No.", "Never."], 4),
    ],
    ids=["the same", "another", "no edit", "the same as the first", "none ever"],
)
async def test_it_is_mended_while_answers_differ(answers: list[str], asked: int) -> None:
    """Up to three times, also where the same is wrong with each; a model that repeats itself is not asked again."""
    asker = ScriptedAsker([*answers])
    with suppress(ReplyUnusable):
        await propose(RENAME, seams(MemoryWorkspace(FILES), asker))
    assert len(asker.asked) == asked
    assert not asker.answers


@pytest.mark.parametrize(
    "failure", [ConnectionFailed("gone"), RequestRejected("gone"), ConsentRefused("gone")], ids=repr
)
async def test_a_correction_that_cannot_be_had_loses_nothing(failure: TurnoutError) -> None:
    """What was sound in the answer before stands, the receipt has its price, and the verdict says what is missing."""

    class Failing(ScriptedAsker):
        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            if self.answers:
                return await super().ask(kind, prompt, files, on_text)
            raise failure

    asker = Failing([SHAPES + WRONG])
    proposal = await check(asker, {"shapes.py": RENAMED["shapes.py"]}, ("edits", "finished"))
    assert not proposal.complete
    assert verdict(proposal.checks).text == "Failed: edits, finished."
    messages = {check.name: check.message for check in proposal.checks}
    assert "Block 2: its SEARCH text is not in main.py" in messages["edits"]
    assert messages["finished"] == "The correction failed: gone"
    assert proposal.receipt.cost_usd == 0.01
    with pytest.raises(type(failure)):
        await check(Failing(["I would rather not."]), {})


async def test_a_correction_that_is_cut_off_loses_nothing() -> None:
    """It could not be read to its end, and what was sound before stands."""

    class CutOff(ScriptedAsker):
        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            self.finish = "length" if self.asked else "stop"
            return await super().ask(kind, prompt, files, on_text)

    asker = CutOff([SHAPES + WRONG, MAIN])
    proposal = await check(asker, {"shapes.py": RENAMED["shapes.py"]}, ("edits", "finished"))
    assert "The correction was cut off." in [check.message for check in proposal.checks]
    assert proposal.receipt.cost_usd == 0.02


async def test_failed_checks_go_back_too() -> None:
    """What the project's checks find in edits that fit is said to the model, which may mend it; then all is well."""
    said: list[tuple[str, ...]] = []

    async def check(changes: Sequence[FileChange]) -> tuple[Check, ...]:
        said.append(tuple(change.path for change in changes))
        ok = len(changes) == 2
        found = () if ok else (Problem("main.py", 1, "no area in shapes"),)
        return (Check("lint", ok, problems=found),)

    asker = ScriptedAsker([SHAPES, MAIN])
    workspace = MemoryWorkspace(FILES)
    proposal = await propose(RENAME, replace(seams(workspace, asker), check=check))
    assert said == [("shapes.py",), ("shapes.py", "main.py")]
    assert "no area in shapes" in asker.asked[1][1].messages[-1].content
    assert {change.path: "".join(change.after) for change in proposal.changes} == RENAMED


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (MAIN, "lint: no area in shapes"),
        (block("main.py", "print(area(1, 2))", "print(area(1, 2)"), "syntax main.py: "),
        (WRONG, "Block 2: its SEARCH text is not in main.py."),
    ],
    ids=["checks", "syntax", "not found"],
)
async def test_a_change_that_is_taken_back_is_said(first: str, why: str) -> None:
    """A repair that leaves a file as it was is not what was asked for: its file is named, with what was wrong."""
    same = block("main.py", FILES["main.py"].rstrip(), FILES["main.py"].rstrip())

    async def check(changes: Sequence[FileChange]) -> tuple[Check, ...]:
        found = tuple(Problem(c.path, 1, "no area in shapes") for c in changes if c.path == "main.py")
        return (Check("lint", not found, "no area in shapes", problems=found),)

    asker = ScriptedAsker([SHAPES + first, same])
    around = replace(seams(MemoryWorkspace(FILES), asker), check=check)
    proposal = await propose(RENAME, around)
    assert {change.path for change in proposal.changes} == {"shapes.py"}
    [failed] = [check for check in proposal.checks if not check.ok]
    assert (failed.name, proposal.complete) == ("edits", False)
    assert failed.message.startswith(f"main.py: a repair took its change back after: {why}")


async def test_new_syntax_errors_go_back_too() -> None:
    """Code that no longer parses is corrected, or its check fails."""
    broken = block("shapes.py", "def area(w, h):", "def compute_area(w, h:")
    await check(ScriptedAsker([broken + MAIN, SHAPES]), RENAMED)
    proposal = await check(
        ScriptedAsker([broken, broken]),
        {"shapes.py": FILES["shapes.py"].replace("area(w, h)", "compute_area(w, h")},
        ("syntax shapes.py",),
    )
    assert proposal.complete


@pytest.mark.parametrize("answer", ["I would rather not.", "main.py\n<<<<<<< SEARCH\nfrom", ""])
async def test_an_answer_without_edits_is_refused(answer: str) -> None:
    """No proposal is made of prose, of half a block, or of nothing."""
    with pytest.raises(ReplyUnusable):
        await check(ScriptedAsker([answer, answer]), {})


async def test_an_answer_that_was_cut_off_is_refused() -> None:
    """Whatever parses of it: an answer that hit its limit is not whole."""
    asker = ScriptedAsker([SHAPES, SHAPES], finish="length")
    with pytest.raises(ReplyUnusable, match="cut off"):
        await check(asker, {})
    assert len(asker.asked) == 1, "it would be cut off again"


async def test_a_file_whose_answer_fails_leaves_the_others() -> None:
    """When one of the questions fails, its file is named and the proposal is incomplete."""
    failure = ConnectionFailed("The worker is gone.")
    proposal = await check(
        ScriptedAsker([whole(RENAMED["shapes.py"]), failure], LOCAL),
        {"shapes.py": RENAMED["shapes.py"]},
        ("edits",),
    )
    assert "main.py: The worker is gone." in proposal.checks[0].message
    with pytest.raises(ConnectionFailed):
        await check(ScriptedAsker([failure], LOCAL), {})


async def test_a_hostile_answer_touches_nothing_else() -> None:
    """Steps out of the workspace, into git, or to files that were not shown are failures, not changes."""
    escapes = "".join(block(path, "", "x") for path in ("../x.py", "/etc/cron.d/x", ".git/hooks/x", ".env"))
    other = block("notes.txt", "area", "secret")
    proposal = await check(
        ScriptedAsker([SHAPES + escapes + other] * 2), {"shapes.py": RENAMED["shapes.py"]}, ("edits",)
    )
    assert len(proposal.checks[0].message.splitlines()) == 5


async def test_what_was_named_and_left_out_makes_it_incomplete() -> None:
    """The rest is offered hunk by hunk, and the check says which file is missing and why."""
    request = replace(RENAME, scope=(*RENAME.scope, "file:///w/none.py"))
    proposal = await check(ScriptedAsker([SHAPES + MAIN]), RENAMED, ("edits",), request)
    assert not proposal.complete
    assert "none.py: There is no such file." in proposal.checks[0].message
    swept = replace(request, swept=frozenset(request.scope))
    assert (await check(ScriptedAsker([SHAPES + MAIN]), RENAMED, (), swept)).complete


async def test_more_files_than_fit_are_said() -> None:
    """Where they mention what the instruction speaks of, a change without them is not whole; else it is said."""
    many = {f"f{number:02}.py": "area_x = 1\n" for number in range(MAX_FILES + 5)}
    asker = ScriptedAsker([block("f00.py", "area_x = 1", "area_x = 2")])
    proposal = await propose(Request("Rename area_x"), seams(MemoryWorkspace(many), asker))
    assert (proposal.complete, verdict(proposal.checks).state) == (False, "failed")
    assert "5 files past the limit" in verdict(proposal.checks).text
    assert "Name the files that the change is about" in proposal.checks[-1].message
    asker = ScriptedAsker([block("f00.py", "area_x = 1", "area_x = 2")])
    proposal = await propose(Request("Add docstrings"), seams(MemoryWorkspace(many), asker))
    assert (proposal.complete, verdict(proposal.checks).state) == (True, "partly")


async def test_files_that_a_model_found_itself_were_looked_at() -> None:
    """Those past the limit that were changed are not among the ones that were not looked at."""
    many = {f"f{number:02}.py": "area_x = 1\n" for number in range(MAX_FILES + 2)}
    turn = edits("f20.py", "area_x = 1", "area_x = 2")
    proposal = await propose(Request("Rename area_x"), around(Calling([turn]), many))
    assert [change.path for change in proposal.changes] == ["f20.py"]
    assert "not looked at: f21.py" in [check.message for check in proposal.checks]


@pytest.mark.parametrize("model", [LOCAL, REMOTE])
async def test_an_empty_folder_gets_its_first_files(model: Model) -> None:
    """Where nothing was named and nothing is there, files can only be created, by a model of any size."""
    asker = ScriptedAsker(["a/b.py\n<<<<<<< SEARCH\n=======\nb = 1\n>>>>>>> REPLACE\n"], model)
    proposal = await propose(Request("Start a package"), seams(MemoryWorkspace({}), asker))
    assert [(change.kind, change.path, change.after) for change in proposal.changes] == [
        ("create", "a/b.py", ("b = 1\n",))
    ]
    assert proposal.complete
    assert "There are no files yet." in asker.asked[0][1].messages[-1].content
    with pytest.raises(FileUnusable, match="no file to work on"):
        await propose(Request("x", scope=("file:///w/a.py",)), seams(MemoryWorkspace({}), asker))


async def test_a_model_with_tools_fills_an_empty_folder() -> None:
    """It has nothing to look up, and goes by what is divided and estimated for no files at all."""
    call = {"summary": "x", "create": [{"path": "a.py", "text": "a = 1\n"}], "done": True}
    asker = Calling([[("propose_edits", call)]])
    proposal = await propose(Request("Start a package"), around(asker, {}))
    assert [(change.kind, change.path) for change in proposal.changes] == [("create", "a.py")]
    assert proposal.complete


async def test_progress_names_each_file() -> None:
    """Whoever waits is told which file is being worked on, of how many, and what it came to so far."""
    told: list[tuple[str, int, int]] = []
    workspace = MemoryWorkspace(FILES)
    asker = ScriptedAsker([whole(RENAMED["shapes.py"]), whole(RENAMED["main.py"])], LOCAL)
    await propose(
        RENAME, Seams(asker, workspace, seams(workspace, asker).syntax, lambda *row: told.append(row))
    )
    assert [row for row in told if row[2]] == [
        ("shapes.py", 0, 2),
        ("main.py (110 tokens, $0.010 so far)", 1, 2),
        ("done", 2, 2),
    ]


async def test_no_file_is_said() -> None:
    """A request about files that cannot be read says why, and asks nobody."""
    asker = ScriptedAsker([])
    with pytest.raises(FileUnusable, match="There is no such file"):
        await check(asker, {}, request=Request("Rename x.", scope=("file:///w/none.py",)))
    assert asker.asked == []


async def test_cancelling_ends_the_question() -> None:
    """Nothing holds on to a request that its user gave up."""

    class NeverAnswers:
        started = asyncio.Event()

        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            self.started.set()
            await asyncio.Event().wait()
            raise AssertionError

    workspace = MemoryWorkspace(FILES)
    asker = NeverAnswers()
    task = asyncio.ensure_future(
        propose(RENAME, Seams(asker, workspace, seams(workspace, ScriptedAsker([])).syntax))
    )
    await asker.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_prompt_fits_its_model_or_is_refused() -> None:
    """Prompt and reply together stay within the context, so that the next candidate gets its chance."""
    workspace = MemoryWorkspace({"big.py": "x = 1\n" * 3000})
    file = workspace.snapshot("file:///w/big.py")
    assert file is not None
    with pytest.raises(RequestRejected, match="takes 4096 tokens"):
        prompts.refactor_whole_file(LOCAL, "Rename x.", "big.py", file)
    assert prompts.refactor_blocks(REMOTE, "Rename x.", {"big.py": file}).max_tokens <= 16_384
    assert prompts.style_for(Model("m", "openai-chat", "m")) == "blocks"
    assert prompts.style_for(Model("m", "openai-chat", "m", edits="whole_file")) == "whole_file"
    assert prompts.style_for(Model("m", "local", "m", edits="blocks")) == "blocks"


async def test_the_selection_is_part_of_the_question() -> None:
    """What the user had selected is shown as such."""
    asker = ScriptedAsker([SHAPES + MAIN])
    selection = Span(Position(0, 4), Position(0, 8))
    await check(
        asker, RENAMED, request=Request("Rename this to compute_area.", "file:///w/shapes.py", selection)
    )
    assert "selected this part:\narea\n" in asker.asked[0][1].messages[-1].content


TWO = "def area(w, h):\n    return w * h\n\n\ndef scale(w, by):\n    return w * by\n"
RENAMED_TWO = TWO.replace("area", "compute_area")
FORGOTTEN = "def compute_area(w, h):\n    return w * h\n"


@pytest.mark.parametrize(
    ("instruction", "answers", "failed", "after"),
    [
        ("Rename area to compute_area.", [FORGOTTEN, RENAMED_TWO], (), RENAMED_TWO),
        ("Rename area to compute_area.", [FORGOTTEN, FORGOTTEN], ("definitions shapes.py",), FORGOTTEN),
        ("Rename area to compute_area and scale to resize.", [RENAMED_TWO], (), RENAMED_TWO),
        ("Remove what is unused, call area compute_area.", [FORGOTTEN], (), FORGOTTEN),
        ("Replace * by @ and area by compute_area.", [FORGOTTEN, RENAMED_TWO], (), RENAMED_TWO),
        ("Split long lines, call area compute_area.", [FORGOTTEN, RENAMED_TWO], (), RENAMED_TWO),
        ("Move scale to other.py, call area compute_area.", [FORGOTTEN], (), FORGOTTEN),
    ],
    ids=["mended", "not mended", "all there", "asked to remove", "replace", "split", "move it"],
)
async def test_a_file_written_anew_keeps_its_definitions(
    instruction: str, answers: list[str], failed: tuple[str, ...], after: str
) -> None:
    """What a small model forgets is asked for once more, and said where it stays forgotten."""
    asker = ScriptedAsker([whole(answer) for answer in answers], model=LOCAL)
    workspace = MemoryWorkspace({"shapes.py": TWO})
    proposal = await propose(Request(instruction, scope=("file:///w/shapes.py",)), seams(workspace, asker))
    assert tuple(check.name for check in proposal.checks if not check.ok) == failed
    assert "".join(proposal.changes[0].after) == after
    assert not asker.answers


class Measured(NoHistory):
    """A machine that something was measured on."""

    def __init__(self, *evidence: Evidence) -> None:
        self.found = evidence

    def evidence(self) -> tuple[Evidence, ...]:
        return self.found


async def test_the_form_follows_what_was_measured_and_the_receipt_says_so() -> None:
    """A model whose blocks could seldom be used here is asked for whole files, one at a time, and that is said."""
    seen = Evidence(identity(REMOTE), "small", "blocks", tried=10, usable=4)
    asker = ScriptedAsker([whole(RENAMED["shapes.py"]), whole(RENAMED["main.py"])])
    around = replace(seams(MemoryWorkspace(FILES), asker), history=Measured(seen))
    proposal = await propose(RENAME, around)
    assert [change.path for change in proposal.changes] == ["shapes.py", "main.py"]
    said = "whole_file: measured here with small files: 4 of 10 usable as blocks in the other form"
    assert [prompt.edits for _, prompt, _ in asker.asked] == [said, said]
    plain = ScriptedAsker([SHAPES + MAIN])
    await propose(RENAME, seams(MemoryWorkspace(FILES), plain))
    assert plain.asked[0][1].edits.startswith("blocks: built in for small files: ")
