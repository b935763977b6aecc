"""The GPU engine on a CPU: exllamav2's real generator and page table around a model that answers by hashing."""

import asyncio
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.worker.engines.base import EngineError, EngineLost, Work
from turnout.worker.engines.exllama import ExllamaEngine
from turnout.worker.runner import Report, Runner
from turnout.worker.schedule import Job
from worker import exllama_kit as kit
from worker.exllama_rig import CONTEXT, HEALING, LINES, Rig, chat, hole
from worker.kit import GUARD_S

kit.require_torch()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.model_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(params=["paged", "unpaged"])
def rig(request: pytest.FixtureRequest, folder: Path) -> Rig:
    return Rig(folder, paged=request.param == "paged")


@pytest.fixture
def paged(folder: Path) -> Rig:
    return Rig(folder, paged=True)


def test_answers_are_those_of_the_model_however_the_cache_is_reused(rig: Rig) -> None:
    """Typing on, another document in between, and coming back change what is evaluated, never what is answered."""
    typed = [
        hole(LINES),
        hole(LINES),
        hole(LINES + "v"),
        hole("other = 1\n" * 40, document="e"),
        hole(LINES + "va"),
    ]
    for work in typed:
        heard = rig.run(work)
        assert heard.text == rig.truth(work)
        assert heard.ending == "length"
        assert len(heard.tokens) == work.max_tokens


def test_a_prompt_that_begins_like_the_last_one_is_evaluated_from_where_they_differ(rig: Rig) -> None:
    """The figures say how much came from the cache."""
    first = rig.run(hole(LINES))
    again = rig.run(hole(LINES))
    assert first.reused == 0
    assert first.prompt_tokens > 600
    assert again.reused >= again.prompt_tokens - 1 - 256
    assert all(done <= of for _, done, of in first.prefills)
    assert first.prefills[-1][1:] == (first.prompt_tokens, first.prompt_tokens)


@pytest.mark.parametrize("stop_after", [0, 1, 5])
def test_a_stopped_job_ends_within_its_step_and_leaves_its_prompt_in_the_cache(
    rig: Rig, stop_after: int
) -> None:
    """In the prompt as in the answer; whoever comes next gets right answers."""
    stopped = rig.run(hole(LINES), stop_after)
    assert stopped.ending == "interrupted"
    assert len(stopped.tokens) == stop_after
    assert rig.generator.num_remaining_jobs() == 0
    assert rig.model.prefilled <= (512 if stop_after == 0 else 2000)
    after = rig.run(hole(LINES))
    assert after.text == rig.truth(hole(LINES))
    assert after.reused >= 256


def test_an_interrupted_answer_goes_on_where_it_was(rig: Rig) -> None:
    """What was said before counts as part of the prompt, and comes from the cache."""
    whole = rig.run(chat("count", max_tokens=20))
    begun = rig.run(chat("count", max_tokens=20), stop_after=8)
    rest = rig.run(chat("count", max_tokens=12, already=begun.text))
    assert begun.text + rest.text == whole.text


def test_a_warm_prompt_is_evaluated_and_nothing_is_said(rig: Rig) -> None:
    """The request that follows finds it in the cache."""
    warm = rig.run(hole(LINES, generate=False))
    assert (warm.ending, warm.tokens) == ("stop", [])
    assert warm.prefills[-1][1] == warm.prompt_tokens
    assert rig.run(hole(LINES)).reused >= warm.prompt_tokens - 257


def test_guesses_make_steps_longer_and_change_nothing(rig: Rig) -> None:
    """Where an answer repeats itself, several tokens come per step, and the limit still holds exactly."""
    letters = [kit.hashed([n]) for n in (1, 2, 3)]
    rig.model.scores = lambda sequence: {letters[len(sequence) % 3]: 100.0}
    heard = rig.run(hole(LINES, max_tokens=30))
    assert heard.ending == "length"
    assert len(heard.tokens) == 30
    assert len(rig.model.decoded) < 20


def test_editors_share_steps(paged: Rig) -> None:
    """Three documents are decoded in one batch, each as if it were alone."""
    works = [hole(LINES + f"{n} = ", document=str(n)) for n in range(3)]
    sinks = [paged.begin(work) for work in works]
    paged.finish(*sinks)
    assert [sink.text for sink in sinks] == [paged.truth(work) for work in works]
    assert max(paged.model.decoded) == 3


def test_one_of_a_batch_can_be_stopped(paged: Rig) -> None:
    """Its neighbours go on."""
    works = [hole(LINES + f"{n} = ", document=str(n)) for n in range(3)]
    sinks = [paged.begin(work, stop_after=2 if n == 1 else None) for n, work in enumerate(works)]
    paged.finish(*sinks)
    assert [sink.ending for sink in sinks] == ["length", "interrupted", "length"]
    assert sinks[2].text == paged.truth(works[2])


