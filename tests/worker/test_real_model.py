"""The default model on this machine, through llama.cpp, behind the real socket."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.real_model import real_model_path
from worker import kit
from worker.kit import chat, fim, text

pytestmark = pytest.mark.real_model

FUNCTION = "def multiply(a, b):\n    "
AFTER = "\n\n\nprint(multiply(6, 7))\n"
CODE = "".join(f"def scale_{n}(value):\n    return value * {n}\n\n\n" for n in range(2, 12))


class RealWorker:
    """A process of this test module."""

    def __init__(self, model: Path, socket: Path) -> None:
        self.socket = socket
        arguments = ["--model", "qwen2.5-coder-0.5b", "--path", str(model), "--socket", str(socket)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "turnout.worker", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    async def connect(self) -> kit.RawClient:
        process: Any = None
        worker = kit.WorkerProcess(process, self.socket)
        return await worker.connect()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(kit.GUARD_S)


@pytest.fixture(scope="module")
def weights() -> Path:
    """The model's file, looked up before a test changes where the cache is."""
    return Path(real_model_path())


@pytest.fixture(scope="module")
def real(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorker]:
    """One worker for all tests here: loading costs more than most of them."""
    worker = RealWorker(weights, _short(tmp_path_factory))
    assert worker.said == "ready\n"
    yield worker
    assert worker.end() == 0


@pytest.fixture
async def client(real: RealWorker) -> Any:
    """A connection of its own for each test, so that documents do not meet."""
    made = await real.connect()
    yield made
    await made.close()


def _short(factory: pytest.TempPathFactory) -> Path:
    path = factory.mktemp("w") / "w.sock"
    return path if len(str(path)) < 100 else Path(f"/tmp/turnout-test-{os.getpid()}.sock")


async def complete(
    client: kit.RawClient, request: int, prefix: str, suffix: str, **more: Any
) -> tuple[str, Any]:
    client.send(fim(request, prefix, suffix, **more))
    frames = (await client.answers(request))[request]
    assert frames[-1]["reason"] in ("stop", "length"), frames[-1]
    return text(frames), frames[-1]["figures"]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("", "return a * b"),
        ("ret", "urn a * b"),
        ("return", " a * b"),
        ("return ", "a * b"),
        ("return a *", " b"),
    ],
)
async def test_a_trivial_function_is_completed(client: kit.RawClient, typed: str, completed: str) -> None:
    """Wherever the cursor stands in the line, the text is exactly what belongs there."""
    answer, _ = await complete(client, 1, FUNCTION + typed, AFTER, document=f"trivial {typed}")
    assert answer == completed


@pytest.mark.parametrize(
    ("prefix", "suffix", "answer"),
    [
        (FUNCTION.replace("\n", "\r\n") + "ret", AFTER.replace("\n", "\r\n"), "urn a * b"),
        (FUNCTION + "return a * b", AFTER, ""),
        ("def f(x):\n    return x\n", "\nprint(f(1))\n", ""),
        ("value = 1\nprint(val", "ue)\n", "ue)"),
        ("if x:\n\treturn_value = 1\n\tret", "\n", "urn return_value"),
        ("def 加法(数一, 数二):\n    return 数一 + 数", "\n", "二"),
        ("naïveté = 1\nprint(naï", ")\n", "veté)"),
        ("\U0001d4b3\U0001d4b4 = 1\nprint(\U0001d4b3", "\n", "\U0001d4b4)"),
        ("path = 'C:\\\\temp\\\\na", "'\n", "me.txt'"),
    ],
)
async def test_any_text_is_completed_to_the_end_of_its_line(
    client: kit.RawClient, prefix: str, suffix: str, answer: str
) -> None:
    """Windows line ends, tabs, letters of several bytes, words cut in two, and places where nothing is missing."""
    said, _ = await complete(client, 1, prefix, suffix, document=prefix)
    assert said.rstrip("\n") == answer


async def test_a_keystroke_costs_a_token_or_few(client: kit.RawClient) -> None:
    """Typing a line character by character finds all but the newest text in the cache."""
    line = "return value + 12"
    prefix = CODE + "def add(value):\n    "
    await complete(client, 1, prefix, AFTER, max_tokens=1)
    for count in range(1, len(line)):
        _, figures = await complete(client, 1 + count, prefix + line[:count], AFTER, max_tokens=1)
        assert figures["evaluated"] <= 5, line[:count]


async def test_documents_in_turn_keep_their_caches(client: kit.RawClient) -> None:
    """Switching back costs no more than typing on."""
    holes = {name: (f"# {name}\n{CODE}x = ", AFTER) for name in ("one", "two", "three")}
    for turn in range(2):
        for number, (name, (prefix, suffix)) in enumerate(holes.items()):
            request = turn * 10 + number
            _, figures = await complete(client, request, prefix, suffix, document=name, max_tokens=1)
            assert turn == 0 or figures["evaluated"] <= 5, name


