"""The questions that an index answers, each as one function over a connection.

Invariant: no answer costs more than a few milliseconds in an index of 10,000 files: what many files have in common is
not looked through, and every list ends at its limit.
"""

import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path

from turnout.core.documents import line_body, split_lines
from turnout.core.languages import language_of
from turnout.core.repository import Definition, Hit, Import, Mention, Passage
from turnout.index import modules, siblings
from turnout.index.words import split, whole
from turnout.index.writing import unpacked

MAX_NAMES = 200
_MAX_TERMS = 24
_MAX_POSTINGS = 2_000
"""Passages that a search may look at, all words together: about a microsecond each, twice."""
_MAX_CANDIDATES = 2_000
_MAX_EXCLUDED = 400
_MAX_SEARCHED = 200
"""Passages that are searched for mentions."""

_DEFINITION = """SELECT f.path, f.language, d.name, d.kind, d.container, d.signature, d.first_line, d.last_line
FROM definitions d JOIN files f ON f.id = d.file """


def definitions(
    connection: sqlite3.Connection, names: Sequence[str], language: str | None, limit: int
) -> tuple[Definition, ...]:
    """Definitions of `names`, each name getting its turn before one gets a second."""
    wanted = list(dict.fromkeys(names))[:MAX_NAMES]
    family = sorted(modules.family(language)) if language else []
    marks = f"AND f.language IN ({', '.join('?' * len(family))}) " if family else ""
    query = f"{_DEFINITION} WHERE d.name = ? {marks}LIMIT ?"
    found = [
        [Definition(*row) for row in connection.execute(query, (name, *family, limit))] for name in wanted
    ]
    turns = chain.from_iterable(zip_longest(*found))
    kept = list(islice((one for one in turns if one is not None), limit))
    order = {name: number for number, name in enumerate(wanted)}
    return tuple(sorted(kept, key=lambda one: order[one.name]))


def outline(connection: sqlite3.Connection, path: str) -> tuple[Definition, ...]:
    """The definitions of a file."""
    rows = connection.execute(f"{_DEFINITION} WHERE f.path = ? ORDER BY d.first_line, d.rowid", (path,))
    return tuple(Definition(*row) for row in rows)


def imports(connection: sqlite3.Connection, path: str) -> tuple[Import, ...]:
    """The imports of a file."""
    rows = connection.execute(
        """SELECT f.path, i.module, i.name, i.alias, i.line FROM imports i JOIN files f ON f.id = i.file
        WHERE f.path = ? ORDER BY i.line, i.rowid""",
        (path,),
    )
    return tuple(Import(*row) for row in rows)


def importers(connection: sqlite3.Connection, path: str, limit: int) -> tuple[str, ...]:
    """The files that import `path`, in order."""
    language = language_of(path)
    keys, family = modules.keys(path, language), modules.family(language)
    found: dict[str, None] = {}
    for key in keys:
        tail = key.rpartition("/")[2]
        rows = connection.execute(
            """SELECT f.path, f.language, i.target, i.name FROM imports i JOIN files f ON f.id = i.file WHERE i.rowid IN
            (SELECT rowid FROM imports WHERE tail = ?1 UNION SELECT rowid FROM imports WHERE name = ?1 LIMIT ?2)""",
            (tail, _MAX_CANDIDATES),
        )
        for importer, its_language, target, name in rows:
            if importer != path and its_language in family and modules.means(target, name, key, language):
                found[importer] = None
    return tuple(sorted(found)[:limit])


def mentions(connection: sqlite3.Connection, name: str, limit: int) -> tuple[Mention, ...]:
    """Lines that name `name`, in order of files and lines as far as the limit went."""
    word = whole(name)
    if not word:
        return ()
    rows = connection.execute(
        """SELECT f.path, f.id, p.first_line, p.start, p.after FROM words JOIN passages p ON p.id = words.rowid
        JOIN files f ON f.id = p.file WHERE words MATCH ? LIMIT ?""",
        (_quoted(word), _MAX_SEARCHED),
    )
    pattern = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    texts = Texts(connection)
    found: list[Mention] = []
    for path, file, first, start, after in rows:
        passage = texts.text(file)[start:after]
        if not pattern.search(passage):
            continue
        for number, line in enumerate(split_lines(passage), start=first):
            if pattern.search(line):
                found.append(Mention(path, number, line_body(line)))
        if len(found) >= limit:
            break
    return tuple(sorted(found[:limit], key=lambda one: (one.path, one.line)))