def _prefers(rig: Rig, pieces: Sequence[str], then: str = "<|endoftext|>") -> None:
    """Have the model like these tokens, the first most, and say `then` once one of them was said."""
    tokenizer = rig.generator.tokenizer
    ids = [tokenizer.get_id_to_piece_list().index(piece) for piece in pieces]
    ends = tokenizer.single_id(then)

    def scores(sequence: Sequence[int]) -> dict[int, float]:
        if sequence[-1] in ids:
            return {ends: 100.0}
        return {token: 50.0 - place for place, token in enumerate(ids)}

    rig.model.scores = scores


def test_the_word_at_the_cursor_is_healed(folder: Path) -> None:
    """` sel` at the cursor becomes ` self`, as one token although ` sel` is none, and `f` is inserted."""
    rig = Rig(folder, paged=True, name=HEALING)
    _prefers(rig, ["urn", " self", "s"])
    assert " sel" not in rig.generator.tokenizer.get_id_to_piece_list()
    heard = rig.run(hole("def total(self):\n    return sel"))
    assert (heard.text, heard.ending) == ("f", "stop")
    assert heard.tokens == ["f"]


@pytest.mark.parametrize("prefix", ["naïve = été", "x = 変数"])
def test_a_word_that_no_token_spells_is_part_of_the_prompt(folder: Path, prefix: str) -> None:
    """Healing that could get stuck is left out, and the answer is inserted whole."""
    rig = Rig(folder, paged=True, name=HEALING)
    heard = rig.run(hole(prefix))
    assert len(heard.tokens) == 12
    assert all(heard.tokens)


def test_an_answer_ends_where_the_model_says_so(rig: Rig) -> None:
    """A special token ends it and is not inserted."""
    _prefers(rig, ["self"])
    heard = rig.run(hole("for value in range(10):\n    "))
    assert (heard.text, heard.ending) == ("self", "stop")
    _prefers(rig, ["self"], then="<|file_sep|>")
    assert rig.run(hole("for value in range(9):\n    ")).text == "self"


@pytest.mark.parametrize(
    ("stop", "said", "text"),
    [
        (("self",), ["a", "self"], "a"),
        (("b self",), ["a", "b"], "ab"),
        (("\n\n",), ["a", "\n"], "a\n"),
    ],
)
def test_a_chat_ends_at_its_stop_strings(rig: Rig, stop: tuple[str, ...], said: list[str], text: str) -> None:
    """The stop string is left out, and text held back for one that does not come is not lost."""
    tokenizer = rig.generator.tokenizer
    pieces, length = tokenizer.get_id_to_piece_list(), len(rig.engine._chat(chat("x"))[0])
    tokens = [pieces.index(piece) for piece in said] + [tokenizer.single_id("<|im_end|>")]
    rig.model.scores = lambda sequence: {tokens[min(len(sequence) - length, len(tokens) - 1)]: 100.0}
    heard = rig.run(chat("x", stop=stop))
    assert (heard.text, heard.ending) == (text, "stop")


def test_a_chat_is_put_into_the_models_own_template(rig: Rig) -> None:
    """Its special tokens are meant as such; those in a message are mere characters."""
    tokens, _ = rig.engine._chat(chat("say <|im_end|> twice", already="ok"))
    special = {"<|im_start|>": 2, "<|im_end|>": 1}
    ids = {name: rig.generator.tokenizer.single_id(name) for name in special}
    assert {name: tokens.count(ids[name]) for name in special} == special
    told = rig.generator.tokenizer.tokenizer_model.hf_tokenizer.decode(tokens, skip_special_tokens=False)
    wanted = "<|im_start|>user\nsay <|im_end|> twice<|im_end|>\n<|im_start|>assistant\nok"
    assert told == wanted


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*kit.CHAT, *kit.FIM, "<|", "|>", "<", "x", " ", "[A]", "é"]), max_size=8))
def test_no_text_becomes_a_special_token(folder: Path, pieces: list[str]) -> None:
    """Whatever a file holds, it is read as characters, and as all of them."""
    engine, tokenizer = _engine(folder)
    text = "".join(pieces)
    ids = engine._plain(text)
    assert not set(ids) & {tokenizer.single_id(name) for name in (*kit.CHAT, *kit.FIM)}
    assert tokenizer.tokenizer_model.hf_tokenizer.decode(ids) == text


_ENGINES: dict[Path, tuple[ExllamaEngine, Any]] = {}


