"""The private members of JSON Web Keys: `d` of every kind, the primes of RSA, and `k` of a symmetric key.

Invariant: they are only told by the `kty` beside them; what an object says of a public key is left alone.
"""

import re
from collections.abc import Iterator

from turnout.core.secrets.forms import Span, is_example

_MARK = "kty"
_NEAR = 6_000
"""Characters of an object on either side of its mark: an RSA key of 4096 bits has about 4,500."""
_WINDOW = 50_000
"""Characters searched before others have a turn."""
_MEMBER = re.compile(
    r"(?<![\w-])(?:d|p|q|dp|dq|qi|k)\\{0,3}[\"']?\s{0,20}:\s{0,20}\\{0,3}[\"'](?P<value>[A-Za-z0-9_-]{20,1400}={0,2})\\{0,3}[\"']"
)


def jwk_members(text: str) -> Iterator[list[Span]]:
    """The private members of each key in `text`; none now and then between."""
    over = at = 0
    while at < len(text):
        found = text.find(_MARK, at, at + _WINDOW)
        if found < 0:
            yield []
            at += _WINDOW - len(_MARK) + 1
            continue
        begin = max(over, found - _NEAR, text.rfind("{", max(over, found - _NEAR), found))
        end = text.find("}", found, found + _NEAR)
        over = at = end if end >= 0 else min(len(text), found + _NEAR)
        members = _MEMBER.finditer(text, begin, over)
        yield [member.span("value") for member in members if not is_example(member["value"])]
