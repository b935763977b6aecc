"""A refactor of more files than one request takes is done in rounds by one plan, and is still one proposal."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, OutlookByRoute, receipt
from turnout import syntax
from turnout.act.applying.transactions import Outcome, Proposals
from turnout.act.gathering.scope import MAX_FILES, MOST_NAMED, Request
from turnout.act.plans import draw_up, only_estimate
from turnout.act.proposals import Check, Proposal, verdict
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.answers import Answer, PromptFor
from turnout.core.edits.changes import FileChange
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import BackendError, ConnectionFailed, FileUnusable, ReplyUnusable

COUNT = MAX_FILES + 5
FILES = {"shapes.py": "def area(w, h):\n    return w * h\n"} | {
    f"use{number:02}.py": f"from shapes import area\n\nprint(area({number}, 1))\n"
    for number in range(1, COUNT)
}
AFTER = {path: text.replace("area", "size") for path, text in FILES.items()}
SMALL = replace(REMOTE, context_tokens=4_000)
"""A model whose rounds have three or four of these files when they are as long as `LONG`."""
RENAME = Request("Rename area to size.", scope=tuple(f"file:///w/{path}" for path in FILES))
PLAN = "SUMMARY: Rename it.\n" + "".join(f"EDIT {path}: use the new name\n" for path in FILES)


def edits(paths: Sequence[str], after: dict[str, str] = AFTER) -> str:
    """An answer with the whole change of `paths`."""
    return "".join(
        f"{path}\n<<<<<<< SEARCH\n{FILES[path]}=======\n{after[path]}>>>>>>> REPLACE\n" for path in paths
    )


@dataclass
class Answering(OutlookByRoute):
    """An asker that plans, and edits the files that it is shown; `others` answer in place of it, by number.

    It is its own outlook: the route of every request is `models`.
    """

    models: tuple[Model, ...] = (REMOTE,)
    plan: str = PLAN
    others: dict[int, str | BackendError] = field(default_factory=dict)
    limit_usd: float | None = None
    wait_at: int | None = None
    asked: list[tuple[ChatPrompt, tuple[SentFile, ...]]] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        fitting = tuple(model for model in self.models if input_tokens <= model.context_tokens)
        return Route(kind, fitting, (), "test", limit_usd=self.limit_usd)

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        rendered = prompt(self.models[0])
        self.asked.append((rendered, files))
        if len(self.asked) - 1 == self.wait_at:
            self.waiting.set()
            await asyncio.Event().wait()
        text = self.others.get(len(self.asked) - 1) or self._answer(rendered)
        if isinstance(text, BackendError):
            raise text
        return Answer(text, "stop", receipt(kind, self.models[0], files, len(self.asked)), self.models[0])

    def _answer(self, prompt: ChatPrompt) -> str:
        return self.plan if "plans a change" in prompt.messages[0].content else edits(self.shown(prompt))

    @staticmethod
    def shown(prompt: ChatPrompt) -> list[str]:
        """The files whose text is in `prompt`."""
        return [path for path, text in FILES.items() if text in prompt.messages[1].content]

    @property
    def rounds(self) -> list[list[str]]:
        """The files of each question but the first, which is for the plan."""
        return [self.shown(prompt) for prompt, _ in self.asked[1:]]

    def said(self, number: int) -> str:
        """All that was said in a question."""
        return "\n".join(message.content for message in self.asked[number][0].messages[1:])


def around(asker: Answering, files: dict[str, str] = FILES, **more: object) -> Seams:
    return Seams(asker, MemoryWorkspace(files), syntax, outlook=asker, **more)  # type: ignore[arg-type]


def texts(proposal: Proposal) -> dict[str, str]:
    return {change.path: "".join(change.after) for change in proposal.changes}


async def test_many_files_are_one_transaction() -> None:
    """Planned once, asked about in groups, verified together, applied as one and undone as one."""
    asker, told, checked = Answering(), list[tuple[str, int, int]](), list[int]()

    async def check(changes: Sequence[FileChange]) -> tuple[Check, ...]:
        checked.append(len(changes))
        return (Check("lint", True),)

    proposal = await propose(RENAME, around(asker, check=check, tell=lambda *row: told.append(row)))
    assert texts(proposal) == AFTER
    assert (proposal.complete, verdict(proposal.checks).state) == (True, "verified")
    assert asker.rounds == [list(FILES)[:MAX_FILES], list(FILES)[MAX_FILES:]]
    assert proposal.receipt.tokens_out == 10 * 3, "the plan is paid for, too"
    assert checked == [COUNT], "no round can pass the checks alone"
    assert [row[0].partition(":")[0] for row in told if row[0].startswith("round")] == [
        "round 1 of 2",
        "round 2 of 2",
    ]
    workspace, proposals = MemoryWorkspace(FILES), Proposals()
    proposals.keep(proposal)
    assert await proposals.apply(workspace, proposal.id) == Outcome(True)
    assert workspace.files == AFTER
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


async def test_files_that_were_found_go_in_rounds_as_well() -> None:
    """Nobody named a file: all that mention the name are changed, and what it takes is said beforehand."""
    asker = Answering()
    request = replace(RENAME, scope=(), document="file:///w/shapes.py")
    foreseen = await only_estimate(request, around(asker), asker)
    assert (foreseen.estimate.rounds, len(foreseen.estimate.files)) == (2, COUNT)
    proposal = await propose(request, around(asker))
    assert texts(proposal) == AFTER
    assert (proposal.complete, verdict(proposal.checks).state) == (True, "verified")


async def test_found_files_that_its_models_may_not_have_change_no_route() -> None:
    """What nobody named is left out for that, and a change that lacks them is not whole."""

    class Private(Answering):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            route = super().route(kind, uris, input_tokens)
            return replace(route, candidates=(LOCAL,)) if "file:///w/use24.py" in uris else route

    asker = Private()
    proposal = await propose(replace(RENAME, scope=(), document="file:///w/shapes.py"), around(asker))
    assert list(texts(proposal)) == list(FILES)[:MAX_FILES]
    assert not proposal.complete
    assert f"{COUNT - MAX_FILES} files past the limit" in verdict(proposal.checks).text


async def test_what_a_round_is_told() -> None:
    """The plan sees lines of every file; a round the instruction, the plan, its files, and what changed before."""
    asker = Answering()
    await propose(RENAME, around(asker))
    plan, first, second = (asker.said(number) for number in range(3))
    assert all(f"{path}\n" in plan for path in FILES)
    assert "line 1: def area(w, h):" in plan
    assert "return w * h" not in plan
    for said in (first, second):
        assert "Instruction: Rename area to size." in said
        assert "EDIT use24.py: use the new name" in said
    assert "Changed in the rounds before" not in first
    assert "shapes.py (edit)\n- def area(w, h):\n+ def size(w, h):" in second
    assert "This is round 2. Change only these files now: use20.py" in second
    for _, sent in asker.asked:
        assert {file.uri for file in sent} == set(RENAME.scope), (
            "the policy decides on all that may be quoted"
        )


async def test_the_plan_says_which_files() -> None:
    """Files that it leaves out are not asked about; where the rest fit one request, there is one."""
    few = list(FILES)[:3]
    asker = Answering(plan="".join(f"EDIT {path}: x\n" for path in few))
    proposal = await propose(RENAME, around(asker))
    assert asker.rounds == [few]
    assert texts(proposal) == {path: AFTER[path] for path in few}
    assert proposal.complete


async def test_groups_fit_the_model() -> None:
    """A small context makes for small groups: every prompt and its reply are within it."""
    long = {path: text + f"# {'x' * 60}\n" * 30 for path, text in list(FILES.items())[:9]}
    after = {path: text.replace("area", "size") for path, text in long.items()}
    plan = "".join(f"EDIT {path}: x\n" for path in long)
    small = replace(REMOTE, context_tokens=9_000)
    asker = Answering(models=(small,), plan=plan)
    request = replace(RENAME, scope=RENAME.scope[:9])
    proposal = await propose(request, around(asker, long))
    assert texts(proposal) == after
    assert len(asker.rounds) > 1
    assert [path for paths in asker.rounds for path in paths] == list(long)
    for prompt, _ in asker.asked:
        needed = sum(len(message.content) for message in prompt.messages) / 3 + prompt.max_tokens
        assert needed <= small.context_tokens


async def test_a_large_file_has_a_round_of_its_own() -> None:
    """It fits the model, and how much of it will be edited nobody knows: it is asked about alone, as without others."""
    some = dict(list(FILES.items())[:2])
    large = {**some, "shapes.py": FILES["shapes.py"] + f"# {'x' * 97}\n" * 1_700}
    asker = Answering(plan="".join(f"EDIT {path}: x\n" for path in large))
    proposal = await propose(replace(RENAME, scope=RENAME.scope[:2]), around(asker, large))
    assert asker.rounds == [[path] for path in large]
    assert texts(proposal) == {path: text.replace("area", "size") for path, text in large.items()}


async def test_what_fits_one_request_is_asked_at_once() -> None:
    """Room for what rounds say beside their files is not kept where there are none."""
    long = {path: text + f"# {'x' * 68}\n" * 90 for path, text in list(FILES.items())[:2]}
    asker = Answering(models=(replace(REMOTE, context_tokens=9_000),))
    await propose(replace(RENAME, scope=RENAME.scope[:2]), around(asker, long))
    assert len(asker.asked) == 1


async def test_a_larger_model_of_the_route_needs_no_rounds() -> None:
    """Where one of the candidates takes all at once, it is asked as ever."""
    long = {path: text + f"# {'x' * 60}\n" * 30 for path, text in list(FILES.items())[:9]}
    asker = Answering(models=(REMOTE, replace(REMOTE, name="small", context_tokens=9_000)))
    await propose(replace(RENAME, scope=RENAME.scope[:9]), around(asker, long))
    assert len(asker.asked) == 1


@pytest.mark.parametrize(
    ("files", "models", "why"),
    [
        (
            {**FILES, "shapes.py": "x = 1\n" * 5_000},
            (SMALL,),
            r"far takes 4,000 tokens.*shapes.py \(30,000 bytes\)",
        ),
        (
            dict.fromkeys((f"f{n}.py" for n in range(MOST_NAMED + 1)), "x\n"),
            (REMOTE,),
            "201 files were named, 1 more",
        ),
        (
            dict.fromkeys((f"f{n}.py" for n in range(150)), "x\n" * 900),
            (SMALL,),
            "one refactor takes at most 20",
        ),
        ({**FILES, "shapes.py": "x = 1\n" * 5_000}, (LOCAL,), r"near takes 4,096 tokens.*shapes.py"),
    ],
    ids=["a file", "too many", "too many rounds", "written whole"],
)
async def test_what_cannot_be_done_is_refused_before_it_is_paid(
    files: dict[str, str], models: tuple[Model, ...], why: str
) -> None:
    """A file that fits no request, or more files than all rounds take: in words, and nobody is asked."""
    asker = Answering(models=models)
    request = Request("Rename area.", scope=tuple(f"file:///w/{path}" for path in files))
    with pytest.raises(FileUnusable, match=why):
        await propose(request, around(asker, files))
    with pytest.raises(FileUnusable, match=why):
        await draw_up(request, around(asker, files), asker)
    assert not asker.asked


async def test_without_a_plan_no_round_is_paid() -> None:
    """A reply that is no plan ends it: which files have to change, nobody knows."""
    asker = Answering(plan="I would rather not.")
    with pytest.raises(ReplyUnusable, match="25 files take 2 rounds, and there is no plan"):
        await propose(RENAME, around(asker))
    assert len(asker.asked) == 1


@pytest.mark.parametrize(
    "failure", [ConnectionFailed("gone"), "I would rather not."], ids=["gone", "no edits"]
)
async def test_a_round_that_fails_ends_it(failure: str | BackendError) -> None:
    """What was done is offered and called failed, each file that was not is named, and nothing more is asked."""
    asker = Answering(others=dict.fromkeys(range(2, 6), failure))
    proposal = await propose(RENAME, around(asker))
    done, missing = list(FILES)[:MAX_FILES], list(FILES)[MAX_FILES:]
    assert list(texts(proposal)) == done
    assert (proposal.complete, verdict(proposal.checks).state) == (False, "failed")
    message = {check.name: check.message for check in proposal.checks}
    assert all(f"{path}: " in message["edits"] for path in missing)
    assert all(f"EDIT {path}" in message["plan"] for path in missing)
    first = Answering(others=dict.fromkeys(range(1, 6), failure))
    with pytest.raises((ConnectionFailed, ReplyUnusable)):
        await propose(RENAME, around(first))


async def test_a_request_that_fails_is_paid_for() -> None:
    """What it came to until then is in the receipt of the proposal, in rounds, file by file, and for a correction."""
    gone = ConnectionFailed("gone")
    gone.receipt = receipt("refactor", REMOTE, (), 9)
    proposal = await propose(RENAME, around(Answering(others={2: gone})))
    assert proposal.receipt.tokens_in == 300

    class Whole(Answering):
        def _answer(self, prompt: ChatPrompt) -> str:
            (path,) = self.shown(prompt)
            return f"```python\n{AFTER[path]}```\n"

    few = replace(RENAME, scope=RENAME.scope[:3])
    proposal = await propose(few, around(Whole(models=(LOCAL,), others={1: gone})))
    assert (len(proposal.changes), proposal.receipt.tokens_in) == (2, 300)
    broken = edits(["shapes.py"]).replace("def area", "def aria", 1)
    proposal = await propose(few, around(Answering(others={0: broken, 1: gone})))
    assert proposal.receipt.tokens_in == 200


async def test_a_round_that_is_cut_off_is_halved() -> None:
    """More was to be said than one answer holds: its files are asked about in two rounds, a single file is not."""

    class CutOff(Answering):
        async def ask(
            self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
        ) -> Answer:
            answer = await super().ask(kind, prompt, files, on_text)
            too_long = len(self.shown(self.asked[-1][0])) > 10
            return replace(answer, finish="length") if too_long and len(self.asked) > 1 else answer

    asker = CutOff()
    proposal = await propose(RENAME, around(asker))
    assert texts(proposal) == AFTER
    assert [len(paths) for paths in asker.rounds] == [MAX_FILES, MAX_FILES // 2, MAX_FILES // 2, 5]
    assert proposal.complete
    assert proposal.receipt.tokens_out == 10 * 5, "what was cut off is paid for"
    assert "which is made in 3 rounds" in asker.said(3)


async def test_rounds_keep_to_the_budget() -> None:
    """What one refactor may cost holds for its plan and all of its rounds together."""
    asker = Answering(limit_usd=0.02)
    proposal = await propose(RENAME, around(asker))
    assert len(asker.asked) == 2
    assert "use20.py: It was stopped after $0.02." in proposal.checks[0].message
    assert not proposal.complete


async def test_a_round_that_is_not_paid_for_is_not_begun() -> None:
    """Its price is foreseen, prompt and edits together: what is left may be too little before all of it is spent."""
    dear = replace(REMOTE, input_usd=10.0, output_usd=50.0)
    asker = Answering(models=(dear,), limit_usd=0.05)
    proposal = await propose(RENAME, around(asker))
    assert len(asker.asked) == 2
    message = proposal.checks[0].message
    assert "use20.py: It was stopped (220 tokens, $0.020 so far): what is left does not pay" in message
    assert not proposal.complete


async def test_a_round_changes_its_own_files_only() -> None:
    """A new file belongs to the round of the step before it; in any other it is refused, and said."""
    plan = PLAN + "CREATE new.py: y\n"
    new = "new.py\n<<<<<<< SEARCH\n=======\ny = 1\n>>>>>>> REPLACE\n"
    first, second = list(FILES)[:MAX_FILES], list(FILES)[MAX_FILES:]
    asker = Answering(plan=plan, others={1: edits(first) + new, 2: edits(first), 3: edits(second) + new})
    proposal = await propose(RENAME, around(asker))
    assert "new.py is for another round" in asker.said(2)
    assert texts(proposal) == {**AFTER, "new.py": "y = 1\n"}


async def test_problems_go_back_to_the_round_they_are_in() -> None:
    """The checks see all files at once; the model mends those of one round, and the other files stand."""
    last = list(FILES)[-1]
    second = list(FILES)[MAX_FILES:]
    wrong = {**AFTER, last: AFTER[last].replace("print(size", "print(area")}
    found: list[dict[str, str]] = []

    async def check(changes: Sequence[FileChange]) -> tuple[Check, ...]:
        found.append({change.path: "".join(change.after) for change in changes})
        problems = (Problem(last, 3, "undefined name area"),) if "area" in found[-1][last] else ()
        return (Check("lint", not problems, problems=problems),)

    asker = Answering(others={2: edits(second, wrong), 3: edits([last])})
    proposal = await propose(RENAME, around(asker, check=check))
    assert found == [wrong, AFTER]
    assert "undefined name area" in asker.said(3)
    assert texts(proposal) == AFTER
    assert proposal.complete
    assert proposal.receipt.tokens_out == 10 * 4
    once = Answering(others={2: edits(second, wrong)})
    assert texts(await propose(RENAME, around(once, check=check), repairs=0)) == wrong
    assert len(once.asked) == 3


@pytest.mark.parametrize("wait_at", [0, 1, 2], ids=["plan", "first round", "second round"])
async def test_cancelling_ends_it_anywhere(wait_at: int) -> None:
    """Nothing is asked after a user gave up, and nothing is offered."""
    asker = Answering(wait_at=wait_at)
    task = asyncio.ensure_future(propose(RENAME, around(asker)))
    await asker.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asker.asked) == wait_at + 1


async def test_the_estimate_says_how_many_rounds() -> None:
    """With the plan's own price, as long as there is none; a plan to be approved is made from the same overview."""
    asker = Answering()
    alone = await only_estimate(RENAME, around(asker), asker)
    assert (alone.estimate.rounds, len(alone.estimate.files)) == (2, COUNT)
    plan = await draw_up(RENAME, around(asker), asker)
    assert plan.estimate.rounds == 2
    assert plan.estimate.tokens_in < alone.estimate.tokens_in
    assert "line 1: def area(w, h):" in asker.said(0)
    proposal = await propose(plan.approved, around(asker))
    assert texts(proposal) == AFTER
    assert len(asker.asked) == 3, "the plan is there already"
    few = await only_estimate(replace(RENAME, scope=RENAME.scope[:3]), around(asker), asker)
    assert few.estimate.rounds == 1


