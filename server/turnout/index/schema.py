"""The tables of an index, and how its file is opened, judged and begun anew.

Invariants: a file that is not an index of this version is replaced, never read; it is readable by its user alone and
bounded in size; whoever had the old one open finds out by its inode.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

APPLICATION_ID = 0x54524E49
VERSION = 2
"""Raised with every change of the tables, of how files are cut and of what words they have."""

MAX_PAGES = 524_288
"""Of 4 kB each: no index grows beyond 2 GB."""

_BUSY_MS = 5_000
_READER_BUSY_MS = 20
"""Readers wait for nobody, but while the log of a writer that died is put in order."""
_PAGE_BYTES = 4_096

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  language TEXT NOT NULL,
  subject TEXT NOT NULL,
  left_out TEXT NOT NULL,
  plain INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  size INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  digest BLOB NOT NULL
);
CREATE INDEX files_by_subject ON files (subject);
CREATE TABLE texts (file INTEGER PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE definitions (
  file INTEGER NOT NULL,
  first_line INTEGER NOT NULL,
  last_line INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  container TEXT NOT NULL,
  signature TEXT NOT NULL
);
CREATE INDEX definitions_by_name ON definitions (name);
CREATE INDEX definitions_by_file ON definitions (file);
CREATE TABLE imports (
  file INTEGER NOT NULL,
  line INTEGER NOT NULL,
  module TEXT NOT NULL,
  name TEXT NOT NULL,
  alias TEXT NOT NULL,
  target TEXT NOT NULL,
  tail TEXT NOT NULL
);
CREATE INDEX imports_by_tail ON imports (tail);
CREATE INDEX imports_by_name ON imports (name);
CREATE INDEX imports_by_file ON imports (file);
CREATE TABLE passages (
  id INTEGER PRIMARY KEY,
  file INTEGER NOT NULL,
  first_line INTEGER NOT NULL,
  last_line INTEGER NOT NULL,
  start INTEGER NOT NULL,
  after INTEGER NOT NULL
);
CREATE INDEX passages_by_file ON passages (file);
CREATE VIRTUAL TABLE words USING fts5 (said, content='', tokenize="ascii tokenchars '_$'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
CREATE TABLE frequent (word TEXT PRIMARY KEY, passages INTEGER NOT NULL) WITHOUT ROWID;
"""
"""`left_out` says why nothing but its look is kept of a file, `plain` that a grammar cannot read it. `texts` are UTF-8,
compressed; a passage is the characters from `start` to before `after`. `target` and `tail` are of `modules`.
`frequent` counts the passages of words that many have."""


DAMAGED = "it is damaged"


class Unusable(Exception):
    """The file is no index of this version, and may be replaced; the message says what it is."""


class Missing(Unusable):
    """There is no file."""


class OtherVersion(Unusable):
    """It is the index of another version of Turnout, which may be running, too."""


def open_to_write(path: Path, max_pages: int = MAX_PAGES) -> sqlite3.Connection:
    """A connection that may write. Raises Unusable, and sqlite3.Error where the disk does not let it."""
    connection = _open(path, _BUSY_MS)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA max_page_count = {max_pages}")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    connection.execute("PRAGMA cache_size = -8000")
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads, usable from any thread. Raises Unusable and sqlite3.Error."""
    connection = _open(path, _READER_BUSY_MS)
    connection.execute("PRAGMA query_only = 1")
    return connection


def begin_anew(path: Path, root: Path) -> None:
    """Put an empty index in the place of whatever is at `path`. Raises sqlite3.Error and OSError."""
    fresh = path.with_suffix(".new")
    _remove(fresh)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.close(descriptor)
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.executescript(f"BEGIN; {_TABLES} COMMIT")
        connection.execute("INSERT INTO meta VALUES ('root', ?)", (os.fspath(root),))
    finally:
        connection.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    fresh.replace(path)


def has_full_text() -> bool:
    """Whether this Python's SQLite can search text at all."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5 (said)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def root_of(path: Path) -> Path | None:
    """The folder that an index is of; None where it is no index."""
    try:
        connection = open_to_read(path)
    except (Unusable, sqlite3.Error):
        return None
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'root'").fetchone()
        return Path(row[0]) if row else None
    except sqlite3.Error:
        return None
    finally:
        connection.close()


def remove(path: Path) -> None:
    """Delete an index."""
    _remove(path)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file itself is broken, or that its tables are not ours any more."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_ERROR:
        return str(error).startswith(("no such table", "no such column"))
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether an error says that another process has been writing for too long."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _open(path: Path, busy_ms: int) -> sqlite3.Connection:
    if not path.exists():
        raise Missing("it is not there")
    # Readers too: they may have to make the files of the log. But neither makes a database.
    uri = f"file:{quote(os.fspath(path.absolute()))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        _judge(connection)
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error):
            raise Unusable(DAMAGED) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _judge(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise Unusable("it is another program's file")
    if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
        raise OtherVersion("it is of another version of Turnout")
    try:
        connection.execute("SELECT value FROM meta WHERE key = 'root'").fetchone()
        connection.execute("SELECT rowid FROM words LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            raise Unusable(DAMAGED) from error
        raise


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")  # noqa: PTH108
