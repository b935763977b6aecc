"""The server's end of the process that writes an index: starts it when there is work, and again when it died.

Invariants: asking returns at once and never waits for the process; an order that a process did not finish goes to the
next one; a file that a process died of is kept as text from then on; and a process that cannot live is given up, until
somebody asks again a while later.
"""

import contextlib
import itertools
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from turnout.core.languages import language_of
from turnout.index.indexing import MAX_FILES
from turnout.index.process import NICENESS, NO_PLACE, read_diary

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "turnout.index")
"""`-P`: a package called turnout in the folder that the editor has open must not be taken for ours."""

MAX_PATHS = 500
"""More changed files than this are found faster by a round over all."""
MAX_DEATHS = 3
"""Deaths of a process in a row that no file explains."""
MAX_CULPRITS = 3
"""Files of one language that processes died of, before all of it is kept as text."""
PAUSE_S = 60.0
"""How long a process that cannot live is not started again."""

_JOIN_TIMEOUT_S = 5.0
_END_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Spec:
    """What a process needs to know."""

    root: Path
    database: Path
    never_read: Sequence[str] = ()
    max_files: int = MAX_FILES
    niceness: int = NICENESS
    """How far the process stays behind others: 0 where somebody waits for it."""
    command: Sequence[str] = COMMAND
    """The process to start; its arguments are added."""


