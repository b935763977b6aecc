"""A model with tools sees what it may, changes what it may, and stops where it must."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.act_kit import REMOTE, MemoryWorkspace, receipt
from support.agent_kit import (
    FILES,
    HERE,
    MODEL,
    OPEN,
    Calling,
    MemoryOutlook,
    Turn,
    around,
    edits,
    failed,
    run,
)
from turnout import syntax
from turnout.act.agent.calls import BadCall, reply_of
from turnout.act.agent.loop import work_out
from turnout.act.agent.tools import MOST_READ_BYTES
from turnout.act.drafting.bounds import Bounds
from turnout.act.drafting.conversation import Question
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Check
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.edits.changes import FileChange
from turnout.core.edits.formats import NoHistory
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import (
    ConnectionFailed,
    ProtocolViolation,
    ReplyUnusable,
)
from turnout.files import Folder
from turnout.journal import DiskWorkspace


class Keeping(NoHistory):
    """Keeps how many turns were taken."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []

    def took(self, model: Model, turns: int) -> None:
        self.taken.append((model.name, turns))


async def test_it_looks_things_up_and_changes_what_it_found() -> None:
    """Searching, reading and editing take a turn each; the receipt is the sum, and names every file that was read."""
    history = Keeping()
    proposal, asker = await run(
        [
            [("search_text", {"text": "shapes.area"}), ("search_symbol", {"name": "area"})],
            [("read_file", {"path": "far/other.py", "first_line": 3})],
            edits(done=False)
            + edits("far/other.py", "SIZE = shapes.area(1, 1)", "SIZE = shapes.size(1, 1)", done=False),
            "I renamed it.",
        ],
        history=history,
    )
    assert history.taken == [("far", 4)]
    assert {change.path for change in proposal.changes} == {"shapes.py", "far/other.py"}
    assert failed(proposal) == {}
    assert "far/other.py:3: SIZE = shapes.area(1, 1)" in asker.said[0]
    assert "shapes.py:1: function def area(w, h):" in asker.said[1]
    assert "SIZE = shapes.area(1, 1)\n" in asker.said[2]
    assert proposal.receipt.tokens_in == 400
    whys = {file.uri.rpartition("/w/")[2]: file.why for file in proposal.receipt.files}
    assert whys["far/other.py"] == "the model asked for it"


async def test_one_turn_is_enough() -> None:
    """A change that is accepted at once costs no further turn."""
    proposal, asker = await run([edits()])
    assert (len(asker.prompts), failed(proposal)) == (1, {})


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("read_file", {"path": "../etc/passwd"}, "does not name a file in the workspace"),
        ("read_file", {"path": "/etc/passwd"}, "is not relative to the workspace"),
        ("read_file", {"path": ".git/config"}, "belongs to git"),
        ("read_file", {"path": "none.py"}, "There is no file none.py"),
        ("read_file", {"path": "kept.py"}, "There is no file kept.py that far may look at"),
        ("read_file", {"path": 7}, "path has to be a text"),
        ("read_file", {"path": "main.py", "first_line": "1"}, "first_line has to be a whole number"),
        (
            "read_file",
            {"path": "main.py", "first_line": 900},
            "main.py has lines 1 to 3, and none from 900 on",
        ),
        ("read_file", {"path": "main.py", "first_line": 3, "last_line": 1}, "and none from 3 to 1"),
        ("read_file", {"path": "main.py", "last_line": -1}, "and none from 1 to -1"),
        ("read_file", "[1]", "have to be a JSON object"),
        ("read_file", "{", "not JSON"),
        ("search_text", {"text": "hunter2"}, "Nothing was found"),
        ("search_text", {"text": "a"}, "at least two characters"),
        ("list_files", {"folder": "../"}, "does not name"),
        ("list_files", {"folder": "far"}, "far/other.py"),
        ("shell", {"command": "id"}, "There is no tool 'shell'"),
        ("run_checks", {}, "There is no tool 'run_checks'"),
        ("propose_edits", {"summary": "x"}, "There are no edits"),
        ("propose_edits", {"summary": "x", "edits": "y"}, "list of objects"),
        ("propose_edits", {"summary": "x", "create": [{"path": ".env", "text": "x"}]}, "is hidden"),
        (
            "propose_edits",
            {"summary": "x", "create": [{"path": "../x.py", "text": "x"}]},
            "does not name a file",
        ),
        ("propose_edits", {"summary": "x", "delete": ["kept.py"]}, "kept.py"),
        ("propose_edits", {"summary": "x", "delete": ["main.py"]}, "AGENTS.md:1 puts `main.py` off limits"),
    ],
)
async def test_a_call_that_is_refused(name: str, arguments: object, answer: str) -> None:
    """Outside, hidden, kept back, off limits, unknown or malformed: the answer says why, and the work goes on."""
    proposal, asker = await run([[(name, arguments)], edits(), "Done."])
    assert answer in asker.said[0]
    assert [change.path for change in proposal.changes] == ["shapes.py"]
    prompts = "".join(message.content for message in asker.prompts[-1].messages)
    assert "hunter2" not in prompts


