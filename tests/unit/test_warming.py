"""When a local model reads ahead: after a moment of rest, at the place touched last, and out of everybody's way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from turnout.complete import Rules, Warmer
from turnout.complete.warming import IDLE_S, LOOK_AROUND_S, NEAR_LINES
from turnout.core.context import Surroundings
from turnout.core.documents import Document, Position, Snapshot
from turnout.core.fim.budget import Pace
from turnout.core.models import Model
from turnout.core.prompts import ContextChunk, FimPrompt
from turnout.errors import ModelMissing, WorkerUnavailable

A, B = "file:///w/a.py", "file:///w/b.py"
NEAR = Model("near", "local", "tiny")
FAR = replace(NEAR, name="far", api="openai-chat", leaves_machine=True)
BESIDE = replace(
    NEAR, name="beside", api="completions", server="llama-server", base_url="http://127.0.0.1:8012/v1"
)


@dataclass
class Alarm:
    """A call that was put off."""

    at_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class World:
    """A clock, an editor's documents, and a model that notes what it is given and ends when it is told to."""

    choice: Model | None = NEAR
    rules: Rules = field(default_factory=Rules)
    error: Exception | None = None
    context: "Around | None" = None
    speed: Pace = field(default_factory=Pace)
    now_s: float = 0.0
    alarms: list[Alarm] = field(default_factory=list)
    warmed: list[tuple[str, str]] = field(default_factory=list)
    prompts: list[FimPrompt] = field(default_factory=list)
    cancelled: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log(self) -> list[str]:
        """What happened to the other files."""
        assert self.context is not None
        return self.context.log

    def __post_init__(self) -> None:
        self.documents = {uri: Document(uri, "python", 1, "one\ntwo\nthree\n") for uri in (A, B)}
        self.warmer = Warmer(
            self,
            self.first_choice,
            lambda _uri: self.rules,
            lambda uri: uri[-4:],
            self.snapshot,
            clock=lambda: self.now_s,
            later=self.later,
            context=self.context,
        )

    async def first_choice(self, _uri: str) -> Model | None:
        return self.choice

    def pace(self, _model: Model) -> Pace:
        return self.speed

    async def warm(self, model: Model, prompt: FimPrompt) -> None:
        self.warmed.append((prompt.path, prompt.prefix))
        self.prompts.append(prompt)
        if self.error is not None:
            raise self.error
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def snapshot(self, uri: str) -> Snapshot | None:
        return self.documents[uri].snapshot() if uri in self.documents else None

    def later(self, delay_s: float, call: Callable[[], None]) -> Alarm:
        self.alarms.append(Alarm(self.now_s + delay_s, call))
        return self.alarms[-1]

    def touch(self, uri: str, line: int | None = None) -> None:
        position = None if line is None else Position(line, 0)
        self.warmer.touch(uri, self.documents[uri].version, position)

    async def rest(self, seconds: float = 2 * IDLE_S) -> None:
        """Let time pass, alarm by alarm."""
        end_s = self.now_s + seconds
        while due := [alarm for alarm in self.alarms if alarm.at_s <= end_s]:
            alarm = min(due, key=lambda one: one.at_s)
            self.alarms.remove(alarm)
            self.now_s = max(self.now_s, alarm.at_s)
            if not alarm.cancelled:
                alarm.call()
            await turns()
        self.now_s = end_s


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_place_where_the_cursor_rests_is_read() -> None:
    """The prompt is the one that a completion there would have."""
    world = World()
    world.touch(A, 1)
    assert world.warmed == []
    await world.rest()
    assert world.warmed == [("a.py", "one\n")]


async def test_only_the_place_touched_last_is_read_and_only_after_a_rest() -> None:
    """Whoever moves through files or lines costs nothing on the way."""
    world = World()
    for uri, line in ((A, 0), (B, 1), (A, 1), (B, 2)):
        world.touch(uri, line)
        await world.rest(IDLE_S * 0.9)
        assert world.warmed == []
    await world.rest()
    assert world.warmed == [("b.py", "one\ntwo\n")]


