"""Lines of base64 as in the body of a key, where neither its BEGIN nor its END is in the text.

Invariant: every such line is in a span, but for those that plainly are something else: a certificate or another block
whose marks are in the text, a file that shows what it is in its first characters, hashes, and alphabets.
"""

import re
from collections.abc import Iterator

from turnout.core.secrets.blocks import GAP, ROW
from turnout.core.secrets.chance import entropy_bits
from turnout.core.secrets.forms import LOOKS_A_TURN, Span

_WINDOW = 8_000
"""Characters searched before others have a turn."""
_WHOLE = 60
"""Characters that a line has at least, but for its last one."""
_PIECE = re.compile(rf"(?:(?<![A-Za-z0-9+/\\])|(?<=\\[nr]))[A-Za-z0-9+/]{{{_WHOLE},}}+={{0,2}}")
_LAST = re.compile(r"[A-Za-z0-9+/]{2,}+={0,2}(?=[\s\"'`\\]|\Z)")
_FIRST = re.compile(r"[A-Za-z0-9+/]++")
_KEY_WIDTHS = frozenset({64, 70})
"""Characters of a line where keys are written: enough to know one by that stands alone."""
_OWN_LINE = re.compile(rf"(?:[ \t]*(?:(?:[#*>|]|//)[ \t]+)?|-|E[ ]{{3,}}|{ROW})\Z")
_NEXT_STRING = re.compile(r"([\"'`]),[ \t]?\1")
_MARK = re.compile(r"---- ?(BEGIN|END) ([A-Z0-9 ]{3,60})")
_NEAR = 300
"""Characters in which the BEGIN and the END of a block stand before its first line and after its last one."""
_FILES = (
    "iVBORw0KGg",
    "/9j/",
    "R0lGOD",
    "UklGR",
    "UEsDB",
    "H4sI",
    "JVBERi0",
    "AAEAAA",
    "d09G",
    "T1RUT",
    "PD94",
    "PHN2Zy",
)
"""How images, archives, fonts and documents begin in base64."""
_ALPHABETS = ("ABCDEFGHIJKLMNOP", "abcdefghijklmnop", "0123456789")
_LEAST_BITS = 3.5
_JUDGED = 400


def key_lines(text: str) -> Iterator[list[Span]]:
    """The lines of each run of base64 in `text` that may be a key; no lines now and then between."""
    run: list[Span] = []
    for piece in _pieces(text):
        if piece is None:
            yield []
        elif run and _goes_on(text, run[-1], piece):
            run.append(piece)
        else:
            yield _of_key(text, run)
            run = [piece]
    yield _of_key(text, run)


def _pieces(text: str) -> Iterator[Span | None]:
    """Every long piece of base64; None now and then between."""
    at = looked = 0
    while at < len(text):
        looked += 1
        if looked % LOOKS_A_TURN == 0:
            yield None
        end = min(len(text), at + _WINDOW)
        found = _PIECE.search(text, at, end)
        whole = _PIECE.match(text, found.start()) if found else None
        if whole is None:
            yield None
            at = end if end == len(text) else end - _WHOLE
        else:
            yield whole.span()
            at = whole.end()


def _goes_on(text: str, last: Span, piece: Span) -> bool:
    """Whether `piece` is the line after `last`, and as long, or the shorter one that ends a run."""
    return (
        text[last[1] - 1] != "="
        and _size(text, piece) - _added(text, piece) <= last[1] - last[0]
        and _is_line_end(text, last[1], piece[0])
    )


def _size(text: str, piece: Span) -> int:
    return len(text[slice(*piece)].rstrip("="))


def _added(text: str, piece: Span) -> int:
    """1 where a piece begins with the mark of a line that a diff adds, which is a character of base64 as well."""
    first = piece[0]
    return int(text[first] == "+" and (first == 0 or text[first - 1] == "\n"))


def _is_line_end(text: str, start: int, end: int) -> bool:
    """Whether nothing but the end of a line in any spelling is there, with quotes and marks of comments.

    In a list of strings, as a program prints one, each of them is a line.
    """
    gap = GAP.match(text, start, end)
    if gap is None or gap.end() != end:
        return False
    return "\n" in gap[0] or "\\n" in gap[0] or _NEXT_STRING.fullmatch(gap[0]) is not None


def _of_key(text: str, run: list[Span]) -> list[Span]:
    """The lines of a run with the shorter ones around them; none where they are no key's."""
    if not run or not _is_varied("".join(text[slice(*piece)] for piece in run[:8])):
        return []
    last = _last(text, run[-1])
    first = _cut_off(text, run[0])
    alone = len(run) == 1
    if alone and not (
        run[0][1] - run[0][0] - _added(text, run[0]) in _KEY_WIDTHS and _is_own_line(text, run[0])
    ):
        return []
    pieces = [*([first] if first else []), *run, *([last] if last else [])]
    return [] if _is_something_else(text, pieces) else pieces


def _is_varied(value: str) -> bool:
    judged = value[:_JUDGED]
    kinds = (any(map(str.islower, judged)), any(map(str.isupper, judged)), any(map(str.isdigit, judged)))
    return (
        all(kinds)
        and entropy_bits(judged) >= _LEAST_BITS
        and not any(part in judged for part in _ALPHABETS)
        and not re.fullmatch(r"[0-9a-fA-F]+", judged)
    )


def _is_own_line(text: str, piece: Span) -> bool:
    begin = text.rfind("\n", max(0, piece[0] - 40), piece[0]) + 1
    return (
        (begin > 0 or piece[0] < 40)
        and _OWN_LINE.match(text[begin : piece[0]]) is not None
        and text[piece[1] : piece[1] + 1] in ("", "\n", "\r")
    )


def _last(text: str, whole: Span) -> Span | None:
    """The short line that ends a key, and not the next word of a text."""
    if text[whole[1] - 1] == "=":
        return None
    gap = GAP.match(text, whole[1])
    found = _LAST.match(text, gap.end()) if gap else None
    if (
        found is None
        or not _is_line_end(text, whole[1], found.start())
        or len(found[0]) > whole[1] - whole[0]
    ):
        return None
    inner = found[0][1:]
    odd = found[0].endswith("=") or (any(map(str.isupper, inner)) and any(map(str.islower, found[0])))
    return found.span() if odd else None


def _cut_off(text: str, whole: Span) -> Span | None:
    """What is left of the line before, where the text begins in the middle of it."""
    if whole[0] > 2 * (whole[1] - whole[0]):
        return None
    found = _FIRST.match(text, 0, whole[0])
    return found.span() if found and _is_line_end(text, found.end(), whole[0]) else None


def _is_something_else(text: str, pieces: list[Span]) -> bool:
    start, end = pieces[0][0], pieces[-1][1]
    if text.startswith(_FILES, start) or text.endswith("base64,", max(0, start - 40), start):
        return True
    before = list(_MARK.finditer(text, max(0, start - _NEAR), start))
    return _names_other(before[-1] if before else None, "BEGIN") or _names_other(
        _MARK.search(text, end, end + _NEAR), "END"
    )


def _names_other(mark: re.Match[str] | None, word: str) -> bool:
    """Whether a mark is the BEGIN or the END of what is not a private key."""
    return mark is not None and mark[1] == word and "PRIVATE" not in mark[2]
