"""A plan names only what its request may change and its model may know; what it takes is estimated without a model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, OutlookByRoute, ScriptedAsker, seams
from turnout.act.estimates import LEAST_TURNS, MOST_TURNS, Estimate, estimate
from turnout.act.gathering.context import Context
from turnout.act.gathering.guard import Guard
from turnout.act.gathering.scope import Request, gather
from turnout.act.plans import Plan, draw_up, only_estimate
from turnout.act.refactor import propose
from turnout.act.shelf import KEPT_S, Shelf
from turnout.core.edits.formats import NoHistory
from turnout.core.edits.plans import PlannedStep
from turnout.core.models import Model
from turnout.core.receipts import SentFile
from turnout.core.requests import Elimination, Kind, Route
from turnout.errors import ConnectionFailed, FileUnusable

FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n\nprint(area(1, 2))\n",
    "other.py": "x = 1\n",
    "secret/keys.py": "k = 1\n",
    "bad.py": "\0",
}
PRICED = replace(REMOTE, input_usd=3.0, output_usd=15.0)
HERE = Request("Rename area to size.", "file:///w/shapes.py")
SCOPED = Request("Rename area to size.", scope=("file:///w/shapes.py", "file:///w/main.py"))
BOTH = "SUMMARY: Rename it.\nEDIT shapes.py: the definition\nEDIT main.py: the call\n"
EDITS = (PlannedStep("edit", "shapes.py", "the definition"), PlannedStep("edit", "main.py", "the call"))


@dataclass
class MemoryOutlook(OutlookByRoute):
    """The route of every request is `model`, but for files in `closed`."""

    model: Model = PRICED
    pace: float | None = 20.0
    closed: tuple[str, ...] = ("secret/",)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        assert kind == "refactor"
        self.asked.append(uris)
        shut = [uri for uri in uris if any(part in uri for part in self.closed)]
        out = Elimination(self.model.name, f"{len(shut)} files may not leave this machine", "config.toml:1")
        return Route(kind, () if shut else (self.model,), (out,) if shut else (), "test")

    def ms_per_token(self, model: Model) -> float | None:
        return self.pace


async def drawn(
    reply: str,
    request: Request = HERE,
    files: Mapping[str, str] = FILES,
    outlook: MemoryOutlook | None = None,
) -> Plan:
    """The plan that a model's `reply` makes."""
    workspace = MemoryWorkspace(dict(files))
    asker = ScriptedAsker([reply], PRICED)
    plan = await draw_up(request, seams(workspace, asker), outlook or MemoryOutlook())
    assert workspace.files == dict(files)
    return plan


async def test_a_plan_is_asked_for_like_the_refactor() -> None:
    """The same kind, the same files; what comes back is the plan, its receipt, and what the refactor will take."""
    asker = ScriptedAsker([BOTH], PRICED)
    plan = await draw_up(HERE, seams(MemoryWorkspace(FILES), asker), MemoryOutlook())
    ((kind, prompt, sent),) = asker.asked
    assert (kind, [file.uri for file in sent]) == ("refactor", ["file:///w/shapes.py", "file:///w/main.py"])
    assert all(FILES[path] in prompt.messages[-1].content for path in ("shapes.py", "main.py"))
    assert (plan.summary, plan.steps, plan.dropped, plan.problem) == ("Rename it.", EDITS, (), "")
    assert plan.receipt
    assert plan.receipt.id == "r1"
    assert [file.uri for file in plan.estimate.files] == ["file:///w/shapes.py", "file:///w/main.py"]
    assert plan.estimate.model == "far"


async def test_the_first_files_of_an_empty_folder_can_be_planned() -> None:
    """There is nothing that could change, so the plan creates, and the refactor keeps to it."""
    plan = await drawn("SUMMARY: Begin.\nCREATE a.py: x\n", Request("Start a package"), {})
    assert (plan.problem, [step.path for step in plan.steps]) == ("", ["a.py"])
    assert plan.estimate.model == "far"
    asker = ScriptedAsker(["a.py\n<<<<<<< SEARCH\n=======\na = 1\n>>>>>>> REPLACE\n"], PRICED)
    proposal = await propose(
        plan.approved, replace(seams(MemoryWorkspace({}), asker), outlook=MemoryOutlook())
    )
    assert [change.path for change in proposal.changes] == ["a.py"]
    assert all(check.ok for check in proposal.checks)