async def test_the_same_place_is_read_once() -> None:
    """Saving, or telling the same place again, is no news; a change of the text is."""
    world = World()
    for _ in range(3):
        world.touch(A, 1)
        await world.rest()
    world.touch(A)
    await world.rest()
    assert len(world.warmed) == 1
    world.documents[A].replace_all("four\nfive\n", 2)
    world.touch(A)
    await world.rest()
    assert world.warmed[1:] == [("a.py", "four\n")]


async def test_a_newer_place_takes_the_older_one_s_place() -> None:
    """At most one prompt is under way."""
    world = World()
    world.touch(A, 1)
    await world.rest()
    world.touch(A, 2)
    await world.rest()
    assert (len(world.warmed), world.cancelled) == (2, 1)


async def test_nothing_is_read_beside_a_completion() -> None:
    """What is under way is given up, what is due is put off, and the completion's own place is read already."""
    world = World()
    world.touch(A, 1)
    await world.rest()
    snapshot = world.documents[A].snapshot()
    with world.warmer.completing(snapshot, Position(2, 0)):
        await turns()
        assert world.cancelled == 1
        world.touch(A, 2)
        world.touch(B, 1)
        await world.rest(10 * IDLE_S)
        assert len(world.warmed) == 1
        world.touch(A, 2)
    await world.rest(10 * IDLE_S)
    assert len(world.warmed) == 1
    world.touch(B, 1)
    await world.rest()
    assert world.warmed[1:] == [("b.py", "one\n")]


@pytest.mark.parametrize(
    "world",
    [
        lambda: World(choice=FAR),
        lambda: World(choice=replace(BESIDE, leaves_machine=True, jurisdiction="self-hosted")),
        lambda: World(choice=replace(BESIDE, server=None)),
        lambda: World(choice=None),
        lambda: World(rules=Rules(enabled=False)),
        lambda: World(rules=Rules(disabled_languages=frozenset({"python"}))),
    ],
)
async def test_nothing_is_read_where_no_local_model_would_be_asked(world: Callable[[], World]) -> None:
    """Reading ahead never leaves the machine, and never happens where completions are off."""
    made = world()
    made.touch(A, 1)
    await made.rest()
    assert made.warmed == []


async def test_a_llama_server_on_this_machine_reads_ahead_too() -> None:
    """It keeps what it has read as our own process does, so that the first letter there costs a few tokens."""
    made = World(choice=BESIDE)
    made.touch(A, 1)
    await made.rest()
    assert made.warmed == [("a.py", "one\n")]


@pytest.mark.parametrize(
    "error", [ModelMissing("m", model="m"), WorkerUnavailable("gone"), RuntimeError("a fault")]
)
async def test_what_fails_is_no_news(error: Exception) -> None:
    """The next place is tried again."""
    world = World(error=error)
    for line in (1, 2):
        world.touch(A, line)
        await world.rest()
    assert len(world.warmed) == 2


async def test_a_closed_document_is_not_read() -> None:
    """Neither after it was touched, nor when it is opened again at a place of long ago."""
    world = World()
    world.touch(A, 2)
    world.warmer.forget(A)
    await world.rest()
    assert world.warmed == []
    world.touch(A)
    await world.rest()
    assert world.warmed == [("a.py", "")]


async def test_nothing_is_left_at_the_end() -> None:
    """What is under way ends, and what is due never begins."""
    world = World()
    world.touch(A, 1)
    await world.rest()
    world.touch(A, 2)
    await world.warmer.close()
    await world.rest()
    assert (len(world.warmed), world.cancelled) == (1, 1)


@dataclass
class Around:
    """Other files that may help, by how often it was looked, and what happened to them in turn."""

    found: list[str]
    log: list[str] = field(default_factory=list)
    shown: Surroundings = field(default_factory=Surroundings)
    next: Surroundings = field(default_factory=Surroundings)

    def touch(self, uri: str, version: int | None, position: Position) -> None:
        self.log.append(f"touch {position.line}")

    def around(self, uri: str) -> Surroundings:
        return self.shown

    async def gather(self, snapshot: Snapshot, position: Position) -> Surroundings:
        text = self.found.pop(0)
        self.log.append(f"gather {text}")
        self.next = Surroundings((ContextChunk("o.py", text, "similar"),)) if text else Surroundings()
        return self.next

    def adopt(self, uri: str) -> None:
        self.log.append("adopt")
        self.shown = self.next

    def forget(self, uri: str) -> None:
        self.log.append("forget")


