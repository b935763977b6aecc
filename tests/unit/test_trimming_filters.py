"""Each filter by itself: what it changes, and above all what it leaves alone."""

from collections.abc import Callable

import pytest

from support.holes import hole_in
from turnout.core.holes import Shape
from turnout.core.trimming import FILTERS, blocks, closers, indentation, marks, repeats, words
from turnout.core.trimming.place import Place, place_of

Row = tuple[str, str]
"""Text with the cursor at `|`, and an answer; for a block they begin with `block:`, and with the language it is in."""

LEFT_ALONE: dict[Callable[[str, Place], str], list[Row]] = {
    marks.unify_endings: [("x = |", "1"), ("if x:\n    |", "a()\nb()"), ("s = 'a|'", "\\r\\n")],
    marks.cut_special_marks: [
        ("mark = '<|fim_prefix'\ns = |", "'<|fim_prefix|>'"),
        ("x = |\n# <PRE>", "'<PRE>'"),
        ("a = |", "b <| c"),
        ("p = |", "x <|> y"),
        ("html = |", "'<fim>' + '<file>'"),
        ("x[|]", "PREFIX"),
        ("generics = |", "List<Pre>"),
        ("javascript:x = |", "<Start />"),
        ("x = |", "a < b | c"),
        ("haskell:f = |", "g <|> h"),
    ],
    marks.cut_fence: [
        ("doc = '```'\ns = |", "'```'"),
        ('"""Shows.\n\n|"""', "```python"),
        ("markdown:# Title\n\n|", "```python\ncode\n```"),
        ("x = |", "'`'"),
        ("rust:|", "// ```python\nfn f() {}"),
        ("# |", "```"),
    ],
    blocks.keep_shape: [
        ("x = |", "1"),
        ("block:if x:\n    |\n", "return 1\n    # done"),
        ("block:def f():\n    |\n\nprint(f())\n", "x = 1\n    return x"),
        ("block javascript:if (x) {\n    |\n}\n", "y();\n    z();"),
        ("block:for x in y:\n    |", "if x:\n        print(x)\n    else:\n        pass"),
        ("block:items = {\n    |\n}\n", "'a': 1,\n    'b': 2,"),
        ("block:class A:\n    |\n\nclass B:\n    pass\n", "def f(self):\n        pass"),
        ("block javascript:switch (x) {\n    |\n}", "case 1:\n        break;\n    case 2:\n        break;"),
        ("block:def f():\n    |", 'text = """\nleft of it\n"""\n    return text'),
        ("block:def f():\n    |", "x = [\n1,\n2,\n]\n    return x"),
        ("block javascript:const f = () => {\n  |", "return {\n    a: 1,\n  };\n}"),
        ("block javascript:it('x', () => {\n  |", "y();\n});"),
        ("block ruby:def f\n  |", "x = 1\n  x\nend"),
        ("block c:int f() {\n    |", "#if A\n    a();\n#endif\n    b();\n}"),
        ("block:def f():|", "\n    return 1"),
        ("block:# adds\n|", "def add(a, b):\n    return a + b"),
        ("block:@property\n|", "def a(self):\n\n    return 1"),
        ("block shellscript:while read x; do\n  |", "echo $x\n  echo\ndone"),
        ("block shellscript:f() {\n  |\n}", "case $1 in\n    a) b ;;\n    *) c ;;\n  esac\n  d"),
        ("block:def f():\n    |", "a()\n\n\n    b()"),
        ("block go:func f() {\n\t|", "if x {\n\t\treturn\n\t}\n\ty()\n}"),
        ("block:def f():\n    |", "s = '}'\n    return s"),
    ],
    blocks.drop_closed_below: [
        ("block javascript:if (x) {\n    |", "y();\n}"),
        ("block javascript:function f() {\n    if (x) {\n        |\n}", "y();\n    }"),
        ("block javascript:f(() => {\n    |\n}", "y();\n});"),
        ("block javascript:if (x) {\n    |\nf();", "y();\n}"),
        ("block javascript:if (x) {\n    |\n}", "f({\n        a: 1,\n    });"),
        ("block javascript:|\n}", "f({\n    a: 1,\n})"),
        ("javascript:f(|\n}", "{ a: 1 }"),
        ("block:def f():\n    |\n)", "return (\n        1\n    )"),
    ],
    words.cut_half_word: [
        ("x = |", "compute("),
        ("x = |", "compute"),
        ("block:if x:\n    |", "a()\n    retur"),
    ],
    repeats.cut_rest_of_line: [
        ("print(|)", "len(items))"),
        ("x = |  # note", "compute()"),
        ("foo(|, y)", "x"),
        ("a = |b", "c + a"),
        ("block:if x: |;", "a;\nb;"),
        ("x[|]", "a]"),
    ],
    repeats.cut_lines_below: [
        ("print(|)\nprint(x)\n", "y"),
        ("    }\n    |\n    }\n", "}"),
        ("pass\n|\npass\n", "pass"),
        ("c:#if A\n|\n#endif\n", "#endif"),
        ("    String::from(|\n    String::from(1),\n", "1),"),
        ("a = 1\n|\nb = 2\n", "b = 3"),
        ("|\n\n\nreturn totals\n", "return total"),
        ("block:def f():\n    |\n    return total\n", "total = 1"),
    ],
    repeats.drop_line_above: [
        ("total = 0\n|", "total = 1"),
        ("pass\n|", "pass"),
        ("}\n|", "}"),
        ("c:#endif\n|", "#endif"),
        ("expect(box).toBe(1)\nexpect(box).to|", "Be(1)"),
        ("a = b\n\nc = d\n|", "a = b"),
    ],
    repeats.cut_loop: [
        ("block:if x:\n    |", "a()\n    b()\n    a()\n    b()"),
        ("block:if x:\n    |", "a()\n    a()"),
        ("block:if x:\n    |", "a()\n\n\n\n    b()"),
        ("block:rows = [\n    |", "(0, 1),\n    (0, 2),\n    (0, 3),"),
        ("block:if x:\n    |", "a(1)\n    a(2)\n    a(3)"),
        ("x = |", "[0, 0, 0, 0]"),
    ],
    repeats.cut_loop_in_line: [
        ("x = |", "[0, 0, 0, 0, 0, 0, 0, 0]"),
        ("x = |", "a.b.c.d.e.f"),
        ("# |", "-" * 40),
    ],
    indentation.undouble: [
        ("    x = 1\n    |", "return x"),
        ("if x:\n|", "    return x"),
        ("x = (1 +\n    |", "    2)"),
        ("f(a,\n  |", "  b)"),
        ("    return x\n|", "    y"),
        ("markdown:- a\n  |", "  - b"),
        ('def f():\n    """Says.\n\n    |', "    indented"),
        ("x = [\n    |", "    1"),
        ("y = x\\\n  |", "  + 1"),
        ("def f(\n    a: int,\n    |", "    b: int"),
    ],
    indentation.match_file: [
        ("block:if x:\n    |", "a()\n    b()"),
        ("block:if x:\n\t|", "a()\n\tb()"),
        ("block:if x:\n\ty\n    z\n\t|", "a()\n        b()"),
        ("block:|", "if x:\n  y()"),
        ("x = |", "1"),
        ('block:if x:\n\tt = """|', "a\n    b"),
        ("block c:int a;\n\tf();\n|", "g(a,\n  b);\n   c();"),
    ],
    words.strip_end: [
        ("x = |", "1"),
        ("block:if x:\n    |", "a()\n\n    b()"),
        ("x = |", "  1"),
        ("x = |", "'a '"),
    ],
}

