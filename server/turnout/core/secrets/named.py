"""Values that are secret because of the name they are given to: `password = "..."`, `KEY: str = "..."`, `--token ...`.

Invariant: a value is only taken for a secret where its name ends in a word for one and it looks as if it were made by
chance; names of things, references to other variables and words for people to replace are left alone.
"""

import re
from collections.abc import Iterator

from turnout.core.secrets.chance import looks_chosen, looks_made_by_chance
from turnout.core.secrets.forms import LOOKS_A_TURN, Span, look_at

_LOOKS_A_TURN = LOOKS_A_TURN // 4
"""Fewer than elsewhere: each look takes longer."""

_WORDS = ("key", "token", "secret", "pass", "pwd", "credential", "auth", "identified by")
_TYPE = r"[\w&*](?:[\w.<>|?&*': ]|\[[^\]\[\"'`\n]{0,40}\]){0,60}?"
_AROUND = re.compile(
    r"(?P<word>key|tokens?|secrets?|passw(?:or)?d|pwd|credentials?|passphrase|pass|auth|identified by)"
    r"(?P<tail>(?:[_.-]?(?:id|value|prod|production|dev|staging|test|live|default|current|old|new|base64|base|b64|hex|\d{1,3}))?)"
    r"(?:>(?P<element>[^<>\"'`\s]{8,4000})(?=</)"
    rf"|(?:(?P<typed>(?:\[\w{{0,8}}\])?[ \t]*+=|[?!]?(?::[ \t]*+|[ \t]++){_TYPE}[ \t]*+=)"
    r"(?=[ \t]*+(?:\([ \t]*+\r?\n[ \t]*+)?[brfu]{0,2}[\"'`])"
    r"|(?P<close>[\"'`\]]{0,2})[ \t]*+(?P<sign>:[ \t]?=|=>|[:=]|,(?=[ \t]*[\"']))"
    r"|(?P<entry>[\"']?(?:,[ \t]*+|[ \t]*+(?=\r?\n))(?:\r?\n[ \t]*+)?[\"']?value[\"']?[ \t]*+[:=])"
    r"|(?P<attribute>[\"'](?:[ \t]++|[ \t]*+\r?\n[ \t]*+)value[ \t]*+=(?=[ \t]*+[\"']))"
    r"|(?P<block>\"[ \t]*+\{[^{}]{0,300}?\sdefault[ \t]*+=(?=[ \t]*+\"))"
    r"|(?P<space>[ \t]++)(?!`))[ \t]*+"
    r"(?:[>|][+-]?[ \t]*+\r?\n[ \t]++|\([ \t]*+\r?\n[ \t]*+(?=[brfu]{0,2}[\"'`]))?(?:[brfu]{1,2}(?=[\"']))?"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{8,4000})(?P=quote)|(?P<bare>(?=(?:[A-Za-z0-9_.~+/=!@#$%^*-]|&(?!\w{1,40}=)){8})(?:[A-Za-z0-9_.~+/=!@#$%^*-]{1,1000}+|&(?!\w{1,40}=)){1,40}+)))"
)
"""A word for a secret with what follows: an element of XML, a declaration with its type, a sign, the `value` of an
entry or attribute with that name, the `default` of one of Terraform's variables, or only a space. The value may begin
on the next line: in YAML's blocks and in parentheses."""
_ENDS_A_LINE = re.compile(r"[\n\r\\&;\"'`]|[ \t]*+\Z|[ \t]++(?:#|\r?\n|\\|\w{1,40}=)")
_VALUES = ("element", "quoted", "bare")
_NAME = re.compile(r"[A-Za-z0-9_.-]*\Z")
_KEY_OF = re.compile(
    r"(?:api|access|secret|private|auth|signing|sign|encryption|encrypt|crypt|master|account|storage|service|client"
    r"|consumer|licen[sc]e|shared|session|app|application|deploy|hmac|jwt|ssh|webhook|server|admin|write|ingest)[_.-]?\Z"
)
_OWNER = re.compile(
    r"(?:[\w-]{1,30}\.){0,5}(?:db|database|my|root|admin|user|sa|app|api|pg|postgres|mysql|redis|mongo|rabbitmq|amqp|mqtt|ldap|smtp"
    r"|imap|mail|ftp|ssh|wifi|vpn|jdbc|datasource|keystore|truststore|key|store|proxy|login|master|default|service|http|basic)?[._-]?"
)
_SETTERS = frozenset({"ENV", "setx", "setenv"})
"""What Docker and shells set a variable with, without a sign."""
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_NOT_SECRET = re.compile(
    r"public|pub[_.-]|primary|foreign|cache|sort|partition|hash|digest|checksum|fingerprint|sha\d|md5|next[_.-]?page|page"
    r"|continuation|cursor|csrf[_.-]?name|stop|special|pad|eos|bos|unk|mask|sep|cls|publishable|placeholder|example"
)


def assignments(text: str, lowered: str) -> Iterator[Span | None]:
    """Values of secret names in `text`; `lowered` is the same text in lower case, character by character.

    Yields None now and then between, so that a caller can let others have a turn.
    """
    for word in _WORDS:
        yield from look_at(word, lowered, lambda at: _value(text, lowered, at), _LOOKS_A_TURN)


def _value(text: str, lowered: str, at: int) -> Span | None:
    found = _AROUND.match(lowered, at)
    if found is None:
        return None
    begin = max(0, at - 60)
    name = _NAME.search(lowered, begin, at)
    before = name[0] if name else ""
    if _NOT_SECRET.search(before) or (found["quote"] is None and found["close"] and text[at - 1 : at] == " "):
        return None
    if found["block"] and not lowered.endswith('variable "', 0, at - len(before)):
        return None
    start, end = next(found.span(name) for name in _VALUES if found[name])
    if found["bare"] and not _stands_alone(text, found, before):
        return None
    if found["word"] == "pass" and not _is_for_password(text, found, before):
        return None
    if _is_password_of(text, found, before) and looks_chosen(text[start:end]):
        return start, end
    weak = found["word"] == "auth" or (found["word"] == "key" and not _KEY_OF.search(before))
    return (start, end) if looks_made_by_chance(text[start:end], weak=weak) else None


def _is_password_of(text: str, found: re.Match[str], before: str) -> bool:
    """Whether nothing but a password is behind this name: it is called that, or somebody's or some service's."""
    if found["word"] not in ("password", "passwd", "pwd", "passphrase") or found["tail"]:
        return False
    if found["bare"] and not (
        "." in before or _CAPITALS.match(text, found.start() - len(before), found.end("tail"))
    ):
        return False  # the name of a variable
    return bool(found["element"] is None and _OWNER.fullmatch(before))


def _is_for_password(text: str, found: re.Match[str], before: str) -> bool:
    """Whether `pass` is short for a password: in `DB_PASS` and `dbPass`, but not in `bypass` or as a test's verdict."""
    at = found.start()
    last = text[at - 1 : at]
    if last.isalpha() and not (last.islower() and text[at].isupper()):
        return False
    return not (text.startswith("PASS", at) and not before and found["sign"] == ":")


def _stands_alone(text: str, found: re.Match[str], before: str) -> bool:
    """Whether a value without quotes is one, as in `.env` files and options of commands, and not an expression."""
    end = found.end()
    if before.startswith("-"):
        return text[end : end + 1] in ("", " ", "\t", "\n", "\r", "\\", '"', "'", "`", ";")
    if found["sign"] == "=" and text[end : end + 1] == " " and _is_of_command(text, found, before):
        return True
    if found["space"] and not _is_set(text, found, before):
        return False
    return _ENDS_A_LINE.match(text, end) is not None


def _is_set(text: str, found: re.Match[str], before: str) -> bool:
    """Whether a variable is set to what follows: `ENV DB_PASSWORD ...`."""
    begin = found.start() - len(before)
    led = text[max(0, begin - 20) : begin].rpartition("\n")[2]
    return led.strip() in _SETTERS and bool(_CAPITALS.match(text[begin : found.end("tail")]))


def _is_of_command(text: str, found: re.Match[str], before: str) -> bool:
    """Whether a variable is set for a command: `PGPASSWORD=... psql`."""
    begin = found.start() - len(before)
    name, value = text[begin : found.end("tail")], found.start("bare")
    led = text[max(0, begin - 2) : begin].rpartition("\n")[2]
    return bool(_CAPITALS.match(name) and value == found.end("tail") + 1 and led.strip(" \t$;&|\"'`") == "")
