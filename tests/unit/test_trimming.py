"""Trimming: what is cut from a model's answer, and above all what is left alone."""

import pytest

from support.holes import hole_in
from turnout.core.holes import Shape
from turnout.core.trimming import is_complete, trim

LEFT_ALONE: list[tuple[str, str, Shape]] = [
    ("print(|)", "len(items)", "line"),
    ("foo(|)", "bar(1)", "line"),
    ("x = [|]", "f[0]", "line"),
    ("foo(bar(|))", "baz()", "line"),
    ("d = {|}", "'a': {}", "line"),
    ("return |", "a + b", "line"),
    ("def add(|):", "a, b", "line"),
    ("print(|)\nprint(x)\n", "y", "line"),
    ("x = [|]", "1, 2, 3", "line"),
    ("    }\n    |\n}\n", "}", "line"),
    ("a = 1\n|", "b = 1", "line"),
    ("f(|)", "')'", "line"),
    ("f(|)", "a) + g(b", "line"),
    ("f(|)", "')', [x]", "line"),
    ('print("|")', 'a" + x + "b', "line"),
    ("if x:\n    |\n", "return 1\n    # done", "block"),
    ("def f():\n    |\n\nprint(f())\n", "x = 1\n    return x", "block"),
    ("if (x) {\n    |\n}\n", "y();\n    z();", "block"),
    ("for x in y:\n    |", "if x:\n        print(x)\n    else:\n        pass", "block"),
    ("items = {\n    |\n}\n", "'a': 1,\n    'b': 2,", "block"),
    ("mark = '<|'\ns = |", "'<|x|>'", "line"),
    ("doc = '```'\ns = |", "'```'", "line"),
    ("total = 0\n|", "total = 1", "line"),
    ("pass\n|", "pass", "line"),
    ("x = |  # note", "compute()", "line"),
    ("class A:\n    |\n\nclass B:\n    pass\n", "def f(self):\n        pass", "block"),
    ("a\n\n|", "print('a')", "line"),
    ("switch (x) {\n    |\n}", "case 1:\n        break;\n    case 2:\n        break;", "block"),
]

CUT: list[tuple[str, str, Shape, str]] = [
    ("x = |:", "1:", "line", "1"),
    ("f(|, x)", "a) -> int:", "line", "a"),
    ("def f():\n    |\n", "\n    return x", "line", "return x"),
    ("return |", "a + b\nprint(1)", "line", "a + b"),
    ("x = |;", "1;", "line", "1"),
    ("x = |", "1   ", "line", "1"),
    ("x = |", "1<|endoftext|>garbage", "line", "1"),
    ("x = |", "1 ```", "line", "1"),
    ("|\n", "\nx = 1\ny = 2", "line", "x = 1"),
    ("def f():\n    |\n", "return 1\n\ndef g():\n    pass", "block", "return 1"),
    ("def f():\n    |\n    return total\n", "total = 1\n    return total", "block", "total = 1"),
]

TAKING_THE_PLACE_OF: list[tuple[str, str, str]] = [
    ("print(|)", "len(items))", ")"),
    ('print("|")', 'hello") # greet', '")'),
    ("def f(|):", "self, a: int) -> None:", "):"),
    ("for x in range(|):", "10):", "):"),
    ("foo(bar(|));", "x));", "));"),
    ("foo(|);", "x) + 1", ")"),
    ("print(|)", "len(items)", ""),
    ("f(|)", "a) + g(b", ""),
]

EMPTIED: list[tuple[str, str, Shape, str]] = [
    ("x = |", "", "line", "nothing to add"),
    ("x = |", "   ", "line", "white space"),
    ("x = |", "<|fim_pad|>", "line", "marker"),
    ("|", "```python", "line", "fence"),
    ("|\nreturn total\n", "return total", "line", "lines below"),
    ("return total\n|", "return total", "line", "line above"),
    ("f(|)", ")", "line", "closed already"),
]