def _engine(folder: Path) -> tuple[ExllamaEngine, Any]:
    if folder not in _ENGINES:
        rig = Rig(folder, paged=True)
        _ENGINES[folder] = rig.engine, rig.generator.tokenizer
    return _ENGINES[folder]


def test_a_hole_with_too_much_text_is_tried_with_less(rig: Rig) -> None:
    """Half the window, and at last a message that says what to do."""
    wide = "é変" * 1200
    heard = rig.run(hole(LINES, suffix=wide))
    assert heard.prompt_tokens <= CONTEXT
    with pytest.raises(EngineError, match=r"does not fit the context of 2048 tokens"):
        rig.begin(chat(LINES * 10))
    assert rig.run(hole(LINES)).ending == "length"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "ran out of memory.*lower models"),
        (RuntimeError("CUDA error: an illegal memory access was encountered\nmore"), "illegal memory access"),
        (AssertionError(), "GPU engine failed: AssertionError"),
    ],
)
def test_a_fault_in_a_step_is_the_end_of_the_engine(rig: Rig, fault: Exception, words: str) -> None:
    """After it nothing in the GPU's memory can be trusted."""
    rig.begin(hole(LINES))
    rig.model.fault = fault
    with pytest.raises(EngineLost, match=words):
        rig.engine.step()


def test_loading_makes_the_steps_that_would_be_slow_and_counts_them(folder: Path) -> None:
    """For one prompt and for a batch, so that the first keystroke is as fast as the next."""
    rig = Rig(folder, paged=True, warm_calls=30)
    assert rig.progress == [(n, 60) for n in range(60)]
    assert rig.generator.num_remaining_jobs() == 0
    assert Rig(folder, paged=False, warm_calls=30).progress == [(n, 30) for n in range(30)]


def test_a_model_without_the_tokens_of_a_hole_says_so(tmp_path: Path) -> None:
    """It can still chat."""
    rig = Rig(kit.model_folder(tmp_path, special=kit.CHAT), paged=True)
    with pytest.raises(EngineError, match="no fill-in-the-middle tokens"):
        rig.begin(hole("x"))
    assert rig.run(chat("x")).ending == "length"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "no chat template"),
        ("{{ messages[0].content.__class__.__mro__ }}", "does not work"),
        ("{% for m in messages %}{{ m.role }}{% endfor %}", "leaves out a user message"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% if %}", "does not work"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(
    folder: Path, tmp_path: Path, template: str | None, words: str
) -> None:
    """A chat fails with what is wrong; a template gets at nothing but the messages."""
    place = shutil.copytree(folder, tmp_path / "model")
    config = {"eos_token": "<|im_end|>"} | ({} if template is None else {"chat_template": template})
    (place / "tokenizer_config.json").write_text(json.dumps(config))
    rig = Rig(place, paged=True)
    with pytest.raises(EngineError, match=words):
        rig.begin(chat("x"))


async def test_the_runner_supersedes_and_batches_with_the_real_generator(paged: Rig) -> None:
    """A newer request of a document stops the older one, beside another editor that is not disturbed."""
    reports: asyncio.Queue[Report] = asyncio.Queue()

    def report(batch: list[Report]) -> None:
        for one in batch:
            reports.put_nowait(one)

    runner = Runner(_Loaded(paged.engine), report, _loop())
    numbers = itertools.count()

    def submit(client: int, work: Work) -> Job:
        job = Job(client, next(numbers), "inline", work, runner.clock())
        runner.submit(job)
        return job

    older = submit(1, hole(LINES, shape="block", max_tokens=400))
    other = submit(2, hole(LINES + "b", shape="block", max_tokens=40))
    runner.start()
    ends: dict[Job, Any] = {}
    newer: Job | None = None
    async with asyncio.timeout(GUARD_S):
        while len(ends) < 3:
            what, job, detail = await reports.get()
            if what == "chunk" and job is older and newer is None:
                newer = submit(1, hole(LINES + "c", shape="block"))
            if what == "finished" and job is not None:
                ends[job] = detail
    assert newer is not None
    assert ends == {older: ("superseded", ""), other: ("length", ""), newer: ("length", "")}
    assert "".join(newer.emitted) == paged.truth(newer.work)
    assert "".join(other.emitted) == paged.truth(other.work)
    assert await asyncio.to_thread(runner.close, GUARD_S)


class _Loaded:
    """An engine that is loaded already."""

    def __init__(self, engine: ExllamaEngine) -> None:
        self.lanes, self.begin, self.step, self.close = engine.lanes, engine.begin, engine.step, engine.close

    def load(self, on_progress: Any) -> None:
        """Nothing is left to do."""


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
