"""Which files an evaluation cuts holes in, and how it asks: by the server's own code, each way with its own prompt."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from turnout.core.backends import Account, Delta, Done, StreamItem, Timings
from turnout.core.fim import budget
from turnout.core.fim.layout import Window
from turnout.core.models import Model, Usage
from turnout.core.prompts import FimPrompt, Prompt
from turnout.errors import ModelFailed, RequestRejected, TurnoutError
from turnout.evaluate.arms import ARMS, Arm
from turnout.evaluate.cutting import Gap
from turnout.evaluate.pipeline import Answered, Pipeline, ask_every_way
from turnout.evaluate.report import filled
from turnout.evaluate.run import Progress, Site, Wanted, find_holes, interleaved, measure, run
from unit.test_complete_context import Index, passage

MODEL = Model("near", "local", "tiny")
ROOM = Window(2000, 400, 1000)
CODE = "".join(f"value_{number} = compute(argument_{number})\n" for number in range(12))
GAP = Gap(
    "app.py", "python", "line", "def bill(customer):\n    total = price(", "customer", ")\n    return total\n"
)
BLOCK = Gap("app.py", "python", "block", "def bill(total):\n", "    return total", "\n\n\nprint(bill(1))\n")


class Local:
    """A model of this machine that answers everything alike, and keeps what it was asked."""

    def __init__(self, text: str = "customer", error: Exception | None = None) -> None:
        self.text = text
        self.error = error
        self.asked: list[FimPrompt] = []
        self.ahead: list[FimPrompt] = []
        self.closed = False

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        assert isinstance(prompt, FimPrompt)
        self.asked.append(prompt)
        if self.error is not None:
            raise self.error
        yield Delta(self.text)
        yield Done("stop", Usage(100, 3, 90), Timings(first_token=4.0))

    async def warm(self, model: Model, prompt: Prompt) -> None:
        assert isinstance(prompt, FimPrompt)
        self.ahead.append(prompt)

    async def close(self) -> None:
        self.closed = True


class Stopped(Local):
    """A model that is stopped at the end of a block, and says a moment later what it did."""

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        assert isinstance(prompt, FimPrompt)
        self.asked.append(prompt)
        loop, number = asyncio.get_running_loop(), len(self.asked)
        settled: asyncio.Future[Done | None] = loop.create_future()
        done = Done("stop", Usage(100 * number, number, 90), Timings(first_token=4.0))
        yield Account(settled)
        try:
            yield Delta("    return total\n")
            yield Delta("\n\nprint()\n")
        finally:
            loop.call_later(0.01, settled.set_result, done)


def pipeline(local: Local, index: Index | None = None) -> Pipeline:
    return Pipeline(local, MODEL, ROOM, 96, index or Index())


async def answers(local: Local, index: Index | None = None, gap: Gap = GAP) -> dict[Arm, Answered]:
    return await ask_every_way(pipeline(local, index), gap, 0)


async def test_a_block_comes_with_what_it_took() -> None:
    """A model that is stopped where a block ends tells later what it did, and that is told of no other answer."""
    found = await answers(Stopped(), gap=BLOCK)
    assert {arm: (found[arm].prompt_tokens, found[arm].generated_tokens) for arm in ARMS} == {
        arm: (100 * number, number) for number, arm in enumerate(ARMS, 1)
    }
    assert {answer.text for answer in found.values()} == {"    return total"}


async def test_an_answer_is_judged_by_the_text_that_comes_of_it() -> None:
    """Who writes the bracket that an editor had closed, in its place, has written what the author wrote."""
    found = await answers(Local("customer)"))
    assert {(answer.text, answer.replaces) for answer in found.values()} == {("customer)", 1)}
    assert all(score.exact for score in filled(GAP, found).scores.values())


async def test_ways_of_asking_differ_in_their_surroundings_alone() -> None:
    """The same text, model and room; other files in one, the usual order in another."""
    local = Local()
    index = Index(
        passages=(
            passage("other.py", "def pay(customer):\n    total = price(customer)\n    bill(customer)\n"),
        )
    )
    await answers(local, index)
    _, bare, plain = local.asked
    assert [len(prompt.context) for prompt in local.asked] == [1, 0, 0]
    assert [prompt.plain for prompt in local.asked] == [False, False, True]
    assert bare.window == plain.window == budget.without_context(ROOM)
    assert {(p.prefix, p.suffix, p.path, p.max_tokens) for p in local.asked} == {
        (GAP.before, GAP.after, "app.py", 96)
    }
    assert len({p.document for p in local.asked}) == 3


async def test_what_stands_before_the_line_is_read_ahead() -> None:
    """As while a user rests there: the same prompt but for what is typed in the line then."""
    local = Local()
    await answers(local)
    for ahead, asked in zip(local.ahead, local.asked, strict=True):
        assert ahead.prefix == "def bill(customer):\n    "
        assert (ahead.suffix, ahead.document, ahead.window) == (asked.suffix, asked.document, asked.window)


async def test_an_answer_comes_with_what_it_took() -> None:
    """Tokens and times from the receipt, which no ledger keeps."""
    found = (await answers(Local()))["context"]
    assert (found.text, found.reason, found.first_ms) == ("customer", "", 4.0)
    assert (found.prompt_tokens, found.evaluated_tokens, found.generated_tokens) == (100, 10, 3)


async def test_silence_has_its_reason() -> None:
    """The server's own words for it."""
    found = (await answers(Local("")))["bare"]
    assert found.text == ""
    assert "nothing to add" in found.reason


