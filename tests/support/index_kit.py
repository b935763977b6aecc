"""Folders with files to index, and what is in an index of them."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from turnout.core.repository import Repository
from turnout.index.indexing import Indexing, Rules, Watcher
from turnout.index.limits import allowed_in
from turnout.index.link import Spec
from turnout.index.repository import RepositoryIndex
from turnout.syntax import symbols

SHOP = {
    "shop/__init__.py": "",
    "shop/cart.py": "from shop.prices import price_of\n\n\nclass Cart:\n"
    "    def total(self, items):\n        return price_of(items)\n",
    "shop/prices.py": "def price_of(items):\n    return sum(items)\n",
    "tests/test_cart.py": "from shop.cart import Cart\n\n\ndef test_total():\n    assert Cart().total([1]) == 1\n",
    "notes.txt": "the cart knows its total, and price_of(items)\n",
}


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files, with the folders around them."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def age(root: Path) -> None:
    """Let every file look as if it was written a while ago: what was written just now may change unseen."""
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink():
            stat = file.stat()
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10_000_000_000))


class Folder:
    """A folder and an index of it that is brought up to date in this process."""

    def __init__(self, tmp_path: Path, files: Mapping[str, str | bytes] = SHOP) -> None:
        self.root = tmp_path / "work"
        self.root.mkdir(exist_ok=True)
        self.database = tmp_path / "index.db"
        write(self.root, files)
        age(self.root)

    def indexing(
        self,
        never_read: tuple[str, ...] = (),
        rules: Rules | None = None,
        watcher: Watcher | None = None,
        **options: int,
    ) -> Indexing:
        """What writes the index; by default it may read all but `never_read`."""
        root = self.root.resolve()
        rules = rules or Rules(allowed=lambda: allowed_in(root, never_read))
        return Indexing(root, self.database, symbols.read, rules, watcher, **options)

    def round(self, never_read: tuple[str, ...] = ()) -> int:
        """Bring everything up to date, as a process would that starts now; how many files were read."""
        indexing = self.indexing(never_read)
        try:
            return indexing.round()
        finally:
            indexing.close()

    def update(self, *paths: str) -> int:
        """Bring some files up to date; how many were read."""
        indexing = self.indexing()
        try:
            return indexing.update(paths)
        finally:
            indexing.close()

    @property
    def index(self) -> Repository:
        """Answers from the index; nothing stays open, and nothing is written."""
        return _Asked(self)  # type: ignore[return-value]  # it passes every question on

    @contextmanager
    def open(self) -> Iterator[RepositoryIndex]:
        """The index, open meanwhile."""
        index = RepositoryIndex(Spec(self.root, self.database))
        try:
            yield index
        finally:
            index.close()

    @property
    def files(self) -> list[str]:
        """What is in the index."""
        return list(self.index.files())

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database says."""
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


class _Asked:
    """Passes every question on to an index that is opened for it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def __getattr__(self, question: str) -> Callable[..., object]:
        def ask(*arguments: object, **options: object) -> object:
            with self._folder.open() as index:
                return getattr(index, question)(*arguments, **options)

        return ask


def sound(folder: Folder) -> bool:
    """Whether the database and its full text are what they should be, and no row is without its file."""
    connection = sqlite3.connect(folder.database)
    try:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        orphans = connection.execute(
            """SELECT count(*) FROM (SELECT file FROM passages UNION SELECT file FROM definitions
            UNION SELECT file FROM imports UNION SELECT file FROM texts) WHERE file NOT IN (SELECT id FROM files)"""
        ).fetchone()
        passages = connection.execute("SELECT count(*) FROM passages").fetchone()
        indexed = connection.execute("SELECT count(*) FROM words_docsize").fetchone()
        checked = connection.execute("PRAGMA integrity_check").fetchone()
        return bool(orphans == (0,) and passages == indexed and checked == ("ok",))
    finally:
        connection.close()


def everything(index: Repository) -> list[object]:
    """What an index says of the shop."""
    return [
        index.files(),
        index.definitions(["Cart", "price_of"]),
        index.outline("shop/cart.py"),
        index.imports("shop/cart.py"),
        index.importers("shop/cart.py"),
        index.mentions("price_of"),
        index.siblings("shop/cart.py"),
        [hit.passage for hit in index.similar(["price_of", "items"])],
    ]
