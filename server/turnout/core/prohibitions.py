r"""The many ways in which a sentence forbids a change, said in the few that are read.

Invariant: what is said anew forbids no more than what was written: an order is one only at the start of its sentence.

To have another wording understood, add a row to `WORDINGS`, and an example and a counter-example of it to the tests.
A row's `form` is a regular expression that is looked for without regard to case, and `plain` what stands in its place:
`never edit X`, `do not change X` or `X must not be changed`. Where the order has to begin its sentence, the form begins
with `_START` and `plain` with `\g<start>`; `_WHAT` is what it is about, and is `\g<what>` in `plain`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to forbid a change, by the `name` that says it, and how it is said plainly."""

    name: str
    form: str
    plain: str | Callable[[re.Match[str]], str]
    is_strict: bool = False
    """Whether it forbids also in a sentence with `unless`, `except`, `necessary` and the like."""


_MARKS = r"[^\w`]{0,60}"
_START = (
    rf"^(?P<start>\s{{0,60}}(?:(?:[-*+>]|\d{{1,3}}[.)])\s+)?(?:\[[ xX]\]\s+)?{_MARKS}(?:absolutely\s+)?"
    r"(?:(?:please|always|(?:(?:you|we|(?:ai |coding )?(?:agents|assistants|tools)|claude|copilot)\s+)?"
    r"(?:must|should)(?:\s+always)?)\s+)?)"
)
_WHAT = r"(?P<what>(?:`[^`]*`|[^`.;:])*?)"
_UNCHANGED = (
    r"(?:alone|unchanged|untouched|intact|unmodified|as-is"
    r"|(?:exactly )?as (?:it is|they are|you found (?:it|them)|is))"
)
_CHANGES = r"(?:changes|edits|modifications)"
_DIRECT = r"(?:(?:direct|manual)\s+)?"
_TOUCHED = r"(?:touched|edited|modified|changed|altered)"
_FORBIDDEN = r"(?:strictly\s+)?(?:forbidden|prohibited|not\s+(?:allowed|permitted))"
_ONLY_TOLD = (
    r"(?:\b(?:(?:are|is)\b(?! (?:allowed|permitted))|were|was|ha[sd]|have|will|yet|since|required?)\b)"
)
_SOFT = re.compile(r"\b(?:unless|except|possible|necessary|needed)\b", re.IGNORECASE)
_IMPERATIVES = {
    "touching": "touch",
    "editing": "edit",
    "modifying": "modify",
    "changing": "change",
    "altering": "alter",
    "updating": "update",
    "overwriting": "overwrite",
    "deleting": "delete",
    "renaming": "rename",
}
_DOING = rf"(?P<doing>{'|'.join(_IMPERATIVES)})"


def _must_not(found: re.Match[str]) -> str:
    return f"must not {_IMPERATIVES[found['doing'].lower()]}"


def _never(found: re.Match[str]) -> str:
    return f"{found['start']}never {_IMPERATIVES[found['doing'].lower()]}"


def _never_what(found: re.Match[str]) -> str:
    return f"{_never(found)} {found['what']};"