@pytest.mark.parametrize(
    ("line", "path", "reason"),
    [
        ("EDIT ../../etc/passwd: x", "../../etc/passwd", "does not name a file in the workspace"),
        ("EDIT /etc/passwd: x", "/etc/passwd", "not relative to the workspace"),
        ("CREATE C:\\x.py: x", "C:\\x.py", "not relative to the workspace"),
        ("CREATE ~/.bashrc: x", "~/.bashrc", "not relative to the workspace"),
        ("CREATE .git/hooks/post-commit: x", ".git/hooks/post-commit", "belongs to git"),
        ("RENAME main.py -> .git/config", "main.py", "belongs to git"),
        ("RENAME main.py -> ../main.py", "main.py", "does not name a file"),
        ("CREATE .env: x", ".env", "hidden"),
        ("CREATE other.py: x", "other.py", "exists already"),
        ("RENAME main.py -> shapes.py", "main.py", "exists already"),
        ("EDIT missing.py: x", "missing.py", "no such file"),
        ("EDIT unlisted.py: x", "unlisted.py", "not among the files"),
        ("EDIT secret/keys.py: x", "secret/keys.py", "1 files may not leave this machine"),
        ("CREATE secret/new.py: x", "secret/new.py", "1 files may not leave this machine"),
        ("DELETE secret/keys.py: x", "secret/keys.py", "1 files may not leave this machine"),
        ("EDIT bad.py: x", "bad.py", "binary"),
        ("EDIT sha\u202epes.py: x", "sha pes.py", "not a file name"),
        ("DELETE shapes.py: gone", "shapes.py", "speaks of it twice"),
        ("CREATE ./new.py: a\nCREATE new.py: b", "new.py", "speaks of it twice"),
        ("RENAME main.py -> main.py", "main.py", "exists already"),
        ("DELETE main.py: x", "main.py", "off limits"),
        ("RENAME main.py -> other/main.py", "main.py", "off limits"),
    ],
)
async def test_a_step_that_is_none_to_offer(line: str, path: str, reason: str) -> None:
    """It is dropped with the reason, and the rest of the plan stands."""

    class Ignoring(MemoryWorkspace):
        def paths(self, *, hidden: bool = False) -> Iterator[str]:
            return (path for path in super().paths() if path != "unlisted.py")

    workspace = Ignoring({**FILES, "unlisted.py": "x\n", "AGENTS.md": "Never delete or rename `main.py`.\n"})
    asker = ScriptedAsker([f"EDIT shapes.py: the definition\n{line}"], PRICED)
    plan = await draw_up(HERE, seams(workspace, asker), MemoryOutlook())
    assert plan.steps[0] == EDITS[0]
    assert len(plan.steps) == (2 if line.count("CREATE") == 2 else 1)
    ((dropped),) = plan.dropped
    assert dropped.path == path
    assert reason in dropped.reason
    assert plan.problem == ""


async def test_a_file_that_was_not_shown() -> None:
    """It may be named where the files were found, and may not where the user named them."""
    plan = await drawn("EDIT other.py: x\nCREATE tests/test_shapes.py: tests")
    assert [step.path for step in plan.steps] == ["other.py", "tests/test_shapes.py"]
    plan = await drawn("EDIT shapes.py: y\nEDIT other.py: x", SCOPED)
    assert [out.path for out in plan.dropped] == ["other.py"]


@pytest.mark.parametrize(
    ("reply", "finish", "problem"),
    [
        ("I would rather not.", "stop", "no plan"),
        ("", "stop", "no plan"),
        (BOTH, "length", "cut off"),
        ("EDIT ../x.py: y", "stop", "Nothing of the plan can be done. ../x.py"),
        ("EDIT bad.py: y", "stop", "Nothing of the plan can be done. bad.py"),
    ],
)
async def test_no_usable_plan(reply: str, finish: str, problem: str) -> None:
    """A reply that is no plan is no error: it has a receipt and an estimate, and says what was wrong with it."""
    asker = ScriptedAsker([reply], PRICED, finish)  # type: ignore[arg-type]
    plan = await draw_up(HERE, seams(MemoryWorkspace(FILES), asker), MemoryOutlook())
    assert plan.steps == ()
    assert problem in plan.problem
    assert plan.receipt is not None
    assert plan.estimate.model == "far"
    assert len(asker.asked) == 1


