"""What sets one wire format apart from another, as plain values.

Invariant: a format says what to send and how to read the answer; it does no I/O.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from turnout.core.requests import ChatPrompt, Model
from turnout.remote.failures import Peer
from turnout.remote.reply import Interpreter


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format; `base_url` is its first party's, `path` is appended to the base.

    The key goes into header `key_header`, after `key_prefix`.
    `body` takes the host as well, because compatible servers differ in what they accept.
    """

    base_url: str
    path: str
    key_header: str
    body: Callable[[Model, ChatPrompt, str], Mapping[str, object]]
    interpreter: Callable[[Peer], Interpreter]
    key_prefix: str = ""
    headers: tuple[tuple[str, str], ...] = ()
