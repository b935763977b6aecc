"""The tools of a refactor as a model is told of them, and what its calls say.

Invariant: whatever stands in the arguments of a call, it is read whole or refused with words for the model.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from turnout.core.edits.replies import Delete, Rename, Replace, Reply, Step, Write
from turnout.core.prompts import Tool

_MOST_STEPS = 500


class BadCall(Exception):
    """A call that cannot be carried out; the message is the model's answer."""


class NoEdits(BadCall):
    """A proposal that says nothing but that the work is done."""


def arguments_of(text: str) -> Mapping[str, Any]:
    """The arguments of a call. Raises BadCall where they are no JSON object that can be read."""
    try:
        arguments = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise BadCall(f"The arguments are not JSON: {error.msg}.") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, or brackets in brackets
        raise BadCall("The arguments cannot be read: they hold a number too long, or go too deep.") from error
    if not isinstance(arguments, Mapping):
        raise BadCall("The arguments have to be a JSON object.")
    return arguments


def reply_of(arguments: Mapping[str, Any]) -> Reply:
    """The edits of a `propose_edits` call. Raises BadCall for what is none."""
    changed = [
        Replace(0, text_in(row, "path"), _split(text_in(row, "search")), _split(text_in(row, "replace")))
        for row in _rows(arguments, "edits")
    ]
    empty = next((step.path for step in changed if step.search in ((), ("",))), None)
    if empty is not None:
        raise BadCall(f"search is empty in an edit of {empty}: use create for a new file.")
    steps: list[Step] = [*changed]
    steps += [
        Replace(0, text_in(row, "path"), (), _split(text_in(row, "text")))
        for row in _rows(arguments, "create")
    ]
    steps += [
        Write(0, text_in(row, "path"), _split(text_in(row, "text"))) for row in _rows(arguments, "rewrite")
    ]
    steps += [Rename(0, text_in(row, "path"), text_in(row, "new_path")) for row in _rows(arguments, "rename")]
    steps += [Delete(0, text_in(row, "path")) for row in _rows(arguments, "delete")]
    if not steps:
        raise NoEdits("There are no edits in it.")
    if len(steps) > _MOST_STEPS:
        raise BadCall(
            f"{len(steps)} edits are too many for one call, and none was made: {_MOST_STEPS} at most."
        )
    numbered = [replace(step, number=number) for number, step in enumerate(steps, start=1)]
    return Reply(text_in(arguments, "summary", ""), tuple(numbered))


def _split(text: str) -> tuple[str, ...]:
    """The lines of `text` without their endings; one at its end begins no further line, and no text is no line."""
    return () if not text else tuple(text.removesuffix("\n").replace("\r\n", "\n").split("\n"))


def _rows(arguments: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = arguments.get(name) or []
    if name == "delete" and isinstance(rows, list):
        rows = [{"path": row} if isinstance(row, str) else row for row in rows]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise BadCall(f"{name} has to be a list of objects.")
    return rows


def text_in(arguments: Mapping[str, Any], name: str, otherwise: str | None = None) -> str:
    value = arguments.get(name, otherwise)
    if not isinstance(value, str):
        raise BadCall(f"{name} has to be a text.")
    return value


def texts_in(arguments: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = arguments.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadCall(f"{name} has to be a list of texts.")
    return tuple(values)


def number_in(arguments: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = arguments.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadCall(f"{name} has to be a whole number.")
    return value


def _schema(required: Sequence[str], **properties: object) -> str:
    return json.dumps(
        {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        }
    )


_STRING = {"type": "string"}
_LINE = {"type": "integer", "minimum": 1}


def _list_of(**properties: object) -> dict[str, object]:
    item = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "array", "items": item}


TOOLS = (
    Tool(
        "read_file",
        "The text of a file of the folder, or some of its lines, numbered from 1.",
        _schema(["path"], path=_STRING, first_line=_LINE, last_line=_LINE),
    ),
    Tool(
        "list_files",
        "The files of the folder, or those below one of its folders.",
        _schema([], folder=_STRING),
    ),
    Tool(
        "search_text",
        "The lines of all files that hold a text, exactly as it is.",
        _schema(["text"], text=_STRING),
    ),
    Tool("search_symbol", "Where a name is defined and where it is used.", _schema(["name"], name=_STRING)),
    Tool(
        "propose_edits",
        "Propose the whole change, or a part of it. What is accepted stays, and later edits are made to the files as "
        "they are then: read_file and search_text show them so. `search` is whole lines of the file, copied exactly "
        "with their indentation, found once in it; `replace` takes their place. `done` says that this is the last of "
        "it. Nothing is written until the user agrees.",
        _schema(
            ["summary", "done"],
            summary=_STRING,
            done={"type": "boolean"},
            edits=_list_of(path=_STRING, search=_STRING, replace=_STRING),
            create=_list_of(path=_STRING, text=_STRING),
            rewrite=_list_of(path=_STRING, text=_STRING),
            rename=_list_of(path=_STRING, new_path=_STRING),
            delete={"type": "array", "items": _STRING},
        ),
    ),
    Tool(
        "reset_files",
        "Let go of all edits that were proposed for these files: they are as they were at first.",
        _schema(["paths"], paths={"type": "array", "items": _STRING}),
    ),
    Tool("run_checks", "Run the project's checks on what was proposed.", _schema([])),
)