async def test_a_correction() -> None:
    """The model sees its plan and what the user says of it, every time; what they said goes with the refactor."""
    asker = ScriptedAsker([BOTH, "EDIT shapes.py: both", "EDIT main.py: the call"], PRICED)
    outside = seams(MemoryWorkspace(FILES), asker)
    first = await draw_up(HERE, outside, MemoryOutlook())
    second = await draw_up(HERE, outside, MemoryOutlook(), first, "Keep an alias.")
    third = await draw_up(HERE, outside, MemoryOutlook(), second, "Only the call.")
    said = [message.content for message in asker.asked[2][1].messages[2:]]
    assert (said[0], said[2]) == (BOTH, "EDIT shapes.py: both")
    assert "Keep an alias." in said[1]
    assert "Only the call." in said[3]
    assert first.id != second.id
    assert third.approved.approved
    assert third.approved.approved.text == (
        "EDIT main.py: the call\nThe user adds: Keep an alias.\nThe user adds: Only the call."
    )


async def test_no_file_and_no_answer() -> None:
    """What makes a refactor impossible makes its plan impossible, in the same words."""
    asker = ScriptedAsker([ConnectionFailed("It is gone.")])
    outside = seams(MemoryWorkspace(FILES), asker)
    with pytest.raises(FileUnusable, match="no such file"):
        await draw_up(Request("x", scope=("file:///w/none.py",)), outside, MemoryOutlook())
    with pytest.raises(ConnectionFailed):
        await draw_up(HERE, outside, MemoryOutlook())


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


SHAPES = block("shapes.py", "def area(w, h):", "def size(w, h):")
NEW = "new.py\n<<<<<<< SEARCH\n=======\ny\n>>>>>>> REPLACE\n"
MAIN = block("main.py", "print(area(1, 2))", "print(size(1, 2))")


@pytest.mark.parametrize(
    ("planned", "reply", "changed", "failed"),
    [
        (BOTH, SHAPES + MAIN, ["shapes.py", "main.py"], {}),
        ("EDIT shapes.py: x", SHAPES, ["shapes.py"], {}),
        ("EDIT shapes.py: x", SHAPES + MAIN, ["shapes.py"], {"edits": "main.py is not among the files"}),
        ("EDIT shapes.py: x", SHAPES + NEW, ["shapes.py"], {"edits": "new.py is not in the plan"}),
        (BOTH, SHAPES + "*** Delete File: main.py\n", ["shapes.py"], {"edits": "something else", "plan": "main.py"}),
        (BOTH, SHAPES, ["shapes.py"], {"plan": "not done: EDIT main.py"}),
        ("CREATE new.py: y", NEW, ["new.py"], {}),
        ("CREATE new.py: y", SHAPES, [], {"edits": "shapes.py is not in the plan", "changes": "", "plan": "new.py"}),
    ],
)  # fmt: skip
async def test_a_refactor_keeps_to_its_plan(
    planned: str, reply: str, changed: list[str], failed: dict[str, str]
) -> None:
    """The plan's files are sent and changed, and no others; what is beyond it or missing of it is said."""
    plan = await drawn(planned)
    workspace, asker = MemoryWorkspace(FILES), ScriptedAsker([reply, reply], PRICED)
    proposal = await propose(plan.approved, seams(workspace, asker))
    assert [change.path for change in proposal.changes] == changed
    found = {check.name: check.message for check in proposal.checks if not check.ok}
    assert found.keys() == failed.keys()
    assert all(part in found[name] for name, part in failed.items())
    assert proposal.complete is ("edits" not in failed)
    assert all(step.line in asker.asked[0][1].messages[-1].content for step in plan.steps)
    assert [file.uri for file in asker.asked[0][2]] == [file.uri for file in plan.estimate.files]


async def test_a_small_model_keeps_to_its_plan() -> None:
    """It is asked for the plan's files alone, each with the plan."""
    plan = await drawn("EDIT main.py: the call")
    asker = ScriptedAsker([f"```python\n{FILES['main.py'].replace('area', 'size')}```"], LOCAL)
    proposal = await propose(plan.approved, seams(MemoryWorkspace(FILES), asker))
    assert [change.path for change in proposal.changes] == ["main.py"]
    assert "EDIT main.py: the call" in asker.asked[0][1].messages[-1].content


def of_files(*paths: str) -> Context:
    workspace = MemoryWorkspace(dict.fromkeys(paths, "x" * 3500))
    found = gather(Request("", scope=tuple(map(workspace.uri, paths))), workspace)
    return Context(found, (), Guard(workspace))


