"""What a command says beside its result may have no reader any more: that is no reason to stop, or to call it done."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from turnout.__main__ import main
from turnout.act.applying.transactions import Proposals, real_root
from turnout.act.seams import Workspace
from turnout.commands.terminal import Terminal
from turnout.commands.undo import recovered
from turnout.files import Folder
from turnout.journal import DiskWorkspace


@contextmanager
def unread(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody reads that stream of ours: the one who did has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, name, stream)
        yield
        monkeypatch.undo()


def test_nobody_who_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work goes on: what is said to nobody, however often, stops nothing."""
    with unread("stderr", monkeypatch):
        terminal = Terminal()
        for word in ("one", "two"):
            terminal.say(word)


async def test_what_a_crash_left_is_put_right_unheard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change, or its undo, waits for that, and comes after it."""

    class Recovering(Proposals):
        async def recover(self, workspace: Workspace, root: str) -> tuple[str, ...]:
            return ("An undo was cut off.",)

    with unread("stderr", monkeypatch):
        assert await recovered(Recovering(), DiskWorkspace(Folder(tmp_path))) == real_root(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can tell there which of the two it is")
@pytest.mark.parametrize(("name", "status"), [("stdout", 0), ("stderr", 1)])
def test_only_a_result_that_was_read_is_one(name: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the result may have seen enough; a command that ends for want of anyone to talk to failed."""

    def run(_options: object) -> int:
        stream = getattr(sys, name)
        for _ in range(2):  # more than any buffer holds, so that nothing of it is left in one
            stream.write("x" * 100_000)
            stream.flush()
        return 0

    parser: Callable[..., object] = lambda _arguments: SimpleNamespace(  # noqa: E731
        parse_args=lambda _: SimpleNamespace(run=run)
    )
    with unread(name, monkeypatch):
        monkeypatch.setattr("turnout.__main__._parser", parser)
        assert main(["undo"]) == status
