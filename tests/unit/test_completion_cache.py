"""The cache: a suggestion that is being typed is found to its last character, and nothing else is."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support.holes import hole_in
from turnout.complete.cache import CompletionCache, Hit
from turnout.core.documents import Document, Position
from turnout.core.holes import Hole, cut

URI = "file:///d.py"


def hole(before: str, after: str = "") -> Hole:
    line = before.count("\n")
    position = Position(line, len(before) - (before.rfind("\n") + 1))
    return cut(Document(URI, "python", 1, before + after).snapshot(), position)


@settings(deadline=None)
@given(
    st.text("ab\n (", max_size=12), st.text("ab\n ()", min_size=1, max_size=12), st.text("\nab", max_size=5)
)
def test_typing_through_is_answered_to_the_last_character(before: str, text: str, after: str) -> None:
    """However far the user has typed into a suggestion, or gone back in it, the rest of it is found."""
    cache = CompletionCache()
    cache.add(URI, hole(before, after), Hit("id", text))
    for typed in (*range(len(text)), *reversed(range(len(text)))):
        found = cache.find(URI, hole(before + text[:typed], after))
        assert found is not None
        assert text.endswith(found.text)
    assert cache.find(URI, hole(before, after)) == Hit("id", text)


def test_other_text_is_a_miss() -> None:
    """Another letter, another suffix, another document or the whole text typed: no hit."""
    cache = CompletionCache()
    cache.add(URI, hole("x = ", "\n"), Hit("id", "compute()"))
    assert cache.find(URI, hole("x = q", "\n")) is None
    assert cache.find(URI, hole("x = c", "1)\n")) is None
    assert cache.find(URI, hole("x = ", ")\n")) is None
    assert cache.find("file:///other.py", hole("x = c", "\n")) is None
    assert cache.find(URI, hole("x = compute()", "\n")) is None
    assert cache.find(URI, hole("y = c", "\n")) is None


def test_a_closed_document_is_forgotten_and_old_entries_make_room() -> None:
    """Memory is bounded by the capacity and by the documents that are open."""
    cache = CompletionCache(capacity=2)
    for name in "abc":
        cache.add(URI, hole(f"{name} = "), Hit(name, "compute()"))
    assert cache.find(URI, hole("a = ")) is None
    assert cache.find(URI, hole("c = ")) == Hit("c", "compute()")
    cache.forget(URI)
    assert cache.find(URI, hole("c = ")) is None


def test_a_short_beginning_is_not_found_elsewhere() -> None:
    """What was completed in an empty or nearly empty document is no answer anywhere later in it."""
    cache = CompletionCache()
    cache.add(URI, hole(""), Hit("id", "import os"))
    cache.add(URI, hole("def "), Hit("id2", "main():"))
    assert cache.find(URI, hole("x = 1\n")) is None
    assert cache.find(URI, hole("x = 1\ndef ")) is None
    assert cache.find(URI, hole("def m")) == Hit("id2", "ain():")


def test_a_long_block_is_found_to_its_end() -> None:
    """However long the text is that was typed or accepted of it, and whichever line endings the file has."""
    cache = CompletionCache()
    block = "\n    ".join(f"line_{number} = {number}" for number in range(60))
    cache.add(URI, hole("def f():\r\n    ", "\r\n"), Hit("id", block))
    typed = block[:-5].replace("\n", "\r\n")
    assert cache.find(URI, hole("def f():\r\n    " + typed, "\r\n")) == Hit("id", block[-5:])


def test_a_minified_line_is_followed() -> None:
    """Where one line is longer than what is kept of it, typing along is found all the same."""
    cache = CompletionCache()
    cache.add(URI, hole("x" * 5_000, "y\n"), Hit("id", "abcabd"))
    for typed in ("", "a", "abc", "abcab"):
        assert cache.find(URI, hole("x" * 5_000 + typed, "y\n")) == Hit("id", "abcabd"[len(typed) :])
    assert cache.find(URI, hole("x" * 5_000 + "b", "y\n")) is None


def test_nothing_is_remembered_as_nothing_at_this_very_place() -> None:
    """Where a model had nothing to say it is not asked again; one letter further it may have."""
    cache = CompletionCache()
    cache.add(URI, hole("x = "), Hit("id", "", reason="filtered: so"))
    assert cache.find(URI, hole("x = ")) == Hit("id", "", reason="filtered: so")
    assert cache.find(URI, hole("x = y")) is None


CLOSERS = [
    # where it was asked, its text and what it replaces; where the user is now, what is left and what that replaces
    ("print(|)", "x) or y", 1, "print(x|)", ") or y", 1),
    ("print(|)", "x) or y", 1, "print(x)|", " or y", 0),
    ("print(|)", "x) or y", 1, "print(x)|)", " or y", 1),
    ("y = |", "foo(bar) + 1", 0, "y = foo(|)", "bar) + 1", 1),
    ("y = |", "foo(bar) + 1", 0, "y = foo(b|)", "ar) + 1", 1),
    ("y = |", "foo(bar", 0, "y = foo(b|)", "ar", 0),
    ("y = |", 'foo("bar")', 0, 'y = foo("b|")', 'ar")', 2),
    ("f(|)", "g(a)) + 1", 1, "f(g(|))", "a)) + 1", 2),
]


def test_brackets_that_the_editor_closes_are_followed() -> None:
    """Closers that appear behind the cursor while one types, or are typed over, lose no suggestion."""
    for asked, text, replaces, now, left, replaced in CLOSERS:
        cache = CompletionCache()
        cache.add(URI, hole_in(asked), Hit("id", text, replaces))
        assert cache.find(URI, hole_in(now)) == Hit("id", left, replaced), now


class Typing(RuleBasedStateMachine):
    """A user who types along a suggestion, goes back in it, takes words of it, and makes mistakes."""

    TEXT = "compute(first, second)\n    return first"

    def __init__(self) -> None:
        super().__init__()
        self.cache = CompletionCache()
        self.before, self.after = "x = 1\ny = ", "\nz = 3\n"
        self.typed = ""
        self.cache.add(URI, hole(self.before, self.after), Hit("id", self.TEXT))

    @precondition(lambda self: len(self.typed) < len(self.TEXT) - 1)
    @rule()
    def type_along(self) -> None:
        self.typed = self.TEXT[: len(self.typed) + 1] if self.on_track else self.typed + "q"

    @rule(letter=st.sampled_from("q(1 "))
    def type_something(self, letter: str) -> None:
        self.typed += letter

    @precondition(lambda self: self.typed)
    @rule()
    def backspace(self) -> None:
        self.typed = self.typed[:-1]

    @precondition(lambda self: self.on_track)
    @rule()
    def take_a_word(self) -> None:
        words = self.TEXT[len(self.typed) :].split(" ")
        if len(words) > 1:
            self.typed += words[0] + " "

    @property
    def on_track(self) -> bool:
        return self.TEXT.startswith(self.typed)

    @invariant()
    def what_is_left_is_known(self) -> None:
        """On the track of the suggestion the rest of it is found, off it nothing."""
        found = self.cache.find(URI, hole(self.before + self.typed, self.after))
        if self.on_track and self.typed != self.TEXT:
            assert found == Hit("id", self.TEXT[len(self.typed) :])
        else:
            assert found is None


TestTyping = Typing.TestCase
TestTyping.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