@dataclass(slots=True)
class Work:
    """What is still to be done, and what is told of it."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    done: int = 0
    of: int = 0
    problem: str = ""
    read: int = 0
    """Files read since the link was made."""
    stopping: bool = False


@dataclass(slots=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    diary: IO[bytes]


class Link:
    """Orders for one index, carried out in their own time; usable from any thread."""

    def __init__(
        self,
        spec: Spec,
        on_change: Callable[[], None] = lambda: None,
        on_begun_anew: Callable[[str], None] = lambda _reason: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_change` hears on a thread of its own that `work` is different now."""
        self.work = Work()
        self._spec = spec
        self._on_change = on_change
        self._on_begun_anew = on_begun_anew
        self._clock = clock
        self._ids = itertools.count(1)
        self._wake = threading.Condition()
        self._child: _Child | None = None
        self._closing = False
        self._deaths = 0
        self._again_s = float("-inf")
        self._plain: set[str] = set()
        self._culprits: Counter[str] = Counter()
        self._sender: threading.Thread | None = None

    def order(self, what: str, paths: Iterable[str] = ()) -> None:
        """Have a `round`, an `update` of some files or a `rebuild` made; returns at once."""
        with self._wake:
            if self._closing or self._clock() < self._again_s:
                return
            waiting = [order for number, order in self.work.orders.items() if number not in self.work.sent]
            merged = _merged(waiting, what, list(paths))
            if merged is not None:
                number = next(self._ids)
                self.work.orders[number] = {"id": number, **merged}
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_all, name="turnout-index", daemon=True)
                self._sender.start()
            self._wake.notify_all()

    def stop(self) -> None:
        """Break off the round that is under way; what it has done so far stays."""
        with self._wake:
            self.work.stopping = True
            self._wake.notify_all()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is left to do; False where that takes too long."""
        with self._wake:
            return self._wake.wait_for(lambda: not self.work.orders or self._closing, timeout_s)

    def close(self) -> None:
        """End the process, and wait for it."""
        with self._wake:
            self._closing = True
            child = self._child
            self._wake.notify_all()
        if self._sender is not None:
            self._sender.join(_JOIN_TIMEOUT_S)
        if child is not None:
            _end(child.process)

    def _send_all(self) -> None:
        """The sender's thread: start a process whenever there is work and none is there, and pass the orders on."""
        while True:
            with self._wake:
                self._wake.wait_for(self._has_to_send)
                if self._closing:
                    return
                child = self._child
            if child is None and not self._start():
                continue
            self._send()

    def _has_to_send(self) -> bool:
        unsent = self.work.orders.keys() - self.work.sent
        return self._closing or bool(unsent) or (self.work.stopping and self._child is not None)

    def _start(self) -> bool:
        diary = tempfile.TemporaryFile(prefix="turnout-index-")  # noqa: SIM115  # it lives as long as the process
        try:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and module, no shell
                self._arguments(diary.fileno()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._spec.database.parent,
                pass_fds=(diary.fileno(),),
            )
        except OSError as error:
            diary.close()
            self._give_up(f"The repository index cannot be built: {error}.")
            self._on_change()
            return False
        first = {"plain": sorted(self._plain), "plain_languages": self._plain_languages()}
        self._write(process, [{"never_read": list(self._spec.never_read), **first}])
        with self._wake:
            self._child = _Child(process, diary)
            closing = self._closing
        threading.Thread(
            target=self._read, args=(self._child,), name="turnout-index-reports", daemon=True
        ).start()
        if closing:
            _end(process)
        return not closing

    def _arguments(self, diary: int) -> list[str]:
        spec = self._spec
        return [
            *spec.command,
            *("--root", str(spec.root), "--database", str(spec.database)),
            *("--diary", str(diary), "--max-files", str(spec.max_files), "--niceness", str(spec.niceness)),
        ]

    def _send(self) -> None:
        with self._wake:
            child = self._child
            lines = [order for number, order in self.work.orders.items() if number not in self.work.sent]
            self.work.sent.update(order["id"] for order in lines)
            if self.work.stopping:
                lines.append({"do": "stop"})
                self.work.stopping = False
        if child is not None:
            self._write(child.process, lines)

    def _write(self, process: "subprocess.Popen[bytes]", lines: Iterable[Mapping[str, Any]]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it died; whoever reads its reports sees to that
            process.stdin.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
            process.stdin.flush()

    def _read(self, child: _Child) -> None:
        """A reader's thread: take the reports of one process until it ends."""
        assert child.process.stdout is not None
        with child.process.stdout as reports:
            for line in reports:
                self._take(json.loads(line))
        status = child.process.wait()
        culprit = read_diary(child.diary.fileno())
        child.diary.close()
        with contextlib.suppress(OSError):
            assert child.process.stdin is not None
            child.process.stdin.close()
        self._bury(status, culprit)

    def _take(self, report: Mapping[str, Any]) -> None:
        with self._wake:
            if "progress" in report:
                self.work.done, self.work.of = report["progress"]
            if "problem" in report:
                self.work.problem = report["problem"]
            if "did" in report:
                self._deaths = 0
                self.work.read += report["read"]
                self.work.orders.pop(report["did"], None)
                self.work.sent.discard(report["did"])
                if not self.work.orders:
                    self.work.done = self.work.of = 0
                self._wake.notify_all()
        if "begun_anew" in report:
            self._on_begun_anew(report["begun_anew"])
        self._on_change()

    def _bury(self, status: int, culprit: str) -> None:
        """Draw the conclusions from the end of a process: what it left undone goes to the next one."""
        with self._wake:
            self._child = None
            self.work.sent.clear()
            closing, undone = self._closing, bool(self.work.orders)
            if culprit and not closing:
                logger.warning("the index process ended with %d while it parsed %s", status, culprit)
                self._plain.add(culprit)
                self._culprits[language_of(culprit)] += 1
            elif undone:
                self._deaths += MAX_DEATHS if status == NO_PLACE else 1
            hopeless = undone and not closing and self._deaths >= MAX_DEATHS
            if hopeless:
                ended = f"The repository index cannot be built: its process ended with {status}."
                self._give_up(self.work.problem or ended)
            # Only now: whoever sends would start another process for orders that are given up.
            self._wake.notify_all()
        if hopeless:
            self._on_change()

    def _give_up(self, problem: str) -> None:
        logger.warning("%s", problem)
        with self._wake:
            self._again_s = self._clock() + PAUSE_S
            self._deaths = 0
            self.work.orders.clear()
            self.work.sent.clear()
            self.work.problem = problem
            self._wake.notify_all()

    def _plain_languages(self) -> list[str]:
        return sorted(language for language, deaths in self._culprits.items() if deaths >= MAX_CULPRITS)


def _merged(waiting: list[dict[str, Any]], what: str, paths: list[str]) -> dict[str, Any] | None:
    """The order to add to those `waiting`; None where one of them does the same, which takes over `paths`."""
    if what == "update":
        if any(order["do"] in ("round", "rebuild") for order in waiting):
            return None
        if len(paths) > MAX_PATHS:
            what = "round"
        else:
            known = next((order for order in waiting if order["do"] == "update"), None)
            if known is None or len(known["paths"]) + len(paths) > MAX_PATHS:
                return {"do": "update", "paths": paths}
            known["paths"] = list(dict.fromkeys((*known["paths"], *paths)))
            return None
    if any(order["do"] == what for order in waiting):
        return None
    return {"do": what}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Have a process leave by the end of its input; kill it where it does not."""
    with contextlib.suppress(OSError, ValueError):
        assert process.stdin is not None
        process.stdin.close()
    try:
        process.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
