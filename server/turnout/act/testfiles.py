"""Where the tests of a file go: as the project has its tests, or else by the custom of its language."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import PurePosixPath

_PATTERNS = {
    ".py": ("tests", "test_{}.py"),
    ".go": ("", "{}_test.go"),
    ".js": ("", "{}.test.js"),
    ".jsx": ("", "{}.test.jsx"),
    ".ts": ("", "{}.test.ts"),
    ".tsx": ("", "{}.test.tsx"),
    ".java": ("", "{}Test.java"),
    ".cs": ("", "{}Tests.cs"),
    ".rb": ("test", "{}_test.rb"),
    ".php": ("tests", "{}Test.php"),
    ".rs": ("tests", "{}.rs"),
    ".lua": ("tests", "{}_spec.lua"),
}
"""Folder at the top of the workspace (empty: beside the file) and the name of the test file."""

_TEST = re.compile(r"(?:(test_)(?=\w))?([\w-]+?)([._-](?:test|spec|tests)|Tests?|_test)?(\.[A-Za-z]+)")
_LOOKED_AT = 5_000


def free_test_path(path: str, exists: Callable[[str], bool], paths: Iterable[str] = ()) -> str:
    """The path of a new file of tests for `path`; `paths` are the project's, whose layout is followed.

    It is numbered where that name is taken.
    """
    file = PurePosixPath(path)
    directory, pattern = _like(file, islice(paths, _LOOKED_AT)) or _customary(file)
    names = (file.stem if number == 1 else f"{file.stem}_{number}" for number in count(1))
    candidates = (str(directory / pattern.format(name)) for name in names)
    return next(candidate for candidate in candidates if not exists(candidate))


def _customary(file: PurePosixPath) -> tuple[PurePosixPath, str]:
    folder, pattern = _PATTERNS.get(file.suffix, ("", f"test_{{}}{file.suffix}"))
    directory = PurePosixPath(folder) if folder else file.parent
    if folder == "" and "src/main/" in str(file):
        directory = PurePosixPath(str(file.parent).replace("src/main/", "src/test/", 1))
    return directory, pattern


def _like(file: PurePosixPath, paths: Iterable[str]) -> tuple[PurePosixPath, str] | None:
    """Where the project would have the tests of `file`: in the folder and under the names that most others have."""
    sources: dict[str, PurePosixPath] = {}
    tests: list[tuple[PurePosixPath, str, str]] = []
    for path in map(PurePosixPath, paths):
        if path.suffix != file.suffix:
            continue
        found = _TEST.fullmatch(path.name)
        if found and (found[1] or found[3]):
            tests.append((path.parent, f"{found[1] or ''}{{}}{found[3] or ''}{found[4]}", found[2]))
        else:
            sources.setdefault(path.stem, path)
    layouts = Counter(layout for test in tests if (layout := next(_layouts(*test, sources), None)))
    if not layouts:
        return None
    (where, pattern), _ = min(layouts.items(), key=lambda item: (-item[1], item[0]))
    return _placed(where, file), pattern


def _layouts(
    folder: PurePosixPath, pattern: str, stem: str, sources: dict[str, PurePosixPath]
) -> Iterator[tuple[str, str]]:
    """How a test file lies to the source of its name: `.` beside it, `./x` in a folder there, `x` at the top, `x/*` as
    the source lies below its own top."""
    source = sources.get(stem)
    if source is None:
        yield str(folder), pattern
    elif folder == source.parent:
        yield ".", pattern
    elif folder.parent == source.parent:
        yield f"./{folder.name}", pattern
    elif folder.parts[1:] and folder.parts[1:] == source.parent.parts[1:]:
        yield f"{folder.parts[0]}/*", pattern
    else:
        yield str(folder), pattern


def _placed(where: str, file: PurePosixPath) -> PurePosixPath:
    if where == ".":
        return file.parent
    if where.startswith("./"):
        return file.parent / where.removeprefix("./")
    if where.endswith("/*"):
        return PurePosixPath(where.removesuffix("/*"), *file.parent.parts[1:])
    return PurePosixPath(where)
