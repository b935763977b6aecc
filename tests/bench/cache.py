"""Ghost text that is known already, and requests that a newer one replaces, in a file of 10,000 lines.

Invariant: no model is asked for what is measured as a hit: it would say something else.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report import Row, percentile
from bench.session import Session, bare_command, folder, fresh_environment, turnout_command

LINES = 10_000
TEXT = "known_from_the_first_letter_to_the_last(one, two, three)"
SCRIPT = {
    "fim": [
        {"prefix_ends": "known = ", "text": TEXT},
        {"prefix_ends": "slow = ", "text": "late", "prefill_delay_s": 0.05},
        {"prefix_ends": "slow =s", "text": "ooner"},
        {"text": "WRONG: the model was asked again"},
    ]
}


def measure(count: int) -> list[Row]:
    """Type through a suggestion and back until `count` letters were answered; replace some requests."""
    with (
        fresh_environment() as environment,
        folder() as root,
        Session(turnout_command(), {**environment, "TURNOUT_FAKE_SCRIPT": json.dumps(SCRIPT)}) as session,
        Session(bare_command("--waits"), environment) as bare_session,
    ):
        typing, bare_typing = _open(session, root), _open(bare_session, root)
        hits: list[float] = []
        while len(hits) < count:
            hits += typing.through()
        pairs = [
            (typing.replaced("ooner"), bare_typing.replaced("_from_fake(42)"))
            for _ in range(max(3, count // 5))
        ]
    replaced, bare = zip(*pairs, strict=True)
    name = "a request that a newer one replaces"
    return [
        Row("ghost text from memory, p50", "ms", percentile(hits, 0.5), limit=5.0),
        Row("ghost text from memory, p99", "ms", percentile(hits, 0.99), limit=5.0),
        Row(f"{name}, p50", "ms", percentile(replaced, 0.5), percentile(bare, 0.5), "bare pygls", 5.0),
        Row(f"{name}, p99", "ms", percentile(replaced, 0.99), percentile(bare, 0.99), "bare pygls", 5.0),
    ]


def _open(session: Session, root: Path) -> "_Typing":
    session.initialize(root)
    session.initialized()
    return _Typing(session, root)


class _Typing:
    """A cursor in the middle of a long document."""

    def __init__(self, session: Session, root: Path) -> None:
        self._session = session
        self._uri = (root / "long.py").as_uri()
        self._row, self._version = LINES // 2, 0
        line = "value = compute_something(alpha, beta)\n"
        self._whole = self._length = len(line) - 1
        item = {"uri": self._uri, "languageId": "python", "version": 0, "text": line * LINES}
        session.notify("textDocument/didOpen", {"textDocument": item})

    def through(self) -> Iterator[float]:
        """Ask at a place, then type what was said to its last letter and go back; the time of each answer."""
        self._line("known = ")
        assert self._shown(self._ask()) == TEXT
        start = self._length
        steps = [*range(1, len(TEXT)), *reversed(range(1, len(TEXT) - 1))]
        at = 0
        for step in steps:
            began = time.perf_counter()
            if step > at:
                self._change(start + at, start + at, TEXT[at])
            else:
                self._change(start + step, start + at, "")
            at = step
            shown = self._shown(self._ask())
            yield (time.perf_counter() - began) * 1000
            assert shown == TEXT[step:], shown

    def replaced(self, then: str) -> float:
        """Ask a model that takes its time, then write over it; how long the first request takes from then on.

        `then` is what the second one has to be answered with: letters that only go on would wait for the first answer.
        """
        self._line("slow = ")
        older = self._ask()
        began = time.perf_counter()
        self._change(self._length - 1, self._length, "s")
        newer = self._ask()
        assert not self._shown(older)
        took_ms = (time.perf_counter() - began) * 1000
        assert self._shown(newer) == then
        return took_ms

    def _line(self, text: str) -> None:
        """Put another text in the cursor's line, on a new line each time, so that nothing of it is known."""
        self._row += 1
        self._length = self._whole
        self._change(0, self._length, f"row_{self._row}; {text}")

    def _change(self, start: int, end: int, text: str) -> None:
        self._version += 1
        span = {"start": self._at(start), "end": self._at(end)}
        change = {"range": span, "text": text}
        self._length += len(text) - (end - start)
        document = {"uri": self._uri, "version": self._version}
        self._session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def _ask(self) -> int:
        params = {
            "textDocument": {"uri": self._uri},
            "position": self._at(self._length),
            "context": {"triggerKind": 2},
        }
        return self._session.ask("textDocument/inlineCompletion", params)

    def _shown(self, number: int) -> str:
        items = self._session.answer(number)["items"]
        return str(items[0]["insertText"]) if items else ""

    def _at(self, character: int) -> dict[str, Any]:
        return {"line": self._row, "character": character}
