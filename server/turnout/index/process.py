"""The process that writes an index: it reads orders from stdin, one JSON object per line, and reports on stdout.

Invariants: it runs at low priority and ends with its server; a grammar that takes a file's time limit or crashes ends
this process alone, and the file is written down by then (`Diary`), so that the next process keeps it as text.

Orders: first `{"never_read", "plain", "plain_languages"}`, then `{"id", "do": "round" | "update" | "rebuild" | "stop"}`
with `paths` for `update`. Reports: `{"progress": [done, of]}`, `{"waiting": true}` while another server's process is at
it, `{"begun_anew": reason}`, `{"problem": sentence}`, `{"did": id, "read": files}`.
"""

import argparse
import json
import logging
import os
import queue
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from turnout.index import places, schema
from turnout.index.extraction import ReadSymbols
from turnout.index.indexing import MAX_FILES, Indexing, Rules, Watcher
from turnout.index.limits import allowed_in

logger = logging.getLogger(__name__)

FILE_S = 10.0
"""Processor time that one file may take."""
IDLE_S = 120.0
NO_PLACE = 74
"""The exit status of a process that cannot keep an index where it is told to."""
NICENESS = 10
MAX_MEMORY_BYTES = 2_000_000_000

_LOOK_AGAIN_S = 0.5
_MAX_DIARY = 4_096

Order = Mapping[str, Any]


def run(arguments: Sequence[str], read_symbols: ReadSymbols | None = None) -> NoReturn:
    """Serve until stdin ends or nothing was asked for a while, and end the process."""
    status = _serve(arguments, read_symbols)
    sys.stdout.flush()
    # At once: a thread still waits for orders, and the interpreter does not end cleanly while one reads stdin.
    os._exit(status)


def _serve(arguments: Sequence[str], read_symbols: ReadSymbols | None) -> int:
    from turnout.syntax import symbols

    options = _parser().parse_args(arguments)
    _behave(options.niceness)
    first = json.loads(sys.stdin.buffer.readline() or b"{}")
    inbox: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox,), name="orders", daemon=True).start()
    try:
        _Writer(options, first, inbox, read_symbols or symbols.read).serve()
    except (OSError, sqlite3.Error) as error:
        _report(problem=_words(error, options.database))
        return NO_PLACE
    return 0


