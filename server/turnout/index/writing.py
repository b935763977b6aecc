"""The rows of one file: put in, taken out, compared.

Invariant: whoever calls is inside a transaction; a file's rows are all there or none of them are.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from turnout.index import modules, siblings
from turnout.index.extraction import Extracted
from turnout.index.listing import Look
from turnout.index.words import words_of

FREQUENT = 40
"""Passages from which on a word is counted."""

_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Known:
    """What the index says of a file."""

    id: int
    look: Look
    digest: bytes
    plain: bool
    left_out: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to put in; `plain` says that its grammar is not to be tried again."""

    path: str
    look: Look
    digest: bytes
    extracted: Extracted
    plain: bool = False


def known_looks(connection: sqlite3.Connection) -> dict[str, int]:
    """Every file that the index knows, those that it leaves out among them, each with the hash of its look.

    There may be 200,000: no more than that is held of each.
    """
    rows = connection.execute("SELECT path, mtime_ns, size, inode FROM files")
    return {path: hash(Look(*look)) for path, *look in rows}


def known_file(connection: sqlite3.Connection, path: str) -> Known | None:
    """What the index says of one file."""
    row = connection.execute(
        "SELECT id, mtime_ns, size, inode, digest, plain, left_out != '' FROM files WHERE path = ?", (path,)
    ).fetchone()
    return Known(row[0], Look(*row[1:4]), row[4], bool(row[5]), bool(row[6])) if row else None


def known_below(connection: sqlite3.Connection, folder: str) -> list[str]:
    """The files that the index knows in a folder and below."""
    rows = connection.execute(
        "SELECT path FROM files WHERE path >= ? AND path < ?", (folder + "/", folder + "0")
    )
    return [path for (path,) in rows]


def put(connection: sqlite3.Connection, entry: Entry) -> None:
    """Put a file in, in the place of what was known of it."""
    take_out(connection, entry.path)
    extracted = entry.extracted
    subject, _ = siblings.subject_of(entry.path)
    number = connection.execute(
        "INSERT INTO files VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.path,
            extracted.language,
            subject,
            extracted.left_out,
            entry.plain,
            *entry.look,
            entry.digest,
        ),
    ).lastrowid
    if extracted.left_out:
        return
    _count_one(connection, 1)
    text = zlib.compress(extracted.text.encode(), _LEVEL)
    connection.execute("INSERT INTO texts VALUES (?, ?)", (number, text))
    connection.executemany(
        "INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (number, one.first_line, one.last_line, one.name, one.kind, one.container, one.signature)
            for one in extracted.definitions
        ],
    )
    connection.executemany("INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?, ?)", _imports(number, entry))
    for *place, words in extracted.passages:
        passage = connection.execute(
            "INSERT INTO passages VALUES (NULL, ?, ?, ?, ?, ?)", (number, *place)
        ).lastrowid
        connection.execute("INSERT INTO words (rowid, said) VALUES (?, ?)", (passage, words))


def take_out(connection: sqlite3.Connection, path: str) -> None:
    """Forget a file; nothing happens where it is not known."""
    known = known_file(connection, path)
    if known is None:
        return
    passages = connection.execute(
        "SELECT id, start, after FROM passages WHERE file = ?", (known.id,)
    ).fetchall()
    if passages:
        text = text_of(connection, known.id)
        # The full-text index keeps no text: it forgets a passage only when told the very words that it was given.
        connection.executemany(
            "INSERT INTO words (words, rowid, said) VALUES ('delete', ?, ?)",
            [(number, words_of(text[start:after])) for number, start, after in passages],
        )
    for table in ("texts", "definitions", "imports", "passages"):
        connection.execute(f"DELETE FROM {table} WHERE file = ?", (known.id,))  # noqa: S608  # our own names
    connection.execute("DELETE FROM files WHERE id = ?", (known.id,))
    if not known.left_out:
        _count_one(connection, -1)


def touch(connection: sqlite3.Connection, number: int, look: Look) -> None:
    """Note that a file looks different and is the same."""
    connection.execute("UPDATE files SET mtime_ns = ?, size = ?, inode = ? WHERE id = ?", (*look, number))


def text_of(connection: sqlite3.Connection, number: int) -> str:
    """The text of a file; empty where none is kept."""
    row = connection.execute("SELECT text FROM texts WHERE file = ?", (number,)).fetchone()
    return unpacked(row[0]) if row else ""


def unpacked(blob: bytes) -> str:
    """The text of a row of `texts`. Raises sqlite3.DatabaseError, as for any other damage, where it is none."""
    try:
        return zlib.decompress(blob).decode()
    except (TypeError, ValueError, zlib.error) as cause:
        error = sqlite3.DatabaseError("a text in the index is damaged")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error from cause


def count_files(connection: sqlite3.Connection) -> None:
    """Note how many files are in the index; looks at them all, which takes 20 ms for 200,000."""
    connection.execute("INSERT OR REPLACE INTO meta SELECT 'files', count(*) FROM files WHERE left_out = ''")


def keep_unnamed(connection: sqlite3.Connection, count: int) -> None:
    """Note how many files and folders are left out because nobody could name them."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('unnamed', ?)", (count,))


def _count_one(connection: sqlite3.Connection, change: int) -> None:
    """Note that the index has one file more or less."""
    connection.execute(
        "INSERT INTO meta VALUES ('files', max(0, ?1)) ON CONFLICT (key) DO UPDATE SET value = value + ?1",
        (change,),
    )


def frequent_words(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """The words that many passages have, with how many; takes about a second for 50,000 passages."""
    return connection.execute("SELECT term, doc FROM vocabulary WHERE doc >= ?", (FREQUENT,)).fetchall()


def keep_frequent(connection: sqlite3.Connection, words: list[tuple[str, int]]) -> None:
    """Put `words` in the place of those that were counted before."""
    connection.execute("DELETE FROM frequent")
    connection.executemany("INSERT INTO frequent VALUES (?, ?)", words)
    connection.execute(
        "INSERT INTO meta VALUES ('counted', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1"
    )


def _imports(number: int | None, entry: Entry) -> Iterator[tuple[object, ...]]:
    language = entry.extracted.language
    for one in entry.extracted.imports:
        target = modules.target(entry.path, language, one.module)
        yield number, one.line, one.module, one.name, one.alias, target, target.rpartition("/")[2]
