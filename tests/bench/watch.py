"""Watches the processes of a soak: kills workers, takes down how much memory everybody holds, and who stays behind."""

import asyncio
import os
import random
import shutil
import signal
import statistics
import time
from contextlib import suppress
from pathlib import Path

from bench.session import resident_mb
from support.processes import processes_of

_LOOK_EVERY_S = 2.0
_GONE_S = 60.0
_NOISE_MB = 3.0
_NOISE_SHARE = 0.05


class Memory:
    """Memory of one process over time, in MB.

    It grows where its middle value in the last third is above that of the first by more than noise explains.
    """

    def __init__(self) -> None:
        self._mb: list[float] = []

    def __str__(self) -> str:
        if not self._mb:
            return "never seen"
        first, last = self._ends()
        return f"{first:8.1f} -> {last:.1f} MB, highest {max(self._mb):.1f}, seen {len(self._mb)} times"

    def add(self, mb: float) -> None:
        """Take down one look."""
        self._mb.append(mb)

    @property
    def highest(self) -> float:
        """The most there ever was, 0 where nothing was seen."""
        return max(self._mb, default=0.0)

    @property
    def grows(self) -> bool:
        """Whether more and more is held."""
        if len(self._mb) < 6:
            return False
        first, last = self._ends()
        return last - first > max(_NOISE_MB, first * _NOISE_SHARE)

    def _ends(self) -> tuple[float, float]:
        third = max(1, len(self._mb) // 3)
        return statistics.median(self._mb[:third]), statistics.median(self._mb[-third:])


class Watch:
    """What is known of the processes whose directories are below `root`."""

    def __init__(self, root: Path, servers: list[int], settle_s: float) -> None:
        """Memory counts from `settle_s` on."""
        self._root = root
        self._settled_s = time.monotonic() + settle_s
        self._servers = {pid: Memory() for pid in servers}
        self._born_s: dict[int, float] = {}
        self.workers: dict[int, Memory] = {}
        self.killed = 0

    @property
    def memory(self) -> dict[str, Memory]:
        """Of each server, and the highest of each worker that came once everything had settled, one after another."""
        peaks = Memory()
        for pid, memory in self.workers.items():
            if self._born_s[pid] >= self._settled_s:
                peaks.add(memory.highest)
        servers = {f"server {number}": memory for number, memory in enumerate(self._servers.values(), 1)}
        return {**servers, "workers, highest of each": peaks}

    async def look(self, kill_every_s: float, chance: random.Random) -> None:
        """Take everything down every few seconds, and kill the worker every now and then, until cancelled."""
        kill_at_s = time.monotonic() + kill_every_s * chance.uniform(0.5, 1.5)
        while True:
            await asyncio.sleep(min(_LOOK_EVERY_S, kill_every_s / 4))
            workers = await asyncio.to_thread(workers_of, self._root)
            self._take_down(workers)
            if workers and time.monotonic() >= kill_at_s:
                self._kill(workers)
                kill_at_s = time.monotonic() + kill_every_s * chance.uniform(0.5, 1.5)

    def _take_down(self, workers: list[int]) -> None:
        now_s = time.monotonic()
        for pid in workers:
            self._born_s.setdefault(pid, now_s)
            with suppress(OSError, IndexError):
                self.workers.setdefault(pid, Memory()).add(resident_mb(pid))
        if now_s >= self._settled_s:
            for pid, memory in self._servers.items():
                with suppress(OSError, IndexError):
                    memory.add(resident_mb(pid))

    def _kill(self, workers: list[int]) -> None:
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed += 1


def workers_of(root: Path) -> list[int]:
    """The model processes whose directories are below `root`."""
    return [pid for pid, command in processes_of(root).items() if "turnout.worker" in command]


async def all_gone(root: Path) -> list[str]:
    """Take away the way to the workers and wait until nothing of `root` runs; the commands of what stays."""
    shutil.rmtree(root / "runtime", ignore_errors=True)
    last_s = time.monotonic() + _GONE_S
    while left := await asyncio.to_thread(processes_of, root):
        if time.monotonic() > last_s:
            break
        await asyncio.sleep(0.2)
    return list(left.values())