async def test_a_model_that_fails_ends_it() -> None:
    """A figure made of failures would say nothing."""
    with pytest.raises(TurnoutError, match="out of order"):
        await answers(Local(error=ModelFailed("It is out of order.", model="tiny")))


async def test_every_way_comes_first_in_turn() -> None:
    """None gains by what another has left in the cache."""
    local = Local()
    asking = pipeline(local)
    for number in range(3):
        await ask_every_way(asking, GAP, number)
    first = [prompt.document.partition(":")[0] for prompt in local.asked[::3]]
    assert sorted(first) == sorted(ARMS)


def folder(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def test_only_files_that_may_be_read_are_cut(tmp_path: Path) -> None:
    """Neither what ignore rules name, nor what the settings keep, nor what is no code."""
    root = folder(
        tmp_path, a_dot_py=CODE, ignored_dot_py=CODE, never_dot_py=CODE, text_dot_md=CODE, sub__b_dot_rs=CODE
    )
    (root / ".gitignore").write_text("ignored.py\n")
    (root / "broken.py").write_bytes(b"\xff\xfe" + CODE.encode())
    found = find_holes(root, Wanted(99, 1), lambda path: path != "never.py")
    assert {gap.path for gap in found} == {"a.py", "sub/b.rs"}


@pytest.mark.parametrize(
    ("languages", "paths"), [(("rust",), {"b.rs"}), (("markdown",), {"c.md"}), ((), {"a.py", "b.rs"})]
)
def test_languages_are_chosen_by_name(tmp_path: Path, languages: tuple[str, ...], paths: set[str]) -> None:
    """Those that are not code only when they are named."""
    root = folder(tmp_path, a_dot_py=CODE, b_dot_rs=CODE, c_dot_md=CODE)
    found = find_holes(root, Wanted(30, 1, languages=languages), lambda _path: True)
    assert {gap.path for gap in found} == paths


def test_kinds_share_the_holes(tmp_path: Path) -> None:
    """Half of them each, and no more than were asked for."""
    block = CODE + "def f(order):\n    total = order.total\n    return total\n\n\n"
    root = folder(
        tmp_path, a_dot_py=block + block.replace("def f", "def g") + block.replace("def f", "def h")
    )
    found = find_holes(root, Wanted(5, 1, ("line", "block")), lambda _path: True)
    assert [gap.kind for gap in found] == ["line", "block", "line", "block", "line"]


@pytest.mark.parametrize(("text", "message"), [(None, "no files"), ("x = 1\n", "no place for a hole")])
def test_nothing_to_cut_is_said(tmp_path: Path, text: str | None, message: str) -> None:
    """With what does not count, so that the user knows where to look."""
    root = folder(tmp_path, **({} if text is None else {"a_dot_py": text}))
    with pytest.raises(RequestRejected, match=message):
        find_holes(root, Wanted(5, 1), lambda _path: True)


async def test_holes_are_scored_as_they_are_filled() -> None:
    """Whoever watches hears of each one, and sees how far it is."""
    heard: list[tuple[int, int]] = []
    progress = Progress()
    progress.changed = lambda: heard.append((len(progress.done), progress.of))
    await measure(Local(), MODEL, ROOM, [Site("here", Index(), [GAP, GAP], 1)], progress)
    assert heard == [(1, 2), (2, 2)]
    assert all(hole.scores["context"].exact for hole in progress.done)


def test_some_of_every_repository_are_filled_at_any_time() -> None:
    """Spread evenly, so that a run that is broken off says something of all of them."""
    assert "".join(interleaved(["aaaa", "bb", "c"])) == "abacaba"
    assert interleaved([[], [1, 2]]) == [1, 2]


def test_what_was_measured_survives_being_broken_off() -> None:
    """Ctrl-C ends it, and the model's connection with it."""
    local, progress = Local(), Progress()

    def stop() -> None:
        raise KeyboardInterrupt

    progress.changed = stop
    site = Site("here", Index(), [GAP, GAP], 1)
    assert run(lambda: local, MODEL, ROOM, [site], progress) is False
    assert len(progress.done) == 1
    assert local.closed
