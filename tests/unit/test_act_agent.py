"""A model with tools sees what it may, changes what it may, and stops where it must."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.act_kit import REMOTE, MemoryWorkspace, OutlookByRoute, receipt
from support.repository import MemoryRepository
from support.secrets import pem
from turnout import syntax
from turnout.act.agent import Bounds, work_out
from turnout.act.calls import BadCall, reply_of
from turnout.act.conversation import Question
from turnout.act.proposals import Check, Proposal
from turnout.act.refactor import propose
from turnout.act.scope import Request
from turnout.act.seams import Seams
from turnout.act.tools import MOST_READ_BYTES
from turnout.core.answers import Answer, PromptFor
from turnout.core.backends import Finish
from turnout.core.edits.changes import FileChange
from turnout.core.edits.formats import NoHistory
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.prompts import ChatPrompt, Message, ToolCall
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    ProtocolViolation,
    ReplyUnusable,
    RequestRejected,
)
from turnout.files import Folder
from turnout.journal import DiskWorkspace

MODEL = replace(REMOTE, tools=True)
FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n\nprint(area(1, 2))\n",
    "far/other.py": "import shapes\n\nSIZE = shapes.area(1, 1)\n",
    "kept.py": "TOKEN = 'hunter2'\n",
    "AGENTS.md": "Never edit `main.py`.\n",
}
OPEN = {path: text for path, text in FILES.items() if path != "kept.py"}
"""Those that every model may have."""
HERE = Request("Rename area to size.", "file:///w/shapes.py")

Calls = list[tuple[str, object]]
Turn = Calls | str | BackendError
"""Calls by name and arguments, or text, or a failure."""


def edits(path: str = "shapes.py", search: str = "def area(w, h):", new: str = "def size(w, h):") -> Calls:
    return [("propose_edits", {"summary": "x", "edits": [{"path": path, "search": search, "replace": new}]})]


@dataclass
class Calling:
    """Gives prepared turns; keeps the prompts and files that it was asked with."""

    turns: list[Turn]
    model: Model = MODEL
    prompts: list[ChatPrompt] = field(default_factory=list)
    files: list[tuple[SentFile, ...]] = field(default_factory=list)
    finish: Finish = "stop"

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        self.prompts.append(prompt(self.model))
        self.files.append(files)
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, BackendError):
            raise turn
        found = receipt(kind, self.model, files, len(self.prompts))
        if isinstance(turn, str):
            return Answer(turn, self.finish, found, self.model)
        calls = tuple(
            ToolCall(
                f"c{len(self.prompts)}.{number}", name, said if isinstance(said, str) else json.dumps(said)
            )
            for number, (name, said) in enumerate(turn)
        )
        return Answer("", "stop", found, self.model, calls)

    @property
    def said(self) -> list[str]:
        """What tools answered, in order."""
        return [message.content for message in self.prompts[-1].messages if message.role == "tool"]


class MemoryOutlook(OutlookByRoute):
    """Every file may go to the model but what is kept."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, () if any("kept" in uri for uri in uris) else (MODEL,), (), "test", limit_usd=None)

    def ms_per_token(self, model: Model) -> float | None:
        return None


def around(asker: Calling, files: dict[str, str] = FILES, **more: Any) -> Seams:
    return Seams(
        asker,
        MemoryWorkspace(files),
        syntax,
        outlook=MemoryOutlook(),
        repository=MemoryRepository(files),
        **more,
    )


async def run(turns: Sequence[Turn], request: Request = HERE, **more: Any) -> tuple[Proposal, Calling]:
    asker = Calling([*turns])
    return await propose(request, around(asker, **more)), asker


def failed(proposal: Proposal) -> dict[str, str]:
    return {check.name: check.message for check in proposal.checks if not check.ok}


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
            edits() + edits("far/other.py", "SIZE = shapes.area(1, 1)", "SIZE = shapes.size(1, 1)"),
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
    asker = Calling([edits(spelled, "SIZE = shapes.area(1, 1)", "SIZE = 1") + edits(), "Done."])
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
    for name in ("a", "b", "c", "d", "e"):
        turns += [edits(new=f"def {name}(w, h):"), [("run_checks", {})]]
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
    await started.wait()
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


NEAR = replace(MODEL, name="near", leaves_machine=False)


