"""Model files and machines that will not do, with the real engine: said with what to do, and typing goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support import tiny_gguf
from support.editor import editing
from support.home import Home
from support.workers import worker_is

pytest.importorskip("xllamacpp")

LONG = "x = 1\n" * 2000


def _cut(keep: float) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        data = tiny_gguf.write(path, extra=tiny_gguf.FIM).read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])
        return path

    return write


def _spoilt(path: Path) -> Path:
    """Bytes in the middle of the header are others."""
    data = bytearray(tiny_gguf.write(path, extra=tiny_gguf.FIM).read_bytes())
    data[600:700] = b"\xff" * 100
    path.write_bytes(data)
    return path


def _text(path: Path) -> Path:
    path.write_text("<html>404 Not Found</html>")
    return path


def _sound(path: Path) -> Path:
    return tiny_gguf.write(path, extra=tiny_gguf.FIM)


@pytest.mark.parametrize(
    ("write", "setting", "says"),
    [
        (_text, "", "is not a GGUF file. Download the file again, or correct models.NAME.path"),
        (_cut(0.02), "", "is damaged or cut short. Download the file again"),
        (_cut(0.5), "", "is cut short: at least "),
        (_spoilt, "", "`turnout models verify` checks"),
        (
            lambda path: tiny_gguf.write(path, architecture="telepathy"),
            "",
            "(architecture telepathy): the file is damaged, this version of llama.cpp does not know its architecture",
        ),
        (tiny_gguf.write, "", "has no fill-in-the-middle tokens that Turnout knows. Choose a model"),
        (
            lambda path: tiny_gguf.write(path, layers=4),
            "context_tokens = 100_000_000",
            "or less, close other programs, or choose a smaller model (`turnout models recommend`)",
        ),
        (_sound, "context_tokens = 256", "Ask for less at a time, or raise models.NAME.context_tokens."),
    ],
    ids=["text", "header cut", "weights cut", "spoilt", "architecture", "no FIM", "memory", "context"],
)
async def test_a_model_that_will_not_do(
    lone_home: Home, write: Callable[[Path], Path], setting: str, says: str
) -> None:
    """Completions are empty with a reason that says what to do, told once; everything else goes on working."""
    home = lone_home
    path = write(home.root / "tiny.gguf")
    home.configure(f'[models.near]\nmodel = "tiny"\npath = "{path}"\n{setting}\n')
    async with editing(home, options={}, TURNOUT_ENGINE="") as editor:
        buffer = editor.open(home.uri("a.py"), LONG)
        for _ in range(3):
            cursor = editor.type(buffer, "y = ")
            assert await editor.ghost(buffer, cursor) is None
            assert says in await editor.why(buffer)
        assert says in await editor.said()
        assert (await editor.request("turnout/explain", {"kind": "inline"}))["candidates"] == ["near"]
        receipts = (await editor.request("turnout/receipts", {"count": 10}))["receipts"]
        assert [receipt["outcome"].partition(":")[0] for receipt in receipts] == ["failed"] * 3


async def test_a_model_made_by_hand_is_run(lone_home: Home) -> None:
    """What the other tests spoil is sound: it is loaded, and what it writes is nothing."""
    home = lone_home
    path = _sound(home.root / "tiny.gguf")
    home.configure(f'[models.near]\nmodel = "tiny"\npath = "{path}"\n')
    async with editing(home, options={}, TURNOUT_ENGINE="") as editor:
        buffer = editor.open(home.uri("a.py"), "x = 1\ny = ")
        await editor.ghost(buffer, 10)
        await worker_is(home, "idle")
        assert (await editor.request("turnout/receipts", {"count": 1}))["receipts"][0]["ms"]["model"] > 0
