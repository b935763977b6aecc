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


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to forbid a change, by the `name` that says it, and how it is said plainly."""

    name: str
    form: str
    plain: str | Callable[[re.Match[str]], str]
    is_strict: bool = False
    """Whether it forbids also in a sentence with `unless`, `except`, `necessary` and the like."""


_START = r"^(?P<start>\s*(?:(?:[-*+>]|\d{1,3}[.)])\s+)?(?:\[[ xX]\]\s+)?[^\w`]*(?:(?:please|always|you must|must)\s+)?)"
_WHAT = r"(?P<what>(?:`[^`]*`|[^`.;:])*?)"
_UNCHANGED = r"(?:alone|unchanged|untouched|intact|unmodified|as (?:it is|they are|is)|as-is)"
_CHANGES = r"(?:changes|edits|modifications)"
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


def _never(found: re.Match[str]) -> str:
    return f"{found['start']}never {_IMPERATIVES[found['doing'].lower()]}"


WORDINGS = (
    Wording(
        "make changes to X",
        rf"\bmake (?:any )?{_CHANGES} (?:to|in)\b",
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
        "X is not to be edited",
        r"\b(?:are|is) (?:not|never) to be\b",
        "must not be",
        is_strict=True,
    ),
    Wording(
        "is forbidden to edit X",
        r"\b(?:are|is) (?:strictly )?(?:forbidden|prohibited) to\b",
        "must not",
        is_strict=True,
    ),
    Wording(
        "under no circumstances edit X",
        r"\bunder no circumstances,?(?: (?:should|may|must)(?: you| we)?)?",
        "never",
        is_strict=True,
    ),
    Wording(
        "hands off X",
        rf"{_START}hands off\b[*_:]*",
        r"\g<start>never touch",
        is_strict=True,
    ),
    Wording(
        "never: edit X",
        r"\bnever(?: do)?(?:\*\*|__)?:(?:\*\*|__)?\s+(?=[a-z])",
        "never ",
        is_strict=True,
    ),
    Wording(
        "write to X",
        r"\bwrite (?:to|into)\b",
        "overwrite",
        is_strict=True,
    ),
    Wording(
        "X must stay unchanged",
        r"\b(?:must|should|has to|have to|needs? to)\s+(?:always\s+)?(?:stay|remain|be left|be kept)\s+" + _UNCHANGED,
        "must not be changed",
        is_strict=True,
    ),
    Wording(
        "avoid editing X",
        rf"{_START}(?:avoid|refrain from)\s+(?:ever\s+)?(?P<doing>{'|'.join(_IMPERATIVES)})\b",
        _never,
    ),
    Wording(
        "no changes to X",
        rf"{_START}no\s+(?:(?:direct|manual)\s+)?{_CHANGES}\s+(?:to|in|under|inside)\b"
        rf"(?!.*{_ONLY_TOLD}|.*[^,] but\b)",
        r"\g<start>never change",
    ),
    Wording(
        "treat X as read-only",
        rf"{_START}(?:treat|consider)\s+{_WHAT}\s+as\s+(?:strictly\s+)?(?:read[ -]only|off[ -]limits|immutable)\b",
        r"\g<start>never change \g<what>;",
    ),
    Wording(
        "nothing in X may be edited",
        rf"{_START}nothing\s+(?:under|in|inside|within|below)\s+(?!.*[^,] but\b){_WHAT}\s+"
        r"(?:may|must|should|can)\s+(?:ever\s+)?be\s+(?:touched|edited|modified|changed|altered)\b",
        r"\g<start>never change \g<what>;",
    ),
    Wording(
        "leave X alone",
        rf"{_START}(?:leave|keep)\s+{_WHAT}\s+{_UNCHANGED}(?=\W*$|\s*[,;:.!(])",
        r"\g<start>never edit \g<what>",
    ),
)  # fmt: skip
"""Every wording that is understood besides the plain ones, in the order in which they are looked for."""

_FORMS = {wording: re.compile(wording.form, re.IGNORECASE) for wording in WORDINGS}


def plainly(sentence: str, wordings: Iterable[Wording] = WORDINGS) -> str:
    """`sentence` with what it forbids said as `never edit X`, `do not change X` or `X must not be changed`."""
    said = sentence.replace("\u2019", "'")
    is_soft = _SOFT.search(said) is not None
    for wording in wordings:
        if wording.is_strict or not is_soft:
            said = _FORMS[wording].sub(wording.plain, said)
    return said
