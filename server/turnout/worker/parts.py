"""From the parts of a frame to the hole that they describe, and on to what a model reads: the same in every engine."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from turnout.core.fim.families import Family
from turnout.core.fim.layout import Anchor, Hole, Layout, Piece, Special, Window, inert, render
from turnout.worker.engines.base import EngineError, Work
from turnout.worker.wire import Part

KEPT_DOCUMENTS = 64
_MARK = "\ue000{}\ue001"


class Layouts:
    """Lays out the holes of documents for one model, and keeps where each one's prompt started."""

    def __init__(self, model: str, family: Family | None) -> None:
        """`family` is None for a model that no family's tokens were found in."""
        self._model = model
        self._family = family
        self._anchors: OrderedDict[str, Anchor] = OrderedDict()

    def render(self, work: Work, window: Window) -> Layout:
        """The prompt of `work`; raises EngineError where the model cannot fill holes."""
        if self._family is None:
            raise EngineError(
                f"{self._model} has no fill-in-the-middle tokens that Turnout knows. "
                "Choose a model for routes.inline that has them, such as qwen2.5-coder-0.5b."
            )
        hole = hole_from_parts(work.parts)
        previous = self._anchors.get(work.document)
        family = self._family.in_plain_order() if work.plain else self._family
        layout = render(family, hole, window, previous, settle=not work.generate)
        self._anchors[work.document] = layout.anchor
        self._anchors.move_to_end(work.document)
        if len(self._anchors) > KEPT_DOCUMENTS:
            self._anchors.popitem(last=False)
        return layout


def tokens_and_text(pieces: Iterable[Piece], special: Mapping[str, int]) -> list[int | str]:
    """Pieces as token ids and texts in which nothing can be read as a special token.

    `special` are the ids of all tokens that a tokenizer finds by their names.
    """
    found: list[int | str] = []
    for piece in pieces:
        if isinstance(piece, Special):
            found.append(special[piece.text])
        else:
            found.extend(inert(piece, special.__contains__))
    return found


def through_template(
    model: str, parts: Sequence[Part], fill: Callable[[list[dict[str, str]]], str]
) -> tuple[list[tuple[str, str]], str]:
    """A chat as pairs of a piece of the model's template and the message after it, and the template's last piece.

    `fill` puts messages into the template of `model`. It gets marks in their places, so that what stands in a
    message can never be taken for a piece of the template. Raises EngineError where it leaves a message out.
    """
    messages = [{"role": part["role"], "content": _MARK.format(number)} for number, part in enumerate(parts)]
    pairs, rest = list[tuple[str, str]](), fill(messages)
    for number, part in enumerate(parts):
        piece, mark, rest = rest.partition(_MARK.format(number))
        if not mark:
            raise EngineError(f"The chat template of {model} leaves out a {part['role']} message.")
        pairs.append((piece, part["text"]))
    return pairs, rest


def hole_from_parts(parts: Iterable[Part]) -> Hole:
    """The hole that a `complete` frame describes."""
    texts = {"prefix": "", "suffix": ""}
    path = ""
    chunks: list[tuple[str, str]] = []
    for part in parts:
        text = _with_plain_ends(part["text"])
        if part["role"] == "chunk":
            chunks.append((part.get("path", ""), text))
        else:
            texts[part["role"]] = text
            path = path or part.get("path", "")
    return Hole(path, texts["prefix"], texts["suffix"], tuple(chunks))


def _with_plain_ends(text: str) -> str:
    """Lines end as in nearly everything that models have read; editors put their own endings into what they insert."""
    return text.replace("\r\n", "\n") if "\r" in text else text
