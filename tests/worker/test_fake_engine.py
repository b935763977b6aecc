"""The scripted engine does what its docstring promises: other tests build on every word of it."""

from typing import Any

import pytest

from turnout.worker.engines.base import EngineError, Work
from turnout.worker.engines.fake import FakeEngine


class Collected:
    """A sink that takes everything, or only so many tokens."""

    def __init__(self, limit: int = 1000) -> None:
        self.texts: list[str] = []
        self.reused = self.done = self.of = 0
        self._limit = limit

    def prefill(self, reused: int, done: int, of: int) -> bool:
        self.reused, self.done, self.of = reused, done, of
        return True

    def token(self, text: str) -> bool:
        self.texts.append(text)
        return len(self.texts) < self._limit


def hole(prefix: str, suffix: str = "", path: str = "a.py", **changes: Any) -> Work:
    parts = ({"role": "prefix", "text": prefix, "path": path}, {"role": "suffix", "text": suffix})
    return Work(**{"document": "d", "parts": parts, "chat": False, **changes})


def asked(*messages: str, **changes: Any) -> Work:
    return Work("", tuple({"role": "user", "text": text} for text in messages), chat=True, **changes)


def run(script: dict[str, Any], work: Work) -> tuple[str, str]:
    sink = Collected()
    ending = FakeEngine(script).run(work, sink)
    return "".join(sink.texts), ending


RULES = {
    "fim": [
        {"prefix_ends": "def add(", "suffix_starts": ")", "text": "a, b"},
        {"path_ends": ".lua", "text": "local x"},
        {"shape": "block", "prefix_ends": "{", "text": "\n  x\n}"},
        {"prefix_ends": "many", "text": "ab ", "repeat": 3},
        {"prefix_ends": "nothing", "text": ""},
    ],
    "chat": [{"contains": "rename", "text": "renamed"}, {"contains": "add", "text": "added"}],
}


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (hole("hel"), "lo_from_fake(42)"),
        (hole("x = hel"), "lo_from_fake(42)"),
        (hole("x = "), "hello_from_fake(42)"),
        (hole("foo"), "_from_fake(42)"),
        (hole("hel", shape="block"), "lo_from_fake(42)\n    return hello"),
        (hole("def add(", ")"), "a, b"),
        (hole("def add(", "]"), "hello_from_fake(42)"),
        (hole("", path="b.lua"), "local x"),
        (hole("{", shape="block"), "\n  x\n}"),
        (hole("{"), "hello_from_fake(42)"),
        (hole("many"), "ab ab ab "),
        (hole("nothing"), ""),
        (asked("hi\nthere"), "fake reply to: hi"),
        (asked("please rename and add"), "renamed"),
        (asked("rename", "add"), "added"),
        (hole("hel", already="lo_from"), "_fake(42)"),
        (hole("hel", stop=("_from",)), "lo"),
    ],
)
def test_replies(work: Work, text: str) -> None:
    """The first rule whose conditions all hold answers; without one, the word at the cursor is completed."""
    assert run(RULES, work) == (text, "stop")


def test_the_limit_of_tokens_ends_a_reply() -> None:
    """Tokens are words with the space before them, and marks."""
    assert run({}, hole("hel", max_tokens=2)) == ("lo_from_fake(", "length")


def test_a_sink_that_says_stop_is_obeyed() -> None:
    """Not one token more."""
    sink = Collected(limit=2)
    assert FakeEngine({}).run(hole("hel"), sink) == "interrupted"
    assert len(sink.texts) == 2


def test_the_figures_follow_from_the_common_beginning() -> None:
    """Typing on reuses what stands there, per document."""
    engine = FakeEngine({})
    figures = []
    for document, prefix in [("d", "x" * 400), ("d", "x" * 404), ("e", "x" * 404), ("d", "y")]:
        sink = Collected()
        engine.run(hole(prefix, document=document), sink)
        figures.append((sink.reused, sink.done, sink.of))
    assert figures == [(0, 100, 100), (100, 101, 101), (0, 101, 101), (0, 1, 1)]


def test_warm_generates_nothing_and_fills_the_cache() -> None:
    """A later request finds the prompt in place."""
    engine = FakeEngine({})
    sink = Collected()
    assert engine.run(hole("x" * 400, generate=False), sink) == "stop"
    assert sink.texts == []
    engine.run(hole("x" * 400), sink)
    assert sink.reused == 100


def test_a_rule_may_fail() -> None:
    """`error` ends the request with its message."""
    with pytest.raises(EngineError, match="broken"):
        run({"fim": [{"error": "broken"}]}, hole("x"))


def test_loading_may_fail() -> None:
    """`load_error` is what every request will hear."""
    with pytest.raises(EngineError, match="no room"):
        FakeEngine({"load_error": "no room"}).load()


def test_the_script_may_be_json_or_a_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """TURNOUT_FAKE_SCRIPT holds the script or names a file that does."""
    path = tmp_path / "script.json"
    path.write_text('{"fim": [{"text": "from file"}]}')
    for value, text in [('{"fim": [{"text": "inline"}]}', "inline"), (str(path), "from file")]:
        monkeypatch.setenv("TURNOUT_FAKE_SCRIPT", value)
        sink = Collected()
        FakeEngine.from_environment().run(hole(""), sink)
        assert "".join(sink.texts) == text