WORDINGS = (
    Wording(
        "should **never** be edited",
        r"(?<![\w`/])(?P<mark>\*\*|__|\*|_)(?P<not>never|not|do not|don't|must not|must never)(?P=mark)(?![\w`/])",
        r"\g<not>",
        is_strict=True,
    ),
    Wording(
        "important: X is generated, do not edit",
        rf"^(?P<start>{_MARKS})(?:important|warning|note|caution|critical|attention)[*_]*:[*_]*\s+",
        r"\g<start>",
        is_strict=True,
    ),
    Wording(
        "never manually edit X",
        r"(?<=\s)(?:manually|directly|hand)[ -](?=(?:touch|edit|modify|change|alter|update)\b)",
        "",
        is_strict=True,
    ),
    Wording("dont edit X", r"\bdont\b(?= (?:touch|edit|modify|change|alter)\b)", "don't", is_strict=True),
    Wording(
        "do not, under any circumstances, edit X",
        r"(?<=\bnot),? under any circumstances?,?(?= )",
        "",
        is_strict=True,
    ),
    Wording(
        "make changes to X",
        rf"\b(?:make|apply|introduce|propose|do) (?:any )?{_DIRECT}{_CHANGES} (?:to|in)\b",
        "change",
        is_strict=True,
    ),
    Wording(
        "make no changes to X",
        rf"{_START}(?:make no|avoid(?: making)?(?: any)?) {_CHANGES} (?:to|in)\b",
        r"\g<start>never change",
        is_strict=True,
    ),
    Wording(
        "are not allowed to edit X",
        r"\b(?:are|is) (?:not|never) (?:allowed|permitted|supposed) to\b",
        "must not",
        is_strict=True,
    ),
    Wording(
        "have no permission to edit X",
        r"\b(?:have no|do not have|don't have) permission to\b",
        "must not",
        is_strict=True,
    ),
    Wording("X is not to be edited", r"\b(?:are|is) (?:not|never) to be\b", "must not be", is_strict=True),
    Wording(
        "X cannot be edited",
        rf"\b(?:mustn't|shouldn't|can't|cannot|can not|shall not) (?:ever )?be\b(?= {_TOUCHED})",
        "must not be",
        is_strict=True,
    ),
    Wording("can't edit X", r"\bcan't\b(?= (?:touch|edit|modify|change|alter)\b)", "must not", is_strict=True),
    Wording(
        "is forbidden to edit X",
        r"\b(?:are|is) (?:strictly )?(?:forbidden|prohibited) to\b",
        "must not",
        is_strict=True,
    ),
    Wording(
        "are forbidden from editing X",
        rf"\b(?:are|is) (?:strictly )?(?:forbidden|prohibited) from {_DOING}\b",
        _must_not,
        is_strict=True,
    ),
    Wording(
        "under no circumstances edit X",
        r"\b(?:under no circumstances?|in no case|at no time|by no means|on no account),?"
        r"(?: (?:should|may|must)(?: (?:you|we|agents|anyone))?)?",
        "never",
        is_strict=True,
    ),
    Wording(
        "nobody may edit X",
        rf"{_START}(?:no one|nobody) (?:may|should|must|can)\b",
        r"\g<start>never",
        is_strict=True,
    ),
    Wording(
        "hands off X",
        rf"{_START}(?:keep (?:your )?)?hands off\b[*_:]*",
        r"\g<start>never touch",
        is_strict=True,
    ),
    Wording("stay out of X", rf"{_START}(?:stay|keep) out of\b", r"\g<start>never change"),
    Wording("X is out of bounds", r"\bout[ -]of[ -]bounds\b", "off limits", is_strict=True),
    Wording(
        "X is frozen",
        rf"^(?P<start>{_MARKS}(?:the |(?:files|everything|anything) (?:in|under) )?`[^`]*`"
        r"(?: (?:file|folder|directory))?) (?:is|are) frozen(?=\W*$)",
        r"\g<start> is off limits",
    ),
    Wording(
        "X: read-only",
        r"(?P<end>`(?:\s(?:files?|folders?|directory|directories))?[*_]*)\s*[:(|\u2013\u2014-]\s*[*_]*"
        r"(?:read[ -]only|off[ -]limits)(?=[*_]*\s*(?:$|[.,;)|!\u2013\u2014]))",
        r"\g<end> is off limits",
    ),
    Wording(
        "X: no changes",
        rf"(?P<end>`[*_]*)\s*[:\u2013\u2014-]\s*[*_]*(?:hands off|no {_CHANGES})(?:,? ever)?(?=\W*$)",
        r"\g<end>: do not edit",
    ),
    Wording("never: edit X", r"\bnever(?: do)?(?:\*\*|__)?:(?:\*\*|__)?\s+(?=[a-z])", "never ", is_strict=True),
    Wording("forbidden: editing X", rf"{_START}{_FORBIDDEN}[*_]*:[*_]*\s+{_DOING}\b", _never),
    Wording(
        "forbidden: changes to X",
        rf"{_START}{_FORBIDDEN}[*_]*:[*_]*\s+(?:any\s+)?{_DIRECT}{_CHANGES} (?:to|in|under|inside)\b",
        r"\g<start>never change",
    ),
    Wording("write to X", r"\bwrite (?:(?:any )?(?:files?|anything) )?(?:to|into)\b", "overwrite", is_strict=True),
    Wording(
        "X must stay unchanged",
        r"\b(?:must|should|has to|have to|needs? to)\s+(?:always\s+)?(?:stay|remain|be left|be kept)\s+"
        + _UNCHANGED,
        "must not be changed",
        is_strict=True,
    ),
    Wording(
        "edit files that are in X",
        r"\b(?:(?:which|that) (?:are |is |live |lives )(?:located )?|that's (?:located )?|located )"
        r"(?=(?:in|under|inside)\b)",
        "",
        is_strict=True,
    ),
    Wording(
        "edit files such as X",
        r",?\s(?:such as|like|including|for example,?|e\.g\.,?)\s(?=`)",
        " ",
        is_strict=True,
    ),
    Wording("edit files (X)", r"\((?P<what>`[^`]*`(?:(?:,|,? and|,? or) `[^`]*`)*)\)", r"\g<what>", is_strict=True),
    Wording(
        "make sure not to edit X",
        rf"{_START}(?:make sure|take care|be (?:very )?(?:careful|sure)) (?:not|never) to\b",
        r"\g<start>never",
    ),
    Wording(
        "make sure that X is not edited",
        rf"{_START}(?:make sure|ensure)(?: that)? {_WHAT} (?:(?:is|are) (?:not|never) {_TOUCHED}"
        rf"|(?:stays?|remains?|is left|are left) {_UNCHANGED})(?=\W*$)",
        r"\g<start>never change \g<what>;",
    ),
    Wording("avoid editing X", rf"{_START}(?:avoid|refrain from)\s+(?:ever\s+)?{_DOING}\b", _never),
    Wording("no editing of X", rf"{_START}no {_DOING}\b(?: of\b)?", _never),
    Wording("editing X is forbidden", rf"{_START}{_DOING}\s+{_WHAT}\s+is\s+{_FORBIDDEN}(?=\W*$)", _never_what),
    Wording(
        "changes to X are forbidden",
        rf"{_START}(?:any\s+|all\s+)?{_DIRECT}(?:{_CHANGES}|modification)\s+(?:to|of|in|under|inside)\s+{_WHAT}\s+"
        rf"(?:is|are)\s+{_FORBIDDEN}(?=\W*$)",
        r"\g<start>never change \g<what>;",
    ),
    Wording("there must be no changes", rf"{_START}there (?:must|should|may) be (?=no {_CHANGES}\b)", r"\g<start>"),
    Wording(
        "no changes to X",
        rf"{_START}no\s+{_DIRECT}{_CHANGES}\s+(?:to|in|under|inside)\b(?!.*{_ONLY_TOLD}|.*[^,] but\b)",
        r"\g<start>never change",
    ),
    Wording(
        "treat X as read-only",
        rf"{_START}(?:treat|consider)\s+{_WHAT}\s+as\s+(?:strictly\s+)?"
        r"(?:read[ -]only|off[ -]limits|immutable|frozen)\b",
        r"\g<start>never change \g<what>;",
    ),
    Wording(
        "nothing in X may be edited",
        rf"{_START}nothing\s+(?:under|in|inside|within|below)\s+(?!.*[^,] but\b){_WHAT}\s+"
        rf"(?:may|must|should|can)\s+(?:ever\s+)?be\s+{_TOUCHED}\b",
        r"\g<start>never change \g<what>;",
    ),
    Wording(
        "leave X alone",
        rf"{_START}(?:leave|keep|preserve)\s+{_WHAT}\s+{_UNCHANGED}(?=\W*$|\s*[,;:.!(])",
        r"\g<start>never edit \g<what>",
    ),
)  # fmt: skip
"""Every wording that is understood besides the plain ones, in the order in which they are looked for."""

_FORMS = {wording: re.compile(wording.form, re.IGNORECASE) for wording in WORDINGS}
_SPAN = re.compile(r"`[^`]+`")
_SET_ASIDE = re.compile(r"`([0-9]+)`")
_BLANKS = re.compile(r"\s+")


def plainly(sentence: str, wordings: Iterable[Wording] = WORDINGS) -> str:
    """`sentence` with what it forbids said as `never edit X`, `do not change X` or `X must not be changed`.

    What stands in closed backquotes stays as it is, and a run of other blanks becomes one.
    """
    spans = _SPAN.findall(sentence)
    numbers = count()
    # The forms know a span by its backquotes, so that a number in backquotes can stand for it.
    said = _SPAN.sub(lambda _: f"`{next(numbers)}`", sentence).replace("\u2019", "'")
    # A form takes too long over a long run of blanks.
    said = _BLANKS.sub(" ", said)
    is_soft = _SOFT.search(said) is not None
    for wording in wordings:
        if wording.is_strict or not is_soft:
            said = _FORMS[wording].sub(wording.plain, said)
    return _SET_ASIDE.sub(lambda found: spans[int(found[1])], said)
