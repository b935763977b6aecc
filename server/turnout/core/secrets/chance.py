"""Whether a value looks as if it were made by chance, or is a name, a reference or a word for people to replace.

Invariant: what is judged is bounded, so that every expression here takes bounded work.
"""

import math
import re
from collections import Counter

_JUDGED = 400
"""Characters of a value by which it is told: a longer one is no less one of chance for what follows."""
_REFERENCE = re.compile(
    r"[$%{<@(]|\*{3}|.*(?:\$\{|\{\{|<[^<>]+>|::|->|process\.env|os\.environ|getenv|\.\.\.)|(?:env|keyring|vault|file|ref):"
    r"|[a-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+\Z|[A-Za-z_]+(?:\.[A-Za-z_]\w*)+\Z|.*\\[A-Za-z]|.*\{[A-Za-z_]"
    r"|[A-Za-z_$][\w.$:]*\(.*\)"
    r"|https?://|[./~]*/[\w.-]+/"
)
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")
_MADE_UP = re.compile(
    r"(?i)your|example|changeme|change[_-]?me|placeholder|dummy|sample|redacted|replace|insert|foobar|xxxx|0000000|1234567"
    r"|test[_-]?(?:key|token|secret)|lorem|password"
)
_SHORT_WORD = re.compile(r"(?:(?:\A|[^A-Za-z0-9])(?i:todo|fake|mock)|(?<=[a-z])(?:Todo|Fake|Mock))(?![0-9])")
"""Words of four letters, which chance makes as well: only as a word of their own do they tell anything."""
_DIGITS = re.compile(r"[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_VERSIONED = re.compile(r"[-_.]*[a-z]+(?:[-_.:/][a-z0-9.]++)++", re.IGNORECASE)


def looks_made_by_chance(value: str, *, weak: bool = False) -> bool:
    """Whether `value` looks like a secret; where its name is a `weak` hint, it has to be long and very mixed."""
    judged, rest = value[:_JUDGED], value[_JUDGED:]
    if not _is_varied(judged, weak=weak) or any(sign in rest for sign in "(){}<>"):
        return False
    return not (_REFERENCE.match(judged) or _is_constant(judged) or _is_made_up(judged))


def _is_constant(value: str) -> bool:
    """Whether `value` is written as the name of a constant is: in capitals, with digits in one place at most."""
    return bool(_CONSTANT.fullmatch(value)) and ("_" in value or len(_DIGITS.findall(value)) < 2)


def _is_made_up(value: str) -> bool:
    if _MADE_UP.search(value) or _SHORT_WORD.search(value):
        return True
    has_word = any(word in value.lower() for word in ("todo", "fake", "mock"))
    return has_word and not _DIGITS.search(value.rstrip("0123456789"))


def _is_varied(value: str, *, weak: bool) -> bool:
    classes = sum(
        (
            any(c.islower() for c in value),
            any(c.isupper() for c in value),
            any(c.isdigit() for c in value),
            any(not c.isalnum() for c in value),
        )
    )
    if not any(c.isalpha() for c in value):
        return False
    if weak:
        return (
            len(value) >= 24
            and classes >= 3
            and entropy_bits(value) >= 4.0
            and not _VERSIONED.fullmatch(value)
        )
    if len(value) < 16:
        inner = value.rstrip("0123456789")  # a word with a number behind it is a name
        odd = any(not c.isalnum() and c not in "-_./:" for c in value) or any(map(str.isdigit, inner))
        return classes >= 3 and odd and entropy_bits(value) >= 2.75
    if _UUID.fullmatch(value) or _HEX.fullmatch(value):
        return any(c.isdigit() for c in value)
    if _VERSIONED.fullmatch(value):
        return entropy_bits(value) >= 4.3 and any(c.isdigit() for c in value)
    return classes >= 2 and entropy_bits(value) >= 3.3 and any(c.isdigit() for c in value)


def entropy_bits(value: str) -> float:
    """Shannon's entropy of the characters of `value`, in bits each."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
