"""Eight processes spend from one budget: never over it, nothing lost or counted twice, though half are killed."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.scripted_server import LAST_CHUNK, STREAM_HEAD, Exchange, chunked, scripted_server
from support.spender import BUDGET_USD, INPUT_USD, MOST_TOKENS, OUTPUT_USD
from turnout.store import Ledger, last_receipts, lines
from turnout.store.reservations import LOST

TESTS = Path(__file__).parents[1]
GUARD_S = 60.0
NAMES = tuple(f"workspace{number}" for number in range(8))
KILLED = NAMES[::2]


@dataclass
class Provider:
    """Charges for every request that it has read, whoever is left to hear the answer.

    Those who are to die get no second answer, and the others no third one before that, so that all are in the middle.
    """

    charged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[str, asyncio.Event] = field(default_factory=lambda: {name: asyncio.Event() for name in NAMES})
    all_dead: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def total_usd(self) -> float:
        return sum(map(sum, self.charged.values()))

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request with what it cost."""
        text = json.loads(exchange.request.body)["messages"][-1]["content"]
        name, number = text.split()[:2]
        tokens_in, tokens_out = 260, MOST_TOKENS - (int(number) * 37) % 150
        self.charged[name].append((tokens_in * INPUT_USD + tokens_out * OUTPUT_USD) / 1e6)
        if int(number) >= (2 if name in KILLED else 3):
            self.waits[name].set()
            await self.all_dead.wait()
        events: list[object] = [
            {"choices": [{"index": 0, "delta": {"content": "fine"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}},
        ]
        pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
        await exchange.send(STREAM_HEAD + chunked(*pieces, b"data: [DONE]\n\n") + LAST_CHUNK)


@asynccontextmanager
async def spending(path: Path, url: str) -> AsyncIterator[dict[str, asyncio.subprocess.Process]]:
    """All processes, started and waiting for one another; none is left."""
    running: dict[str, asyncio.subprocess.Process] = {}
    try:
        for name in NAMES:
            running[name] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "support.spender", str(path), url, name,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(TESTS)},
            )  # fmt: skip
        for process in running.values():
            assert process.stdout is not None
            assert process.stdin is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in running.values():
            assert process.stdin is not None
            process.stdin.write(b"\n")
        yield running
    finally:
        for process in running.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_no_budget_is_overspent(tmp_path: Path) -> None:
    """What was charged stays within it; each process has as many receipts as it had requests, at their price."""
    path, provider = tmp_path / "ledger.sqlite", Provider()
    answered: dict[str, int] = {}
    async with (
        asyncio.timeout(GUARD_S),
        scripted_server(provider) as server,
        spending(path, server.url) as processes,
    ):
        for waits in provider.waits.values():
            await waits.wait()
        for name in KILLED:
            processes[name].kill()
            await processes[name].wait()
        provider.all_dead.set()
        for name in set(NAMES) - set(KILLED):
            out, _ = await processes[name].communicate()
            answered[name] = int(out)
    assert BUDGET_USD / 2 < provider.total_usd <= BUDGET_USD
    later = datetime.now().astimezone() + timedelta(minutes=10)  # the time of the dead is over
    book = Ledger(path, now=lambda: later)
    book.flush()
    book.close()
    counted = {line.name: line for line in lines(path, "workspace", "2000-01-01")}
    assert sum(line.cost_usd for line in counted.values()) <= BUDGET_USD + 1e-9
    for name in NAMES:
        charged, line = provider.charged[name], counted[name]
        if name in KILLED:
            assert line.requests == len(charged)
            assert line.cost_usd >= sum(charged)
            assert line.cost_usd - line.estimated_usd == pytest.approx(charged[0])
        else:
            assert line.cost_usd == pytest.approx(sum(charged))
            assert (line.estimated_usd, answered[name]) == (0, len(charged))
    lost = [found for found in last_receipts(path, 10_000) if found["outcome"] == LOST]
    assert len(lost) == len(KILLED)
