"""What sets one wire format apart from another, as plain values.

Invariant: a format says what to send and how to read the answer; it does no I/O.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from turnout.core.models import Model
from turnout.remote.failures import Peer
from turnout.remote.reply import Interpreter

P = TypeVar("P")
"""What a body is made of: a `ChatPrompt`, or a hole as `fill` has prepared it."""


@dataclass(frozen=True, slots=True)
class Format(Generic[P]):
    """One wire format; `base_url` is its first party's, empty where it has none.

    `path` is appended to the base, or that of `paths` for one of its hosts.
    The key goes into header `key_header`, after `key_prefix`.
    `body` takes the host as well, because compatible servers differ in what they accept.
    `tells_limit` says that all its servers tell an answer that hit its limit of tokens from one that ended.
    """

    base_url: str
    path: str
    key_header: str
    body: Callable[[Model, P, str], Mapping[str, object]]
    interpreter: Callable[[Peer], Interpreter]
    key_prefix: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    tells_limit: bool = True
