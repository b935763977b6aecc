"""How refactors went on this machine: which form of edits could be used, and how many turns a model with tools took.

Invariant: of a refactor nothing is kept but figures and a commit's name; what is older than half a year says nothing.
"""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from turnout.core.edits.formats import Evidence, SizeClass, identity
from turnout.core.models import EditStyle, Model
from turnout.store.schema import lend_tables
from turnout.store.writer import Job

KEEP_S = 180 * 24 * 3600.0
"""Models are replaced under their names, and so are prompts."""

_LAST_WORKS = 20
_SIZES: dict[str, SizeClass] = {"small": "small", "medium": "medium", "large": "large"}
_STYLES: dict[str, EditStyle] = {"blocks": "blocks", "whole_file": "whole_file"}


class Queue(Protocol):
    """Something that writes rows by and by."""

    def add(self, job: Job) -> None:
        """Have `job` written; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One commit done again by a model (see `core.edits.formats.identity`): whether its answer could be used whole."""

    model: str
    commit: str
    size: SizeClass
    style: EditStyle
    usable: bool


class EditHistory:
    """The `core.edits.formats.History` in the ledger at `path`, which `queue` writes to."""

    def __init__(self, queue: Queue, path: Path) -> None:
        self._queue = queue
        self._path = path

    def evidence(self) -> tuple[Evidence, ...]:
        """How models did with each form of edits. Blocks."""
        return edit_evidence(self._path)

    def turns(self, model: Model) -> tuple[int, ...]:
        """How many turns the last refactors took that `model` worked out with tools, newest first. Blocks."""
        return turns_taken(self._path, identity(model))

    def took(self, model: Model, turns: int) -> None:
        """Keep that one more took so many; returns at once."""
        self._queue.add(_Row("INSERT INTO edit_works VALUES (?,?,?)", (identity(model), turns, time.time())))

    def keep(self, trial: Trial) -> None:
        """Keep a trial in the place of an earlier one of the same commit; returns at once."""
        row = (trial.model, trial.commit, trial.size, trial.style, int(trial.usable), time.time())
        self._queue.add(_Row("INSERT OR REPLACE INTO edit_trials VALUES (?,?,?,?,?,?)", row))


def edit_evidence(path: Path, now_s: float | None = None) -> tuple[Evidence, ...]:
    """How each model did with each form and size; nothing where there is no ledger, or none that can be read."""
    rows = _rows(
        path,
        "SELECT model, size, style, COUNT(*), SUM(usable) FROM edit_trials WHERE at >= ? GROUP BY model, size, style",
        (_or_now(now_s) - KEEP_S,),
    )
    return tuple(
        Evidence(model, _SIZES[size], _STYLES[style], tried, usable)
        for model, size, style, tried, usable in rows
        if size in _SIZES and style in _STYLES
    )


def turns_taken(path: Path, model: str, now_s: float | None = None) -> tuple[int, ...]:
    """The turns of the last refactors that a model worked out with tools, newest first; nothing as above."""
    rows = _rows(
        path,
        "SELECT turns FROM edit_works WHERE model = ? AND at >= ? ORDER BY at DESC, rowid DESC LIMIT ?",
        (model, _or_now(now_s) - KEEP_S, _LAST_WORKS),
    )
    return tuple(turns for (turns,) in rows)


def _rows(path: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            lend_tables(connection)
            return connection.execute(query, values).fetchall()
    except sqlite3.Error:
        return []  # no evidence is no fault: the built-in table stands in


def _or_now(at_s: float | None) -> float:
    return time.time() if at_s is None else at_s


@dataclass(frozen=True, slots=True)
class _Row:
    """A row to write."""

    statement: str
    values: tuple[object, ...]

    def write(self, connection: sqlite3.Connection) -> None:
        connection.execute(self.statement, self.values)

    def over(self, *, written: bool) -> None:
        pass
