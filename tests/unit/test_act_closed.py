"""What a model hears of an edit in a place that is closed to it: nothing that tells whether there is a file."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, OutlookByRoute, ScriptedAsker, seams
from turnout.act.drafting.conversation import Question
from turnout.act.drafting.drafts import Draft, redraft
from turnout.core.edits.replies import Delete, Rename, Replace, Reply, Step, Write
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.requests import Kind, Route

HERE = {"a.py": "x = 1\n"}


class Keeping(OutlookByRoute):
    """Settings by which `kept/` is for this machine alone, whatever there is."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        raise AssertionError

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        return tuple(frozenset({LOCAL} if "/kept/" in uri else {LOCAL, REMOTE}) for uri in uris)


def on(path: str) -> dict[str, Step]:
    """Every step that names `path`."""
    return {
        "edit": Replace(1, path, ("secret = 2",), ("secret = 3",)),
        "create": Replace(1, path, (), ("y = 1",)),
        "write": Write(1, path, ("y = 1",)),
        "delete": Delete(1, path),
        "rename": Rename(1, "a.py", path),
        "rename it": Rename(1, path, "b.py"),
    }


async def drafted(step: Step, model: Model, files: dict[str, str]) -> Draft:
    """What becomes of one step by `model` in a folder of which it was shown `a.py`."""

    def render(_model: Model) -> ChatPrompt:
        raise AssertionError

    workspace = MemoryWorkspace({**HERE, **files})
    shown = workspace.snapshot(workspace.uri("a.py"))
    assert shown is not None
    question = Question("refactor", {"a.py": shown}, render)
    around = replace(seams(workspace, ScriptedAsker([])), outlook=Keeping())
    return await redraft(Reply("", (step,)), None, question.files, "blocks", question, model, around)


@pytest.mark.parametrize("path", ["kept/a.py", "kept/./a.py", ".env", "kept/.env"])
@pytest.mark.parametrize("does", on(""))
async def test_a_closed_place_says_nothing(path: str, does: str) -> None:
    """Whether there is a file that is kept from the model, or none, it is told the same: it may not change it."""
    step = on(path)[does]
    there = await drafted(step, REMOTE, {"kept/a.py": "secret = 1\n", ".env": "s\n", "kept/.env": "s\n"})
    absent = await drafted(step, REMOTE, {})
    assert there.complaints == absent.complaints != ()
    assert not there.changes
    assert not absent.changes


@pytest.mark.parametrize(
    ("path", "model"), [("kept/a.py", LOCAL), ("b.py", REMOTE)], ids=["a model here", "another place"]
)
async def test_an_open_place_is_free(path: str, model: Model) -> None:
    """Where the model may have what is there, it may put a file where none is, and is told of one that is."""
    step = on(path)["create"]
    assert [change.path for change in (await drafted(step, model, {})).changes] == [path]
    assert not (await drafted(step, model, {path: "z = 1\n"})).changes
