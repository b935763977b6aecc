"""The engine of edits at the size of a large refactor: reading a reply, finding its lines, applying, undoing.

Times are of the processor, since nothing here waits for anything.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

from bench.replay import HERE, Tally, replay
from bench.report import Row
from support import replays
from support.act_kit import LOCAL, MemoryWorkspace, receipt
from turnout import syntax
from turnout.act.applying.transactions import Proposals
from turnout.act.proposals import Proposal
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.changes import numbered

Result = TypeVar("Result")

_FILES, _HUNKS = 500, 10
_TESTS = Path(__file__).parents[1]


def measure(*, tiny: bool) -> list[Row]:
    """Rows for every figure; few files, commits and kills if `tiny`."""
    files = 5 if tiny else _FILES
    return [
        *_engine(files),
        *_reply(0.01 if tiny else 1.0),
        *_replayed(2 if tiny else 200),
        *_killed(tiny=tiny),
    ]


def _engine(files: int) -> list[Row]:
    texts = {f"pkg/m{number}.py": _module(number) for number in range(files)}
    reply = "\n".join(
        f"{path}\n<<<<<<< SEARCH\n{_line(number, hunk)}\n=======\n{_line(number, hunk)} + 1\n>>>>>>> REPLACE\n"
        for number, path in enumerate(texts)
        for hunk in range(0, _HUNKS * 5, 5)
    )
    found, read_s = _timed(lambda: _assembled(texts, reply))
    assert len(found.changes) == files
    assert not found.failures
    workspace, proposals = MemoryWorkspace(texts), Proposals()
    proposals.keep(Proposal("p", "l", "p", numbered(found.changes), (), receipt("refactor", LOCAL, (), 1)))
    _, apply_s = _timed(lambda: asyncio.run(proposals.apply(workspace, "p")))
    _, undo_s = _timed(lambda: asyncio.run(proposals.undo(workspace, "p")))
    assert workspace.files == texts
    name = f"{files} files, {files * _HUNKS} hunks"
    return [
        Row(f"{name}: read and apply", "ms", 1000 * (read_s + apply_s), limit=2000.0, fails_over=8000.0),
        Row(f"{name}: undo", "ms", 1000 * undo_s, limit=2000.0, fails_over=8000.0),
    ]


def _reply(share: float) -> list[Row]:
    """A reply of 1 MB for forty files."""
    texts = {f"m{number}.py": _module(number, int(500 * share) + 20) for number in range(40)}
    parts = []
    for number, path in enumerate(texts):
        lines = [line for line in texts[path].split("\n") if line]
        for start in range(0, len(lines) - 10, 10):
            search = "\n".join(lines[start : start + 10])
            parts.append(f"{path}\n<<<<<<< SEARCH\n{search}\n=======\n{search} + {number}\n>>>>>>> REPLACE\n")
    reply = "\n".join(parts)
    _, seconds = _timed(lambda: _assembled(texts, reply))
    size = len(reply) / 1e6
    return [
        Row(
            "parse and match a reply, for each MB",
            "ms",
            1000 * seconds / size,
            limit=200.0,
            fails_over=2000.0,
        )
    ]


def _replayed(commits: int) -> list[Row]:
    """Commits of this project as flawed replies; anything applied wrong fails."""
    tallies = replay(replays.commits(HERE, commits))
    right = sum(tally.certain["right"] for tally in tallies)
    total = sum(tally.certain.total() for tally in tallies)
    wrong = sum(tally.outcomes["wrong"] for tally in tallies)
    return [
        Row(
            f"{_replies(tallies)} flawed replies: applied wrong", "", float(wrong), limit=0.0, fails_over=0.0
        ),
        Row(
            "flawed replies that are certain: refused", "%", 100 * (total - right) / max(1, total), limit=5.0
        ),
    ]


def _replies(tallies: list[Tally]) -> int:
    return sum(tally.outcomes.total() for tally in tallies)


def _killed(*, tiny: bool) -> list[Row]:
    """Processes killed at random points of apply and undo, on disk and through an editor."""
    if sys.platform == "win32":
        return []
    chance, between, points = Random(), 0, 1 if tiny else 50
    for kind in ("disk",) if tiny else ("disk", "editor"):
        for action in ("apply",) if tiny else ("apply", "undo"):
            at = [f"{chance.uniform(0.3, 1.0):.4f}" for _ in range(points)]
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [sys.executable, "-m", "support.crash", folder, kind, action, *at],
                    env={
                        **os.environ,
                        "PYTHONPATH": os.pathsep.join((str(_TESTS), os.environ.get("PYTHONPATH", ""))),
                    },
                    capture_output=True,
                    text=True,
                    check=True,
                )
            between += done.stdout.count('"side": "between') + done.stdout.count('"goes_on": false')
    kills = points if tiny else 4 * points
    return [Row(f"{kills} kills: left in between", "", float(between), limit=0.0, fails_over=0.0)]


def _assembled(texts: dict[str, str], reply: str) -> Assembly:
    files = {
        path: Snapshot(f"file:///w/{path}", "python", None, tuple(split_lines(text)))
        for path, text in texts.items()
    }
    shown = Shown(files, lambda path: f"file:///w/{path}", lambda _: False, syntax)
    return assemble(parse_blocks(reply, files), shown)


def _module(number: int, lines: int = 200) -> str:
    return "".join(f"{_line(number, line)}\n" for line in range(lines))


def _line(number: int, line: int) -> str:
    return f"value_{number}_{line} = compute({line}, scale={number})"


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start