@pytest.mark.parametrize(("text", "answer", "shape"), LEFT_ALONE)
def test_good_answers_are_left_alone(text: str, answer: str, shape: Shape) -> None:
    """A filter that damages a good completion is worse than none."""
    assert trim(answer, hole_in(text), shape).text == answer


@pytest.mark.parametrize(("text", "answer", "shape", "kept"), CUT)
def test_what_does_not_belong_is_cut(text: str, answer: str, shape: Shape, kept: str) -> None:
    """Text that is there already, or is no code, is cut off and the rest kept."""
    assert trim(answer, hole_in(text), shape).text == kept


@pytest.mark.parametrize(("text", "answer", "shape", "reason"), EMPTIED)
def test_nothing_is_shown_with_a_reason(text: str, answer: str, shape: Shape, reason: str) -> None:
    """An answer that is not shown says why in words."""
    trimmed = trim(answer, hole_in(text), shape)
    assert trimmed.text == ""
    assert reason in trimmed.reason


@pytest.mark.parametrize(("text", "answer", "replaced"), TAKING_THE_PLACE_OF)
def test_closers_behind_the_cursor_are_replaced(text: str, answer: str, replaced: str) -> None:
    """What an editor closed by itself goes where the answer closes it; what else is behind the cursor stays."""
    hole = hole_in(text)
    trimmed = trim(answer, hole, "line")
    assert trimmed.text == answer
    assert hole.tail[: trimmed.replaces] == replaced


def test_a_runaway_is_stopped() -> None:
    """A line that comes again and again is kept once, and the model is stopped."""
    hole = hole_in("for x in y:\n    |")
    answer = "print(x)\n" + "    print(y)\n" * 6
    assert trim(answer, hole, "block").text.count("print(y)") == 1
    assert is_complete(answer, hole, "block")


@pytest.mark.parametrize(
    ("text", "so_far", "shape", "complete"),
    [
        ("x = |", "1", "line", False),
        ("x = |", "1\n", "line", True),
        ("|", "\n", "line", False),
        ("|", "\nx\n", "line", True),
        ("def f():\n    |", "return 1\n", "block", False),
        ("def f():\n    |", "return 1\n\nd", "block", True),
        ("def f():\n    |", "return 1\n\n    d", "block", False),
        ("if (x) {\n    |", "y();\n}", "block", False),
        ("if (x) {\n    |", "y();\n}\n", "block", True),
        ("if (x) {\n    |", "y();\n    {\n}", "block", False),
        ("def f():\n    |", "return 1\n\ndef g():\n", "block", True),
    ],
)
def test_the_model_is_stopped_when_more_would_not_be_shown(
    text: str, so_far: str, shape: Shape, complete: bool
) -> None:
    """Generation ends as soon as the line or block has ended, and not before."""
    assert is_complete(so_far, hole_in(text), shape) is complete


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("def f():\n    |", "block"),
        ("if (x) {\n    |\n}", "block"),
        ("const f = () =>\n    |", "block"),
        ("while read x; do\n    |\ndone", "block"),
        ("def f(): return |", "line"),
        ("x = 1\n|", "line"),
        ("def f():\n    | # note", "line"),
        ("def f():|", "block"),
        ("x = {'a':|", "line"),
        ("f(x, {|})", "line"),
        ("if (x) {|}", "block"),
        ("# adds two numbers\n|", "block"),
        ("# adds two numbers\n|\ndef add(): ...", "line"),
        ("@property\n|", "block"),
        ("def f():\n    |\n    return total\n", "line"),
        ("def f():\n    |\n\ndef g(): ...", "block"),
        ('"""Says\n\nif so:\n    |', "line"),
        ("print(a, |)", "line"),
        ("|", "line"),
    ],
)
def test_a_block_is_wanted_below_something_that_opens_one(text: str, shape: Shape) -> None:
    """An empty line below an opener asks for a block, every other place for a line."""
    assert hole_in(text).shape == shape
