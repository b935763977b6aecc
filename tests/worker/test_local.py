"""The client side: a backend that finds, starts, shares, loses and regains its worker."""

import asyncio
import json
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from turnout.core.backends import Delta
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, ContextChunk, FimPrompt, Message, Tool
from turnout.errors import (
    EngineMissing,
    ModelError,
    ModelFailed,
    ModelMissing,
    RequestRejected,
    WorkerCrashed,
    WorkerUnavailable,
)
from turnout.local import LocalBackend, address
from turnout.local.address import WorkerSpec
from turnout.local.spawn import log_path
from worker import kit
from worker.backend_kit import ENDLESS, ENDLESS_RULE, MODEL, Make, Workers, collect, no_file, read_all


async def test_text_and_then_one_done(make: Make) -> None:
    """A stream is what the Backend protocol says, with the worker's figures."""
    backend = make()
    text, done = await collect(backend)
    assert (text, done.finish) == ("lo_from_fake(42)", "stop")
    assert (done.usage.input, done.usage.output) == (2, 4)
    assert done.timings.first_token is not None
    assert done.timings.total is not None
    assert done.timings.queue is not None


async def test_a_chat_is_answered(make: Make) -> None:
    """Messages go in their roles."""
    prompt = ChatPrompt((Message("system", "be kind"), Message("user", "hi"), Message("assistant", "yes?")))
    assert (await collect(make(), prompt))[0] == "fake reply to: hi"


@pytest.mark.parametrize(
    "prompt",
    [
        ChatPrompt((Message("user", "hi"),), tools=(Tool("f", "does", "{}"),)),
        ChatPrompt((Message("user", "hi"), Message("tool", "done", call_id="1"))),
    ],
    ids=["offered", "answered"],
)
async def test_tools_are_refused(make: Make, prompt: ChatPrompt) -> None:
    """A conversation with tools goes to another model, rather than to one that would not see them."""
    with pytest.raises(RequestRejected, match="no tools"):
        await collect(make(), prompt)


async def test_every_part_of_a_hole_reaches_the_engine(make: Make, workers: Workers) -> None:
    """Prefix, suffix, path, shape and limit."""
    rule = {
        "prefix_ends": "hel",
        "suffix_starts": "\n",
        "path_ends": "a.py",
        "shape": "block",
        "text": "a\nb c",
    }
    workers.script = {"fim": [rule]}
    chunk = ContextChunk("b.py", "B", "import")
    prompt = FimPrompt("d", "a.py", "hel", "\n", (chunk,), shape="block", max_tokens=3)
    text, done = await collect(make(), prompt)
    assert (text, done.finish) == ("a\nb", "length")


async def test_requests_share_one_worker_and_one_connection(make: Make, workers: Workers) -> None:
    """However many ask at once while nothing runs yet."""
    backend = make()
    prompts = [ChatPrompt((Message("user", f"m{number}"),)) for number in range(8)]
    answers = await asyncio.gather(*(collect(backend, prompt) for prompt in prompts))
    assert [text for text, _ in answers] == [f"fake reply to: m{number}" for number in range(8)]
    assert len(workers.started) == 1
    assert (await backend.status(MODEL))["clients"] == 1


async def test_two_editors_that_start_at_once_share_one_worker(make: Make, workers: Workers) -> None:
    """Each may start a process, but only one stays."""
    backends = [make(), make()]
    answers = await asyncio.gather(*(collect(backend) for backend in backends))
    assert [text for text, _ in answers] == ["lo_from_fake(42)"] * 2
    statuses = [await backend.status(MODEL) for backend in backends]
    assert [status["clients"] for status in statuses] == [2, 2]


async def test_closing_a_stream_cancels_down_to_the_engine(make: Make, workers: Workers) -> None:
    """The engine is free again, without anyone waiting for the rest."""
    workers.script = {"chat": [ENDLESS_RULE]}
    backend = make()
    async with aclosing(backend.stream(MODEL, ENDLESS)) as stream:  # type: ignore[type-var]
        async for item in stream:
            if isinstance(item, Delta):
                break
    while (await backend.status(MODEL))["state"] != "idle":
        pass


async def test_cancelling_the_task_cancels_the_request(make: Make, workers: Workers) -> None:
    """As closing does, also while nothing has come yet."""
    workers.script = {"chat": [{**ENDLESS_RULE, "token_delay_s": 0.2}]}
    backend = make()
    await backend.status(MODEL)
    task = asyncio.create_task(collect(backend, ENDLESS))
    while (await backend.status(MODEL))["state"] != "busy":
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while (await backend.status(MODEL))["state"] != "idle":
        pass


