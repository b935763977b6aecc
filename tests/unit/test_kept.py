"""Accepted text: followed through edits, compared after half a minute and five, and counted by language and model."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.holes import place_in
from turnout.__main__ import main
from turnout.complete import Completion
from turnout.complete.kept import Keeper
from turnout.core.documents import Document, Position, Span, end_of
from turnout.core.keeping import Region, similarity
from turnout.store import Ledger, Suggestions
from turnout.store.suggestions import figures

URI = "file:///d"


@dataclass
class Heard:
    """What was recorded."""

    given: list[tuple[str, str, str]] = field(default_factory=list)
    kept_texts: list[tuple[str, int, str, str]] = field(default_factory=list)

    def offered(self, receipt_id: str, language: str, model: str) -> None:
        self.given.append((receipt_id, language, model))

    def kept(self, receipt_id: str, after_s: int, accepted: str, now: str) -> None:
        self.kept_texts.append((receipt_id, after_s, accepted, now))


class Desk:
    """An editor with one document, and time that passes when a test says so."""

    def __init__(self, text: str, *, whole: bool = False) -> None:
        """Where its texts are `whole`, the editor sends all of the text at every edit."""
        self.whole = whole
        self.snapshot, self.cursor = place_in(text)
        self.document = Document(URI, "python", 1, self.snapshot.text)
        self.heard = Heard()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.keeper = Keeper(self.heard, lambda uri: self.document if uri == URI else None, self._later)

    def _later(self, delay_s: float, call: Callable[[], None]) -> Any:
        entry = (delay_s, call)
        self.timers.append(entry)
        timers = self.timers

        class Timer:
            def cancel(self) -> None:
                if entry in timers:
                    timers.remove(entry)

        return Timer()

    def offer(self, text: str, name: str = "r1") -> None:
        self.keeper.offered(Completion(name, self.cursor, text, None), self.snapshot, "near")

    def edit(self, start: Position, end: Position, text: str) -> None:
        edit: tuple[Span, str] | None = (Span(start, end), text)
        if self.whole:
            after = Document(URI, "python", 1, self.document.snapshot().text)
            after.replace(Span(start, end), text, 2)
            edit = self.document.replace_all(after.snapshot().text, 2)
        else:
            self.document.replace(Span(start, end), text, 2)
        if edit is not None:
            self.keeper.edited(self.document, *edit)

    def accept(self, text: str, name: str = "r1") -> None:
        """Put a suggestion in and say so, as VS Code does."""
        self.edit(self.cursor, self.cursor, text)
        self.keeper.accepted(name, "full", len(text))

    def passes(self, seconds: float) -> None:
        for entry in [entry for entry in self.timers if entry[0] <= seconds]:
            if entry in self.timers:
                self.timers.remove(entry)
                entry[1]()


@pytest.mark.parametrize("whole", [False, True])
def test_text_that_stays_is_kept(whole: bool) -> None:
    """After half a minute and five minutes it stands there still, wherever edits around it moved it."""
    desk = Desk("a = 1\nx = |\nb = 2\n", whole=whole)
    desk.offer("compute()")
    desk.accept("compute()")
    desk.edit(Position(0, 0), Position(0, 0), "import os\n\n")
    desk.passes(30)
    desk.edit(Position(3, 0), Position(3, 1), "yy")
    desk.passes(300)
    assert desk.heard.given == [("r1", "python", "near")]
    assert desk.heard.kept_texts == [
        ("r1", 30, "compute()", "compute()"),
        ("r1", 300, "compute()", "compute()"),
    ]
    assert desk.timers == []


@pytest.mark.parametrize("whole", [False, True])
def test_text_that_is_edited_is_compared_as_it_is(whole: bool) -> None:
    """What was changed, put in between or deleted shows in what is compared."""
    desk = Desk("x = |\n", whole=whole)
    desk.offer("compute(a, b)")
    desk.accept("compute(a, b)")
    desk.edit(Position(0, 12), Position(0, 13), "first")
    desk.passes(30)
    desk.edit(Position(0, 0), Position(0, 22), "")
    desk.passes(300)
    assert [now for _, _, _, now in desk.heard.kept_texts] == ["compute(first, b)", ""]


def test_acceptance_may_be_said_before_the_text_comes() -> None:
    """Neovim says it first; the text is found when it is there, and given up where it never comes."""
    desk = Desk("x = |\n")
    desk.offer("compute()")
    desk.keeper.accepted("r1", "full", None)
    desk.edit(desk.cursor, desk.cursor, "compute()")
    desk.passes(30)
    assert desk.heard.kept_texts == [("r1", 30, "compute()", "compute()")]
    desk = Desk("x = |\n")
    desk.offer("compute()")
    desk.keeper.accepted("r1", "full", None)
    for _ in range(10):
        desk.edit(Position(0, 0), Position(0, 0), "y")
    desk.passes(300)
    assert desk.heard.kept_texts == []
    assert desk.timers == []


def test_parts_are_followed_as_far_as_they_were_taken() -> None:
    """A word and then another are one piece of accepted text, whose time runs from the first."""
    desk = Desk("x = |\n")
    desk.offer("a + b + c")
    desk.edit(desk.cursor, desk.cursor, "a +")
    desk.keeper.accepted("r1", "word", 3)
    desk.edit(Position(0, 7), Position(0, 7), " b")
    desk.keeper.accepted("r1", "word", 2)
    desk.passes(30)
    assert desk.heard.kept_texts == [("r1", 30, "a + b", "a + b")]


@pytest.mark.parametrize("end", ["document", "server"])
@pytest.mark.parametrize(("passed_s", "recorded"), [(1, []), (30, [("r1", 30, "compute()", "compute()")])])
def test_what_becomes_of_text_after_the_end_stays_unknown(
    end: str, passed_s: int, recorded: list[tuple[str, int, str, str]]
) -> None:
    """Only what stood there when the time had passed counts: nobody looks into a file that is closed."""
    desk = Desk("x = |\n")
    desk.offer("compute()")
    desk.accept("compute()")
    desk.passes(passed_s)
    if end == "document":
        desk.keeper.closing(desk.document)
    else:
        desk.keeper.close()
    desk.passes(300)
    assert desk.heard.kept_texts == recorded
    assert desk.timers == []


def test_what_is_followed_is_bounded() -> None:
    """However much is accepted within five minutes, the oldest is given up, and never counted before its time."""
    desk = Desk("|\n")
    for number in range(100):
        desk.cursor = Position(number, 0)
        desk.edit(desk.cursor, desk.cursor, "\n")
        desk.offer(f"text {number}", f"r{number}")
        desk.accept(f"text {number}", f"r{number}")
    assert len(desk.timers) == 2 * 64
    assert desk.heard.kept_texts == []


@settings(deadline=None)
@given(st.text("ab\n", max_size=20), st.data())
def test_a_region_follows_its_text(text: str, data: st.DataObject) -> None:
    """Edits outside of a region leave its text what it is."""
    marked = "<m>\n</m>"
    document = Document(URI, "python", 1, text + marked + text)
    start = end_of(Position(0, 0), text)
    region = Region(start, end_of(start, marked))
    for _ in range(3):
        before = data.draw(st.booleans())
        edge = region.start if before else end_of(Position(0, 0), "".join(document.snapshot().lines))
        low = Position(0, 0) if before else region.end
        lines = [Position(row, 0) for row in range(low.line + 1, edge.line)]
        first, last = sorted(data.draw(st.tuples(*[st.sampled_from([low, edge, *lines])] * 2)))
        put_in = data.draw(st.text("xy\n", max_size=4))
        if before and first == region.start:
            continue  # what is typed at its edge stays outside, which moves nothing
        document.replace(Span(first, last), put_in, 2)
        region = region.after(Span(first, last), put_in)
    assert region.text(document.line, 100) == marked


@pytest.mark.parametrize(
    ("before", "now", "least", "most"),
    [
        ("compute(a)", "compute( a )", 1.0, 1.0),
        ("compute(a)", "compute(b)", 0.7, 0.8),
        ("compute(a)", "", 0.0, 0.0),
        ("a b c", "x y z", 0.0, 0.0),
        ("", "", 1.0, 1.0),
    ],
)
def test_similarity(before: str, now: str, least: float, most: float) -> None:
    """Texts are compared by their tokens; white space does not count."""
    assert least <= similarity(before, now) <= most


def test_stats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`turnout stats` tells by language and model what was given, shown, accepted, turned down and kept."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path))
    assert main(["stats"]) == 0
    assert capsys.readouterr().out.startswith("No suggestions since")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    suggestions = Suggestions(ledger)
    for name, language, events in [
        ("a", "python", ("shown", "accepted full")),
        ("b", "python", ("shown", "rejected")),
        ("c", "python", ("shown", "rejected", "accepted word")),
        ("d", "python", ()),
        ("e", "go", ("accepted full",)),
    ]:
        suggestions.offered(name, language, "near")
        for event in events:
            ledger.event(name, event)
    suggestions.kept("a", 30, "f(x)", "f(x)")
    suggestions.kept("a", 300, "f(x)", "g(y)")
    suggestions.kept("c", 30, "f(x)", "")
    ledger.close()
    python, go = figures(tmp_path / "ledger.sqlite", "2020-01-01")
    assert (python.offered, python.shown, python.accepted, python.whole, python.rejected) == (4, 3, 2, 1, 1)
    assert (python.kept_30_s, python.kept_300_s) == (0.5, 0.5)
    assert python.acceptance == pytest.approx(2 / 3)
    assert (go.language, go.acceptance, go.kept_30_s) == ("go", 1.0, None)
    assert main(["stats", "--since", "7d", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["language"] for row in told["rows"]] == ["python", "go"]
    assert main(["stats"]) == 0
    assert "67%" in capsys.readouterr().out


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 2), st.sampled_from(("", "y", "y\n", "yy\ny\n"))),
        max_size=8,
    )
)
def test_whole_texts_lose_nothing_of_what_other_lines_do_not_touch(edits: list[tuple[int, int, str]]) -> None:
    """However many lines are put in and taken away above and below it."""
    desk = Desk("1\n2\n3\nx = |\n4\n5\n6\n", whole=True)
    desk.offer("compute(first,\n second)")
    desk.accept("compute(first,\n second)")
    for at, count, text in edits:
        lines = desk.document.snapshot().lines
        own = next(number for number, line in enumerate(lines) if line.startswith("x"))
        start = min(at, own) if at < 3 else min(own + 2 + at, len(lines))
        end = min(start + count, own) if at < 3 else start + count
        desk.edit(
            Position(start, 0), Position(end, 0), text if not text or text.endswith("\n") else text + "\n"
        )
    desk.passes(30)
    assert desk.heard.kept_texts == [("r1", 30, "compute(first,\n second)", "compute(first,\n second)")]
