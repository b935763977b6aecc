"""Files that belong together by their names: a source and its tests, a header and what it declares.

Two files are siblings when they have the same subject and are not of the same role; those in the same folder or with
the most of the way in common come first. Subjects that every package has (`index`, `utils`) count only near by.
"""

import posixpath
import re
from collections.abc import Iterable
from typing import Literal

Role = Literal["source", "test", "interface"]

MAX_SIBLINGS = 6

_PATTERNS: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"(?P<name>.+)\.d\.[cm]?ts"), "interface"),
    (re.compile(r"(?P<name>.+)\.pyi"), "interface"),
    (re.compile(r"(?P<name>.+)\.(?:h|hh|hpp|hxx)"), "interface"),
    (re.compile(r"(?P<name>.+)\.(?:test|tests|spec|e2e|cy)\.[cm]?[jt]sx?"), "test"),
    (re.compile(r"(?P<name>.+?)[_-](?:test|tests|spec|unittest)\.\w+"), "test"),
    (re.compile(r"(?:test|tests|spec)[_-](?P<name>.+)\.\w+"), "test"),
    (re.compile(r"(?P<name>.+[a-z0-9])(?:Test|Tests|IT|Spec)\.(?:java|cs|php|kt|scala|swift)"), "test"),
    (re.compile(r"Test(?P<name>[A-Z].*)\.(?:java|cs|php)"), "test"),
    (re.compile(r"I(?P<name>[A-Z][a-z].*)\.cs"), "interface"),
    (re.compile(r"(?P<name>.+)\.bats"), "test"),
    (re.compile(r"(?P<name>[^.].*?)\.\w+"), "source"),
)
_TEST_FOLDERS = frozenset({"__tests__", "spec", "specs", "test", "tests"})
_COMMON = frozenset(
    {
        "__init__",
        "base",
        "common",
        "config",
        "constants",
        "helpers",
        "index",
        "lib",
        "main",
        "mod",
        "types",
        "util",
        "utils",
    }
)


def subject_of(path: str) -> tuple[str, Role]:
    """What a file is about, in lower case, and whether it is the source, a test of it or its interface."""
    folder, name = posixpath.split(path)
    for pattern, role in _PATTERNS:
        if found := pattern.fullmatch(name):
            in_tests = role == "source" and not _TEST_FOLDERS.isdisjoint(folder.split("/"))
            return _plain(found["name"]), "test" if in_tests else role
    return _plain(name), "source"


def choose(path: str, others: Iterable[str]) -> tuple[str, ...]:
    """The siblings of a file among `others`, which have its subject; the nearest ones first."""
    subject, role = subject_of(path)
    found = []
    for other in others:
        if other == path or subject_of(other)[1] == role:
            continue
        near = _shared(path, other)
        if subject in _COMMON and not _beside(path, other):
            continue
        found.append((-near, len(other), other))
    return tuple(other for _, _, other in sorted(found)[:MAX_SIBLINGS])


def _shared(path: str, other: str) -> int:
    """How many folders two paths have in common, wherever in them: tests often mirror the tree of the sources."""
    first, second = (set(posixpath.dirname(one).split("/")) - {""} for one in (path, other))
    same = posixpath.dirname(path) == posixpath.dirname(other)
    return len(first & second) + 100 * same


def _beside(path: str, other: str) -> bool:
    """Whether two files are in one folder, but for one of tests."""
    return _without_tests(path) == _without_tests(other)


def _without_tests(path: str) -> list[str]:
    return [part for part in posixpath.dirname(path).split("/") if part not in _TEST_FOLDERS]


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()