async def test_a_cancelled_start_still_serves_the_next_request(make: Make, workers: Workers) -> None:
    """A keystroke that is superseded while the worker starts does not end the start."""
    backend = make()
    first = asyncio.create_task(collect(backend))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await collect(backend))[0] == "lo_from_fake(42)"
    assert len(workers.started) == 1


async def test_warm_fills_the_cache(make: Make) -> None:
    """The request that follows evaluates next to nothing."""
    backend = make()
    prompt = FimPrompt("d", "a.py", "x" * 4000, "")
    await backend.warm(MODEL, prompt)
    _, done = await collect(backend, prompt)
    assert (done.usage.input, done.usage.cached) == (1000, 1000)


async def test_loading_is_told(make: Make, workers: Workers) -> None:
    """`on_progress` hears what the first request waits for."""
    workers.script = {"load_s": 0.1}
    heard: list[tuple[Any, ...]] = []
    await collect(make(on_progress=lambda *what: heard.append(what)))
    assert heard[0] == ("near", "loading", 0, 0)


@pytest.mark.parametrize(
    "script",
    [{"load_error": "damaged file"}, {"fim": [{"error": "damaged file"}]}],
    ids=["load", "request"],
)
async def test_what_the_engine_refuses_is_an_error_with_its_words(
    make: Make, workers: Workers, script: dict[str, Any]
) -> None:
    """The next candidate of the route may answer instead."""
    workers.script = script
    with pytest.raises(ModelFailed, match="damaged file") as failure:
        await collect(make())
    assert failure.value.model == "near"


@pytest.mark.parametrize(
    "script",
    [
        {"fim": [{"text": "a b c", "crash_after": 1}]},
        {"chat": [{"contains": "x", "text": ""}], "load_crash": True},
    ],
    ids=["while it answers", "while it loads"],
)
async def test_a_worker_that_dies_while_it_answers_is_an_error(
    make: Make, workers: Workers, script: dict[str, Any]
) -> None:
    """A half answer is no answer."""
    workers.script = script
    with pytest.raises(WorkerCrashed, match="died while it answered"):
        await collect(make())


async def test_a_worker_that_is_ended_by_hand_while_it_answers_is_an_error(
    make: Make, workers: Workers
) -> None:
    """SIGTERM cancels what runs, and what is cut short is no answer."""
    workers.script = {"chat": [ENDLESS_RULE]}
    heard = asyncio.Event()
    task = asyncio.create_task(read_all(make(), ENDLESS, heard))
    await heard.wait()
    os.kill(workers.started[0].process.pid, signal.SIGTERM)
    with pytest.raises(WorkerUnavailable, match="told to end"):
        await task


async def test_a_worker_that_cannot_start_says_why(make: Make) -> None:
    """The error is that of the start, and the next request does not try again at once."""

    async def broken(*_: Any) -> None:
        raise WorkerUnavailable("no such interpreter")

    backend = make(spawn=broken, clock=lambda: 0.0)
    with pytest.raises(WorkerUnavailable, match="no such interpreter"):
        await collect(backend)
    with pytest.raises(WorkerUnavailable, match=r"no such interpreter; it is tried again in 1 s\."):
        await collect(backend)


async def test_a_worker_that_leaves_is_replaced_without_a_word(make: Make, workers: Workers) -> None:
    """A request that meets the end of its worker is asked of a new one."""
    backend = make()
    await collect(backend)
    for _ in range(5):
        leaving = await workers.started[-1].connect()
        leaving.send({"t": "unload", "id": 1})
        assert (await collect(backend))[0] == "lo_from_fake(42)"
        assert await leaving.read() is None
        assert (await collect(backend))[0] == "lo_from_fake(42)"
    assert len(workers.started) == 6


async def test_a_real_start_outlives_its_editor_and_keeps_a_log(make: Make) -> None:
    """The process that is started belongs to no editor: closing the backend leaves it to others."""
    first = LocalBackend(no_file, idle_s=30.0)
    await collect(first)
    await first.close()

    async def must_not_start(*_: Any) -> None:
        raise AssertionError("the worker was gone")

    second = make(spawn=must_not_start, idle_s=30.0)
    assert (await collect(second))[0] == "lo_from_fake(42)"
    spec = WorkerSpec(MODEL.model, "fake", None, 30.0, MODEL.context_tokens)
    assert "listening at" in kit.read(log_path(spec))
    client = kit.RawClient(*await asyncio.open_unix_connection(str(address.socket_path(spec))))
    client.send(kit.hello(), {"t": "unload", "id": 1})
    while await client.read() is not None:
        pass
    await client.close()


