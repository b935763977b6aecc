"""Passwords behind a sign that stands for one and for nothing else: options of programs, headers, and `.netrc`.

Invariant: it is the place that tells, so a password is found here that is a plain word; variables and the words that
stand for a password in documentation are left alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from turnout.core.secrets.chance import is_made_up
from turnout.core.secrets.forms import Span, look_at

_BEFORE = 210
"""Characters in which the program stands before its option."""
_WORD = (
    r"(?:'(?P<single>[^'\n]{4,200})'|\"(?P<double>[^\"\n]{4,200})\"|(?P<bare>[^\s\"'`|;&<>()\[\]]{4,200}))"
)


@dataclass(frozen=True, slots=True)
class _Option:
    """An option with a password: how it begins, the programs that have it, and the expression of it all."""

    literal: str
    programs: re.Pattern[str]
    expression: re.Pattern[str]


_MYSQL = r"\b(?:mysql|mariadb)(?:dump|admin|import|check|show|pump)?\b"
_OPTIONS = (
    _Option(" -p", re.compile(_MYSQL), re.compile(rf" -p{_WORD}")),
    _Option(" -p", re.compile(r"\bsshpass\b"), re.compile(rf" -p[ \t]*{_WORD}")),
    _Option(" -a ", re.compile(r"\bredis-cli\b"), re.compile(rf" -a {_WORD}")),
)
_NETRC = re.compile(
    r"machine[ \t]{1,9}(?:(?:localhost|[\w-]{1,80}[.:][\w.:-]{1,200}|\w)\s|[\w-]{1,80}[ \t]{0,9}\r?\n)\s{0,40}"
    r"login[ \t]{1,9}\S{1,80}\s{1,40}password[ \t]{1,9}(?P<bare>\S{3,200})"
)
_NETRC_DEFAULT = re.compile(
    r"(?<![^\n])default\s{1,40}login[ \t]{1,9}(?!and\b|or\b)\S{1,80}\s{1,40}"
    r"password[ \t]{1,9}(?P<bare>\S{3,200})(?=[ \t]{0,9}(?:\r?\n|\Z))"
)
_HEADER = re.compile(
    r"uthorization:[ \t]*(?:basic|bearer|token|apikey|api-key)[ \t]+"
    r"(?P<bare>[A-Za-z0-9._~+/-]{8,4000}={0,2})(?=[\s\"'`\\,;]|\Z)",
    re.IGNORECASE,
)
_NO_VALUE = re.compile(
    r"[$%{<@(*\\]|\.\.\.|assw(?:or)?d\b|ort\b|rompt\b|rotocol\b|ipe\b|lugin\b|rint\b|\d{1,5}\Z|[A-Z][A-Z_]*\Z|x+\Z"
)
"""Variables and placeholders; what is left of a long option; the number of a port."""
_PLAIN = frozenset(
    {"pass", "passwd", "password", "mypassword", "yourpassword", "secret", "token", "root", "none"}
)


def commands(text: str) -> Iterator[Span | None]:
    """Passwords of command lines, headers and `.netrc`. Yields None now and then, so that others can have a turn."""
    for option in _OPTIONS:
        yield from look_at(option.literal, text, partial(_in_option, text, option))
    yield from look_at("machine ", text, partial(_matched, text, _NETRC))
    yield from look_at("default", text, partial(_matched, text, _NETRC_DEFAULT))
    yield from look_at("uthorization:", text, partial(_in_header, text))


def _in_option(text: str, option: _Option, at: int) -> Span | None:
    found = option.expression.match(text, at)
    if found is None:
        return None
    line = text[max(0, at - _BEFORE) : at].rpartition("\n")[2]
    return _value(found) if option.programs.search(line) else None


def _in_header(text: str, at: int) -> Span | None:
    """`Authorization: Bearer TOKEN`, where the token is no word."""
    span = _matched(text, _HEADER, at)
    value = text[slice(*span)] if span else ""
    mixed = any(map(str.isupper, value[1:])) and any(map(str.islower, value))
    return span if mixed or any(map(str.isdigit, value)) else None


def _matched(text: str, expression: re.Pattern[str], at: int) -> Span | None:
    found = expression.match(text, at)
    return _value(found) if found else None


def _value(found: re.Match[str]) -> Span | None:
    name, value = next((name, value) for name, value in found.groupdict().items() if value)
    plain = (
        value.lower() in _PLAIN
        or _NO_VALUE.match(value)
        or is_made_up(value)
        or "${" in value
        or "{{" in value
    )
    return None if plain else found.span(name)
