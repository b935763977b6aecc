"""What a command says beside its result may have no reader any more: that is no reason to stop, or to call it done."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from turnout.__main__ import main
from turnout.commands.terminal import Terminal


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
