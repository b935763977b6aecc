"""The many ways in which a sentence forbids a change, said in the few that are read, and lines that only sound like it.

Invariant: what is said anew forbids no more than what was written: an order is one only at the start of its sentence,
and a name without backquotes is a path only where it has the form of one, or is there, and nothing of it is meant.
"""

import posixpath
import re
from collections.abc import Callable, Collection

from turnout.core.languages import language_of

_ENDINGS = frozenset(
    """
    .cfg .conf .csv .env .gradle .ini .ipynb .kt .kts .lock .mod .proto .properties .rst .scss .sql .sum .svelte .svg
    .swift .txt .vue .xml
    """.split()  # noqa: SIM905 - prose, read and edited as prose
)
_PRODUCTS = re.compile(
    r"(?:node|vue|next|nuxt|react|express|three|d3|backbone|chart|ember)\.js", re.IGNORECASE
)

_DOING = {
    "touching": "touch",
    "editing": "edit",
    "modifying": "modify",
    "changing": "change",
    "altering": "alter",
}
_DOING |= {"updating": "update", "overwriting": "overwrite", "deleting": "delete", "renaming": "rename"}
_START = r"^(?P<start>\s*(?:(?:[-*+>]|\d{1,3}[.)])\s+)?(?:\[[ xX]\]\s+)?[^\w`]*(?:(?:please|always|you must|must)\s+)?)"
_UNCHANGED = r"(?:alone|unchanged|untouched|intact|unmodified|as (?:it is|they are|is)|as-is)"
_SOFT = re.compile(r"\b(?:unless|except|possible|necessary|needed)\b", re.IGNORECASE)
_AVOID = re.compile(
    rf"{_START}(?:avoid|refrain from)\s+(?:ever\s+)?(?P<doing>{'|'.join(_DOING)})\b", re.IGNORECASE
)
_LEAVE = re.compile(
    rf"{_START}(?:leave|keep)\s+(?P<what>(?:`[^`]*`|[^`.;:])*?)\s+{_UNCHANGED}(?=\W*$|\s*[,;:.!(])",
    re.IGNORECASE,
)
_TREAT = re.compile(
    rf"{_START}(?:treat|consider)\s+(?P<what>(?:`[^`]*`|[^`.;:])*?)\s+as\s+"
    r"(?:strictly\s+)?(?:read[ -]only|off[ -]limits|immutable)\b",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    rf"{_START}nothing\s+(?:under|in|inside|within|below)\s+(?!.*[^,] but\b)(?P<what>(?:`[^`]*`|[^`.;:])*?)\s+"
    r"(?:may|must|should|can)\s+(?:ever\s+)?be\s+(?:touched|edited|modified|changed|altered)\b",
    re.IGNORECASE,
)
_NO_CHANGES = re.compile(
    rf"{_START}no\s+(?:(?:direct|manual)\s+)?(?:changes|edits|modifications)\s+(?:to|in|under|inside)\b"
    # What is told of changes is no order.
    r"(?!.*\b(?:(?:are|is)\b(?! (?:allowed|permitted))|were|was|ha[sd]|have|will|yet|since|required?)\b|.*[^,] but\b)",
    re.IGNORECASE,
)
_STAYS = re.compile(
    r"\b(?:must|should|has to|have to|needs? to)\s+(?:always\s+)?(?:stay|remain|be left|be kept)\s+"
    + _UNCHANGED,
    re.IGNORECASE,
)
_ALWAYS = (
    (re.compile(r"\bmake (?:any )?(?:changes|edits|modifications) (?:to|in)\b", re.IGNORECASE), "change"),
    (
        re.compile(
            rf"{_START}(?:make no|avoid(?: making)?(?: any)?) (?:changes|edits|modifications) (?:to|in)\b",
            re.IGNORECASE,
        ),
        r"\g<start>never change",
    ),
    (re.compile(r"\b(?:are|is) (?:not|never) (?:allowed|permitted|supposed) to\b", re.IGNORECASE), "must not"),
    (re.compile(r"\b(?:are|is) (?:not|never) to be\b", re.IGNORECASE), "must not be"),
    (re.compile(r"\b(?:are|is) (?:strictly )?(?:forbidden|prohibited) to\b", re.IGNORECASE), "must not"),
    (re.compile(r"\bunder no circumstances,?(?: (?:should|may|must)(?: you| we)?)?", re.IGNORECASE), "never"),
    (re.compile(rf"{_START}hands off\b[*_:]*", re.IGNORECASE), r"\g<start>never touch"),
    (re.compile(r"\bnever(?: do)?(?:\*\*|__)?:(?:\*\*|__)?\s+(?=[a-z])", re.IGNORECASE), "never "),
    (re.compile(r"\bwrite (?:to|into)\b", re.IGNORECASE), "overwrite"),
)  # fmt: skip

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
    r"|hands off",
    re.IGNORECASE,
)

_SEEMS = re.compile(
    r"\b(?:never|(?:do|must|should|may) not|(?:don|mustn|shouldn)'t|not (?:allowed|permitted|supposed) to)\b"
    r"(?:\W+\w+){0,3}?\W+"
    r"(?:touch|edit|modify|change|alter|update|overwrite|rename|move|delete|remove|write to)\b"
    r"|\b(?:leave|keep)\b.{1,80}\b(?:alone|unchanged|untouched|intact|as[ -]is)\b"
    r"|(?<!to )\b(?:avoid|refrain from)\s+(?:any |making )?"
    r"(?:touch|edit|modif|chang|alter|updat|overwrit|renam|delet)\w*"
    r"|\b(?:must|should|may|is|are) (?:not|never) (?:to )?be "
    r"(?:touched|edited|modified|changed|altered|renamed|deleted)"
    r"|\b(?:off[ -]limits|hands off|stay out of)\b"
    r"|\b(?:forbidden|prohibited) to (?:touch|edit|modify|change|alter)\b"
    r"|\bunder no circumstances\b.{1,40}?\b(?:touch|edit|modif|chang|alter|updat|delet|renam)"
    r"|\b(?:treat|consider)\b.{1,80}\bas (?:read[ -]only|immutable)\b"
    r"|^\W*no (?:direct |manual )?(?:changes|edits|modifications) (?:to|in|under|inside|outside)\b"
    r"|^\W*nothing (?:under|in|inside|outside|within|below|but|except)\b.{1,80}\b(?:may|must|should) (?:ever )?be "
    r"(?:touch|edit|modifi|chang|alter)ed"
    r"|\bonly (?:touch|edit|modify|change|write to) (?:the |any )?(?:files?|code|folders?|director\w+|`|\S+/"
    r"|[\w.-]+ (?:folder|directory))"
    r"|\b(?:touch|edit|modify|change) (?:files |code )?only (?:files |code )?(?:in|under|inside|within|`|\S+/)"
    r"|\b(?:touch|edit|modify|chang|alter|updat|delet|renam)ing\b.{1,80}\b(?:forbidden|prohibited|not allowed)\b",
    re.IGNORECASE,
)


def plainly(sentence: str) -> str:
    """`sentence` with what it forbids said as `never edit X`, `do not change X` or `X must not be changed`."""
    said = sentence.replace("\u2019", "'")
    for form, plain in _ALWAYS:
        said = form.sub(plain, said)
    said = _STAYS.sub("must not be changed", said)
    if _SOFT.search(said):
        return said
    said = _AVOID.sub(lambda found: f"{found['start']}never {_DOING[found['doing'].lower()]}", said)
    said = _NO_CHANGES.sub(r"\g<start>never change", said)
    for form in (_TREAT, _NOTHING):
        said = form.sub(r"\g<start>never change \g<what>;", said)
    return _LEAVE.sub(r"\g<start>never edit \g<what>", said)


def with_paths_quoted(sentence: str, exists: Callable[[str], bool]) -> str:
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


def is_file_or_folder(name: str) -> bool:
    """Whether `name` has the form of a path, and not only that of a word or of a piece of code."""
    ending = posixpath.splitext(name)[1].lower()
    is_file = language_of(name) != "plaintext" or ending in _ENDINGS or name.startswith(".env")
    return (name.endswith("/") and not name.startswith("/")) or (is_file and not _PRODUCTS.fullmatch(name))


def _is_folder(found: re.Match[str], exists: Callable[[str], bool]) -> bool:
    """Whether a name that is there is called a folder: `the vendor directory`."""
    name = found[0].strip("`")
    return _FOLDER.match(found.string, found.end()) is not None and "/" not in name and exists(name)


def _is_touched(found: re.Match[str], exists: Callable[[str], bool]) -> bool:
    """Whether a name that is there stands behind `touch`, which is done to files only."""
    is_behind = (
        _BEHIND_TOUCH.search(found.string, max(0, found.start() - _MOST_BEFORE), found.start()) is not None
    )
    return is_behind and not _KIND.match(found.string, found.end()) and exists(found[0])


def _is_path(word: str, exists: Callable[[str], bool]) -> bool:
    return is_file_or_folder(word) or ("/" in word.strip("/") and exists(word.removeprefix("./").strip("/")))


def unheld(text: str, held: Collection[int]) -> tuple[int, ...]:
    """The lines (from 1) of instructions that seem to forbid something, where none of the lines `held` says what.

    A heading and a line that ends in a colon speak of what is below them, up to the next heading.
    """
    found: list[int] = []
    pending = 0
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if number in held:
            pending = 0
        is_heading = line.startswith("#") and not fenced
        if pending and is_heading:
            found.append(pending)
            pending = 0
        if fenced or number in held or not _SEEMS.search(line.replace("\u2019", "'")[:1_000]):
            continue
        if is_heading or line.rstrip("*_ ").endswith(":"):
            pending = pending or number
        else:
            found.append(number)
    return tuple(sorted({*found, *([pending] if pending else ())}))
