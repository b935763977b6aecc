"""What is quoted to a model with tools: of each file only what that model may have, whoever found it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.agent_kit import (
    FILES,
    HERE,
    MODEL,
    OPEN,
    Calling,
    Calls,
    MemoryOutlook,
    around,
    edits,
    failed,
    run,
)
from support.secrets import pem
from turnout.act.proposals import Check
from turnout.act.refactor import propose
from turnout.core.answers import Answer, PromptFor
from turnout.core.edits.changes import FileChange
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.core.secrets import find
from turnout.errors import (
    RequestRejected,
)

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


async def test_a_long_line_is_not_cut_in_a_search() -> None:
    """A secret that stands across the end of what a row shows is no secret any more to who takes it out."""
    key = "AKIA" + "Q3ZX7MWN2PLK9RTB"
    files = {**FILES, "conf/a.txt": f"{'area ' * 45}id = {key}\n"}
    _, asker = await run([[("search_text", {"text": "area area"})], edits(), "Done."], files=files)
    assert asker.said[0] == f"conf/a.txt:1: (a line of {45 * 5 + 5 + len(key)} characters)"


@pytest.mark.parametrize(("first", "last"), [(9, 9), (9, 11), (3, 3), (8, 9), (1, 4), (1, 11)])
async def test_no_piece_of_a_key_is_read(first: int, last: int) -> None:
    """Each line of a key that is read is told for one without the lines that are not, or is not read out."""
    key, lines = pem("RSA", count=6)
    text = f"one\n{key}two\n"
    rows: Calls = [("read_file", {"path": "conf/a.txt", "first_line": first, "last_line": last})]
    asker = Calling([rows, edits()])
    await propose(HERE, around(asker, {**FILES, "conf/a.txt": text}))
    said = asker.said[0]
    for found in reversed(find(said)):  # what is taken out before it is sent
        said = said[: found.start] + said[found.end :]
    assert not any(line in said for line in lines)
    assert ("one\n" in said, "two\n" in said) == (first == 1, last == 11)


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

    last = edits("shapes.py", "def size(w, h):", "def last(w, h):")
    asker = Rendering([edits(), [("read_file", {"path": "main.py"})], last])
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
    back = edits("far/other.py", there.replace("area", "size"), there)
    proposal, _ = await run([renamed, edits(), back], check=check)
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

    last = edits("shapes.py", "def size(w, h):", "def last(w, h):")
    asker = Rendering([edits(), [("read_file", {"path": "main.py"})], last])
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