CHANGED: dict[Callable[[str, Place], str], list[tuple[str, str, str]]] = {
    marks.unify_endings: [("block:if x:\n    |", "a()\r\n    b()", "a()\n    b()")],
    marks.cut_special_marks: [
        ("x = |", "1<|endoftext|>garbage", "1"),
        ("x = |", "<|fim_pad|>", ""),
        ("x = |", "1 <PRE> y", "1 "),
        ("x = |", "1<file_sep>b.py", "1"),
    ],
    marks.cut_fence: [
        ("x = |", "1 ```", "1 "),
        ("|", "```python", ""),
        ("block:|", "x = 1\n```\nThis sets x.", "x = 1\n"),
    ],
    blocks.keep_shape: [
        ("return |", "a + b\nprint(1)", "a + b"),
        ("|\n", "\nx = 1\ny = 2", "x = 1"),
        ("def f():\n    |\n", "\n    return x", "return x"),
        ("block:def f():\n    |\n", "return 1\n\ndef g():\n    pass", "return 1"),
        ("block javascript:if (x) {\n    |", "y();\n} else {\n    z();\n}", "y();\n}"),
        ("block javascript:it('x', () => {\n  |", "y();\n});\n\nit('y')", "y();\n});"),
        (
            "block:# adds\n|",
            "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2))",
            "def add(a, b):\n    return a + b",
        ),
        ("block ruby:def f\n  |", "x\nend\n\ndef g", "x\nend"),
        ("block:if x:\n    |", "a()\nelse:\n    b()", "a()"),
        ("block:def f():|", "\n    return 1\nprint(f())", "\n    return 1"),
    ],
    blocks.drop_closed_below: [
        ("block javascript:if (x) {\n    |\n}\n", "y();\n}", "y();"),
        ("block javascript:it('x', () => {\n    |\n});\n", "y();\n    z();\n}\n", "y();\n    z();"),
        ("block javascript:if (x) {\n    |\n} else {\n}", "y();\n}", "y();"),
        ("block:items = [\n    |\n]\n", "1,\n    2,\n]", "1,\n    2,"),
    ],
    words.cut_half_word: [("block cut:if x:\n    |", "a()\n    retur", "a()")],
    repeats.cut_rest_of_line: [("foo(|, y)", "x, y)", "x"), ("x = |:", "1:", "1"), ("f(|; x", "a; x", "a")],
    repeats.cut_lines_below: [
        ("block:def f():\n    |\n    return total\n", "total = 1\n    return total", "total = 1"),
        ("|\nreturn total\n", "return total", ""),
        ("x = 1\nret|\nreturn the total\n", "urn the total", ""),
    ],
    repeats.drop_line_above: [("return total\n|", "return total", ""), ("    x = y\n\n    |", "x = y", "")],
    repeats.cut_loop: [
        ("block:if x:\n    |", "a()" + "\n    print(y)" * 5, "a()\n    print(y)"),
        ("block:if x:\n    |", "x = 1" + "\n    a()\n    b()" * 3, "x = 1\n    a()\n    b()"),
    ],
    repeats.cut_loop_in_line: [("cut:x = |", "a, b, b, b, b, b, b, b", "a, b")],
    indentation.undouble: [
        ("if x:\n    |", "    return x", "return x"),
        ("    x = 1\n    |", "    return x", "return x"),
    ],
    indentation.match_file: [
        ("block:if x:\n\t|", "a()\n    b()\n        c()", "a()\n\tb()\n\t\tc()"),
        ("block:if x:\n    |", "a()\n\tb()", "a()\n    b()"),
    ],
    words.strip_end: [("x = |", "1   ", "1")],
}

