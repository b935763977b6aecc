"""The tables of the ledger, and how its file is opened.

Invariant: it grows by tables, not by columns, so that servers of an older version go on writing to the same file.
"""

import logging
import re
import sqlite3
import time
from pathlib import Path

logger = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS receipts (
  id TEXT PRIMARY KEY,
  day TEXT NOT NULL,
  at TEXT NOT NULL,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL,
  model TEXT,
  leaves_machine INTEGER NOT NULL,
  bytes_sent INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  tokens_cached INTEGER NOT NULL,
  cost_usd REAL,
  total_ms REAL NOT NULL,
  outcome TEXT NOT NULL,
  receipt TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS receipts_by_day ON receipts (day);
CREATE INDEX IF NOT EXISTS receipts_by_time ON receipts (at);
CREATE INDEX IF NOT EXISTS receipts_that_cost ON receipts (day, workspace, cost_usd) WHERE cost_usd > 0;
CREATE TABLE IF NOT EXISTS events (id TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, length INTEGER);
CREATE TABLE IF NOT EXISTS figures (
  id TEXT PRIMARY KEY,
  tokens_evaluated INTEGER,
  queue_ms REAL,
  prefill_ms REAL,
  first_token_ms REAL,
  model_ms REAL,
  stop_ms REAL
);
CREATE TABLE IF NOT EXISTS tags (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  branch TEXT NOT NULL,
  environment TEXT NOT NULL,
  estimated INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sends (
  receipt TEXT NOT NULL,
  number INTEGER NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  bytes_sent INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  tokens_cached INTEGER NOT NULL,
  cost_usd REAL,
  estimated INTEGER NOT NULL,
  PRIMARY KEY (receipt, number)
);
CREATE TABLE IF NOT EXISTS sends_away (
  receipt TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (receipt, number)
);
CREATE TABLE IF NOT EXISTS reservations (
  id TEXT PRIMARY KEY,
  receipt TEXT NOT NULL,
  day TEXT NOT NULL,
  at TEXT NOT NULL,
  expires REAL NOT NULL,
  usd REAL NOT NULL,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  branch TEXT NOT NULL,
  environment TEXT NOT NULL,
  leaves_machine INTEGER NOT NULL,
  bytes_sent INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS reservations_by_receipt ON reservations (receipt);
CREATE TABLE IF NOT EXISTS suggestions (
  id TEXT PRIMARY KEY,
  at TEXT NOT NULL,
  language TEXT NOT NULL,
  model TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS suggestions_by_time ON suggestions (at);
CREATE TABLE IF NOT EXISTS kept (
  id TEXT NOT NULL,
  after_s INTEGER NOT NULL,
  at TEXT NOT NULL,
  share REAL NOT NULL,
  PRIMARY KEY (id, after_s)
);
CREATE TABLE IF NOT EXISTS shared (
  workspace TEXT NOT NULL,
  receipt TEXT NOT NULL,
  PRIMARY KEY (workspace, receipt)
);
CREATE TABLE IF NOT EXISTS health (
  model TEXT PRIMARY KEY,
  at REAL NOT NULL,
  circuit TEXT NOT NULL,
  reason TEXT NOT NULL,
  until REAL,
  first_token_ms REAL,
  tokens_per_second REAL,
  samples INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS overspent (
  receipt TEXT NOT NULL,
  allowance TEXT NOT NULL,
  source TEXT NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (receipt, allowance)
);
CREATE TABLE IF NOT EXISTS edit_trials (
  model TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  size TEXT NOT NULL,
  style TEXT NOT NULL,
  usable INTEGER NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (model, commit_id, size, style)
);
CREATE TABLE IF NOT EXISTS edit_works (model TEXT NOT NULL, turns INTEGER NOT NULL, at REAL NOT NULL);
"""
"""`sends` tells apart what a receipt sums up, for requests that went to more than its model once; `sends_away` names
those of them that left the machine.
`shared` names further workspaces whose limits a request is held to, beside the one that it is put down to.
`overspent` names the limits that the user allowed a request to go over.
`expires` and the times of `health` and of edits are in seconds of the epoch; `day` and `at` are local, as in
`receipts`."""

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) (\(.+?\));", re.DOTALL)

_BUSY_MS = 5000
"""Every server of the user writes to this file, each for well under a millisecond."""

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Several servers that open a new ledger at once refuse each other at first, and SQLite does not wait for that."""


def open_database(path: Path) -> sqlite3.Connection | None:
    """A connection to the ledger at `path`, made where there is none; None, and said in the log, if it is unusable."""
    for pause_s in (*_PAUSES_S, None):
        try:
            return _open(path)
        except (sqlite3.Error, OSError) as error:
            if pause_s is None or getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                logger.warning("receipts are not kept: %s: %s", path, error)
                return None
            time.sleep(pause_s)
    return None


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables that are not there yet."""
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT")


def lend_tables(connection: sqlite3.Connection) -> None:
    """Let a connection that only reads find every table empty that an older version did not make."""
    known = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    there = {str(name) for (name,) in known}
    for name, columns in _TABLE.findall(_TABLES):
        if name not in there:
            connection.execute(f"CREATE TEMP TABLE {name} {columns}")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing that it had written; only a power cut may take the last seconds.
        connection.execute("PRAGMA synchronous = NORMAL")
        make_tables(connection)
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection
