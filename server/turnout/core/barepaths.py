"""The words of a sentence that are paths without being set apart by backquotes.

Invariant: a word is one only where it has the form of a path, or is there, and where nothing of it is meant.
"""

import re

from turnout.core.pathforms import Exists, is_file_or_folder

_PIECE = re.compile(r"`[^`\n]*`|(?<![\w`/.@$~:-])(?:\./)?[\w.@+-]*[\w+-](?:/[\w.@+-]*[\w+-])*/?")
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


def with_paths_quoted(sentence: str, exists: Exists) -> str:
    """`sentence` with backquotes around each bare word that is a path; `exists` tells whether there is one.

    What is said has to end with it or with the paths behind it: `a/ and b/ in one commit` is about neither.
    """
    if not _FORBIDDING.search(sentence):
        return sentence
    said, start, is_end = sentence, -1, False
    for found in reversed([*_PIECE.finditer(sentence)]):
        word, end = found[0], found.end()
        is_span, is_folder = word.startswith("`"), _is_folder(found, exists)
        if not (is_span or is_folder or _is_path(word, exists) or _is_touched(found, exists)):
            continue
        is_joined = start >= 0 and _JOINING.fullmatch(sentence, end, start) is not None
        is_end = is_span or (is_end if is_joined else _END.match(sentence, end) is not None)
        start = found.start()
        if is_folder or (is_end and not is_span):
            said = f"{said[:start]}`{word.strip('`')}{'/' * is_folder}`{said[end:]}"
    return said


def _is_folder(found: re.Match[str], exists: Exists) -> bool:
    """Whether a name that is there is called a folder: `the vendor directory`."""
    name = found[0].strip("`")
    return _FOLDER.match(found.string, found.end()) is not None and "/" not in name and exists(name)


def _is_touched(found: re.Match[str], exists: Exists) -> bool:
    """Whether a name that is there stands behind `touch`, which is done to files only."""
    is_behind = (
        _BEHIND_TOUCH.search(found.string, max(0, found.start() - _MOST_BEFORE), found.start()) is not None
    )
    return is_behind and not _KIND.match(found.string, found.end()) and exists(found[0])


def _is_path(word: str, exists: Exists) -> bool:
    return is_file_or_folder(word) or ("/" in word.strip("/") and exists(word.removeprefix("./").strip("/")))