BRACKETS_LEFT_ALONE: list[Row] = [
    ("print(|)", "len(items)"),
    ("foo(|)", "bar(1)"),
    ("x = [|]", "f[0]"),
    ("foo(bar(|))", "baz()"),
    ("d = {|}", "'a': {}"),
    ("return |", "a + b"),
    ("f(|)", "')'"),
    ("f(|)", "a) + g(b"),
    ("f(|)", "')', [x]"),
    ('print("|")', 'a" + x + "b'),
    ("print(|", "x)"),
    ("foo(\n    |", "a,\n)"),
    ("    }\n    |\n}\n", "}"),
    ("foo(bar(|)", "x)"),
    ("# see |", "(1) and 2)"),
    ("# f(|)", "x)"),
    ("x = 'a|", "it'"),
    ("block javascript:if (x) {\n    |", "y();\n}"),
    ("markdown:a (|)", "b)"),
    ("rust:fn f<'a>(|)", "x: &'a str"),
    ("x = 1)\n)\nfoo(|)", "x)"),
    ('def f():\n    """Says|\n\n\ndef g():\n    """Does."""\n', ' it."""'),
]

BRACKETS_FITTED: list[tuple[str, str, str, int]] = [
    ("print(|)", "len(items))", "len(items))", 1),
    ("foo(bar(|))", "x)", "x)", 1),
    ("foo(bar(|));", "x));", "x));", 3),
    ('print("|")', 'hello")', 'hello")', 2),
    ('print("|")', 'hello") # greet', 'hello") # greet', 2),
    ("def f(|):", "self, a: int) -> None:", "self, a: int) -> None:", 2),
    ("f(|)", "a, ')') -> (x, y):", "a, ')') -> (x, y):", 1),
    ("x = [|]", "1, 2];", "1, 2];", 1),
    ('    """|"""', 'Return x.""" + y', 'Return x.""" + y', 3),
    ("x = |", "foo())", "foo()", 0),
    ("f(|, x)", "a) -> int:", "a", 0),
]  # fmt: skip


