"""From the parts of a frame to the hole that they describe."""

from collections.abc import Iterable

from turnout.core.fim.layout import Hole
from turnout.worker.wire import Part


def hole_from_parts(parts: Iterable[Part]) -> Hole:
    """The hole that a `complete` frame describes."""
    texts = {"prefix": "", "suffix": ""}
    path = ""
    chunks: list[tuple[str, str]] = []
    for part in parts:
        if part["role"] == "chunk":
            chunks.append((part.get("path", ""), part["text"]))
        else:
            texts[part["role"]] = part["text"]
            path = path or part.get("path", "")
    return Hole(path, texts["prefix"], texts["suffix"], tuple(chunks))
