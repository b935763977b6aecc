"""The problems in what a check prints, and what else it says.

Invariant: every line is a part of a problem or of the rest: what is in no known form is no problem, and whoever reads
this has to say so.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

MAX_PROBLEMS = 20_000

_LONGEST = 2_000  # of a line that is looked at
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_AT = re.compile(
    r"\s*(?P<path>[^\s:()\[\]'\"][^:()'\"]{0,400}):(?P<line>\d+)(?::\d+)*(?::| -)\s*(?P<text>\S.*)"
)
_IN_BRACKETS = re.compile(
    r"\s*(?P<path>[^\s:()'\"][^:()'\"]{0,400})\((?P<line>\d+)(?:,\d+)?\)\s*:\s*(?P<text>\S.*)"
)
_ARROW = re.compile(r"\s*--> (?P<path>[^:]{1,400}):(?P<line>\d+)(?::\d+)?\s*$")
_PYTEST = re.compile(
    r"(?P<text>(?:FAILED|ERROR) (?P<path>[^\s:(][^\s:]{0,400})(?:::[^\s]+(?:\[[^\]]*\])?)?)(?:\s+-\s.*|\s*)$"
)
_TOOK = r"(?:\s+\([\d.]+ ?m?s\))?\s*$"
_TESTS = (
    re.compile(r"(?P<text>(?:FAIL|ERROR): \S+ \([\w.]+\))\s*$"),  # unittest
    re.compile(r"(?P<text>test \S.* \.\.\. FAILED)\s*$"),  # cargo
    re.compile(r"\s*(?P<text>--- FAIL: \S+)" + _TOOK),  # go
    re.compile(r"(?P<text>FAIL\t\S+(?: \[[\w ]+\])?)(?:\t[\d.]+s)?\s*$"),  # go, of a package
    re.compile(r"\s*(?P<text>FAIL +[^\s:]+\.\w+)" + _TOOK),  # jest, of a file
    re.compile(r"\s*(?P<text>[\u25cf\u2715] (?!Console)\S.*?)" + _TOOK),  # jest
)
_NOT_ABOVE = ("-->", "|", "=")
_FAILING = re.compile(r"fail|error|fatal|crash|abort|panic|broken", re.IGNORECASE)


class Problem(NamedTuple):
    """Something that a check complains of; `path` is empty and `line` (from 1) 0 where it does not say."""

    path: str
    line: int
    text: str

    @property
    def shown(self) -> str:
        """The problem in one line, for people and models."""
        where = f"{self.path}:{self.line}: " if self.line else ""
        return f"{where}{self.text}"


class Told(NamedTuple):
    """What a check printed: the problems, in order, and the lines that are no part of one of them.

    `whole` is False where there are more than MAX_PROBLEMS problems; those behind are not here.
    """

    problems: tuple[Problem, ...]
    rest: tuple[str, ...]
    whole: bool = True


def told_in(output: str, is_file: Callable[[str], bool]) -> Told:
    """What `output` tells; `is_file` tells names of files from other words."""
    problems: list[Problem] = []
    rest: list[str] = []
    lines = []
    for piece in _pieces(uncoloured(output)):
        if isinstance(piece, str):
            lines.append(piece)
            continue
        for found in _in_value(piece, ""):
            if isinstance(found, Problem) and is_file(found.path):
                problems.append(found)
            else:
                rest.append(found.shown if isinstance(found, Problem) else found)
    _read(lines, is_file, problems, rest)
    return Told(tuple(problems[:MAX_PROBLEMS]), tuple(filter(None, rest)), len(problems) <= MAX_PROBLEMS)


def uncoloured(output: str) -> str:
    """`output` without what colours it."""
    return _COLOURS.sub("", output)


def _pieces(output: str) -> Iterator[Any]:
    """The JSON document that `output` is, or its lines, each of which may be one."""
    is_json = output.lstrip()[:1] in ("{", "[")
    if is_json:
        with suppress(ValueError, RecursionError):
            yield json.loads(output)
            return
    for line in output.splitlines():
        piece: Any = line
        if is_json and line.lstrip()[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                piece = json.loads(line)
        yield piece


def _read(lines: list[str], is_file: Callable[[str], bool], problems: list[Problem], rest: list[str]) -> None:
    """Put each of `lines` with the problems or with the rest; an arrow takes the line that it belongs to along."""
    above, place = "", -1  # the last line of words, and where it stands in the rest; -1 for nowhere
    for line in lines:
        arrow = _ARROW.match(line)
        problem = _problem(arrow, above) if arrow else _in_line(line[:_LONGEST])
        if problem is not None and problem.path and not is_file(problem.path):
            problem = None
        if problem is not None:
            problems.append(problem)
            if arrow and place >= 0:
                rest[place] = ""
        # Behind the name of one of pytest's tests stands why it failed.
        if problem is None or _PYTEST.match(line[:_LONGEST]):
            rest.append(line.rstrip())
        if line.strip() and not line.lstrip().startswith(_NOT_ABOVE):
            above, place = line.strip()[:_LONGEST], len(rest) - 1 if problem is None else -1


def _in_line(line: str) -> Problem | None:
    """The problem that a line tells of by itself."""
    if found := next(filter(None, (form.match(line) for form in (_PYTEST, *_TESTS))), None):
        return Problem("", 0, found["text"])
    found = _IN_BRACKETS.match(line) or _AT.match(line)
    return _problem(found, found["text"].strip()) if found else None


def _problem(found: re.Match[str], text: str) -> Problem:
    return Problem(_plain(found["path"]), int(found["line"]), text)


def _in_value(value: Any, path: str, key: str = "") -> Iterator[Problem | str]:
    """Problems in JSON, which are all objects with a file, a line and a message, and what else speaks of failing."""
    if isinstance(value, list):
        for item in value:
            yield from _in_value(item, path, key)
    elif isinstance(value, dict):
        named = next((value[key] for key in _FILE_KEYS if isinstance(value.get(key), str)), path)
        message = next((value[key] for key in _MESSAGE_KEYS if isinstance(value.get(key), str)), None)
        line = _line_of(value)
        if named and message and line:
            code = next((str(value[key]) for key in ("code", "rule", "ruleId") if value.get(key)), "")
            yield Problem(_plain(named), line, f"{code} {message}".strip())
        else:
            for name, item in value.items():
                yield from _in_value(item, named, str(name))
    elif value and (key in _MESSAGE_KEYS or _FAILING.search(f"{key} {value}")):
        # A number is counted as of what it says, in a line of output as in JSON.
        yield f"{value} {key}" if isinstance(value, int) else f"{key}: {value}"


_MESSAGE_KEYS = ("message", "msg")
_FILE_KEYS = ("filename", "file", "filePath", "path", "file_name", "uri")


def _line_of(value: Mapping[str, Any]) -> int:
    """The line of an object, however deep its place is written."""
    for place in (value, *(value.get(key) for key in ("location", "range", "start", "position"))):
        if not isinstance(place, Mapping):
            continue
        start = place.get("start")
        for part in (place, start if isinstance(start, Mapping) else {}):
            line = next(
                (part[key] for key in ("line", "row", "line_start") if isinstance(part.get(key), int)), None
            )
            if line is not None:
                return max(1, int(line))
    return 0


def _plain(path: str) -> str:
    return path.strip().replace("\\", "/").removeprefix("file://").removeprefix("./")
