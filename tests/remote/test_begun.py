"""A server beside us goes on with an answer that was given up, and what is shown of it stays the same."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.fim.named import named_family
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.remote.begun import Begun, continued
from turnout.remote.failures import Peer
from turnout.remote.fill import Cut, LaidOut, Typesetter
from turnout.remote.marks import marks_of

HERE = Model(
    "here", "completions", "qwen2.5-coder-0.5b", base_url="http://127.0.0.1:1", server="llama-server"
)
LINES = "".join(f"line_{number} = {number}\n" for number in range(12))
LINE = "    self.total_of_all = sum(part.size for part in self.parts) + 1"
FAMILY = named_family(HERE.model, None)
assert FAMILY is not None
MARKS = marks_of(FAMILY)


def prompt(typed: str) -> FimPrompt:
    return FimPrompt("file:///a.py", "a.py", LINES + typed, "\nend\n", max_tokens=24)


@pytest.mark.parametrize(
    ("before", "text", "forced", "expected"),
    [
        (Begun("a(", "a(", " x, y)"), "a(", " x", ("a( x, y", "", ", y")),
        (Begun("a =", "a =", " 2 * math.pi"), "a =", " 2", ("a = 2 * math", "", " * math")),
        (Begun("a =", "a = WI", " WINDOW_WORK_DO"), "a =", " WINDO", ("a = WINDOW_WORK", "", "W_WORK")),
        (
            Begun("a =", "a = WI", " WINDOW_WORK_DO"),
            "a =",
            " WINDOW_WORK_DON",
            ("a = WINDOW_WORK", "_DON", ""),
        ),
        (Begun("a = b_c", "a = b_c", ""), "a =", " b_cd", ("a = b_c", "d", "")),
        (Begun("a =", "a = WI", " WINDOW"), "a =", " WIN", ("a =", " WIN", "")),
        (Begun("a =", "a = WI", " WINDOW_WORK_DO"), "a =", " WIDE", ("a =", " WIDE", "")),
        (Begun("a(", "a(", " x, y)"), "a( x, y) +", " z", ("a( x, y) +", " z", "")),
        (Begun("a( x", "a( x", ", y) "), "a(", "", ("a(", "", "")),
        (Begun("a(", "a(", " x)\n  b("), "a(", " x", ("a(", " x", "")),
        (Begun("a(", "a(", ' "<|im_start|>" + b + c'), "a(", "", ("a(", "", "")),
        (Begun("b(", "b(", " x, y)"), "a(", " x", ("a(", " x", "")),
    ],
    ids=[
        "typed along it",
        "a sign belongs to the word behind it",
        "its last word may become another",
        "as far as its whole words reach",
        "nothing came meanwhile",
        "no whole word yet",
        "something else was typed",
        "all of it was typed, and more",
        "taken back by the user",
        "it had ended",
        "a special token's name",
        "another text",
    ],
)
def test_continued(before: Begun, text: str, forced: str, expected: tuple[str, str, str]) -> None:
    """Only what the model wrote itself, in whole words, and only while the user types on along it."""
    assert continued(before, text, forced, MARKS, ("\n",)) == expected


def pieces(text: str, sizes: Iterator[int]) -> Iterator[str]:
    """`text` as a model might write it."""
    while text:
        size = next(sizes)
        yield text[:size]
        text = text[size:]


def answer(laid_out: LaidOut, whole: str, stop_after: int, sizes: Iterator[int]) -> str:
    """What is shown of an answer by a model that knows the `whole` line, which is given up after so many pieces."""
    cut = Cut(Peer("here", "h"), laid_out.forced, laid_out.stop, laid_out.known)
    at = whole.rindex("    self") + len(laid_out.text) - laid_out.text.rindex("\n") - 1
    shown = ""
    for number, piece in enumerate(pieces(whole[at:] + "\n", sizes)):
        if number == stop_after:
            return shown
        laid_out.begun.add(piece)
        shown += cut.feed(piece)
    return shown + cut.rest()


@given(
    st.lists(st.tuples(st.integers(5, len(LINE)), st.integers(0, 9)), min_size=1, max_size=8),
    st.lists(st.integers(1, 6), min_size=1, max_size=7),
)
def test_what_is_shown_is_the_rest_of_the_line(steps: list[tuple[int, int]], sizes: list[int]) -> None:
    """Wherever the cursor goes on the line, and whenever the answers before were given up."""
    typesetter = Typesetter()

    def endless() -> Iterator[int]:
        while True:
            yield from sizes

    for column, stop_after in [*steps, (steps[-1][0], 1000)]:
        laid_out = typesetter.lay_out(HERE, prompt(LINE[:column]))
        shown = answer(laid_out, LINE, stop_after, endless())
        assert LINE[column:].startswith(shown)
    assert shown == LINE[column:]


def test_another_server_is_not_sent_its_own_words() -> None:
    """Elsewhere a longer prompt is paid for, or is read by another machine than the one that wrote it."""
    far, typesetter = replace(HERE, leaves_machine=True), Typesetter()
    first = typesetter.lay_out(far, prompt("    self."))
    first.begun.add("total_of_all = 1")
    assert typesetter.lay_out(far, prompt("    self.total")).text == first.text
