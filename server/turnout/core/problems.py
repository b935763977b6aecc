"""The problems in what a check prints.

Invariant: what is in no known form is no problem, and whoever reads this has to say so.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

MAX_PROBLEMS = 2_000

_LONGEST = 2_000  # of a line that is looked at
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_AT = re.compile(
    r"\s*(?P<path>[^\s:()\[\]'\"][^:()'\"]{0,400}):(?P<line>\d+)(?::\d+)*(?::| -)\s*(?P<text>\S.*)"
)
_IN_BRACKETS = re.compile(
    r"\s*(?P<path>[^\s:()'\"][^:()'\"]{0,400})\((?P<line>\d+)(?:,\d+)?\)\s*:\s*(?P<text>\S.*)"
)
_ARROW = re.compile(r"\s*--> (?P<path>[^:]{1,400}):(?P<line>\d+)(?::\d+)?\s*$")
_TEST = re.compile(
    r"(?P<text>(?:FAILED|ERROR) (?P<path>[^\s:]{1,400})(?:::[^\s]+(?:\[[^\]]*\])?)?)(?:\s+-\s.*|\s*)$"
)
_UNITTEST = re.compile(r"(?P<text>(?:FAIL|ERROR): \S+ \([\w.]+\))\s*$")


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


def problems_in(output: str, is_file: Callable[[str], bool]) -> list[Problem]:
    """The problems in `output`, in order; `is_file` tells names of files from other words. At most MAX_PROBLEMS."""
    found: list[Problem] = []
    for problem in (*_in_json(output), *_in_lines(_COLOURS.sub("", output))):
        if not problem.path or is_file(problem.path):
            found.append(problem)
            if len(found) == MAX_PROBLEMS:
                break
    return found


def _in_lines(output: str) -> Iterator[Problem]:
    above = ""
    for line in output.splitlines():
        if len(line) > _LONGEST:
            continue
        if found := _ARROW.match(line):
            yield Problem(_plain(found["path"]), int(found["line"]), above)
        elif found := _TEST.match(line) or _UNITTEST.match(line):
            yield Problem("", 0, found["text"])
        elif found := _IN_BRACKETS.match(line) or _AT.match(line):
            yield Problem(_plain(found["path"]), int(found["line"]), found["text"].strip())
        if line.strip() and not line.lstrip().startswith(("-->", "|", "=")):
            above = line.strip()


def _in_json(output: str) -> Iterator[Problem]:
    """Problems in a JSON document, or in one on each line: every object with a file, a line and a message."""
    if output.lstrip()[:1] not in ("{", "["):
        return
    try:
        yield from _in_value(json.loads(output), "")
    except ValueError:
        for line in output.splitlines():
            try:
                yield from _in_value(json.loads(line), "")
            except ValueError:
                continue
    except RecursionError:
        return


def _in_value(value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, list):
        for item in value:
            yield from _in_value(item, path)
    elif isinstance(value, dict):
        named = next((value[key] for key in _FILE_KEYS if isinstance(value.get(key), str)), path)
        message = next((value[key] for key in ("message", "msg") if isinstance(value.get(key), str)), None)
        line = _line_of(value)
        if named and message and line:
            code = next((str(value[key]) for key in ("code", "rule", "ruleId") if value.get(key)), "")
            yield Problem(_plain(named), line, f"{code} {message}".strip())
        else:
            for item in value.values():
                yield from _in_value(item, named)


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
