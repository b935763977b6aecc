"""What models think ahead of their tool calls, in the fields in which OpenAI-compatible servers send it.

Some servers refuse the next turn unless it comes back as it was, so it is kept as it came and merged where it came
in pieces.
"""

import json
from collections.abc import Mapping, Sequence

from turnout.core.models import Model
from turnout.core.prompts import Message
from turnout.remote import payload

TEXTS = ("reasoning_content", "reasoning")
"""Fields that hold text; a server uses one of them, and some send both with the same words."""

LISTS = ("reasoning_details", "thinking_blocks")
"""Fields that hold a list of parts: OpenRouter's and LiteLLM's."""

_GROWING = ("text", "thinking", "summary")


class Part:
    """A JSON object of an answer whose texts come in pieces; they are joined once, since there may be many."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = dict(fields)
        self._texts: dict[str, list[str]] = {}

    def grow(self, key: str, piece: str) -> None:
        """Add to the text under `key`. Raises PayloadError where that is no text."""
        self._texts.setdefault(key, [payload.text(self.fields, key)]).append(piece)

    def whole(self) -> dict[str, object]:
        """The object with its texts as far as they have come."""
        return self.fields | {key: "".join(pieces) for key, pieces in self._texts.items()}


class Thoughts:
    """The thoughts of one answer, by field."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[Part]] = {}

    def add(self, delta: Mapping[str, object]) -> int:
        """Take what `delta` holds of them; gives the number of characters that are new."""
        texts = {name: payload.text(delta, name) for name in TEXTS}
        for name, text in texts.items():
            if text:
                self._texts.setdefault(name, []).append(text)
        parts = [self._add_parts(name, payload.children(delta, name)) for name in LISTS]
        return max(*map(len, texts.values()), *parts)

    def whole(self) -> str:
        """All of them as JSON, empty where there were none."""
        fields: dict[str, object] = {name: "".join(pieces) for name, pieces in self._texts.items()}
        fields |= {name: [part.whole() for part in parts] for name, parts in self._lists.items()}
        return json.dumps(fields) if fields else ""

    def _add_parts(self, name: str, parts: Sequence[object]) -> int:
        kept = self._lists.setdefault(name, []) if parts else []
        grown = 0
        for part in parts:
            if not isinstance(part, dict):
                raise payload.PayloadError(f"`{name}` with a part that is not an object")
            grown += sum(len(payload.text(part, key)) for key in _GROWING)
            if kept and _continues(kept[-1].fields, part):
                _join(kept[-1], part)
            else:
                kept.append(Part(part))
        return grown


def echo(model: Model, message: Message, names: Sequence[str]) -> dict[str, object]:
    """The fields `names` of the thoughts in `message`, where they are of `model` itself."""
    fields: dict[str, object] = {}
    for thought in message.thoughts:
        if thought.is_of(model):
            said: dict[str, object] = json.loads(thought.data)
            fields |= {name: said[name] for name in names if name in said}
    return fields


def _continues(last: Mapping[str, object], part: Mapping[str, object]) -> bool:
    """Whether `part` goes on with `last`: the same kind in the same place, which has not been sealed yet."""
    same = all(last.get(key) == part.get(key) for key in ("type", "index"))
    return same and not (last.get("signature") or last.get("data") or part.get("data"))


def _join(last: Part, part: Mapping[str, object]) -> None:
    """Go on with `last`; a field that is null in `part` says nothing."""
    for key, value in part.items():
        if key in _GROWING and value is not None:
            last.grow(key, payload.text(part, key))
        elif value is not None:
            last.fields[key] = value