class _Writer:
    """Carries out orders, one round at most at a time; updates break into it."""

    def __init__(
        self,
        options: argparse.Namespace,
        first: Order,
        inbox: "queue.SimpleQueue[Order | None]",
        read: ReadSymbols,
    ) -> None:
        self._database: Path = options.database
        self._idle_s: float = options.idle_s
        self._inbox = inbox
        self._waiting: list[Order] = []
        self._stopped = False
        root = Path(options.root).resolve()
        never_read = tuple(first.get("never_read", ()))
        rules = Rules(
            allowed=lambda: allowed_in(root, never_read),
            max_files=options.max_files,
            plain=frozenset(first.get("plain", ())),
            plain_languages=frozenset(first.get("plain_languages", ())),
        )
        watcher = Watcher(
            progress=lambda done, of: _report(progress=[done, of]),
            stopped=lambda: self._stopped,
            urgent=self._is_urgent,
            between=self._break,
            parsing=Diary(options.diary, options.file_s).parsing,
        )
        self._indexing = Indexing(root, self._database, read, rules, watcher)
        self._tell_begun_anew()

    def serve(self) -> None:
        """Do what is asked until nothing is for a while."""
        while True:
            orders = list(self._waiting)
            for order in orders:
                self._try(order)
            if any(order not in orders for order in self._waiting):
                continue
            patience_s = _LOOK_AGAIN_S if self._waiting else self._idle_s
            try:
                self._take(self._inbox.get(timeout=patience_s))
                self._take_all()
            except queue.Empty:
                if not self._waiting:
                    return

    def _take_all(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._take(self._inbox.get_nowait())

    def _take(self, order: Order | None) -> None:
        if order is None:
            os._exit(0)  # the server is gone; what is not written is not missed
        if order["do"] == "stop":
            self._stopped = True
        else:
            self._waiting.append(order)

    def _try(self, order: Order) -> None:
        """Carry out an order unless another process is at the same, or it is done; one that fails is over too."""
        if order not in self._waiting:
            return
        if order["do"] == "update":
            self._carry_out(order, lambda: self._indexing.update(order["paths"]))
            return
        with places.lock(self._database, "round", wait=False) as held:
            if not held:
                _report(waiting=True)
                return
            self._stopped = False
            self._carry_out(order, self._rebuild if order["do"] == "rebuild" else self._indexing.round)
        with suppress(OSError):
            places.prune(self._database)

    def _rebuild(self) -> int:
        self._indexing.rebuild()
        return self._indexing.round()

    def _tell_begun_anew(self) -> None:
        if self._indexing.begun_anew:
            _report(begun_anew=self._indexing.begun_anew)
            self._indexing.begun_anew = ""

    def _carry_out(self, order: Order, work: Callable[[], int]) -> None:
        """Do the work of an order; one that would leave an index incomplete becomes a round or a rebuild."""
        self._waiting.remove(order)
        read = 0
        try:
            read = work()
        except (OSError, sqlite3.Error) as error:
            logger.warning("the index is not up to date: %s", error)
            if isinstance(error, sqlite3.Error) and schema.is_busy(error):
                self._waiting.append(order)
                return
            damaged = isinstance(error, sqlite3.Error) and schema.is_damage(error)
            if damaged and order["do"] != "rebuild":
                _report(begun_anew=schema.DAMAGED)
                self._waiting.append({**order, "do": "rebuild"})
                return
            _report(problem=_words(error, self._database))
        else:
            self._tell_begun_anew()
            _report(problem="")
            if self._indexing.is_new:
                self._waiting.append({**order, "do": "round"})
                return
        _report(did=order["id"], read=read)

    def _is_urgent(self) -> bool:
        self._take_all()
        return self._stopped or any(order["do"] == "update" for order in self._waiting)

    def _break(self) -> None:
        for order in [order for order in self._waiting if order["do"] == "update"]:
            self._try(order)


class Diary:
    """Says in a file which one is being parsed, so that somebody knows who was it when this process dies of it."""

    def __init__(self, descriptor: int | None, file_s: float) -> None:
        """`descriptor` is of an open file; `file_s` is the processor time that one file may take."""
        self._descriptor = descriptor
        self._file_s = file_s

    def parsing(self, path: str) -> None:
        """Note that `path` is parsed from now on, or nothing where it is empty; the time limit counts meanwhile."""
        if self._descriptor is not None:
            said = os.fsencode(path)[: _MAX_DIARY - 1]
            os.pwrite(self._descriptor, said + b"\0", 0)
        if hasattr(signal, "ITIMER_PROF"):
            signal.setitimer(signal.ITIMER_PROF, self._file_s if path else 0)


def read_diary(descriptor: int) -> str:
    """The file that was being parsed; empty where none was."""
    return os.fsdecode(os.pread(descriptor, _MAX_DIARY, 0).partition(b"\0")[0])


def _listen(inbox: "queue.SimpleQueue[Order | None]") -> None:
    for line in sys.stdin.buffer:
        inbox.put(json.loads(line))
    inbox.put(None)


def _report(**report: object) -> None:
    try:
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()
    except OSError:
        os._exit(0)  # nobody listens any more


def _words(error: Exception, database: Path) -> str:
    """What went wrong, for the user."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return f"The repository index is not complete: the disk with {database.parent} is full, or the index too large."
    if "fts5" in str(error):
        return "There is no repository index: this Python's SQLite is built without full-text search (FTS5)."
    return f"There is no up-to-date repository index: {database.parent} cannot be written ({error})."


def _behave(niceness: int) -> None:
    """Stay behind everything else, and die of what gets out of hand."""
    os.nice(niceness)
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the server, which then ends us
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m turnout.index", description=__doc__)
    parser.add_argument("--root", required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--diary", type=int, help="descriptor of an open file")
    parser.add_argument("--max-files", type=int, default=MAX_FILES)
    parser.add_argument("--niceness", type=int, default=NICENESS)
    parser.add_argument("--file-s", type=float, default=FILE_S, help="processor time per file")
    parser.add_argument("--idle-s", type=float, default=IDLE_S)
    return parser