async def test_over_tcp_it_is_the_same(make: Make, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: a port and a token in a file instead of a socket."""
    monkeypatch.setenv("TURNOUT_WORKER_TRANSPORT", "tcp")
    assert (await collect(make()))[0] == "lo_from_fake(42)"
    assert len(workers.started) == 1


async def test_a_model_that_is_not_here_is_said_by_its_name(
    make: Make, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker is started for it; a path of the user's own is the user's to correct, not ours to download."""
    monkeypatch.delenv("TURNOUT_ENGINE")
    backend = make()
    with pytest.raises(ModelMissing) as raised:
        await backend.status(Model("near", "local", "m"))
    assert raised.value.model == "m"
    with pytest.raises(ModelError, match=r"Correct models\.near\.path") as wrong:
        await backend.status(Model("near", "local", "m", path=str(short_dir / "no.gguf")))
    assert not isinstance(wrong.value, ModelMissing)


async def test_an_engine_that_is_not_here_says_what_to_do(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other feature of the server goes on."""
    monkeypatch.delenv("TURNOUT_ENGINE")
    with pytest.raises(EngineMissing, match=r'Set models.near.engine to "auto"'):
        await make().status(Model("near", "local", "m", engine="exllamav9"))


async def test_a_package_that_is_not_installed_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found out without importing it, which would cost the server's memory."""
    monkeypatch.delenv("TURNOUT_ENGINE")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    with pytest.raises(EngineMissing, match="-m pip install xllamacpp"):
        await make().status(Model("near", "local", "m"))


@pytest.mark.parametrize("change", ["model", "engine", "context", "file", "script"])
def test_whoever_wants_something_else_looks_elsewhere(
    short_dir: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address stands for one model file, engine and context; the same wishes give the same address."""
    weights = short_dir / "m.gguf"
    weights.write_bytes(b"1")
    facts: dict[str, Any] = {"model": "m", "engine": "llamacpp", "path": weights, "context_tokens": 4096}
    if change == "script":
        facts["path"] = None
    before = address.socket_path(WorkerSpec(**facts))
    assert before == address.socket_path(WorkerSpec(**facts))
    if change == "file":
        weights.write_bytes(b"22")
    elif change == "script":
        monkeypatch.setenv("TURNOUT_FAKE_SCRIPT", json.dumps({"fim": []}))
    else:
        others = {"model": ("model", "n"), "engine": ("engine", "x"), "context": ("context_tokens", 1)}
        name, value = others[change]
        facts[name] = value
    assert before != address.socket_path(WorkerSpec(**facts))


def test_a_runtime_directory_with_a_long_path_is_passed_by(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket goes to a short directory of this user alone instead."""
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(short_dir / ("x" * 120)))
    monkeypatch.setenv("TMPDIR", str(short_dir))
    path = address.socket_path(WorkerSpec("m", "fake", None))
    assert len(os.fsencode(path)) <= 96
    assert kit.mode(path.parent) == 0o700


def test_a_runtime_directory_that_cannot_be_made_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only home is no reason not to complete code."""
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", "/proc/turnout")
    assert kit.mode(address.socket_path(WorkerSpec("m", "fake", None)).parent) == 0o700


def test_a_runtime_directory_that_takes_no_files_is_passed_by(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the system says to root that it may be written."""
    useless = short_dir / "useless"
    useless.mkdir(mode=0o755)
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(useless))
    probe = address._probe

    def refuse(directory: Path) -> None:
        if directory == useless:
            raise PermissionError(13, "Permission denied")
        probe(directory)

    monkeypatch.setattr(address, "_probe", refuse)
    assert address.socket_path(WorkerSpec("m", "fake", None)).parent != useless
    assert kit.mode(useless) == 0o755


async def test_a_worker_that_was_killed_is_said_to_be_and_no_older_word_is_quoted(
    make: Make, workers: Workers
) -> None:
    """What the log holds of earlier workers has nothing to do with this end."""
    log = log_path(WorkerSpec(MODEL.model, "fake", None))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("OSError: of last week\n")
    workers.script = {"chat": [ENDLESS_RULE]}
    heard = asyncio.Event()
    task = asyncio.create_task(read_all(make(), ENDLESS, heard))
    await heard.wait()
    os.kill(workers.started[0].process.pid, signal.SIGKILL)
    with pytest.raises(WorkerCrashed) as failure:
        await task
    assert "It was killed, or died without a word" in str(failure.value)
    assert "last week" not in str(failure.value)
