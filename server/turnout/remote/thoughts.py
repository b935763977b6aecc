"""What models think ahead of their tool calls, in the fields in which OpenAI-compatible servers send it.

Some servers refuse the next turn unless it comes back as it was, so it is kept as it came and merged where it came
in pieces.
"""

import json
from collections.abc import Mapping, Sequence

from turnout.core.requests import Message, Model
from turnout.remote import payload

TEXTS = ("reasoning_content", "reasoning")
"""Fields that hold text; a server uses one of them, and some send both with the same words."""

LISTS = ("reasoning_details", "thinking_blocks")
"""Fields that hold a list of parts: OpenRouter's and LiteLLM's."""

_GROWING = ("text", "thinking", "summary")


class Thoughts:
    """The thoughts of one answer, by field."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[dict[str, object]]] = {}

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
        fields |= self._lists
        return json.dumps(fields) if fields else ""

    def _add_parts(self, name: str, parts: Sequence[object]) -> int:
        kept = self._lists.setdefault(name, []) if parts else []
        grown = 0
        for part in parts:
            if not isinstance(part, dict):
                raise payload.PayloadError(f"`{name}` with a part that is not an object")
            grown += sum(len(payload.text(part, key)) for key in _GROWING)
            if kept and _continues(kept[-1], part):
                kept[-1] = _joined(kept[-1], part)
            else:
                kept.append(part)
        return grown


def echo(model: Model, message: Message, names: Sequence[str]) -> dict[str, object]:
    """The fields `names` of the thoughts in `message`, where they are of `model` itself."""
    fields: dict[str, object] = {}
    for thought in message.thoughts:
        if (thought.api, thought.model) == (model.api, model.model):
            said: dict[str, object] = json.loads(thought.data)
            fields |= {name: said[name] for name in names if name in said}
    return fields


def _continues(last: Mapping[str, object], part: Mapping[str, object]) -> bool:
    """Whether `part` goes on with `last`: the same kind in the same place, which has not been sealed yet."""
    same = all(last.get(key) == part.get(key) for key in ("type", "index"))
    return same and not (last.get("signature") or last.get("data") or part.get("data"))


def _joined(last: Mapping[str, object], part: Mapping[str, object]) -> dict[str, object]:
    grown = {
        key: payload.text(last, key) + payload.text(part, key)
        for key in _GROWING
        if last.get(key) is not None or part.get(key) is not None
    }
    return {**last, **{key: value for key, value in part.items() if value is not None}, **grown}
