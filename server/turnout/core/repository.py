"""What Turnout knows of a repository without reading it anew: definitions, imports and passages of its files.

Invariants: paths are relative to the folder and written with `/`; lines count from 0 and ranges include both ends;
nothing here comes from a file that ignore rules, `never_read` or a secret in it keep away. Whoever puts some of it
into a prompt still asks the policy about its path: rules can change after a file was indexed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Definition:
    """A symbol: where it stands and how it is declared.

    `kind` is `function`, `method`, `class`, `interface`, `struct`, `enum`, `type`, `constant`, `module` or `macro`.
    `container` is the class, `impl`, module or function around it, empty at the top. `signature` is its source without
    the body and without decorators, a few lines at most. The lines are those of the definition with its decorators.
    """

    path: str
    language: str
    name: str
    kind: str
    container: str
    signature: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, or a whole module where `name` is empty; `module` is written as in the source."""

    path: str
    module: str
    name: str
    alias: str
    line: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole lines of a file."""

    path: str
    language: str
    first_line: int
    last_line: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that resembles what was asked for; a higher `score` (BM25) is a closer likeness."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Mention:
    """A line that names an identifier."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far an index is: `files` are in it, and of a round under way `done` are looked at `of` so many.

    `problem` is empty, or a sentence for the user that says why the index is not what it could be. `begun_anew` is
    empty, or says why the one that was there had to be built anew since it was opened.
    """

    files: int
    done: int
    of: int
    building: bool
    problem: str
    begun_anew: str = ""


class Repository(Protocol):
    """The index of one folder. Every call takes a few milliseconds at most and never raises: call it on a thread.

    What is not indexed yet, or no more, is simply not in the answer.
    """

    def definitions(
        self, names: Sequence[str], *, language: str | None = None, limit: int = 50
    ) -> tuple[Definition, ...]:
        """Definitions of any of `names`, in the order of `names`."""
        ...

    def outline(self, path: str) -> tuple[Definition, ...]:
        """All definitions of a file, from top to bottom."""
        ...

    def imports(self, path: str) -> tuple[Import, ...]:
        """What a file imports, from top to bottom."""
        ...

    def importers(self, path: str, limit: int = 50) -> tuple[str, ...]:
        """Files that import this one, as far as the names of modules tell."""
        ...

    def mentions(self, name: str, limit: int = 200) -> tuple[Mention, ...]:
        """Lines with `name` as a whole identifier, in its case."""
        ...

    def similar(
        self, words: Sequence[str], *, limit: int = 20, exclude: Collection[str] = ()
    ) -> tuple[Hit, ...]:
        """Passages outside the files `exclude` that share identifiers with `words`, the best first."""
        ...

    def siblings(self, path: str) -> tuple[str, ...]:
        """A file's tests, header or interface; of a test, what it tests."""
        ...

    def files(self) -> tuple[str, ...]:
        """Every indexed file, in order."""
        ...

    def state(self) -> IndexState:
        """How far the index is."""
        ...
