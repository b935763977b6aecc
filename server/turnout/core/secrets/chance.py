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
_LETTERS = re.compile(
    r"[a-z]{12,60}|[a-z]{3,30}(?:-[a-z]{3,30}){2,5}|[A-Za-z][a-z]{3,30}(?:[A-Z][a-z]{3,30}){2,5}"
)
"""One long word, or three and more short ones."""
_USUAL = re.compile(
    r"passw|passphr|pwd|secret|token|user|login|logon|account|admin|owner|credential|auth|session|field|input|label|title|text"
    r"|name|value|type|string|html|form|button|click|submit|error|invalid|incorrect|wrong|missing|required|forgot|forget|reset"
    r"|change|confirm|enter|repeat|show|hide|visib|valid|check|verif|encod|encrypt|hash|plain|random|default|current|mail|hidden"
    r"|example|sample|dummy|fake|mock|test|todo|none|null|undefined|param|config|setting|option|class|module|import|return"
    r"|should|must|with|your|please|request|response|service|provider|manager|factory|abcdef|qwert|lorem|foobar|something"
)
_DIGITS = re.compile(r"[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_VERSIONED = re.compile(r"[-_.]*[a-z]+(?:[-_.:/][a-z0-9.]++)++", re.IGNORECASE)


def looks_made_by_chance(value: str, *, weak: bool = False) -> bool:
    """Whether `value` looks like a secret; where its name is a `weak` hint, it has to be long and very mixed."""
    judged, rest = value[:_JUDGED], value[_JUDGED:]
    if not _is_varied(judged, weak=weak) or any(sign in rest for sign in "(){}<>"):
        return False
    return not (_REFERENCE.match(judged) or _is_constant(judged) or is_made_up(judged))


def _is_constant(value: str) -> bool:
    """Whether `value` is written as the name of a constant is: in capitals, with digits in one place at most."""
    return bool(_CONSTANT.fullmatch(value)) and ("_" in value or len(_DIGITS.findall(value)) < 2)


def is_made_up(value: str) -> bool:
    """Whether a value is one for people to replace, or plainly invented."""
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


def looks_chosen(value: str) -> bool:
    """Whether `value` may be a password of letters alone: long, and not made of the words that names and texts hold."""
    return (
        bool(_LETTERS.fullmatch(value))
        and not _USUAL.search(value.lower())
        and entropy_bits(value.lower()) >= 2.9
    )


def entropy_bits(value: str) -> float:
    """Shannon's entropy of the characters of `value`, in bits each."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
