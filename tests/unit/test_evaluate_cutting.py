"""Holes in files: the file is whole around them, and the same seed finds the same ones."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.core import holes
from turnout.core.documents import Document, split_lines
from turnout.evaluate.cutting import LINES_BEFORE, Gap, HoleKind, Source, cut
from turnout.syntax import bodies as syntax

PYTHON = '''"""Prices."""

import os
from decimal import Decimal

RATE = Decimal("0.2")


def price(order, customer):
    """A text that goes over several lines and says (nothing) of code = 1

    but has lines = that(look, like, it)
    """
    # a comment with code = in(it)
    total = sum(line.amount for line in order.lines)
    if customer.is_new:
        total = total - discount(customer, total)
        remember(customer)
    return total.quantize(RATE)


class Shop:
    def sell(self, order):
        paid = self.till.take(price(order, self.customer))
        return Receipt(order, paid, self.clock.now())
'''
RUST = """use std::fs;

struct Shop { till: Till }

impl Shop {
    fn sell(&mut self, order: &Order) -> Receipt {
        let paid = self.till.take(price(order));
        self.sold.push(order.clone());
        Receipt::new(order, paid)
    }

    fn close(&self) { self.till.close(); }
}
"""
SOURCES = [Source("shop.py", "python", PYTHON), Source("src/shop.rs", "rust", RUST)]


class NoSyntax:
    """A language without a grammar."""

    def bodies(self, language: str, text: str) -> Iterable[tuple[int, int]]:
        return ()

    def prose(self, language: str, text: str) -> frozenset[int]:
        return frozenset()


def whole(gap: Gap) -> str:
    return gap.before + gap.truth + gap.after


@pytest.mark.parametrize("kind", ["line", "block"])
def test_a_file_is_whole_around_its_hole(kind: HoleKind) -> None:
    """What stands before, what was cut and what stands after is the file."""
    texts = {source.path: source.text for source in SOURCES}
    found = cut(SOURCES, kind, 50, 1, syntax)
    assert {gap.path for gap in found} == set(texts)
    for gap in found:
        assert whole(gap) == texts[gap.path]
        assert gap.truth.rstrip() == gap.truth


lines = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)
    | st.just("x = call(äöü, 漢字, 🎉)"),
    min_size=6,
    max_size=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(0, 5))
def test_any_text_is_whole_around_its_holes(parts: list[str], ending: str, ends: bool, seed: int) -> None:
    """Of any language, with any characters and line ends, and no hole begins or ends within a character."""
    text = ending.join(parts) + ending * ends
    for gap in cut([Source("a.txt", "plaintext", text)], "line", 9, seed, NoSyntax()):
        assert whole(gap) == text
        assert gap.truth.strip()
        gap.before.encode()
        gap.truth.encode()
        snapshot = Document("file:///a", "plaintext", 1, gap.before + gap.after).snapshot()
        hole = holes.cut(snapshot, gap.position)
        assert gap.before.endswith(hole.prefix)
        assert gap.after.startswith(hole.suffix)
        first, last = gap.lines
        assert gap.truth in "".join(split_lines(text)[first : last + 1])


def test_the_same_seed_finds_the_same_holes() -> None:
    """In any order of files, and whatever other files there are."""
    some = cut(SOURCES, "line", 6, 3, syntax)
    assert cut(SOURCES[::-1], "line", 6, 3, syntax) == some
    alone = cut(SOURCES[:1], "line", 3, 3, syntax)
    assert alone == [gap for gap in some if gap.path == "shop.py"][:3]
    assert cut(SOURCES, "line", 6, 4, syntax) != some


def test_every_file_has_its_turn() -> None:
    """Nobody's longest file is the whole of a measurement."""
    assert (
        sorted(gap.path for gap in cut(SOURCES, "line", 4, 1, syntax))
        == ["shop.py"] * 2 + ["src/shop.rs"] * 2
    )


def test_comments_and_texts_are_no_code() -> None:
    """Nobody can guess prose, and nobody is measured by it."""
    for seed in range(8):
        for gap in cut(SOURCES, "line", 50, seed, syntax):
            line = split_lines(whole(gap))[gap.position.line]
            assert gap.position.line >= LINES_BEFORE
            assert not line.lstrip().startswith(("#", "import", "A text", "but has"))


BODIES = [
    ("total = sum(line.amount for line in order.lines)", False),
    ("total = total - discount(customer, total)\n        remember(customer)", True),
    (
        "paid = self.till.take(price(order, self.customer))\n        return Receipt(order, paid, self.clock.now())",
        True,
    ),
    (
        "let paid = self.till.take(price(order));\n        self.sold.push(order.clone());\n"
        "        Receipt::new(order, paid)",
        True,
    ),
]


@pytest.mark.parametrize(("body", "found"), BODIES)
def test_blocks_are_the_bodies_of_functions_and_branches(body: str, found: bool) -> None:
    """From the first letter of the first line to the end of the last, without what opens and closes them."""
    truths = [gap.truth for gap in cut(SOURCES, "block", 50, 1, syntax)]
    assert (body in truths) is found
    assert all(gap.before.rpartition("\n")[2].isspace() for gap in cut(SOURCES, "block", 50, 1, syntax))


def test_a_language_without_a_grammar_has_no_blocks() -> None:
    """Lines can be cut anywhere."""
    assert cut([Source("a.txt", "plaintext", PYTHON)], "block", 5, 1, syntax) == []
    assert cut([Source("a.txt", "plaintext", PYTHON)], "line", 5, 1, syntax)