async def test_what_a_refactor_takes() -> None:
    """Tokens follow from the files, dollars from the price, seconds from what was measured; unknown is unknown."""
    files = of_files("a.py", "b.py")
    found = await estimate(files, None, MemoryOutlook())
    usd: Any = pytest.approx(0.0168)
    seconds: Any = pytest.approx(12.0)
    assert found == Estimate("far", True, 2600, 600, usd, seconds, found.files)
    assert found.files[0] == SentFile("file:///w/a.py", 3500)
    steps = (PlannedStep("edit", "a.py"), PlannedStep("create", "c.py"), PlannedStep("delete", "b.py"))
    assert (await estimate(files, steps, MemoryOutlook())).tokens_out == 900
    unknown = await estimate(files, None, MemoryOutlook(REMOTE, None))
    assert (unknown.cost_usd, unknown.seconds) == (None, None)
    local = await estimate(files, None, MemoryOutlook(LOCAL))
    assert (local.leaves_machine, local.tokens_in, local.tokens_out, local.cost_usd) == (
        False,
        3200,
        2000,
        0.0,
    )


async def test_no_model_may_be_asked() -> None:
    """Then the estimate says why."""
    found = await estimate(of_files("secret/a.py"), None, MemoryOutlook())
    assert (found.model, found.cost_usd, found.seconds) == (None, None, None)
    assert "may not leave" in found.why_none


class Seen(NoHistory):
    """A machine that refactors of so many turns were worked out on."""

    def __init__(self, *turns: int) -> None:
        self.taken = turns

    def turns(self, model: Model) -> tuple[int, ...]:
        return self.taken


@pytest.mark.parametrize(
    ("taken", "least", "most"),
    [
        ((), LEAST_TURNS, MOST_TURNS),
        ((9, 9), LEAST_TURNS, MOST_TURNS),
        ((2, 24, 5, 4, 1, 6, 4, 5), 4, 5),
        ((4, 4, 4), 4, 4),
    ],
)
async def test_a_model_with_tools_takes_a_range(taken: tuple[int, ...], least: int, most: int) -> None:
    """As many turns as the middle half of its last refactors here; each sends what was said before it."""
    tools = replace(REMOTE, tools=True, input_usd=1.0, output_usd=10.0)
    files = of_files("shapes.py")
    plain = await estimate(files, None, MemoryOutlook(replace(tools, tools=False)), Seen(*taken))
    found = await estimate(files, None, MemoryOutlook(tools), Seen(*taken))
    assert (plain.turns, plain.most) == (1, None)
    assert found.most
    assert (found.turns, found.most.turns) == (least, most)
    assert found.tokens_in == least * plain.tokens_in + 1500 * least * (least - 1) // 2
    assert found.tokens_out == plain.tokens_out + 150 * (least - 1)
    assert found.cost_usd is not None
    assert found.most.cost_usd is not None
    assert found.cost_usd <= found.most.cost_usd


async def test_an_estimate_alone() -> None:
    """No model is asked, and there is nothing to approve."""
    asker = ScriptedAsker([])
    plan = await only_estimate(HERE, seams(MemoryWorkspace(FILES), asker), MemoryOutlook())
    assert (plan.id, plan.steps, plan.receipt, plan.problem) == ("", (), None, "")
    assert len(plan.estimate.files) == 2


def test_a_plan_expires() -> None:
    """It is kept for a day, as a proposal is."""
    now = 0.0
    shelf: Shelf[str] = Shelf(lambda: now)
    shelf.keep("a", "plan")
    assert shelf.find("a") == "plan"
    now = KEPT_S + 1
    assert shelf.find("a") is None


async def test_a_plan_is_decided_on_what_it_was_made_from() -> None:
    """Its steps may quote any file that the planning model was shown, whether or not the plan changes that one."""
    scoped = replace(SCOPED, scope=(*SCOPED.scope, "file:///w/secret/keys.py"))
    workspace = MemoryWorkspace(FILES)
    asker = ScriptedAsker(["EDIT shapes.py: k is 1", "EDIT shapes.py: it is 1 still", SHAPES], PRICED)
    first = await draw_up(scoped, seams(workspace, asker), MemoryOutlook(closed=()))
    narrow = replace(scoped, scope=SCOPED.scope)
    plan = await draw_up(narrow, seams(workspace, asker), MemoryOutlook(closed=()), first, "Sure?")
    outlook = MemoryOutlook()
    await propose(plan.approved, replace(seams(workspace, asker), outlook=outlook))
    for _, _, sent in asker.asked:
        assert [file.bytes > 0 for file in sent if file.uri == "file:///w/secret/keys.py"] == [True]
    assert "file:///w/secret/keys.py" in outlook.asked[-1]
    assert "file:///w/secret/keys.py" in [file.uri for file in plan.estimate.files]