class KeepingOutlook(MemoryOutlook):
    """What is kept may only go to the model on this machine."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        kept = any("kept" in uri for uri in uris)
        return Route(kind, (NEAR,) if kept else (NEAR, MODEL), (), "test", limit_usd=None)


@dataclass
class Rendering(Calling):
    """The model on this machine answers; each prompt is also rendered for another one, as after a failure."""

    model: Model = NEAR
    elsewhere: list[ChatPrompt] = field(default_factory=list)
    rejected: int = 0
    """Requests that the other one is not let take over."""

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        try:
            self.elsewhere.append(prompt(replace(MODEL, tools=self.model.tools)))
        except RequestRejected:
            self.rejected += 1
        return await super().ask(kind, prompt, files, on_text)


async def test_a_file_that_is_quoted_is_one_of_the_request() -> None:
    """An edit of a file that was never read is refused with lines of it, so the next turn is decided on it, too."""
    asker = Rendering([edits("kept.py", "TOKEN = hunter2", "TOKEN = ''"), edits(), "It cannot be done."])
    await propose(HERE, replace(around(asker), outlook=KeepingOutlook()))
    assert "hunter2" in asker.said[0]
    kept = [any("kept" in file.uri for file in files) for files in asker.files]
    assert (kept[0], all(kept[1:])) == (False, True)


async def test_a_file_found_by_one_model_is_not_shown_to_another() -> None:
    """A model that may not have a file is not told what is in it, even if another one proposed a change of it."""

    class Changing(Rendering):
        async def ask(self, *given: Any) -> Answer:
            self.model = NEAR if not self.prompts else MODEL
            return await super().ask(*given)

    wrong = edits("kept.py", "TOKEN = hunter2", "TOKEN = ''")
    asker = Changing([wrong, [*wrong, ("list_files", {})], edits()])
    await propose(HERE, replace(around(asker), outlook=KeepingOutlook()))
    assert "hunter2" in asker.said[0]
    assert "hunter2" not in asker.said[1]
    assert "kept.py" in asker.said[1]


async def test_a_line_of_a_key_is_no_row() -> None:
    """A row of a search does not show a line that only its neighbours tell to be a private key's."""
    key, lines = pem("RSA", count=6)
    files = {**FILES, "conf/keys.py": f"KEY = {key!r}\n", "conf/a.txt": f"{key}\nno key: {lines[2][:9]}\n"}
    rows: Calls = [("search_text", {"text": text}) for text in (lines[2][:9], lines[-1])]
    asker = Calling([rows, edits()])
    await propose(HERE, around(asker, files))
    assert not any(line in said for line in lines for said in asker.said)
    assert "conf/a.txt:4: (a line of a private key)" in asker.said[0]
    assert f"conf/a.txt:11: no key: {lines[2][:9]}" in asker.said[0]
    assert "(a line of a private key)" in asker.said[1]


async def test_a_name_that_was_listed_is_heard_by_nobody_who_may_not_have_the_file() -> None:
    """Once names were listed, only a model that may have all of these files takes over; a list of others keeps none."""
    asker = Rendering([[("list_files", {})], edits()])
    await propose(HERE, replace(around(asker), outlook=KeepingOutlook()))
    assert "kept.py" in asker.said[0]
    assert (len(asker.elsewhere), asker.rejected) == (1, 1)
    asker = Rendering([[("list_files", {"folder": "far"})], edits()])
    await propose(HERE, replace(around(asker), outlook=KeepingOutlook()))
    assert (len(asker.elsewhere), asker.rejected) == (2, 0)


async def test_a_name_is_kept_from_whom_the_settings_keep_it_by_now() -> None:
    """Who may hear what was listed is asked anew for every turn, and the one that asked for it is no exception."""

    asker = Rendering([[("list_files", {})], edits(search="def aria(w, h):"), edits()])

    class Changing(KeepingOutlook):
        async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
            return tuple(frozenset({NEAR} if len(asker.prompts) < 2 else ()) for _ in uris)

    with pytest.raises(RequestRejected, match="Names were listed of files that are kept from near"):
        await propose(HERE, replace(around(asker), outlook=Changing()))
    assert len(asker.prompts) == 2


