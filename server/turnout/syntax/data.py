"""Errors in files of data, found by the reader of the language itself.

Invariant: a text is only held against an edit where the one before could be read; a file with comments that is called
JSON all the same is not judged.
"""

import re

from turnout.core.symbols import Problem

READ = frozenset({"json", "toml"})
_COMMENTS = ("//", "/*")
_LINE = re.compile(r"\(at line (\d+), ")


def check(language: str, before: str | None, after: str) -> tuple[Problem, ...] | None:
    """Why `after` cannot be read, at most one problem; None where `before` (None: no such file) could not either."""
    judged = after if before is None else before
    if language == "json" and any(line.lstrip().startswith(_COMMENTS) for line in judged.splitlines()):
        return None
    try:
        if before is not None and _problem(language, before):
            return None
        found = _problem(language, after)
    except RecursionError:
        return None
    return (found,) if found else ()


def _problem(language: str, text: str) -> Problem | None:
    return _json_problem(text) if language == "json" else _toml_problem(text)


def _json_problem(text: str) -> Problem | None:
    import json

    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        return Problem(error.lineno - 1, f"no JSON: {error.msg}")
    return None


def _toml_problem(text: str) -> Problem | None:
    import tomllib

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = _LINE.search(str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        return Problem(line - 1, f"no TOML: {error}")
    except ValueError:  # a number too long to be read here
        return None
    return None