async def test_a_model_that_writes_whole_files_takes_them_one_by_one() -> None:
    """For it every file is a question of its own anyway: many of them need neither plan nor rounds."""

    class Whole(Answering):
        def _answer(self, prompt: ChatPrompt) -> str:
            (path,) = self.shown(prompt)
            return f"```python\n{AFTER[path]}```\n"

    asker = Whole(models=(LOCAL,))
    proposal = await propose(RENAME, around(asker))
    assert texts(proposal) == AFTER
    assert proposal.complete
    assert len(asker.asked) == COUNT


@pytest.mark.parametrize("swept", [True, False], ids=["swept in", "named"])
async def test_an_empty_file_is_asked_about_alone_only_where_it_is_named(swept: bool) -> None:
    """A small model writes something into each, so those that only came with their folder are left out, and said."""
    files = {"a.py": "x = 1\n", "pkg/__init__.py": ""}
    uris = tuple(f"file:///w/{path}" for path in files)
    asker = Answering((LOCAL,), others=dict.fromkeys(range(2), "```python\nx = 2\n```\n"))
    request = Request("Set x to 2", scope=uris, swept=frozenset(uris if swept else ()))
    proposal = await propose(request, around(asker, files))
    assert [*texts(proposal)] == (["a.py"] if swept else [*files])
    left_out = [("pkg/__init__.py", "It holds nothing, and nobody named it.")] if swept else []
    assert [(skipped.path, skipped.reason) for skipped in proposal.skipped] == left_out
    assert proposal.complete


