"""From a hole to what a remote server is sent, and from its answer to what belongs at the cursor.

Invariant: what is passed on of an answer continues the text before the cursor exactly. What the layout left out of
the prompt comes off the answer's beginning, and an answer that begins otherwise is refused.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from turnout.core.fim import budget
from turnout.core.fim.budget import Pace
from turnout.core.fim.families import FAMILIES, Family
from turnout.core.fim.layout import Anchor, Hole, Special, Window, render
from turnout.core.fim.named import named_family
from turnout.core.models import Model
from turnout.core.policy import is_served_here
from turnout.core.prompts import FimPrompt
from turnout.errors import BackendError, RequestRejected
from turnout.remote.begun import Begun, continued
from turnout.remote.failures import Peer
from turnout.remote.marks import marks_of, without_marks

_WINDOW = Window(prefix_chars=8000, suffix_chars=2000, chunk_chars=4000)
_LEAST_CHARS_PER_TOKEN = 2
"""Fewer than source code has, so that a prompt of so many characters fits."""
_PLACES = 256
_CODESTRAL = next(family for family in FAMILIES if family.name == "codestral")


@dataclass(frozen=True, slots=True)
class Fill:
    """A hole for a server that describes it to its model by itself."""

    hole: Hole
    max_tokens: int
    stop: tuple[str, ...]
    """Sequences that end the answer."""

    @property
    def characters(self) -> int:
        """Characters of the prompt."""
        chunks = sum(len(path) + len(text) for path, text in self.hole.chunks)
        return len(self.hole.prefix) + len(self.hole.suffix) + chunks


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A hole as one text with the tokens of the model's family in it; the answer has to begin with `forced`."""

    text: str
    forced: str
    max_tokens: int
    stop: tuple[str, ...]
    begun: Begun = field(default_factory=Begun)
    known: str = ""
    """What the answer goes on with after `forced`: a request before this one has it from the model already."""

    @property
    def characters(self) -> int:
        """Characters of the prompt."""
        return len(self.text)


def fill(model: Model, prompt: FimPrompt) -> Fill:
    """The hole of `prompt` as it is, cut to what `model` takes."""
    window, hole = _window(model, prompt.max_tokens), _hole(prompt)
    room = sum(len(text) for _, text in hole.chunks) <= window.chunk_chars
    start = max(0, len(hole.prefix) - window.prefix_chars)
    return Fill(
        replace(
            hole,
            prefix=hole.prefix[start:],
            suffix=hole.suffix[: window.suffix_chars],
            chunks=hole.chunks if room else (),
        ),
        prompt.max_tokens,
        _line_end(prompt),
    )


def fill_without_marks(model: Model, prompt: FimPrompt) -> Fill:
    """The hole of `prompt` without names of special tokens, for a server that may read them in it."""
    marks = marks_of(named_family(model.model, model.family) or _CODESTRAL)
    whole = fill(model, prompt)
    return replace(whole, hole=without_marks(whole.hole, marks.names))


@dataclass(frozen=True, slots=True)
class _Place:
    """What is remembered of a document's last prompt."""

    anchor: Anchor
    begun: Begun


class Typesetter:
    """Lays holes out as text, and remembers of each document what makes the next prompt begin like the last one."""

    def __init__(self, places: "Mapping[tuple[Model, str], _Place]" = MappingProxyType({})) -> None:
        self._places: OrderedDict[tuple[Model, str], _Place] = OrderedDict(places)

    def lay_out(self, model: Model, prompt: FimPrompt) -> LaidOut:
        """The hole of `prompt` as text for `model`; raises RequestRejected where its family is not known."""
        family = _known_family(model)
        marks = marks_of(family)
        hole, place = without_marks(_hole(prompt), marks.names), (model, prompt.document)
        before = self._places.get(place)
        anchor = before.anchor if before is not None else None
        layout = render(family, hole, _room(model, prompt), anchor)
        # Servers begin every prompt with that token themselves, and twice it confuses the model.
        pieces = [piece for piece in layout.pieces if piece != Special(family.begin)]
        text = "".join(piece.text if isinstance(piece, Special) else piece for piece in pieces)
        stop, forced, known = (*_line_end(prompt), *marks.ends), layout.forced, ""
        there = text + forced
        if before is not None and is_served_here(model):
            text, forced, known = continued(before.begun, text, forced, marks, stop)
        begun = Begun(text, there)
        self._keep(place, _Place(layout.anchor, begun))
        return LaidOut(text, forced, prompt.max_tokens + len(forced), stop, begun, known)

    def twin(self) -> "Typesetter":
        """Another one that remembers the same by now."""
        return Typesetter(self._places)

    def _keep(self, at: tuple[Model, str], place: "_Place") -> None:
        self._places[at] = place
        self._places.move_to_end(at)
        if len(self._places) > _PLACES:
            self._places.popitem(last=False)


