"""How much a prompt may hold on the machine that reads it: pure arithmetic from measured speeds.

A prompt is read while the user rests, and a keystroke afterwards costs a token; what a jump of the cursor costs is the
text after it. So the whole is bounded by what can be read in a moment of rest, and the text after the cursor by what
the deadline leaves.
Invariant: a window fits the model's context, and speeds that differ by little give the same one, since another window
begins another prompt.
"""

import math
from dataclasses import dataclass

from turnout.core.fim.layout import Window

REST_S = 8.0
"""How long reading a prompt from its beginning may take; where the user goes on in a file it takes far less."""

LEAST_TOKENS, MOST_TOKENS = 400, 6000
"""Less says nothing; of more than that small models make nothing."""

_UNMEASURED = 160.0
"""Tokens per second that two cores read of the default model."""

_CHARS_PER_TOKEN = 3.2
_WAIT_SHARE = 0.5
_SUFFIX_SHARE, _LEAST_SUFFIX_TOKENS = 0.15, 64
_CONTEXT_SHARE = 0.35
_STEPS_PER_DOUBLING = 2
_MARGIN_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens per second that an engine reads and writes here; 0 where that was not measured."""

    prefill: float = 0.0
    decode: float = 0.0


def window(pace: Pace, deadline_ms: int | None, context_tokens: int, answer_tokens: int) -> Window:
    """How many characters of each part to show a model of `context_tokens` that writes up to `answer_tokens`."""
    prefill = _stepped(pace.prefill or _UNMEASURED)
    room = max(LEAST_TOKENS // 2, context_tokens - answer_tokens - _MARGIN_TOKENS)
    whole = min(room, MOST_TOKENS, max(LEAST_TOKENS, int(prefill * REST_S)))
    return divided(whole, most_suffix_tokens=_within_deadline(prefill, deadline_ms))


def divided(tokens: int, most_suffix_tokens: int = MOST_TOKENS) -> Window:
    """`tokens` parted among the text before the cursor, after it, and from other files."""
    suffix = min(int(tokens * _SUFFIX_SHARE), most_suffix_tokens)
    context = int(tokens * _CONTEXT_SHARE)
    return Window(*(int(part * _CHARS_PER_TOKEN) for part in (tokens - suffix - context, suffix, context)))


def without_context(window: Window) -> Window:
    """A window of the same size that shows nothing but the file itself."""
    return fitted(window, 0)


def fitted(window: Window, chunk_chars: int) -> Window:
    """A window of the same size in which other files take `chunk_chars`, and the file itself all the rest."""
    own = window.prefix_chars + window.suffix_chars
    spare = window.chunk_chars - chunk_chars
    suffix = window.suffix_chars + spare * window.suffix_chars // max(1, own)
    return Window(own + spare - suffix, suffix, chunk_chars)


def room_beside(window: Window, before_chars: int, after_chars: int) -> int:
    """Characters that other files may take beside a file with so many before and after the cursor."""
    unused = max(0, window.prefix_chars - before_chars) + max(0, window.suffix_chars - after_chars)
    return window.chunk_chars + unused


def _within_deadline(prefill: float, deadline_ms: int | None) -> int:
    """Tokens that are read fast enough after a jump of the cursor to leave time for the answer."""
    if deadline_ms is None:
        return MOST_TOKENS
    return max(_LEAST_SUFFIX_TOKENS, int(prefill * deadline_ms / 1000 * _WAIT_SHARE))


def _stepped(prefill: float) -> float:
    return float(2 ** (round(math.log2(prefill) * _STEPS_PER_DOUBLING) / _STEPS_PER_DOUBLING))
