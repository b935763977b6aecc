"""Where the tests of a file go, by the custom of its language."""

from collections.abc import Callable
from itertools import count
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


def free_test_path(path: str, exists: Callable[[str], bool]) -> str:
    """The path of a new file of tests for `path`; numbered where that name is taken."""
    file = PurePosixPath(path)
    folder, pattern = _PATTERNS.get(file.suffix, ("", f"test_{{}}{file.suffix}"))
    directory = PurePosixPath(folder) if folder else file.parent
    if folder == "" and "src/main/" in path:
        directory = PurePosixPath(str(file.parent).replace("src/main/", "src/test/", 1))
    names = (file.stem if number == 1 else f"{file.stem}_{number}" for number in count(1))
    candidates = (str(directory / pattern.format(name)) for name in names)
    return next(candidate for candidate in candidates if not exists(candidate))