async def test_warm_spares_the_first_request_its_prompt(client: kit.RawClient) -> None:
    """What was evaluated ahead is not evaluated again."""
    parts = fim(0, f"# warm\n{CODE}y = ", AFTER)["parts"]
    client.send({"t": "warm", "id": 1, "document": "w", "parts": parts})
    warmed = (await client.answers(1))[1][-1]
    assert (warmed["reason"], warmed["figures"]["generated"]) == ("stop", 0)
    client.send({**fim(2), "document": "w", "parts": parts})
    assert (await client.answers(2))[2][-1]["figures"]["evaluated"] <= 5


async def test_cancel_in_decode_and_in_prefill(client: kit.RawClient) -> None:
    """Both end at the next step, say how long that took, and leave the engine free."""
    client.send(chat(1, "Write a long story about a train.", max_tokens=2000))
    await client.until("chunk", 1)
    client.send({"t": "cancel", "id": 1})
    done = await client.until("done", 1)
    assert (done["reason"], done["figures"]["generated"] < 2000) == ("cancelled", True)
    assert done["figures"]["stop_ms"] is not None
    client.send(chat(2, "Explain this: " + CODE * 4, max_tokens=2000))
    await client.until("progress", 2)
    client.send({"t": "cancel", "id": 2})
    done = await client.until("done", 2)
    assert (done["reason"], done["figures"]["generated"]) == ("cancelled", 0)
    assert (await complete(client, 3, FUNCTION + "return ", AFTER))[0] == "a * b"


async def test_a_chat_that_is_interrupted_says_what_it_would_have_said(client: kit.RawClient) -> None:
    """Inline requests in the middle change nothing but the time it takes."""
    question = "Count from one to ten in English words, separated by commas."
    client.send(chat(1, question, max_tokens=40))
    alone = text((await client.answers(1))[1])
    client.send(chat(2, question, max_tokens=40))
    first = await client.until("chunk", 2)
    client.send(fim(3, FUNCTION + "return ", AFTER))
    got = await client.answers(2, 3)
    assert text([first, *got[2]]) == alone
    assert text(got[3]) == "a * b"


async def prompt_tokens(client: kit.RawClient, request: dict[str, Any]) -> int:
    client.send({**request, "max_tokens": 1})
    figures = (await client.answers(request["id"]))[request["id"]][-1]["figures"]
    return int(figures["evaluated"]) + int(figures["reused"])


@pytest.mark.parametrize("token", ["<|fim_middle|>", "<|im_end|>", "<|endoftext|>", "<|file_sep|>"])
async def test_special_tokens_in_a_file_are_mere_text(client: kit.RawClient, token: str) -> None:
    """The name of a token takes as many tokens as its characters need, in a hole and in a chat."""
    characters_only = token.replace("|", "!", 1)
    for number, build in enumerate((_hole_with, _chat_with)):
        as_text = await prompt_tokens(client, build(number * 2 + 1, characters_only))
        as_named = await prompt_tokens(client, build(number * 2 + 2, token))
        assert abs(as_named - as_text) <= 1
        assert as_named - await prompt_tokens(client, build(number + 9, "")) >= 3


def _hole_with(request: int, content: str) -> dict[str, Any]:
    return fim(request, f"text = '{content}'\nx = (", "\n", document=f"{request} {content}")


def _chat_with(request: int, content: str) -> dict[str, Any]:
    return chat(request, f"Say '{content}' please.")


async def test_a_prompt_over_the_context_is_cut_or_refused(client: kit.RawClient) -> None:
    """A hole is answered from a smaller window; a chat, which cannot be cut, is refused with the reason."""
    dense = "".join(f"{n * 7919 % 100_000:05d}\U0001f9e9" for n in range(1500))
    client.send(fim(1, dense + "\nx = (", dense))
    assert (await client.until("progress", 1))["of"] < 4096
    client.send({"t": "cancel", "id": 1}, chat(2, dense))
    done = (await client.answers(2))[2][-1]
    assert done["reason"] == "error"
    assert "does not fit the context of 4096 tokens" in done["error"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "cannot be read"),
        ("not a model", "is not a GGUF file"),
        ("truncated", "cut short"),
        ("empty header", "header of the model file"),
        ("a directory", "cannot be read"),
    ],
)
async def test_a_file_that_is_no_model_is_an_answer(
    weights: Path, short_dir: Path, damage: str, message: str
) -> None:
    """The worker says what is wrong with the file, and leaves as it should."""
    path = _damaged(short_dir / "m.gguf", damage, weights)
    worker = RealWorker(path, short_dir / "w.sock")
    client = await worker.connect()
    client.send(fim(1))
    done = (await client.answers(1))[1][-1]
    assert done["reason"] == "error"
    assert message in done["error"]
    await client.close()
    assert worker.end() == 0


def _damaged(path: Path, damage: str, weights: Path) -> Path:
    if damage == "not a model":
        path.write_bytes(b"PK\x03\x04 something else")
    elif damage == "empty header":
        path.write_bytes(b"GGUF" + bytes(100))
    elif damage == "truncated":
        with weights.open("rb") as file:
            path.write_bytes(file.read(20_000_000))
    elif damage == "a directory":
        path.mkdir()
    return path
