"""The cache: a suggestion that is being typed is found to its last character, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.complete.cache import CompletionCache
from turnout.core.documents import Document, Position
from turnout.core.holes import Hole, cut

URI = "file:///d.py"


def hole(before: str, after: str = "") -> Hole:
    line = before.count("\n")
    position = Position(line, len(before) - (before.rfind("\n") + 1))
    return cut(Document(URI, "python", 1, before + after).snapshot(), position)


@given(
    st.text("ab\n (", max_size=12), st.text("ab\n ()", min_size=1, max_size=12), st.text("\nab", max_size=5)
)
def test_typing_through_is_answered_to_the_last_character(before: str, text: str, after: str) -> None:
    """However far the user has typed into a suggestion, or gone back in it, the rest of it is found."""
    cache = CompletionCache()
    cache.add(URI, hole(before, after), "id", text)
    for typed in (*range(len(text)), *reversed(range(len(text)))):
        found = cache.find(URI, hole(before + text[:typed], after))
        assert found is not None
        assert text.endswith(found[1])
    assert cache.find(URI, hole(before, after)) == ("id", text)


def test_other_text_is_a_miss() -> None:
    """Another letter, another suffix, another document or the whole text typed: no hit."""
    cache = CompletionCache()
    cache.add(URI, hole("x = ", "\n"), "id", "compute()")
    assert cache.find(URI, hole("x = q", "\n")) is None
    assert cache.find(URI, hole("x = c", ")\n")) is None
    assert cache.find("file:///other.py", hole("x = c", "\n")) is None
    assert cache.find(URI, hole("x = compute()", "\n")) is None
    assert cache.find(URI, hole("y = c", "\n")) is None


def test_a_closed_document_is_forgotten_and_old_entries_make_room() -> None:
    """Memory is bounded by the capacity and by the documents that are open."""
    cache = CompletionCache(capacity=2)
    for name in "abc":
        cache.add(URI, hole(f"{name} = "), name, "compute()")
    assert cache.find(URI, hole("a = ")) is None
    assert cache.find(URI, hole("c = ")) == ("c", "compute()")
    cache.forget(URI)
    assert cache.find(URI, hole("c = ")) is None


def test_a_short_beginning_is_not_found_elsewhere() -> None:
    """What was completed in an empty or nearly empty document is no answer anywhere later in it."""
    cache = CompletionCache()
    cache.add(URI, hole(""), "id", "import os")
    cache.add(URI, hole("def "), "id2", "main():")
    assert cache.find(URI, hole("x = 1\n")) is None
    assert cache.find(URI, hole("x = 1\ndef ")) is None
    assert cache.find(URI, hole("def m")) == ("id2", "ain():")