def place_in(text: str) -> Place:
    """The place that a row describes: `block`, `cut` and a language may stand before the text."""
    said, _, rest = text.partition(":")
    flags = said.split()
    known = {"block", "cut", "javascript", "markdown", "rust", "c", "ruby", "shellscript", "go", "haskell"}
    if not flags or not set(flags) <= known:
        flags, rest = [], text
    shape: Shape = "block" if "block" in flags else "line"
    language = next((flag for flag in flags if flag not in ("block", "cut")), "python")
    return place_of(hole_in(rest, language), shape, cut_short="cut" in flags)


@pytest.mark.parametrize(
    ("step", "text", "answer"), [(step, *row) for step, rows in LEFT_ALONE.items() for row in rows], ids=repr
)
def test_left_alone(step: Callable[[str, Place], str], text: str, answer: str) -> None:
    """A filter that damages a good answer is worse than none."""
    assert step(answer, place_in(text)) == answer


@pytest.mark.parametrize(
    ("step", "text", "answer", "kept"),
    [(step, *row) for step, rows in CHANGED.items() for row in rows],
    ids=repr,
)
def test_changed(step: Callable[[str, Place], str], text: str, answer: str, kept: str) -> None:
    """What does not belong is taken out, and the rest kept."""
    assert step(answer, place_in(text)) == kept


@pytest.mark.parametrize(("text", "answer"), BRACKETS_LEFT_ALONE)
def test_brackets_left_alone(text: str, answer: str) -> None:
    """Where nothing would be closed twice, or nobody can tell, text and line stay as they are."""
    assert closers.fit(answer, place_in(text)) == closers.Fitted(answer)


@pytest.mark.parametrize(("text", "answer", "kept", "replaces"), BRACKETS_FITTED)
def test_brackets_fitted(text: str, answer: str, kept: str, replaces: int) -> None:
    """An answer takes the place of the closers behind the cursor that it has itself; others of its own are cut."""
    assert closers.fit(answer, place_in(text)) == closers.Fitted(kept, replaces)


def test_every_filter_has_its_tables_and_most_rows_leave_things_alone() -> None:
    """At least two rows without a change for each one with a change, for every filter that there is."""
    steps = {step for _, step in FILTERS}
    assert set(LEFT_ALONE) == set(CHANGED) == steps
    for step in steps:
        assert len(LEFT_ALONE[step]) >= 2 * len(CHANGED[step]), step.__name__
    assert len(BRACKETS_LEFT_ALONE) >= 2 * len(BRACKETS_FITTED)
