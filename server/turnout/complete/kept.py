"""What becomes of accepted text: how much of it still stands in the document half a minute and five minutes later.

Invariants: of the text nothing is kept on disk or leaves the machine, only how alike it is; what is followed is
bounded; nothing is said of a time that has not come when a document is closed.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from turnout.complete.ahead import Later, Timer
from turnout.complete.completer import Completion
from turnout.core.documents import Document, Position, Snapshot, Span, end_of, units_to_codepoints
from turnout.core.keeping import Region

AFTER_S = (30, 300)

_OFFERS = 64
_FOLLOWED = 64
_LATE_EDITS = 8
"""Editors may say that text was accepted before they send it; so many edits later it will not come any more."""


class Records(Protocol):
    """Where suggestions and what becomes of them are kept."""

    def offered(self, receipt_id: str, language: str, model: str) -> None:
        """A model's suggestion was given to an editor."""
        ...

    def kept(self, receipt_id: str, after_s: int, accepted: str, now: str) -> None:
        """Text that was accepted, and what stands in its place so many seconds later."""
        ...


@dataclass(frozen=True, slots=True)
class _Offer:
    """A suggestion, and where it would go."""

    uri: str
    at: Position
    text: str


@dataclass(slots=True)
class _Followed:
    """Accepted text; `region` is None until it is in the document."""

    id: str
    offer: _Offer
    text: str
    region: Region | None = None
    patience: int = _LATE_EDITS
    timers: list[Timer] = field(default_factory=list)


class Keeper:
    """Follows accepted text through the edits of open documents."""

    def __init__(
        self, records: Records, document: Callable[[str], Document | None], later: Later | None = None
    ) -> None:
        """`document` is an open document by its URI; `later` calls something after so many seconds."""
        self._records = records
        self._document = document
        self._later = later or (lambda delay_s, call: asyncio.get_running_loop().call_later(delay_s, call))
        self._offers: OrderedDict[str, _Offer] = OrderedDict()
        self._followed: OrderedDict[str, _Followed] = OrderedDict()

    def offered(self, completion: Completion, snapshot: Snapshot, model: str) -> None:
        """A suggestion is shown, for the first time or again as what is left of it."""
        if completion.id not in self._offers:
            self._offers[completion.id] = _Offer(snapshot.uri, completion.position, completion.text)
            self._records.offered(completion.id, snapshot.language, model)
            if len(self._offers) > _OFFERS:
                self._offers.popitem(last=False)

    def accepted(self, completion_id: str, how: str, length: int | None) -> None:
        """A suggestion was taken, `full` or up to `length` UTF-16 units of it."""
        offer = self._offers.get(completion_id)
        document = self._document(offer.uri) if offer is not None else None
        if offer is None or document is None:
            return
        wanted = len(offer.text)
        if how != "full" and length is not None:
            wanted = units_to_codepoints(offer.text, length, "utf-16")
            wanted = max(wanted, _common(offer, document))
        followed = self._followed.get(completion_id) or self._follow(completion_id, offer)
        followed.text, followed.patience = offer.text[:wanted], _LATE_EDITS
        self._find(followed, document)

    def edited(self, document: Document, span: Span, text: str) -> None:
        """`text` was put in the place of `span`."""
        uri = document.uri
        for offer_id, offer in self._offers.items():
            if offer.uri == uri and span.start < offer.at:
                at = Region(offer.at, offer.at).after(span, text).start
                self._offers[offer_id] = _Offer(uri, at, offer.text)
        for followed in list(self._followed.values()):
            if followed.offer.uri != uri:
                continue
            if followed.region is not None:
                followed.region = followed.region.after(span, text)
            else:
                self._find(followed, document)

    def closing(self, document: Document) -> None:
        """A document is closed: what becomes of its text from now on is not known."""
        for followed in [one for one in self._followed.values() if one.offer.uri == document.uri]:
            self._drop(followed)
        for offer_id in [key for key, offer in self._offers.items() if offer.uri == document.uri]:
            del self._offers[offer_id]

    def close(self) -> None:
        """The server ends, and with it every document."""
        for followed in list(self._followed.values()):
            self._drop(followed)

    def _follow(self, completion_id: str, offer: _Offer) -> _Followed:
        followed = self._followed[completion_id] = _Followed(completion_id, offer, offer.text)
        for after_s in AFTER_S:
            timer = self._later(after_s, lambda after_s=after_s: self._due(followed, after_s))  # type: ignore[misc]
            followed.timers.append(timer)
        if len(self._followed) > _FOLLOWED:
            self._drop(next(iter(self._followed.values())))
        return followed

    def _find(self, followed: _Followed, document: Document) -> None:
        """Look whether accepted text has come."""
        start = self._offers.get(followed.id, followed.offer).at
        region = Region(start, end_of(start, followed.text))
        if region.text(document.line, len(followed.text)) == followed.text:
            followed.region = region
            return
        followed.patience -= 1
        if followed.patience <= 0:
            self._drop(followed)

    def _due(self, followed: _Followed, after_s: int) -> None:
        """Record what is left of a text at a time that has come."""
        document = self._document(followed.offer.uri)
        if document is not None and followed.region is not None:
            now = followed.region.text(document.line, 4 * len(followed.text) + 200)
            self._records.kept(followed.id, after_s, followed.text, now)
        if after_s == AFTER_S[-1]:
            self._drop(followed)

    def _drop(self, followed: _Followed) -> None:
        self._followed.pop(followed.id, None)
        for timer in followed.timers:
            timer.cancel()


def _common(offer: _Offer, document: Document) -> int:
    """How many letters of a suggestion stand in its place."""
    there = Region(offer.at, end_of(offer.at, offer.text)).text(document.line, len(offer.text))
    count = 0
    for one, other in zip(offer.text, there, strict=False):
        if one != other:
            break
        count += 1
    return count