SPELLINGS = ["far\\other.py", " far/other.py", "./far//other.py", "far/other.py\t"]


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("barred", [True, False])
async def test_every_spelling_of_a_path_is_the_file(spelled: str, barred: bool) -> None:
    """What is off limits is so however a model spells it; what is not is changed under its own name, for the checks."""
    files = {**FILES, "AGENTS.md": "Never edit `far/`.\n" if barred else ""}
    asker = Calling([edits(spelled, "SIZE = shapes.area(1, 1)", "SIZE = 1") + edits(done=False), "Done."])
    proposal = await propose(HERE, around(asker, files))
    assert {change.path for change in proposal.changes} - {"shapes.py"} == (
        set() if barred else {"far/other.py"}
    )
    assert ("off limits" in asker.said[0]) is barred


async def test_a_real_folder_is_not_left(tmp_path: Path) -> None:
    """On disk: nothing through a link, hidden, ignored, never read or kept back is read or found by searching."""
    folder, outside = tmp_path / "work", tmp_path / "outside"
    for path in (folder / "built", outside):
        path.mkdir(parents=True)
    for name in ("shapes.py", ".env", "ignored.py", "built/b.py", "never.py", "withheld.py"):
        (folder / name).write_text(f"NAME = 'hunter2 in {name}'\n")
    (outside / "o.py").write_text("NAME = 'hunter2 outside'\n")
    (folder / "link.py").symlink_to(outside / "o.py")
    (folder / "linked").symlink_to(outside)
    (folder / ".gitignore").write_text("ignored.py\nbuilt/\n")
    (folder / ".cursorignore").write_text("withheld.py\n")
    forbidden = (".env", "ignored.py", "built/b.py", "never.py", "withheld.py", "link.py", "linked/o.py")
    reads = [("read_file", {"path": path}) for path in forbidden]
    turns: list[Turn] = [[*reads, ("search_text", {"text": "hunter2"}), ("list_files", {})], "I give up."]
    workspace = DiskWorkspace(Folder(folder), lambda uri: not uri.endswith("never.py"))
    asker = Calling(turns)
    seams = Seams(asker, workspace, syntax, outlook=MemoryOutlook())
    with pytest.raises(ReplyUnusable):
        await propose(Request("x", workspace.uri("shapes.py")), seams)
    *refused, found, listed = asker.said
    assert all("no file" in said or "git" in said for said in refused), refused
    assert (found, listed) == ("shapes.py:1: NAME = 'hunter2 in shapes.py'", "shapes.py")


async def test_odd_names_are_nobodys_to_ask_for() -> None:
    """A file whose name reads as another place is not listed, found or read, and stops nothing."""
    files = {**FILES, "~/w.py": "area = 1\n"}
    calls: Turn = [("list_files", {}), ("search_text", {"text": "area"}), ("read_file", {"path": "~/w.py"})]
    asker = Calling([calls, edits()])
    proposal = await propose(HERE, around(asker, files))
    assert "main.py" in asker.said[0]
    assert "w.py" not in asker.said[0] + asker.said[1]
    assert "is not relative to the workspace" in asker.said[2]
    assert [change.path for change in proposal.changes] == ["shapes.py"]


async def test_a_scope_is_kept_to() -> None:
    """Where the user named the files, the model finds no others to change."""
    request = replace(HERE, scope=("file:///w/shapes.py",))
    wrong = edits("far/other.py", "SIZE = shapes.area(1, 1)", "SIZE = 1")
    proposal, asker = await run([wrong, edits(), "Done."], request)
    assert "not among the files" in asker.said[0]
    assert failed(proposal) == {}
    assert [change.path for change in proposal.changes] == ["shapes.py"]


async def test_edits_are_mended() -> None:
    """What cannot be applied, and what breaks a check, goes back to the model until it holds."""
    checked: list[int] = []

    async def check(changes: Sequence[FileChange]) -> list[Check]:
        checked.append(len(changes))
        return [Check("ruff", len(checked) > 1, "E1")]

    proposal, asker = await run(
        [edits(search="def aria(w, h):"), edits(), [("run_checks", {})], edits()], files=OPEN, check=check
    )
    assert "That cannot be applied" in asker.said[0]
    assert "fail with the change:\nruff: E1" in asker.said[1]
    assert asker.said[2] == "All checks pass."
    assert checked == [1, 1, 1]
    assert failed(proposal) == {}


