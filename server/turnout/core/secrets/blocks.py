"""Private keys between their BEGIN and END lines, also where one of the two is cut off, or written with `\\n`.

Invariant: of a key whose beginning or end is in the text, every line of base64 next to it is in a span;
text that only speaks of such lines has none.
"""

import re
from collections.abc import Iterator

from turnout.core.secrets.forms import Span

_MARK = "PRIVATE KEY"
_LINE = re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PIECE = re.compile(r"[A-Za-z0-9+/=]{4,}")
ROW = r"[^\s:]{1,200}:\d{1,7}:[ ]?"
"""What a search writes in front of a line: its file and number."""
GAP = re.compile(
    r"(?:\\++[rnt]?|\s|[\"'`,;#*>|().]|[+-](?=[\s\"'`])|//++(?=\s)"
    rf"|(?<=\n)(?:-(?!-)|E(?=[ ]{{3}})|{ROW}))*+"
)
"""Between the lines of a key: the end of a line in any spelling, quotes, the marks of comments, and what a diff, pytest
and a search write in front of lines."""
_HEADERS = re.compile(r"(?:\s|\\+[rn])*(?:[A-Z][A-Za-z-]{3,20}: [^\n\\]{0,120}(?:(?:\\+[rn])+|\s+))+")
_BODY = re.compile(r"[A-Za-z0-9+/=\s\"'`,;#*>|\\().-]*+")
_STEP = re.compile(r"\\++[rnt]?|[A-Za-z0-9+/=]{4,}")
_WHOLE_LINE = 16
"""Characters that a line of a key has at least, but for its last one."""
_WINDOW = 50_000
"""Characters searched before others have a turn."""
_MOST = 20_000
"""Characters of the longest key."""


def private_keys(text: str) -> Iterator[list[Span]]:
    """The lines of each private key in `text`, without the BEGIN and the END; no lines now and then between."""
    begun = 0
    at = 0
    while at < len(text):
        found = text.find(_MARK, at, at + _WINDOW)
        if found < 0:
            yield []
            at += _WINDOW - len(_MARK) + 1
            continue
        at = found
        mark = _LINE.search(text, max(0, at - 40), at + 32)
        if mark:
            begins = mark[1] == "BEGIN"
            pieces = _after(text, mark.end()) if begins else _before(text, begun, mark.start())
            yield pieces
            begun = pieces[-1][1] if pieces and begins else mark.end()
        at += len(_MARK)


def _after(text: str, start: int) -> list[Span]:
    """The lines that follow a BEGIN."""
    headers = _HEADERS.match(text, start)
    at = headers.end() if headers else start
    pieces: list[Span] = []
    while at - start < _MOST:
        gap = GAP.match(text, at)
        piece = _PIECE.match(text, gap.end() if gap else at)
        if piece is None:
            break
        if len(piece[0]) < _WHOLE_LINE:
            if pieces and _is_last(text, piece):
                pieces.append(piece.span())
            break
        pieces.append(piece.span())
        at = piece.end()
    return pieces


def _is_last(text: str, piece: re.Match[str]) -> bool:
    """Whether a short piece is the end of a key and not the next word."""
    gap = GAP.match(text, piece.end())
    end = gap.end() if gap else piece.end()
    return piece[0].endswith("=") or end == len(text) or text.startswith("-----END", end)


def _before(text: str, start: int, end: int) -> list[Span]:
    """The lines in front of an END whose BEGIN is not in the text, or was not followed by them."""
    window = text[max(start, end - _MOST) : end]
    body = _BODY.match(window[::-1])
    at = end - (body.end() if body else 0)
    steps = [step.span() for step in _STEP.finditer(text, at, end) if not step[0].startswith("\\")]
    pieces: list[Span] = []
    for first, after in reversed(steps):
        if pieces and after - first < _WHOLE_LINE:
            break
        pieces.append((first, after))
    return pieces[::-1] if any(after - first >= _WHOLE_LINE for first, after in pieces) else []
