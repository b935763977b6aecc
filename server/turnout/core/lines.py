"""The lines of a document, in pages that one version shares with the next.

Invariant: what was handed out never changes, and a change costs time in the lines that it touches and in the number of
pages, not in all lines: a long document would else be copied at every letter.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import overload

PAGE = 256
"""Lines to a page at first; edits make pages of up to twice as many."""


class Lines(Sequence[str]):
    """A tuple of lines, slices of which are tuples; equal to any other one of the same lines."""

    __slots__ = ("_length", "_pages", "_starts", "_whole")
    _whole: tuple[str, ...] | None

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self._take(_paged(tuple(lines)))

    @property
    def whole(self) -> tuple[str, ...]:
        """All lines in one tuple, made when somebody first asks for it."""
        if self._whole is None:
            self._whole = tuple(self)
        return self._whole

    def replaced(self, first: int, last: int, lines: Sequence[str]) -> "Lines":
        """The same with `lines` in the place of those from `first` on to before `last`."""
        first = min(first, self._length)
        last = max(first, min(last, self._length))
        if not self._pages:
            return Lines(lines)
        begin, end = self._page_of(first), self._page_of(last)
        middle = (
            *self._pages[begin][: first - self._starts[begin]],
            *lines,
            *self._pages[end][last - self._starts[end] :],
        )
        if len(middle) < PAGE // 2 and end + 1 < len(self._pages):
            end += 1
            middle += self._pages[end]
        changed = Lines.__new__(Lines)
        changed._take((*self._pages[:begin], *_paged(middle), *self._pages[end + 1 :]))
        return changed

    def _take(self, pages: tuple[tuple[str, ...], ...]) -> None:
        ends = list(accumulate(map(len, pages), initial=0))
        self._pages, self._length, self._starts = pages, ends.pop(), ends
        self._whole = None

    def _page_of(self, index: int) -> int:
        """The page that a line is on; the last one for the place behind all lines."""
        return bisect_right(self._starts, index) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            return self._slice(start, stop) if step == 1 else self.whole[index]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(f"line {index} of {self._length}")
        page = self._page_of(index)
        return self._pages[page][index - self._starts[page]]

    def _slice(self, start: int, stop: int) -> tuple[str, ...]:
        if start >= stop:
            return ()
        begin, end = self._page_of(start), self._page_of(stop - 1) + 1
        offset = self._starts[begin]
        found = self._pages[begin] if end == begin + 1 else tuple(chain(*self._pages[begin:end]))
        return found[start - offset : stop - offset]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._pages)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lines):
            return self is other or self.whole == other.whole
        return self.whole == other

    def __hash__(self) -> int:
        return hash(self.whole)


def _paged(lines: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """`lines` on pages of which none is empty."""
    if len(lines) <= 2 * PAGE:
        return (lines,) if lines else ()
    return tuple(lines[start : start + PAGE] for start in range(0, len(lines), PAGE))