class Cut:
    """What is kept of one answer, as it arrives: not its forced beginning, and nothing from its end on.

    `over` says that the answer has ended here, whatever the server still sends.
    """

    def __init__(self, peer: Peer, forced: str = "", stop: tuple[str, ...] = (), known: str = "") -> None:
        """`known` is what the answer goes on with before anything of it arrives; there is none where it is forced."""
        self.over = False
        self._peer = peer
        self._forced = forced
        self._stop = stop
        self._held = known

    def feed(self, text: str) -> str:
        """The part of the answer that `text` makes certain; raises BackendError where it begins otherwise."""
        if self.over or not text:
            return ""
        self._held += text
        if self._forced and not self._begin():
            return ""
        ends = [at for mark in self._stop if (at := self._held.find(mark)) >= 0]
        certain = min(ends) if ends else len(self._held) - self._doubtful()
        self.over = bool(ends)
        kept, self._held = self._held[:certain], self._held[certain:]
        return kept

    def rest(self) -> str:
        """What was held back in case it became a mark, once no more comes."""
        if self.over:
            return ""
        kept, self._held = self._held, ""
        return "" if self._forced else kept

    def _begin(self) -> bool:
        """Take the forced beginning off; False where it is not all there yet."""
        if not (self._held.startswith(self._forced) or self._forced.startswith(self._held)):
            raise self._strayed()
        if len(self._held) < len(self._forced):
            return False
        self._held, self._forced = self._held[len(self._forced) :], ""
        return True

    def _doubtful(self) -> int:
        """How many characters at the end may be the beginning of a mark."""
        longest = max(map(len, self._stop), default=0) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(mark.startswith(self._held[-length:]) for mark in self._stop):
                return length
        return 0

    def _strayed(self) -> BackendError:
        return BackendError(
            f"{self._peer} answered with something else than the word that was begun at the cursor.",
            advice=f"Say in `server` of [models.{self._peer.model}] which program answers, if it is one that can "
            "be told how to begin.",
        )


def _known_family(model: Model) -> Family:
    family = named_family(model.model, model.family)
    if family is None:
        raise RequestRejected(
            f"{model.name} cannot complete at the cursor: how {model.model} wants a hole described is not known.",
            advice=f"Set `family` of [models.{model.name}]: {', '.join(known.name for known in FAMILIES)}.",
        )
    return family


def _hole(prompt: FimPrompt) -> Hole:
    return Hole(prompt.path, prompt.prefix, prompt.suffix, tuple((c.path, c.text) for c in prompt.context))


def _line_end(prompt: FimPrompt) -> tuple[str, ...]:
    """The line break where it ends the answer; in a line that is still blank the model may begin with one."""
    return ("\n",) if prompt.shape == "line" and prompt.prefix.rpartition("\n")[2].strip() else ()


def _room(model: Model, prompt: FimPrompt) -> Window:
    """What a server beside us reads in time, as it was found out for this place; as much as others take."""
    if not is_served_here(model):
        return _window(model, prompt.max_tokens)
    return prompt.window or budget.window(Pace(), None, model.context_tokens, prompt.max_tokens)


def _window(model: Model, max_tokens: int) -> Window:
    """As much text as `model` takes, in the usual proportions."""
    room = max(model.context_tokens - max_tokens, model.context_tokens // 2) * _LEAST_CHARS_PER_TOKEN
    whole = _WINDOW.prefix_chars + _WINDOW.suffix_chars + _WINDOW.chunk_chars
    part = min(1.0, room / whole)
    return Window(
        *(int(chars * part) for chars in (_WINDOW.prefix_chars, _WINDOW.suffix_chars, _WINDOW.chunk_chars))
    )
