"""Past commits are done once more from git's objects alone, and held against what they did."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from support.act_kit import REMOTE, OutlookByRoute, ScriptedAsker, receipt
from support.git import commit, git, repository, stage
from turnout import syntax
from turnout.act.proposals import Check, Proposal
from turnout.act.seams import Seams
from turnout.checks import run_checks
from turnout.core.edits.changes import FileChange, file_change
from turnout.core.models import EditStyle, Model
from turnout.core.requests import Kind, Route
from turnout.errors import BackendError, RequestRejected
from turnout.evaluate.edit_scores import EditScore, score, total
from turnout.evaluate.edits import Only, Past, Replay, done_again, expected, replays
from turnout.evaluate.trees import laid_out
from turnout.files import Folder

PYTHON = sys.executable

BEFORE = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n\nprint(area(1, 2))\n",
    "old.py": "x = 1\n",
    "secret.py": "KEY = 'area'\n",
}
AFTER = {
    name: text.replace("area", "size") for name, text in BEFORE.items() if name in ("shapes.py", "main.py")
}


class Outlook(OutlookByRoute):
    """Everything may go to the model."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, (REMOTE, Model("near", "local", "x")), (), "test")

    def ms_per_token(self, model: Model) -> float | None:
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose last commits are: too small, good, binary, a rename, and one whose author changed his mind."""
    repository(tmp_path, BEFORE)
    commit(tmp_path, "Begin with everything")
    stage(tmp_path, AFTER)
    commit(tmp_path, "Rename area to size\n\nIt is shorter.")
    stage(tmp_path, {"a.bin": "\0", "old.py": "x = 2\n"})
    commit(tmp_path, "Add a picture of it all")
    stage(tmp_path, {"old.py": None, "new.py": "x = 2\n", "main.py": AFTER["main.py"] + "import new\n"})
    commit(tmp_path, "Move old to new and use it")
    stage(tmp_path, {"new.py": "x = 3\n"})
    commit(tmp_path, "Change one file only")
    (tmp_path / "shapes.py").write_text("what its user is typing")
    return tmp_path


async def test_small_commits_over_several_files(folder: Path) -> None:
    """Of the history, those of some files of text; a rename is the old file gone and a new one."""
    before = git(folder, "status", "--porcelain")
    found = [replay async for replay in replays(folder, 5)]
    assert [replay.instruction for replay in found] == [
        "Move old to new and use it",
        "Rename area to size\n\nIt is shorter.",
    ]
    assert found[0].after == {
        "old.py": None,
        "new.py": "x = 2\n",
        "main.py": AFTER["main.py"] + "import new\n",
    }
    assert (found[1].before, found[1].after) == (BEFORE, AFTER)
    assert len([replay async for replay in replays(folder, 1)]) == 1
    assert git(folder, "status", "--porcelain") == before
    assert (folder / "shapes.py").read_text() == "what its user is typing"


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}<<<\n=======\n{new}>>>>>>> REPLACE\n".replace("<<<\n=", "=")


GOOD = block("shapes.py", "def area(w, h):\n", "def size(w, h):\n") + block(
    "main.py", BEFORE["main.py"], AFTER["main.py"]
)


def around(asker: ScriptedAsker, folder: Path, replay: Replay) -> Seams:
    workspace = Past(replay, Folder(folder), lambda uri: not uri.endswith("secret.py"))
    only = Only(REMOTE, Outlook(), asker, workspace)
    return Seams(only, workspace, syntax, outlook=only)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (GOOD, EditScore(2, 2, 0, 3, 3, whole=True, parses=True, same=True)),
        (
            block("shapes.py", "def area(w, h):\n", "def size(w, h):\n"),
            EditScore(2, 1, 0, 3, 1, whole=True, parses=True, same=False),
        ),
        (
            GOOD + block("old.py", "", "x = (\n"),
            EditScore(2, 2, 0, 3, 3, whole=False, parses=True, same=True),
        ),
    ],
    ids=["as it was", "half of it", "and what cannot be"],
)
async def test_a_commit_done_again(folder: Path, answer: str, found: EditScore) -> None:
    """The parent's tree is worked on, files of today's rules are left out, and the outcome is held to the commit."""
    replay = [replay async for replay in replays(folder, 2)][1]
    asker = ScriptedAsker([answer, answer])
    result, proposal = await done_again(replay, around(asker, folder, replay))
    assert result == found
    prompt = asker.asked[0][1].messages[-1].content
    assert "def area(w, h)" in prompt
    assert "KEY" not in prompt
    assert "typing" not in prompt
    assert proposal.receipt.files[0].uri.startswith(folder.as_uri())
    guess = await expected(replay, around(asker, folder, replay))
    assert (guess.model, len(guess.files)) == ("far", 2)


async def test_rules_for_a_later_name_count_before(folder: Path) -> None:
    """What is called something else now is decided by all its names, those that are only staged among them."""
    (folder / "kept").mkdir()
    git(folder, "mv", "main.py", "kept/main.py")
    commit(folder, "Keep main to ourselves")
    git(folder, "mv", "shapes.py", "kept.py")
    replay = [replay async for replay in replays(folder, 2)][1]
    unread = Past(replay, Folder(folder), lambda uri: not uri.endswith("kept/main.py"))
    assert list(unread.paths()) == ["old.py", "secret.py", "shapes.py"]
    past = Past(replay, Folder(folder), lambda _uri: True)
    today = [(folder / name).as_uri() for name in ("main.py", "kept/main.py", "shapes.py", "kept.py")]
    heard: list[tuple[str, ...]] = []

    class Hearing(Outlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            heard.append(uris)
            return super().route(kind, uris, input_tokens)

    asker = ScriptedAsker([GOOD])
    only = Only(REMOTE, Hearing(), asker, past)
    only.route("refactor", (past.uri("main.py"), past.uri("shapes.py")), 0)
    assert heard == [tuple(today)]
    await done_again(replay, Seams(only, past, syntax, outlook=only))
    assert {file.uri for file in asker.asked[0][2]} >= set(today)


@pytest.mark.parametrize("rules", ["sub/.turnout.toml", "sub/.cursorignore"])
async def test_what_is_gone_with_its_rules_stays_closed(tmp_path: Path, rules: str) -> None:
    """Nobody can say any more who may see it; what is still there is decided by the rules of today."""
    repository(
        tmp_path, {**BEFORE, "sub/x.py": "1\n", "sub/y.py": "1\n", "sub/sub/z.py": "1\n", rules: "#\n"}
    )
    commit(tmp_path, "Begin with everything")
    stage(tmp_path, AFTER)
    commit(tmp_path, "Rename area to size")
    git(tmp_path, "rm", "--quiet", "sub/x.py", "sub/sub/z.py")
    (replay,) = [replay async for replay in replays(tmp_path, 1)]
    assert set(Past(replay, Folder(tmp_path), lambda _uri: True).paths()) == set(replay.before)
    git(tmp_path, "rm", "--quiet", rules)
    past = Past(replay, Folder(tmp_path), lambda _uri: True)
    assert set(replay.before) - set(past.paths()) == {"sub/x.py", "sub/sub/z.py"}


async def test_only_the_model_that_is_measured(folder: Path) -> None:
    """Another candidate of the route is never asked in its place."""
    (replay,) = [replay async for replay in replays(folder, 1)]
    asker = ScriptedAsker([GOOD], Model("near", "local", "x"))
    with pytest.raises(RequestRejected, match="near is not the one"):
        await done_again(replay, around(asker, folder, replay))


def test_what_else_was_changed() -> None:
    """Other files, lines that differ in nothing but space at their ends, and files that break are told apart."""
    before = {"a.py": "a\nb\n", "c.py": "c\n"}
    changes = (
        file_change("edit", "u:a", "a.py", ("a\n", "b\n"), ("a\n", "B  \n")),
        file_change("create", "u:n", "n.py", (), ("(\n",)),
        file_change("delete", "u:c", "c.py", ("c\n",), ()),
    )
    made = Proposal(
        "p",
        "",
        "",
        changes,
        (Check("syntax n.py", False),),
        receipt("refactor", REMOTE, (), 1),
        complete=True,
    )
    found = score(before, {"a.py": "a\nB\n", "c.py": None}, made)
    assert found == EditScore(2, 2, 1, 2, 2, whole=True, parses=False, same=False)
    both = total([found, EditScore(2, 0, 0, 2, 0, whole=False, parses=True, same=False)])
    assert (both.files, both.hunks, both.others, both.parses) == (0.5, 0.5, 0.5, 0.5)
    assert total([]).files == 0.0


async def test_checks_are_run_on_the_tree_of_the_past(folder: Path) -> None:
    """On a copy of the commit's parent, without what is never read today, with the user's dependencies lent to it."""
    (folder / "run.sh").write_text("#!/bin/sh\nexit 0\n")
    (folder / "run.sh").chmod(0o755)
    (folder / ".hidden").write_text("a setting")
    git(folder, "add", "run.sh", ".hidden")
    commit(folder, "Add a script")
    stage(folder, {"new.py": "x = 4\n", "shapes.py": "def size(w, h):\n    return h * w\n"})
    commit(folder, "Turn the sides around")
    (folder / "venv/lib").mkdir(parents=True)
    (replay,) = [replay async for replay in replays(folder, 1)]
    past = Past(replay, Folder(folder), lambda uri: not uri.endswith("secret.py"))
    change = file_change("edit", past.uri("new.py"), "new.py", ("x = 3\n",), ("x = 4\n",))
    commands = [
        "./run.sh",
        f"{PYTHON} -c 'import new; assert new.x == 4'",
        f"{PYTHON} -c 'import os; assert os.path.exists(\".hidden\")'",
        f'{PYTHON} -c \'import os; assert os.path.isdir("venv/lib") and not os.path.exists("secret.py")\'',
        f"{PYTHON} -c 'import new; assert new.x == 3'",
    ]
    async with laid_out(folder, replay, past) as tree:
        found = await run_checks(Folder(tree), [change], commands, lender=folder)
        assert [check.ok for check in found] == [True, True, True, True, False]
        assert (tree / "new.py").read_text() == "x = 3\n"
    assert not tree.exists()
    assert score({}, {}, proposal_of(), found).passes is False
    assert score({}, {}, proposal_of(), [Check("c", ok=True, ran=False)]).passes is None


def proposal_of(*changes: FileChange) -> Proposal:
    return Proposal("p", "label", "plan", changes, (), receipt("refactor", REMOTE, (), 1))


@pytest.mark.parametrize("style", ["blocks", "whole_file"])
async def test_a_form_is_measured_by_itself(folder: Path, style: EditStyle) -> None:
    """A model is asked in the form that is measured, and what it was asked for is known with the size of files."""
    replay = [replay async for replay in replays(folder, 2)][1]
    whole: list[str | BackendError] = [f"```python\n{AFTER[name]}```\n" for name in ("shapes.py", "main.py")]
    asker = ScriptedAsker([GOOD] if style == "blocks" else whole)
    past = Past(replay, Folder(folder), lambda uri: not uri.endswith("secret.py"))
    only = Only(replace(REMOTE, edits=style), Outlook(), asker, past)
    found, _ = await done_again(replay, Seams(only, past, syntax, outlook=only))
    assert found.same
    assert {asked for asked, _ in only.asked} == {style}
    assert max(size for _, size in only.asked) == len(BEFORE["main.py"])