@pytest.mark.parametrize("few", [True, False], ids=["few", "many"])
@pytest.mark.parametrize("limit", ["money", "time"])
async def test_files_one_by_one_keep_to_the_limits(
    few: bool, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what one refactor may cost, or its time, no file is asked about, and those that are left are named."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    class Whole(Answering):
        def _answer(self, prompt: ChatPrompt) -> str:
            if len(self.asked) == 2 and limit == "time":
                monkeypatch.setattr(loop, "time", lambda: began + 10_000)
            (path,) = self.shown(prompt)
            return f"```python\n{AFTER[path]}```\n"

    request = replace(RENAME, scope=RENAME.scope[:4]) if few else RENAME
    asker = Whole(models=(LOCAL,), limit_usd=0.02 if limit == "money" else None)
    proposal = await propose(request, around(asker))
    stopped = "It was stopped after $0.02." if limit == "money" else "It was stopped after 600 s."
    assert len(asker.asked) == len(proposal.changes) == 2
    failures = proposal.checks[0].message.splitlines()
    assert len(failures) == len(request.scope) - 2
    assert all(stopped in failure for failure in failures)
    assert not proposal.complete


async def test_a_time_that_is_over_ends_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that is under way then is not waited for; what was drafted before is offered."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    class Slow(Answering):
        def _answer(self, prompt: ChatPrompt) -> str:
            (path,) = self.shown(prompt)
            if len(self.asked) == 2:
                self.wait_at = 2
            return f"```python\n{AFTER[path]}```\n"

    asker = Slow(models=(LOCAL,))
    work = asyncio.ensure_future(propose(replace(RENAME, scope=RENAME.scope[:4]), around(asker)))
    await asker.waiting.wait()
    monkeypatch.setattr(loop, "time", lambda: began + 10_000)
    proposal = await work
    assert (len(proposal.changes), len(asker.asked)) == (2, 3)
    assert "It was stopped after 600 s." in proposal.checks[0].message


async def test_a_model_with_tools_takes_rounds_too() -> None:
    """What it is shown does not fit one request, whatever else it can do."""
    asker = Answering(models=(replace(REMOTE, tools=True),))
    proposal = await propose(RENAME, around(asker))
    assert texts(proposal) == AFTER
    assert len(asker.asked) == 3