def similar(
    connection: sqlite3.Connection,
    words: Sequence[str],
    frequent: Mapping[str, int],
    limit: int,
    exclude: Collection[str],
) -> tuple[Hit, ...]:
    """Passages that share the rarest of `words`, the best first."""
    terms = _telling(split(words), frequent)
    if not terms or limit <= 0:
        return ()
    left_out = _passages_of(connection, exclude)
    rows = connection.execute(
        "SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?",
        (" OR ".join(map(_quoted, terms)), limit + min(len(left_out), _MAX_EXCLUDED)),
    ).fetchall()
    texts = Texts(connection)
    ranked = [(passage, -rank) for passage, rank in rows if passage not in left_out][:limit]
    return tuple(
        hit for passage, score in ranked if (hit := _hit(connection, texts, passage, score)) is not None
    )


def sibling_files(connection: sqlite3.Connection, path: str) -> tuple[str, ...]:
    """The siblings of a file."""
    subject, _ = siblings.subject_of(path)
    rows = connection.execute(
        "SELECT path, language FROM files WHERE subject = ? AND left_out = '' LIMIT ?",
        (subject, _MAX_CANDIDATES),
    )
    family = modules.family(language_of(path))
    return siblings.choose(path, (other for other, language in rows if language in family))


def files(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Every file in the index."""
    rows = connection.execute("SELECT path FROM files WHERE left_out = '' ORDER BY path")
    return tuple(path for (path,) in rows)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in an index, in numbers: files by language, and those left out by reason."""

    database: str
    bytes: int = 0
    files: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    plain: int = 0
    definitions: int = 0
    passages: int = 0


def summary(connection: sqlite3.Connection, database: Path) -> Summary:
    """What is in the index; looks at every row, which no request should wait for."""
    by_language = """SELECT language, count(*) FROM files WHERE left_out = '' GROUP BY language
    ORDER BY count(*) DESC, language"""
    by_reason = "SELECT left_out, count(*) FROM files WHERE left_out != '' GROUP BY left_out"
    counts = """SELECT (SELECT count(*) FROM files WHERE plain), (SELECT count(*) FROM definitions),
    (SELECT count(*) FROM passages)"""
    unnamed = meta(connection, "unnamed")
    return Summary(
        str(database),
        database.stat().st_size,
        dict(connection.execute(by_language).fetchall()),
        dict(connection.execute(by_reason).fetchall())
        | ({"its name is not UTF-8": unnamed} if unnamed else {}),
        *connection.execute(counts).fetchone(),
    )


def frequent_words(connection: sqlite3.Connection) -> dict[str, int]:
    """The words that many passages have, with how many."""
    return dict(connection.execute("SELECT word, passages FROM frequent").fetchall())


def meta(connection: sqlite3.Connection, key: str) -> int:
    """A number that whoever writes the index keeps there; 0 where there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0


class Texts:
    """The texts of files, each fetched once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._texts: dict[int, str] = {}

    def text(self, file: int) -> str:
        """The text of a file; empty where it is gone."""
        if file not in self._texts:
            row = self._connection.execute("SELECT text FROM texts WHERE file = ?", (file,)).fetchone()
            self._texts[file] = unpacked(row[0]) if row else ""
        return self._texts[file]


def _telling(words: Iterable[str], frequent: Mapping[str, int]) -> list[str]:
    """The rarest words, as many as can be looked up in time."""
    left = _MAX_POSTINGS
    kept = []
    for word in sorted(words, key=lambda word: frequent.get(word, 0))[:_MAX_TERMS]:
        left -= frequent.get(word, 1)
        if left < 0:
            break
        kept.append(word)
    return kept


def _passages_of(connection: sqlite3.Connection, paths: Collection[str]) -> frozenset[int]:
    found: list[int] = []
    for path in paths:
        rows = connection.execute(
            "SELECT id FROM passages WHERE file = (SELECT id FROM files WHERE path = ?)", (path,)
        )
        found += (number for (number,) in rows)
    return frozenset(found)


def _hit(connection: sqlite3.Connection, texts: Texts, passage: int, score: float) -> Hit | None:
    row = connection.execute(
        """SELECT f.path, f.language, f.id, p.first_line, p.last_line, p.start, p.after
        FROM passages p JOIN files f ON f.id = p.file WHERE p.id = ?""",
        (passage,),
    ).fetchone()
    if row is None:
        return None
    path, language, file, first, last, start, after = row
    return Hit(Passage(path, language, first, last, texts.text(file)[start:after]), score)


def _quoted(word: str) -> str:
    return f'"{word}"'
