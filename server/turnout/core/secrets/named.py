"""Values that are secret because of the name they are given to: `password = "..."`, `API_KEY: ...`, `user:pw@host`.

Invariant: a value is only taken for a secret where its name ends in a word for one and it looks as if it were made by
chance; names of things, references to other variables and words for people to replace are left alone.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

from turnout.core.secrets.forms import LOOKS_A_TURN, Span

_LOOKS_A_TURN = LOOKS_A_TURN // 4
"""Fewer than elsewhere: each look takes longer."""

_WORDS = ("key", "token", "secret", "pass", "pwd", "credential", "auth")
_AROUND = re.compile(
    r"(?P<word>key|tokens?|secrets?|passw(?:or)?d|pwd|credentials?|passphrase|pass|auth)"
    r"(?P<tail>(?:[_.-]?(?:id|value|prod|production|dev|staging|test|live|default|current|old|new|base64|b64|hex|\d{1,3}))?)"
    r"(?:>(?P<element>[^<>\"'`\s]{8,4000})(?=</)"
    r"|(?P<close>[\"'`\]]{0,2})[ \t]*(?P<sign>:[ \t]?=|=>|[:=]|,(?=[ \t]*[\"']))[ \t]*(?:[brfu]{1,2}(?=[\"']))?"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{8,4000})(?P=quote)|(?P<bare>[A-Za-z0-9_.~+/=!@#$%^&*-]{8,4000})))"
)
_VALUES = ("element", "quoted", "bare")
_JUDGED = 400
"""Characters of a value by which it is told: a longer one is no less one of chance for what follows."""
_NAME = re.compile(r"[A-Za-z0-9_.-]*\Z")
_KEY_OF = re.compile(
    r"(?:api|access|secret|private|auth|signing|sign|encryption|encrypt|crypt|master|account|storage|service|client"
    r"|consumer|licen[sc]e|shared|session|app|application|deploy|hmac|jwt|ssh|webhook|server|admin|write|ingest)[_.-]?\Z"
)
_NOT_SECRET = re.compile(
    r"public|pub[_.-]|primary|foreign|cache|sort|partition|hash|digest|checksum|fingerprint|sha\d|md5|next[_.-]?page|page"
    r"|continuation|cursor|csrf[_.-]?name|stop|special|pad|eos|bos|unk|mask|sep|cls|publishable|placeholder|example"
)
_REFERENCE = re.compile(
    r"[$%{<@(]|\*{3}|.*(?:\$\{|\{\{|<[a-z]|\(|\)|::|->|process\.env|os\.environ|getenv|\.\.\.)|(?:env|keyring|vault|file|ref):"
    r"|[A-Z][A-Z0-9_]*\Z|[a-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+\Z|[A-Za-z_]+(?:\.[A-Za-z_]\w*)+\Z|.*\\[A-Za-z]|.*\{[A-Za-z_]"
    r"|https?://|[./~]*/[\w.-]+/"
)
_MADE_UP = re.compile(
    r"(?i)your|example|changeme|change[_-]?me|placeholder|dummy|sample|redacted|replace|insert|todo|foobar|xxxx|0000000|1234567"
    r"|test[_-]?(?:key|token|secret)|fake|mock|lorem|password|<|>"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_VERSIONED = re.compile(r"[-_.]*[a-z]+(?:[-_.:/][a-z0-9.]++)++", re.IGNORECASE)

_USER_INFO = re.compile(
    r"[A-Za-z0-9_.~%+-]{0,80}:(?!\d+/|\$)(?P<value>[^\s\"'`@<>{}*:]{3,120})@[A-Za-z0-9\[]"
)
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)")
_PLAIN_PASSWORDS = frozenset(
    {"password", "passwd", "pass", "pwd", "secret", "changeme", "example", "pw", "xxx", "token", "mypassword"}
)


def assignments(text: str, lowered: str) -> Iterator[Span | None]:
    """Values of secret names in `text`; `lowered` is the same text in lower case, character by character.

    Yields None now and then between, so that a caller can let others have a turn.
    """
    looked = 0
    for word in _WORDS:
        at = lowered.find(word)
        while at >= 0:
            looked += 1
            if looked % _LOOKS_A_TURN == 0:
                yield None
            span = _value(text, lowered, at)
            if span:
                yield span
            at = lowered.find(word, span[1] if span else at + len(word))


def _value(text: str, lowered: str, at: int) -> Span | None:
    found = _AROUND.match(lowered, at)
    if found is None:
        return None
    begin = max(0, at - 60)
    name = _NAME.search(lowered, begin, at)
    before = name[0] if name else ""
    if _NOT_SECRET.search(before) or (found["quote"] is None and found["close"] and text[at - 1 : at] == " "):
        return None
    start, end = next(found.span(name) for name in _VALUES if found[name])
    if found["bare"] and not _stands_alone(text, found):
        return None
    if found["word"] == "pass" and not _is_for_password(text, found, before):
        return None
    weak = found["word"] == "auth" or (found["word"] == "key" and not _KEY_OF.search(before))
    return (start, end) if _looks_made_by_chance(text[start:end], weak=weak) else None


def _is_for_password(text: str, found: re.Match[str], before: str) -> bool:
    """Whether `pass` is short for a password: in `DB_PASS` and `dbPass`, but not in `bypass` or as a test's verdict."""
    at = found.start()
    last = text[at - 1 : at]
    if last.isalpha() and not (last.islower() and text[at].isupper()):
        return False
    return not (text.startswith("PASS", at) and not before and found["sign"] == ":")


def _stands_alone(text: str, found: re.Match[str]) -> bool:
    """Whether a value without quotes is the rest of its line, as in `.env` and YAML files, and not an expression."""
    rest = text[found.end() : found.end() + 2]
    return rest[:1] in ("", "\n", "\r", "\\", "&", ";") or rest in (" #", "\t#", " \n", " \\")


def _looks_made_by_chance(value: str, *, weak: bool) -> bool:
    judged, rest = value[:_JUDGED], value[_JUDGED:]
    if not _is_varied(judged, weak=weak) or any(sign in rest for sign in "(){}<>"):
        return False
    return not (_REFERENCE.match(judged) or _MADE_UP.search(judged))


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


def user_infos(text: str) -> Iterator[Span | None]:
    """Passwords in URLs: `scheme://user:PASSWORD@host`. Yields None now and then, as `assignments` does."""
    looked = 0
    at = text.find("://")
    while at >= 0:
        looked += 1
        if looked % LOOKS_A_TURN == 0:
            yield None
        found = _USER_INFO.match(text, at + 3)
        if found and not _is_plain(found):
            yield found.span("value")
        at = text.find("://", at + 3)


def _is_plain(found: re.Match[str]) -> bool:
    chosen = found["value"]
    if ("/" in chosen or "$" in chosen) and not _MIXED.match(chosen):
        return True  # a path behind a port, or a variable
    value = chosen.lower()
    return value in _PLAIN_PASSWORDS or set(value) <= set("x.%s-_") or "your" in value
