"""Reading a settings file: its data, and the line on which every key stands.

`tomllib` gives no positions, so a scanner walks the same text for keys and their lines only.
It runs first and refuses nesting that could make a parser slow; what it cannot follow is left to `tomllib` to explain.
Invariant: reading never raises; a file that cannot be used is a problem.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout.settings.problems import Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

KeyPath = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BLANK = re.compile(r"[ \t]*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_MULTILINE = re.compile(
    r'"""(?:[^\\"]++|\\.|"(?!""))*+"""{1,3}+|\'\'\'(?:[^\']++|\'(?!\'\'))*+\'\'\'{1,3}+', re.DOTALL
)
_STRING = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|\'[^\'\n]*+\'')
_SCALAR = re.compile(r"[^\s,\]}#]++(?: [0-9][^\s,\]}#]*+)?+")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file; `lines` has the line (from 1) of every key and table, by path."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)


def read_toml(path: Path) -> Document | Problem | None:
    """The content of a settings file; None where there is none, a Problem where it cannot be used."""
    try:
        raw = _read_bytes(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        return Problem(str(path), "", f"cannot be read: {getattr(exc, 'strerror', None) or exc}")
    if len(raw) > MAX_BYTES:
        return Problem(str(path), "", f"is larger than {MAX_BYTES // 1024} KiB, which no settings file needs")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        return Problem(f"{path}:{line}", "", "is not UTF-8 text")
    return parse_toml(text, str(path))


def parse_toml(text: str, name: str) -> Document | Problem:
    """Parse the text of a file called `name`."""
    text = text.replace("\r\n", "\n")
    try:
        lines = _Scanner(text).scan()
        return Document(tomllib.loads(text), lines)
    except _TooDeepError as exc:
        return Problem(f"{name}:{exc.line}", "", f"is nested more than {MAX_DEPTH} levels deep")
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r"\(at line (\d+)", str(exc))
        line = int(found[1]) if found else text.count("\n") + 1
        return Problem(f"{name}:{line}", "", f"is not valid TOML: {exc}")
    except (ValueError, RecursionError):
        return Problem(name, "", "is not valid TOML")


def _read_bytes(path: Path) -> bytes:
    if not path.is_file() and path.exists():
        raise OSError("it is not a regular file")
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


class _TooDeepError(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


class _LostError(Exception):
    """The text is not TOML as the scanner knows it."""


class _Scanner:
    """One pass over a TOML text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        """Lines by key path; incomplete where the text is not valid TOML."""
        table: KeyPath = ()
        try:
            while self._skip(_SPACE) < len(self._text):
                if self._text[self._at] == "[":
                    table = self._header()
                else:
                    self._pair(table, len(table))
        except _LostError:
            pass
        return self._lines

    def _header(self) -> KeyPath:
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        path = self._resolved(self._key())
        self._expect("]]" if array else "]")
        if array:
            index = self._arrays.get(path, -1) + 1
            self._arrays[path] = index
            path = (*path, index)
        for end in range(1, len(path) + 1):
            self._record(path[:end])
        return path

    def _resolved(self, key: tuple[str, ...]) -> KeyPath:
        """The path of a header's key, with the index of the newest element of each array of tables on the way."""
        path: KeyPath = ()
        for index, part in enumerate(key):
            path = (*path, part)
            if path in self._arrays and index < len(key) - 1:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: KeyPath, depth: int) -> None:
        line = self._here()
        path = (*table, *self._key())
        self._expect("=")
        for end in range(len(table) + 1, len(path) + 1):
            self._lines.setdefault(path[:end], line)
        self._skip(_BLANK)
        self._value(path, depth + 1)

    def _value(self, path: KeyPath, depth: int) -> None:
        if depth > MAX_DEPTH or len(path) > MAX_DEPTH:
            raise _TooDeepError(self._here())
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path, depth)
        elif opening == "{":
            self._inline_table(path, depth)
        elif opening in {'"', "'"}:
            triple = self._text.startswith((opening * 3,), self._at)
            self._take(_MULTILINE if triple else _STRING)
        else:
            self._take(_SCALAR)

    def _array(self, path: KeyPath, depth: int) -> None:
        self._at += 1
        index = 0
        while self._after_space() != "]":
            self._record((*path, index))
            self._value((*path, index), depth + 1)
            index += 1
            if self._after_space() != ",":
                break
            self._at += 1
        self._expect("]")

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        self._at += 1
        while self._after_space() != "}":
            self._pair(path, depth)
            if self._after_space() != ",":
                break
            self._at += 1
        self._expect("}")

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            quoted = self._text[self._at : self._at + 1] in {'"', "'"}
            part = self._take(_STRING if quoted else _BARE)
            parts.append(_unquoted(part) if quoted else part)
            if len(parts) > MAX_DEPTH:
                raise _TooDeepError(self._here())
            self._skip(_BLANK)
            if self._text[self._at : self._at + 1] != ".":
                return tuple(parts)
            self._at += 1

    def _record(self, path: KeyPath) -> None:
        self._lines.setdefault(path, self._here())

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _after_space(self) -> str:
        self._skip(_SPACE)
        return self._text[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            raise _LostError
        self._at = found.end()
        return found[0]

    def _expect(self, token: str) -> None:
        self._skip(_BLANK)
        if not self._text.startswith(token, self._at):
            raise _LostError
        self._at += len(token)


def _unquoted(part: str) -> str:
    """The text of a quoted key; only an escape needs the real parser."""
    if part[0] == "'" or "\\" not in part:
        return part[1:-1]
    try:
        return str(tomllib.loads(f"key = {part}")["key"])
    except tomllib.TOMLDecodeError as exc:
        raise _LostError from exc
