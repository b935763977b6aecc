"""The parameters of Turnout's own methods, which lsprotocol does not check.

Invariant: a field has the type that its method promises, or is not there, or the request is refused by its name.
"""

from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams


def fields_of(params: Any) -> Mapping[str, Any]:
    """The fields of a request; none where it has no object for them."""
    return params if isinstance(params, Mapping) else {}


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A string; empty where there is none."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    raise _refused(name, "a string")


def texts_of(fields: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """A list of strings; None where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _refused(name, "a list of strings")


def uri_of(fields: Mapping[str, Any], name: str = "textDocument") -> str:
    """The URI of a text document identifier; empty where there is none."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, Mapping) or not isinstance(value.get("uri"), str):
        raise _refused(name, "an object with a uri")
    return str(value["uri"])


def flag_of(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a field is true; false where there is none."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _refused(name, "true or false")


def id_of(fields: Mapping[str, Any], name: str) -> str:
    """The `id` of an object; empty where there is no object."""
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, Mapping) and isinstance(value.get("id"), str):
        return str(value["id"])
    raise _refused(name, "an object with an id")


def token_of(fields: Mapping[str, Any], name: str = "workDoneToken") -> str | int | None:
    """A progress token; None where there is none."""
    value = fields.get(name)
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise _refused(name, "a string or an integer")


def position_of(fields: Mapping[str, Any], name: str = "position") -> types.Position | None:
    """A position; None where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        return _position(value)
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(name, "a position") from error


def range_of(fields: Mapping[str, Any], name: str = "range") -> types.Range | None:
    """A range; None where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        return types.Range(_position(value["start"]), _position(value["end"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(name, "an object with a start and an end") from error


def locations_of(fields: Mapping[str, Any], name: str, most: int = 1_000) -> tuple[types.Location, ...]:
    """A list of locations, the first so many; none where there is no list."""
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise _refused(name, "a list of locations")
    found = []
    for item in value[:most]:
        if not isinstance(item, Mapping) or not isinstance(item.get("uri"), str):
            raise _refused(name, "a list of locations")
        if (place := range_of(item)) is None:
            raise _refused(name, "a list of locations")
        found.append(types.Location(item["uri"], place))
    return tuple(found)


def object_of(fields: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """An object; None where there is none."""
    value = fields.get(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise _refused(name, "an object")


def diagnostics_of(fields: Mapping[str, Any], name: str, most: int = 100) -> tuple[types.Diagnostic, ...]:
    """A list of diagnostics, the first so many; none where there is no list."""
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise _refused(name, "a list of diagnostics")
    return tuple(_diagnostic(item, name) for item in value[:most])


def _diagnostic(item: Mapping[str, Any], name: str) -> types.Diagnostic:
    place, code = range_of(item), item.get("code")
    if place is None:
        raise _refused(name, "a list of diagnostics with ranges")
    related = tuple(
        types.DiagnosticRelatedInformation(location, text_of(told, "message"))
        for told in item.get("relatedInformation") or ()
        if isinstance(told, Mapping)
        for location in locations_of({"location": [told.get("location")]}, "location")
    )
    return types.Diagnostic(
        place,
        text_of(item, "message"),
        code=code if isinstance(code, int | str) else None,
        source=text_of(item, "source") or None,
        related_information=related or None,
    )


def _position(value: Mapping[str, Any]) -> types.Position:
    line, character = value["line"], value["character"]
    if not (isinstance(line, int) and isinstance(character, int) and line >= 0 and character >= 0):
        raise ValueError(f"not a position: {value!r}")
    return types.Position(line, character)


def _refused(name: str, wanted: str) -> JsonRpcInvalidParams:
    return JsonRpcInvalidParams(message=f"{name} must be {wanted}.")
