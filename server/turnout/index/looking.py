"""What an index says to a command that only looks at it.

Invariant: nothing is started, written or built; what cannot be read raises Unusable, which says why in words.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from turnout.core.repository import Definition
from turnout.index import reading, schema
from turnout.index.reading import Summary

_Answer = TypeVar("_Answer")


def definitions(database: Path, name: str, limit: int) -> tuple[Definition, ...]:
    """Definitions of a name. Raises Unusable."""
    return _ask(database, lambda connection: reading.definitions(connection, [name], None, limit))


def summary(database: Path) -> Summary:
    """What is in an index, in numbers; nothing where none was built yet. Raises Unusable."""
    try:
        return _ask(database, lambda connection: reading.summary(connection, database))
    except schema.Missing:
        return Summary(str(database))


def _ask(database: Path, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
    try:
        connection = schema.open_to_read(database)
        try:
            return question(connection)
        finally:
            connection.close()
    except (sqlite3.Error, OSError, ValueError) as error:
        damaged = isinstance(error, sqlite3.Error) and schema.is_damage(error)
        raise schema.Unusable(schema.DAMAGED if damaged else f"it cannot be read ({error})") from error