async def test_the_same_question_after_a_change_is_a_new_one() -> None:
    """Checks may be asked for again and again, as long as something was proposed in between."""

    async def check(_changes: Sequence[FileChange]) -> list[Check]:
        return [Check("ruff", False, "E1")]

    turns: list[Turn] = []
    for old, name in pairwise(("area", "a", "b", "c", "d", "e")):
        turns += [edits("shapes.py", f"def {old}(w, h):", f"def {name}(w, h):"), [("run_checks", {})]]
    proposal, asker = await run([*turns, "It cannot be mended."], check=check)
    assert len(asker.prompts) == 11
    assert failed(proposal) == {}


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([[("list_files", {})]], "again and again: list_files"),
        ([[("read_file", {"path": f"{n}.py"})] for n in range(40)], "stopped after 24 turns"),
        (["I would rather not."], "ended without a change that can be used: I would rather not."),
    ],
)
async def test_endless_work_is_stopped(turns: list[Turn], said: str) -> None:
    """A model that goes in circles, goes on forever or refuses is stopped, and the reason is said."""
    with pytest.raises(ReplyUnusable, match=said):
        await run(turns)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Bounds(turns=2), "stopped after 2 turns"),
        (Bounds(tokens=200), "stopped after 220 tokens"),
        (Bounds(usd=0.02), r"stopped after \$0.02"),
    ],
)
async def test_what_there_is_is_offered(bounds: Bounds, said: str) -> None:
    """At a limit the change so far is offered, and called unfinished."""

    async def check(_changes: Sequence[FileChange]) -> list[Check]:
        return [Check("pytest", False, "1 failed")]

    asker = Calling([edits(), [("list_files", {})], [("list_files", {"folder": "far"})]])
    workspace = MemoryWorkspace(FILES)
    file = workspace.snapshot("file:///w/shapes.py")
    assert file is not None
    begun = ChatPrompt((Message("user", "x"),))
    question = Question("refactor", {"shapes.py": file}, lambda _model: begun)
    seams = replace(around(asker), check=check)
    draft = await work_out(question, seams, bounds, may_find=False)
    assert [change.path for change in draft.changes] == ["shapes.py"]
    (last,) = [check for check in draft.checks if not check.ok]
    assert last.name == "finished"
    assert re.search(said, last.message)


async def test_a_failure_in_the_middle() -> None:
    """Without a change the failure is passed on; with one, that is offered as unfinished."""
    broken = ConnectionFailed("The line is dead.")
    with pytest.raises(ConnectionFailed):
        await run([[("list_files", {})], broken])

    async def check(_changes: Sequence[FileChange]) -> list[Check]:
        return [Check("x", False)]

    proposal, _ = await run([edits(), broken], check=check)
    assert "The line is dead" in failed(proposal)["finished"]


async def test_a_call_that_its_server_cannot_read() -> None:
    """A malformed call is said to the model twice; the third one ends the work."""
    bad = ProtocolViolation("far sent a tool call whose arguments are not a JSON object.")
    proposal, asker = await run([bad, edits()])
    assert failed(proposal) == {}
    assert "cannot be used: far sent a tool call" in asker.prompts[1].messages[-1].content
    with pytest.raises(ProtocolViolation):
        await run([bad])


async def test_another_model_may_do_it_without_tools() -> None:
    """Where no model with tools answers, the next one of the route is asked as if there were none."""
    plain = replace(REMOTE, name="plain")
    answer = "shapes.py\n<<<<<<< SEARCH\ndef area(w, h):\n=======\ndef size(w, h):\n>>>>>>> REPLACE\n"

    class Falling(Calling):
        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            self.prompts.append(prompt(plain))
            return Answer(answer, "stop", receipt(kind, plain, files, 1), plain)

    asker = Falling([])
    proposal = await propose(HERE, around(asker))
    assert [change.path for change in proposal.changes] == ["shapes.py"]
    assert [prompt.tools for prompt in asker.prompts] == [()]


async def test_cancelling_ends_it() -> None:
    """Cancelling goes down to whoever is asked, and nothing is proposed."""
    started = asyncio.Event()

    class Never(Calling):
        async def ask(self, *_: Any) -> Answer:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.ensure_future(propose(HERE, around(Never([]))))
    await asyncio.wait_for(started.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_conversation_fits_its_model() -> None:
    """The oldest answers of tools make room for new ones; what is read at once has a limit."""
    big = {**FILES, "big.txt": "word\n" * 20_000}
    reads: list[Turn] = [[("read_file", {"path": "big.txt", "first_line": n})] for n in (1, 2, 3, 4)]
    asker = Calling([*reads, edits()], model=replace(MODEL, context_tokens=24_000))
    seams = around(asker, big)

    class Same(MemoryOutlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            return Route(kind, (asker.model,), (), "test")

    await propose(HERE, replace(seams, outlook=Same()))
    assert asker.said[0].startswith("(left out")
    assert asker.said[-1].startswith("big.txt, lines 4")
    assert all(len(said) < MOST_READ_BYTES + 200 for said in asker.said)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["summary", "edits", "create", "rewrite", "rename", "delete"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["path", "search", "replace", "text", "new_path"]), inner, max_size=5
                )
            ),
            max_leaves=8,
        ),
    )
)
def test_any_arguments_are_read(arguments: dict[str, Any]) -> None:
    """Arguments of any shape become numbered steps or are refused in words."""
    try:
        reply = reply_of(arguments)
    except BadCall:
        return
    assert [step.number for step in reply.steps] == list(range(1, len(reply.steps) + 1))
