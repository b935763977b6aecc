r"""A deterministic engine for tests: scripted replies, faults on request, no model file.

Without a script, a hole after the word `hel` is filled with `lo_from_fake(42)`: the word at the cursor is
completed to `hello_from_fake(42)` where it is a beginning of it, and otherwise gets `_from_fake(42)` appended.
A `block` gets a second line, `\n    return hello`. A chat is answered `fake reply to: ` and the first line of
the last user message.

`TURNOUT_FAKE_SCRIPT` names a JSON file (or holds the JSON itself, if it starts with `{`); every key is optional::

    {
      "load_s": 0.5,                     seconds that loading takes
      "load_error": "no such model",     loading fails with this message
      "load_crash": true,                loading ends the process
      "load_hang": true,                 loading never ends
      "token_delay_s": 0.01,             pause before each token
      "prefill_delay_s": 0.1,            pause for each 64 prompt tokens that are not in the cache
      "fim": [                           the first rule that matches fills the hole
        {"prefix_ends": "def add(", "suffix_starts": ")", "path_ends": ".py", "shape": "line", "text": "a, b"}
      ],
      "chat": [                          the first rule whose `contains` is in the last user message answers
        {"contains": "rename", "text": "..."}
      ]
    }

A condition that a rule leaves out matches everything. A rule may carry its own `token_delay_s` and
`prefill_delay_s`, `"repeat": N` (its text N times over), `"error": "message"` (the request fails),
`"crash_after": N` (the process dies after N tokens), `"lose_after": N` (the engine is lost, as by a fault of a GPU)
or `"hang_after": N` (the engine never returns).

Tokens are words, single spaces joined to the word that follows, and punctuation marks. The cache holds the last
prompt of each document: the figures `evaluated` and `reused` follow from the common beginning, at 4 characters
per token. Invariant: the same requests in the same order give the same frames.
"""

import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.worker.engines.base import Ending, EngineError, EngineLost, Sink, Work

_TOKEN = re.compile(r" ?\w+|\s|[^\w\s]")
_WORD_AT_END = re.compile(r"\w*$")
_WHOLE = "hello_from_fake(42)"
_BATCH_TOKENS = 64
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    token_delay_s: float
    prefill_delay_s: float
    error: str = ""
    crash_after: int | None = None
    hang_after: int | None = None
    lose_after: int | None = None


class FakeEngine:
    """See the module's docstring."""

    def __init__(self, script: dict[str, Any]) -> None:
        self._script = script
        self._cached: dict[str, str] = {}

    @classmethod
    def from_environment(cls) -> "FakeEngine":
        """The engine that `TURNOUT_FAKE_SCRIPT` describes; raises ValueError for a script that is not JSON."""
        value = os.environ.get("TURNOUT_FAKE_SCRIPT", "{}")
        return cls(json.loads(value if value.startswith("{") else Path(value).read_text("utf-8")))

    def load(self) -> None:
        """Take `load_s`, then succeed, fail, hang or crash as the script says."""
        _pause(self._script.get("load_s", 0))
        if self._script.get("load_hang"):
            threading.Event().wait()
        if self._script.get("load_crash"):
            os._exit(70)
        if "load_error" in self._script:
            raise EngineError(str(self._script["load_error"]))

    def run(self, work: Work, sink: Sink) -> Ending:
        """Evaluate the prompt in batches, then emit the reply token by token."""
        reply = self._chat_reply(work) if work.chat else self._fim_reply(work)
        if reply.error:
            raise EngineError(reply.error)
        if not self._prefill(work, reply, sink):
            return "interrupted"
        if not work.generate:
            return "stop"
        return _generate(work, reply, sink)

    def close(self) -> None:
        """Forget the cache."""
        self._cached.clear()

    def _prefill(self, work: Work, reply: _Reply, sink: Sink) -> bool:
        prompt = "".join(part["text"] for part in work.parts) + work.already
        of = -(-len(prompt) // _CHARS_PER_TOKEN)
        cached = self._cached.get(work.document, "")
        reused = min(_common_length(cached, prompt) // _CHARS_PER_TOKEN, of)
        done = reused
        while done < of:
            _pause(reply.prefill_delay_s)
            done = min(of, done + _BATCH_TOKENS)
            self._cached[work.document] = prompt[: done * _CHARS_PER_TOKEN]
            if not sink.prefill(reused, done, of):
                return False
        return reused < of or sink.prefill(reused, of, of)

    def _fim_reply(self, work: Work) -> _Reply:
        texts = {part["role"]: part for part in work.parts}
        prefix = texts["prefix"]["text"] if "prefix" in texts else ""
        suffix = texts["suffix"]["text"] if "suffix" in texts else ""
        path = texts["prefix"].get("path", "") if "prefix" in texts else ""
        for rule in self._script.get("fim", ()):
            if (
                prefix.endswith(rule.get("prefix_ends", ""))
                and suffix.startswith(rule.get("suffix_starts", ""))
                and path.endswith(rule.get("path_ends", ""))
                and rule.get("shape", work.shape) == work.shape
            ):
                return self._reply(rule)
        return self._reply({"text": _default_fill(prefix, work.shape)})

    def _chat_reply(self, work: Work) -> _Reply:
        asked = next((part["text"] for part in reversed(work.parts) if part["role"] == "user"), "")
        for rule in self._script.get("chat", ()):
            if rule.get("contains", "") in asked:
                return self._reply(rule)
        return self._reply({"text": "fake reply to: " + asked.partition("\n")[0]})

    def _reply(self, rule: dict[str, Any]) -> _Reply:
        return _Reply(
            text=rule.get("text", "") * rule.get("repeat", 1),
            token_delay_s=rule.get("token_delay_s", self._script.get("token_delay_s", 0)),
            prefill_delay_s=rule.get("prefill_delay_s", self._script.get("prefill_delay_s", 0)),
            error=rule.get("error", ""),
            crash_after=rule.get("crash_after"),
            hang_after=rule.get("hang_after"),
            lose_after=rule.get("lose_after"),
        )


def _generate(work: Work, reply: _Reply, sink: Sink) -> Ending:
    text = reply.text.removeprefix(work.already)
    for stop in work.stop:
        text = text.partition(stop)[0]
    for count, match in enumerate(_TOKEN.finditer(text)):
        if count == reply.crash_after:
            os._exit(70)
        if count == reply.lose_after:
            raise EngineLost("The GPU ran out of memory.")
        if count == reply.hang_after:
            threading.Event().wait()
        if count == work.max_tokens:
            return "length"
        _pause(reply.token_delay_s)
        if not sink.token(match.group()):
            return "interrupted"
    return "stop"


def _default_fill(prefix: str, shape: str) -> str:
    found = _WORD_AT_END.search(prefix[-2 * len(_WHOLE) :])  # a longer word is no beginning of it
    word = found.group() if found else ""
    fill = _WHOLE[len(word) :] if _WHOLE.startswith(word) else "_from_fake(42)"
    return fill + "\n    return hello" if shape == "block" else fill


def _common_length(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)
