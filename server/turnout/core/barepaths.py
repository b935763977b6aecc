"""The words of a sentence that are paths without being set apart by backquotes.

Invariant: a word is one only where it has the form of a path, or is there, and where nothing of it is meant.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from turnout.core.pathforms import Exists, is_file_or_folder

_STARS = r"(?:\*{1,2}(?=[\w/]|\.\w)|(?<=/)\*{1,2})"
_PIECE = re.compile(
    rf"`[^`\n]*`|(?<![\w`/.@$~:*-])(?:\./)?(?:[\w.@+/-]*{_STARS})+(?:[\w.@+/-]*[\w+/-])?"
    r"|(?<![\w`/.@$~:-])(?:\./)?[\w.@+-]*[\w+-](?:/[\w.@+-]*[\w+-])*/?"
)
"""In backquotes, with wildcards, or as it is."""
_CLOSING_STARS = re.compile(r"[^\s*/]\*{1,2}(?![\w*/]|\.\w)")
"""Where words end that stars set apart: `*gen/a.py*`."""
_JOINING = re.compile(r"(?=[,\s]),?\s*(?:(?:and|or|nor|&)\s+)?(?:(?:files?\s+)?in\s+)?(?:the\s+)?")
_END = re.compile(
    r"[\s*_]*(?:$|[,;!)(|\u2013\u2014]|[.:](?:\s|$)|\s-\s"
    r"|\s(?:by hand|manually|directly|yourself|files?|folders?|director(?:y|ies)|is|are|must|should|may"
    r"|alone|unchanged|untouched|intact|as|because|since|(?:or|and) anything)\b)"
)
_KIND = re.compile(r"\s(?:files?|folders?|director(?:y|ies))\b")
_FOLDER = re.compile(rf"\s(?:folders?|director(?:y|ies))(?={_END.pattern})")
_BEHIND_TOUCH = re.compile(
    r"\b(?:touch(?:ing)?|hands off)[*_:]*\s+(?:(?:the|any|all|files?|anything|in|under|inside|within)\s+)*"
    r"(?:[`\w./-]+(?:,|,?\s+(?:or|and|nor))\s+(?:the\s+)?)*$",
    re.IGNORECASE,
)
_MOST_BEFORE = 200
"""Characters in front of a name that are looked through for a verb."""
_FORBIDDING = re.compile(
    r"touch|edit|modif|chang|alter|updat|overwrit|write|delet|remov|renam|move|leave|keep|off[ -]limits|read[ -]only"
    r"|hands off|out[ -]of[ -]bounds|(?:stay|keep) out of|frozen|forbidden|prohibited",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word of a sentence, or what stands in backquotes there; `text` is without these."""

    sentence: str
    start: int
    end: int
    text: str
    is_span: bool


def with_paths_quoted(sentence: str, exists: Exists) -> str:
    """`sentence` with backquotes around each bare word that is a path; `exists` tells whether there is one.

    What is said has to end with it or with the paths behind it: `a/ and b/ in one commit` is about neither.
    """
    if not _FORBIDDING.search(sentence):
        return sentence
    said, start, is_end = sentence, -1, False
    for piece in reversed([*_pieces(sentence)]):
        is_folder = _is_folder(piece, exists)
        if not (piece.is_span or is_folder or _is_path(piece.text, exists) or _is_touched(piece, exists)):
            continue
        is_joined = start >= 0 and _JOINING.fullmatch(sentence, piece.end, start) is not None
        is_end = piece.is_span or (is_end if is_joined else _END.match(sentence, piece.end) is not None)
        start = piece.start
        if is_folder or (is_end and not piece.is_span):
            said = f"{said[:start]}`{piece.text}{'/' * is_folder}`{said[piece.end :]}"
    return said


def _pieces(sentence: str) -> Iterator[_Piece]:
    closing = max((found.start() for found in _CLOSING_STARS.finditer(sentence)), default=-1)
    for found in _PIECE.finditer(sentence):
        word, start = found[0], found.start()
        if word.startswith("*") and (closing >= start or not ("." in word or "/" in word)):
            start += len(word) - len(word.lstrip("*"))  # they set words apart, and are no wildcards
            word = word.lstrip("*")
        yield _Piece(sentence, start, found.end(), word.strip("`"), word.startswith("`"))


def _is_folder(piece: _Piece, exists: Exists) -> bool:
    """Whether a name that is there is called a folder: `the vendor directory`."""
    called = _FOLDER.match(piece.sentence, piece.end) is not None
    return called and "/" not in piece.text and exists(piece.text)


def _is_touched(piece: _Piece, exists: Exists) -> bool:
    """Whether a name that is there stands behind `touch`, which is done to files only."""
    first = max(0, piece.start - _MOST_BEFORE)
    is_behind = _BEHIND_TOUCH.search(piece.sentence, first, piece.start) is not None
    return is_behind and not _KIND.match(piece.sentence, piece.end) and exists(piece.text)


def _is_path(word: str, exists: Exists) -> bool:
    if is_file_or_folder(word) or ("*" in word and "/" in word):
        return True
    return "/" in word.strip("/") and exists(word.removeprefix("./").strip("/"))