async def test_other_files_are_gathered_at_rest_and_shown_once_they_are_read() -> None:
    """Before that a completion would have to wait for them."""
    world = World(context=Around(["x"]))
    world.touch(A, 1)
    await world.rest()
    assert world.log == ["touch 1", "gather x"]
    assert [chunk.text for chunk in world.prompts[0].context] == ["x"]
    world.release.set()
    await turns()
    assert world.log[2:] == ["adopt"]


async def test_what_was_not_read_to_its_end_is_not_shown() -> None:
    """A completion meanwhile shows what the model has in its cache."""
    world = World(context=Around(["x"]))
    world.touch(A, 1)
    await world.rest()
    with world.warmer.completing(world.documents[A].snapshot(), Position(1, 0)):
        await turns()
    assert (world.cancelled, "adopt" in world.log) == (1, False)


async def test_it_is_looked_around_once_after_a_completion() -> None:
    """Whoever only types asks for completions all the time; nothing is read where nothing new was found."""
    world = World(context=Around(["", "x"]))
    world.release.set()
    for version in (1, 2):
        world.documents[A].replace_all("one\n" * version, version)
        with world.warmer.completing(world.documents[A].snapshot(), Position(1, 0)):
            await turns()
        await world.rest(10 * LOOK_AROUND_S)
    assert world.log == ["gather ", "gather x", "adopt"]
    assert len(world.warmed) == 1


async def test_other_files_are_gathered_for_models_elsewhere_too() -> None:
    """They are read by nobody ahead of time, and go along from the next completion on."""
    world = World(choice=FAR, context=Around(["x"]))
    world.touch(A, 1)
    await world.rest()
    assert (world.warmed, world.log) == ([], ["touch 1", "gather x", "adopt"])
    world.warmer.forget(A)
    assert world.log[-1] == "forget"


async def test_a_llama_server_reads_other_files_once_for_places_close_by() -> None:
    """Another choice of them would have it read its whole prompt again, and once more if typing goes on meanwhile."""
    world = World(choice=BESIDE, context=Around(["x", "y"]))
    world.documents[A].replace_all("line\n" * 200, 2)
    world.release.set()
    for line in (1, 1 + NEAR_LINES, 2 + NEAR_LINES):
        world.touch(A, line)
        await world.rest()
    assert [entry for entry in world.log if "touch" not in entry] == [
        "gather x",
        "adopt",
        "adopt",
        "gather y",
        "adopt",
    ]
    assert [prompt.context[0].text for prompt in world.prompts] == ["x", "x", "y"]


async def test_a_llama_server_that_was_interrupted_goes_on_with_the_same_text() -> None:
    """The completion that interrupts it shows the other files too: what was read of them is not read in vain."""
    world = World(choice=BESIDE, context=Around(["x"]))
    world.touch(A, 1)
    await world.rest()
    with world.warmer.completing(world.documents[A].snapshot(), Position(1, 0)):
        await turns()
    assert (world.cancelled, world.log[-1]) == (1, "adopt")


@pytest.mark.parametrize(
    ("prefill", "looks"), [(0.0, True), (200.0, False), (20_000.0, True)], ids=["unknown", "slow", "quick"]
)
async def test_a_slow_llama_server_looks_around_only_where_nobody_types(prefill: float, looks: bool) -> None:
    """It does not stop reading for the next letter, which would wait for all the files that were found meanwhile."""
    world = World(choice=BESIDE, context=Around(["x"]), speed=Pace(prefill))
    world.release.set()
    with world.warmer.completing(world.documents[A].snapshot(), Position(1, 0)):
        await turns()
    await world.rest(10 * LOOK_AROUND_S)
    assert bool(world.warmed) is looks
    world.touch(A, 2)
    await world.rest()
    assert [chunk.text for chunk in world.prompts[-1].context] == ["x"]