@pytest.mark.parametrize(("keeps", "said"), [("AGENTS", False), ("nothing", True)])
async def test_instructions_that_are_kept_from_a_model_are_not_quoted_to_it(keeps: str, said: bool) -> None:
    """A path that they put off limits stays that, without their name and without their words."""

    class Keeping(MemoryOutlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            return Route(kind, () if any(keeps in uri for uri in uris) else (MODEL,), (), "test")

    asker = Calling([[("propose_edits", {"summary": "x", "delete": ["main.py"]})], edits()])
    await propose(HERE, replace(around(asker), outlook=Keeping()))
    assert "main.py must not be changed" in asker.said[0]
    assert ("AGENTS.md:1 puts `main.py` off limits" in asker.said[0]) is said


WHERE = (Problem("shapes.py", 1, "undefined area"), Problem("kept.py", 1, "TOKEN is 'hunter2'"))


@pytest.mark.parametrize(("files", "whole"), [(FILES, False), (OPEN, True)])
async def test_the_output_of_checks_may_quote_any_file(files: dict[str, str], whole: bool) -> None:
    """It is whole for this machine's model, and for one that may have all files; another hears of its own."""

    async def check(changes: Sequence[FileChange]) -> list[Check]:
        ok = "def last" in "".join(changes[0].after)
        return [Check("pytest", ok, "Traceback: TOKEN = 'hunter2'", problems=WHERE)]

    asker = Rendering([edits(), [("read_file", {"path": "main.py"})], edits(new="def last(w, h):")])
    proposal = await propose(HERE, replace(around(asker, files, check=check), outlook=KeepingOutlook()))
    assert failed(proposal) == {}
    near, far = (
        "".join(message.content for message in prompts[1].messages)
        for prompts in (asker.prompts, asker.elsewhere)
    )
    assert "Traceback: TOKEN = 'hunter2'" in near
    assert ("Traceback" in far) is whole
    assert "shapes.py:1: undefined area" in far or whole
    # An answer of the one that heard everything may quote it.
    assert (asker.rejected > 0) is not whole
    # Where a file is heard of, every later turn is decided on it.
    heard = "TOKEN is 'hunter2'" in far
    assert heard is any("kept" in file.uri for file in asker.files[1])


async def test_a_change_that_is_taken_back_is_said() -> None:
    """Edits that leave a file as it was are not what was asked for: it is named, with what was wrong."""

    async def check(changes: Sequence[FileChange]) -> list[Check]:
        found = [Problem(change.path, 1, "undefined area") for change in changes if "far" in change.path]
        return [Check("ruff", not found, "undefined area", problems=tuple(found))]

    there = "SIZE = shapes.area(1, 1)"
    renamed = edits("far/other.py", there, there.replace("area", "size"))
    proposal, _ = await run([renamed, edits(), edits("far/other.py", there, there)], check=check)
    assert [change.path for change in proposal.changes] == ["shapes.py"]
    assert failed(proposal) == {
        "edits": "far/other.py: a repair took its change back after: ruff: undefined area"
    }
    assert not proposal.complete


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("F821 Undefined name `area`", "\u2026 Undefined name `area`"),
        ("Module 'kept' has no attribute 'hunter2'", "Module '\u2026' has no attribute '\u2026'"),
        ("expected 'hunter2', got w", "expected '\u2026', got w"),
    ],
)
async def test_the_words_of_a_problem_may_be_of_another_file(text: str, heard: str) -> None:
    """Of them a model that may not have every file hears those in the request's files, and what checkers say anyway."""

    async def check(changes: Sequence[FileChange]) -> list[Check]:
        ok = "def last" in "".join(changes[0].after)
        return [Check("ruff", ok, text, problems=(Problem("shapes.py", 1, text),))]

    asker = Rendering([edits(), [("read_file", {"path": "main.py"})], edits(new="def last(w, h):")])
    await propose(HERE, replace(around(asker, check=check), outlook=KeepingOutlook()))
    near, far = (
        "".join(message.content for message in prompts[1].messages)
        for prompts in (asker.prompts, asker.elsewhere)
    )
    assert text in near
    assert f"shapes.py:1: {heard}\n" in far


async def test_edits_in_blocks_are_mended_with_what_their_model_may_hear() -> None:
    """Without tools the rule is the same: problems of the request's own files, or the whole output."""
    answer = "shapes.py\n<<<<<<< SEARCH\ndef area(w, h):\n=======\ndef size(w, h):\n>>>>>>> REPLACE\n"

    async def check(_changes: Sequence[FileChange]) -> list[Check]:
        return [Check("pytest", False, "Traceback: TOKEN = 'hunter2'", problems=WHERE)]

    near, far = replace(NEAR, tools=False), replace(MODEL, tools=False)

    class Plain(MemoryOutlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            kept = any("kept" in uri for uri in uris)
            return Route(kind, (near,) if kept else (near, far), (), "test", limit_usd=None)

    asker = Rendering([answer], model=near)
    await propose(HERE, replace(around(asker, check=check), outlook=Plain()))
    said = [prompts[1].messages[-1].content for prompts in (asker.prompts, asker.elsewhere)]
    assert "hunter2" in said[0]
    assert "hunter2" not in said[1]
    assert "shapes.py:1: undefined area" in said[1]
