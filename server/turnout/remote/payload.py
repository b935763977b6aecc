"""JSON from outside: parse it, and take fields out of it without trusting their types.

Invariant: whatever the text, these functions return the promised type or raise `PayloadError`.
A field that is absent or null is an empty one; a field of another type is malformed, so that no text goes missing.
"""

import json
from collections.abc import Mapping


class PayloadError(ValueError):
    """Bytes or JSON that are not what the format promises; the message never quotes them."""


def parse(data: str) -> object:
    """The JSON value that `data` is."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise PayloadError("text that is not JSON") from exc
    return value


def child(value: object, key: str) -> Mapping[str, object]:
    """The object under `key`."""
    found = _field(value, key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise PayloadError(f"`{key}` that is not an object")
    return found


def children(value: object, key: str) -> list[object]:
    """The array under `key`."""
    found = _field(value, key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise PayloadError(f"`{key}` that is not an array")
    return found


def text(value: object, key: str) -> str:
    """The string under `key`, fit to be encoded as UTF-8."""
    found = _field(value, key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise PayloadError(f"`{key}` that is not a string")
    return _mended(found)


MAX_COUNT = 10**12
"""More than anybody counts; a larger claim would not fit where receipts are kept."""


def count(value: object, key: str) -> int | None:
    """The number under `key` where it is one that can count something, else None."""
    found = _field(value, key)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        return None
    return min(found, MAX_COUNT)


def amount(value: object, key: str) -> float | None:
    """The amount under `key`, of money or of time, where it can be one, else None.

    Nothing is no amount: gateways say 0 of models whose prices they do not know.
    """
    found = _field(value, key)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= MAX_COUNT:
        return None
    return float(found)


def _field(value: object, key: str) -> object:
    if not isinstance(value, dict):
        raise PayloadError("JSON that is not an object")
    return value.get(key)


def _mended(found: str) -> str:
    """`found` with each lone surrogate, which JSON can escape but UTF-8 cannot carry, replaced by U+FFFD."""
    try:
        found.encode("utf-8")
    except UnicodeEncodeError:
        return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return found
