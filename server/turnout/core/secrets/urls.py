"""Passwords behind the name of a user: in URLs, in the data source names of Go, and in calls of curl.

Invariant: a variable, a path behind a port and the words that stand for a password in documentation are left alone.
"""

import re
from collections.abc import Iterator
from functools import partial

from turnout.core.secrets.chance import is_made_up, looks_made_by_chance
from turnout.core.secrets.forms import Span, look_at

_USER_INFO = re.compile(
    r"[A-Za-z0-9_.~%+-]{0,80}:(?!\d+[/?#]|\$)"
    r"(?P<value>[^\s\"'`<>/]{3,120}(?=@[A-Za-z0-9\[/])|[^\s\"'`@<>]{3,120}(?=@[A-Za-z0-9\[]))"
)
"""A password goes on to the last `@` before a slash; one with a slash in it goes on to the first."""
_NO_HOST = re.compile(r"(?:(?<=\s)|(?<=[\"'`=]))(?P<user>[\w.-]{1,80}):(?P<value>[^\s\"'`<>]{3,120})\Z")
_ORACLE = re.compile(
    r"jdbc:oracle:(?:thin|oci8?):[^\s\"'`<>/@]{1,80}/(?P<value>[^\s\"'`<>/@]{3,120})@(?=[A-Za-z0-9\[(/])"
)
_OPTION = re.compile(
    r"-(?:u|-user|U|-proxy-user)(?:[ \t]+|=)[\"']?[^\s:\"'/]{1,80}:(?P<value>[^\s\"'@]{6,200})(?=[\s\"'\\]|\Z)"
)
_CLIENTS = ("curl", "wget", "http")
_CURL = re.compile(r"(?:\A|[\s;&|$(\"'`])(?:curl|wget)(?:[ \t]|\Z)")
_OPTIONS = (" -u", " --user", " -U", " --proxy-user")
_PROTOCOLS = ("@tcp(", "@unix(")
_BEFORE = 210
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)")
_VARIABLE = re.compile(r"\{[^{}]*\}|\$\{|\{\{|\$\(")
_PLAIN_PASSWORDS = frozenset(
    {"password", "passwd", "pass", "pwd", "secret", "changeme", "example", "pw", "xxx", "token", "mypassword"}
)


def logins(text: str) -> Iterator[Span | None]:
    """Passwords that follow a user's name and a colon. Yields None now and then, so that others can have a turn."""
    looks = (
        (_in_url, ("://",)),
        (_in_dsn, _PROTOCOLS),
        (_in_option, _OPTIONS),
        (_in_oracle, ("jdbc:oracle:",)),
    )
    for look, literals in looks:
        for literal in literals:
            yield from look_at(literal, text, partial(look, text))


def _in_url(text: str, at: int) -> Span | None:
    """`scheme://user:PASSWORD@host`."""
    found = _USER_INFO.match(text, at + len("://"))
    return found.span("value") if found and not _is_plain(found["value"]) else None


def _in_dsn(text: str, at: int) -> Span | None:
    """`user:PASSWORD@tcp(host:port)/name`, which has no scheme."""
    begin = max(0, at - _BEFORE)
    found = _NO_HOST.search(" " + text[begin:at])
    if found is None or found["value"].startswith(("//", "$")) or _is_plain(found["value"]):
        return None
    return at - len(found["value"]), at


def _in_oracle(text: str, at: int) -> Span | None:
    """`jdbc:oracle:thin:user/PASSWORD@host`."""
    found = _ORACLE.match(text, at)
    return found.span("value") if found and not _is_plain(found["value"]) else None


def _in_option(text: str, at: int) -> Span | None:
    """`curl -u user:PASSWORD`."""
    before = text[max(0, at - _BEFORE) : at]
    if not any(client in before for client in _CLIENTS):
        return None
    found = _OPTION.match(text, at + 1)
    if found is None or _is_plain(found["value"]):
        return None
    certain = _CURL.search(before.rpartition("\n")[2]) and not is_made_up(found["value"])
    return found.span("value") if certain or looks_made_by_chance(found["value"]) else None


def _is_plain(chosen: str) -> bool:
    if any(sign in chosen for sign in "/$:{*") and (not _MIXED.match(chosen) or _VARIABLE.search(chosen)):
        return True  # a path behind a port, or a variable
    value = chosen.lower()
    return value in _PLAIN_PASSWORDS or set(value) <= set("x.%s-_*") or "your" in value or "%(" in value
