"""New syntax errors are found in every language there is a grammar for, and so is the definition around a line."""

import pytest

from turnout import syntax
from turnout.core.documents import split_lines
from turnout.core.symbols import Problem
from turnout.syntax.following import followed
from turnout.syntax.grammars import MAX_KEPT_CHARACTERS, MAX_KEPT_TREES, parse, parse_once

GOOD = {
    "python": "@d\ndef f(a):\n    pass\n\n\nclass A:\n    async def g(self):\n        pass\n",
    "javascript": "export function f(){\n}\nclass A{\n m(){\n } }\n"
    "const g = (a)=>{\n return 1 };\nfoo = function(){\n}\n",
    "javascriptreact": "const A = () => <div/>;\n",
    "typescript": "interface I{a:number}\nabstract class B<T>{\n x(): void {\n} }\n"
    "export const q = async <T>(a:T)=>a;\n",
    "typescriptreact": "const A = () => <div/>;\n",
    "go": "package a\nfunc (x *T) M() {\n}\nfunc F() {}\ntype T struct{}\n",
    "rust": "impl T {\n fn a(&self){\n} }\nfn b(){}\nstruct S{}\n",
    "java": "class A {\n A(){}\n void m(){\n} }\n",
    "c": "struct S {int a;};\nint *f(int a){\nreturn 0;}\n",
    "cpp": "class A { public:\n int m() const {return 1;}\n ~A(){} };\ntemplate<class T>\nT f(T a){return a;}\n",
    "csharp": "namespace N {\n class A {\n void M(){\n} } }\n",
    "ruby": "module M\n class A\n  def f\n  end\n  def self.g; end\n end\nend\n",
    "php": "<?php\nfunction f(){\n}\nclass A {\n public function m(){\n} }\n",
    "lua": "function f() end\nlocal h = function()\n end\nM.x = function() end\nfunction M:y() end\n",
    "shellscript": "f() {\n echo\n}\nfunction g { echo; }\n",
}
BAD = {
    "python": "def f(:\n    pass\n",
    "javascript": "function f({",
    "javascriptreact": "const A = () => <div>;",
    "typescript": "function f(a: ) {}",
    "typescriptreact": "const A = () => <div>;",
    "go": "package a\nfunc {",
    "rust": "fn a( {}",
    "java": "class A { void m( { }",
    "c": "int f( {",
    "cpp": "class A { int (; }",
    "csharp": "class A { void M( {} }",
    "ruby": "def f(\nend end",
    "php": "<?php function ( {",
    "lua": "function f( end",
    "shellscript": "if true; then",
}


@pytest.mark.parametrize("language", GOOD)
def test_errors_are_found_where_there_are_any(language: str) -> None:
    """Sound code has no problem; broken code has one, unless it was broken the same way before."""
    assert syntax.check(language, None, GOOD[language]) == ()
    assert syntax.check(language, GOOD[language], BAD[language])
    assert syntax.check(language, None, BAD[language])
    assert syntax.check(language, BAD[language], BAD[language]) == ()


@pytest.mark.parametrize(
    ("language", "before", "after", "line"),
    [
        ("json", None, '{"a": 1}\n', None),
        ("json", '{"a": 1}\n', '{\n  "a": 1,\n}\n', 2),
        ("json", '{"a": 1}\n', '// Two\n{"a": 2}\n', 0),
        ("json", "[]", f"[{'9' * 5_000}]", None),
        ("toml", None, "a = 1\r\nb = 2\r\n", None),
        ("toml", "a = 1\n", "a = 1\nb =\n", 1),
        ("toml", "a = 1\n", "a = [\n", 1),
        ("toml", "", f"a = {'9' * 5_000}", None),
    ],
)
def test_data_that_cannot_be_read_is_an_error(
    language: str, before: str | None, after: str, line: int | None
) -> None:
    """JSON and TOML have no grammar here, and are read as whoever uses the file would."""
    found = syntax.check(language, before, after)
    assert found is not None
    assert [problem.line for problem in found] == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        ("json", "{a: 1}", "{a: "),
        ("json", None, '// Compiler\n{"a": 1,}'),
        ("json", None, "[" * 100_000),
        ("toml", "a = ", "b = "),
        ("toml", None, "a = " + "[" * 10_000),
    ],
)
def test_data_of_another_dialect_is_not_judged(language: str, before: str | None, after: str) -> None:
    """What could not be read before, has comments or is nested too deep, is not held against an edit."""
    assert syntax.check(language, before, after) is None


def test_an_unknown_language_is_not_checked() -> None:
    """No grammar, no verdict."""
    assert syntax.check("plaintext", None, "(((") is None
    assert syntax.enclosing("plaintext", "def f(): pass", 0) is None


@pytest.mark.parametrize("alias", ["sh", "bash", "cs", "c-sharp", "tsx", "jsx"])
def test_languages_have_the_names_that_editors_give_them(alias: str) -> None:
    """Editors differ in a few identifiers."""
    assert syntax.is_known(alias)
    assert syntax.check(alias, None, "") == ()


def test_old_errors_stay_old_when_lines_move() -> None:
    """An error that was there is not new because lines came before it; another one is."""
    before = "def f(:\n    pass\n\n\ndef g():\n    pass\n"
    assert syntax.check("python", before, "import os\n" + before) == ()
    broken = "import os\n" + before.replace("g()", "g(")
    assert syntax.check("python", before, broken) == (Problem(5, "missing ')'"),)


def test_there_is_an_end_to_errors() -> None:
    """A file of another language does not give thousands of problems."""
    assert 0 < len(syntax.check("python", None, "} ) ? \n" * 5000) or ()) <= 50


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("def f():\n    if x:\n        go()\n    return 1\n", []),
        ("def f():\n    if x:\nstop()\n", [1]),
        ("def f():\n    a = 1\n      b = 2\n", [2]),
        ("def f():\n    # nothing\n", [0]),
        ("  x = 1\n", [0]),
        ("def f():\n\treturn 1\n    return 2\n", [2]),
        ("class A: pass\nx = 1; y = 2\nif x: pass\nelse:\n\n  z\n", []),
        ("x = (\n1,\n  2)\nif a:\n    b = '''\n q\n'''\n    c\n", []),
        ("if a:\n    \\\n  b\n", []),
    ],
)
def test_python_is_held_to_its_indentation(text: str, lines: list[int]) -> None:
    """A statement at a column that Python would not take is a problem, though the grammar has none."""
    assert sorted(problem.line for problem in syntax.check("python", None, text) or ()) == lines
    try:
        compile(text, "text", "exec")
    except SyntaxError:
        assert lines
    else:
        assert not lines


NAMES: dict[str, list[str | None]] = {
    "python": ["f", "f", "f", None, None, "A", "g", "g"],
    "javascript": ["f", "f", "A", "m", "m", "g", "g", "foo", "foo"],
    "typescript": ["I", "B", "x", "x", "q"],
    "typescriptreact": ["A"],
    "go": [None, "M", "M", "F", "T"],
    "rust": ["T", "a", "a", "b", "S"],
    "java": ["A", "A", "m", "m"],
    "c": ["S", "f", "f"],
    "cpp": ["A", "m", "~A", "f", "f"],
    "csharp": [None, "A", "M", "M"],
    "ruby": ["M", "A", "f", "f", "g", "A", "M"],
    "php": [None, "f", "f", "A", "m", "m"],
    "lua": ["f", "h", "h", "M.x", "M:y"],
    "shellscript": ["f", "f", "f", "g"],
}


@pytest.mark.parametrize("language", NAMES)
def test_the_innermost_definition_is_found(language: str) -> None:
    """Every line of a function or class belongs to it, decorators and `export` included."""
    found = [syntax.enclosing(language, GOOD[language], line) for line in range(len(NAMES[language]))]
    assert [symbol.name if symbol else None for symbol in found] == NAMES[language]
    for line, symbol in enumerate(found):
        assert symbol is None or symbol.span.start.line <= line <= symbol.span.end.line


@pytest.mark.parametrize(
    ("language", "text", "line", "found"),
    [
        ("python", "# c\ndef f():\n    pass\n", 0, ("f", 1, 2)),
        ("python", "# c\n# d\n@e\ndef f():\n    pass\n", 0, ("f", 2, 4)),
        ("python", "class A:\n    x = 1\n\n    # c\n    def g(self):\n        pass\n", 3, ("g", 4, 5)),
        ("python", "class A:\n    # c\n    def g(self):\n        pass\n", 1, ("g", 2, 3)),
        ("python", "class A:\n    def g(self):\n        pass\n    # c\ndef f():\n    pass\n", 3, None),
        ("python", "def f():\n    # c\n    return 1\n", 1, None),
        ("python", "# c\n\ndef f():\n    pass\n", 0, None),
        ("python", "x = 1  # c\ndef f():\n    pass\n", 0, None),
        ("python", "# c", 0, None),
        ("python", "# c\n" + "#" * MAX_KEPT_CHARACTERS, 0, None),
        ("typescript", "// c\n/** d\n * e\n */\nexport function f() {\n}\n", 0, ("f", 4, 5)),
        ("typescript", "class A {\n  // c\n  m() {\n  }\n}\n", 1, ("m", 2, 3)),
        ("rust", "// c\n#[inline]\nfn f() {\n}\n", 0, ("f", 2, 3)),
        ("go", "package p\n// c\nfunc F() {\n}\n", 1, ("F", 2, 3)),
        ("plaintext", "# c\ndef f(): pass\n", 0, None),
    ],
)
def test_the_definition_below_a_comment(
    language: str, text: str, line: int, found: tuple[str, int, int] | None
) -> None:
    """It is the one right below at the same indentation, whatever other comments and attributes stand between."""
    symbol = syntax.below(language, text, line)
    assert (
        symbol
        and (symbol.name, symbol.span.start.line, symbol.span.end.line - (not symbol.span.end.character))
    ) == found


def test_a_definition_spans_whole_lines() -> None:
    """The span begins with the first decorator and ends after the last line, within the text."""
    symbol = syntax.enclosing("python", "x\n@d\ndef f():\n    pass", 2)
    assert symbol is not None
    assert (symbol.kind, symbol.span) == ("function", ((1, 0), (3, 8)))
    assert syntax.enclosing("python", "x\n", 99) is None
    assert syntax.enclosing("python", "", 0) is None


def test_lines_are_counted_as_editors_count_them() -> None:
    """CR, CRLF and LF end a line; a form feed and U+2028 do not."""
    text = "a = '\u2028'\r\n\f\rdef f(:\r    pass\n"
    assert len(split_lines(text)) == 4
    assert syntax.check("python", None, text) == (Problem(2, "missing ')'"),)


def test_all_definitions_are_named() -> None:
    """Nested ones, methods and decorated ones too; without a grammar there are none."""
    text = "@d\ndef f():\n    def g(): pass\n\nclass C:\n    def m(self): pass\n\nx = 1\n"
    assert syntax.defined("python", text) == {"f", "g", "C", "m"}
    assert syntax.defined("plaintext", text) == frozenset()
    assert syntax.defined("typescript", "export const a = () => 1; class B { c() {} }") == {"a", "B", "c"}


def test_a_text_is_parsed_once() -> None:
    """A cursor that moves through an unchanged text parses nothing; a large tree is not kept for that."""
    text = GOOD["python"]
    again = "".join(list(text))
    assert again is not text
    assert parse("python", text) is parse("python", again)
    assert parse("python", text) is not parse("python", text + "\n")
    assert parse("c", "") is not parse("python", "")
    large = "#" * (MAX_KEPT_CHARACTERS + 1)
    assert parse("python", large) is not parse("python", large)


@pytest.mark.parametrize("language", ["python", "typescript", "ruby", "cpp", "go"])
def test_a_text_that_is_typed_has_the_tree_of_a_parse(language: str) -> None:
    """Whatever was put in or taken out, wherever the result is sound; and no tree changes once it is given out."""
    text, sound = GOOD[language] * 2, 0
    first, was = followed(language, text), str(parse_once(language, text).root_node)
    comment = "\r\n# é𝕏\r\n" if language in ("python", "ruby") else "\r\n// é𝕏\r\n"
    middle = len(GOOD[language])
    typed = [text[:middle] + comment[:size] + text[middle:] for size in range(len(comment) + 1)]
    cut = [text[:-size] for size in range(1, middle)]
    for text in (*typed, *reversed(typed), *cut, *reversed(cut)):
        tree, whole = followed(language, text).root_node, parse_once(language, text).root_node
        assert (tree.end_byte, tree.end_point) == (whole.end_byte, whole.end_point)
        if not whole.has_error:
            assert str(tree) == str(whole)
            sound += 1
    assert sound > len(comment)
    assert str(first.root_node) == was


def test_a_text_that_was_typed_is_not_read_twice() -> None:
    """The same tree again for the last two texts, and a text that is quite another has nothing of theirs."""
    texts = ["def f():\n    pass\n", "class A:\n    x = 1\n"]
    trees = [followed("python", text) for text in texts]
    assert [followed("python", text) for text in texts] == trees
    assert followed("python", texts[0]) is trees[0]
    assert str(followed("python", texts[0] + "f()\n").root_node) == str(
        parse_once("python", texts[0] + "f()\n").root_node
    )


def test_few_trees_are_kept() -> None:
    """A tree takes many times the memory of its text, so the one used longest ago goes."""
    first = parse("python", "x = 0\n")
    for number in range(1, MAX_KEPT_TREES + 1):
        parse("python", f"x = {number}\n")
    assert parse("python", "x = 0\n") is not first


def test_no_symbol_in_a_very_long_text() -> None:
    """A text whose parse would be felt while typing has no enclosing definition; it is still checked when edited."""
    text = "def f():\n    pass\n"
    longest = text + "#" * (MAX_KEPT_CHARACTERS - len(text))
    assert syntax.enclosing("python", longest, 0) is not None
    assert syntax.enclosing("python", longest + "#", 0) is None
    assert syntax.check("python", None, longest + "#\n(") != ()


@pytest.mark.parametrize(
    ("text", "other", "is_same"),
    [
        ("a = 1 \n", "a = 1\n", True),
        ("a = 1  # b \n", "a = 1  # b\n", True),
        ("a =  1\n", "a = 1\n", True),
        ("a = 1\n", "a = 2\n", False),
        ("a = 1\n", "a = 1\nb = 2\n", False),
        ("a = 1\nb = 2\n", "a = 1\n", False),
        ('a = """b \n"""\n', 'a = """b\n"""\n', False),
        ('a = """b \n\\n"""\n', 'a = """b\n\\n"""\n', False),
        ('def f():\n    """b \n    """\n', 'def f():\n    """b\n    """\n', True),
        ('def f():\n    """b \n    """\n', 'def f():\n    """c\n    """\n', False),
        ("if a:\n    b\nc\n", "if a:\n    b\n    c\n", False),
    ],
)
def test_the_same_code(text: str, other: str, is_same: bool) -> None:
    """Two texts are the same code where only blanks between their tokens differ; nobody knows without a grammar."""
    assert syntax.same("python", text, other) is is_same
    assert syntax.same("no such language", text, other) is None


@pytest.mark.parametrize("language", ["javascriptreact", "typescriptreact"])
@pytest.mark.parametrize(
    ("text", "other", "is_same"),
    [
        ("<b>\n  one two \n</b>", "<b>\n  one two\n</b>", True),
        ("<b>\n  one two \n</b>", "<b>\n  onetwo \n</b>", False),
        ("<b> \n  {c} \n  {d}\t\n</b>", "<b>\n  {c}\n  {d}\n</b>", True),
        ("<b>\n  <i/> \n  <u>x</u> \n</b>", "<b>\n  <i/>\n  <u>x</u>\n</b>", True),
        ("<b>{c} {d}</b>", "<b>{c}{d}</b>", False),
        ("<b>one {d}</b>", "<b>one{d}</b>", False),
        ("<b>\n one {d}\n</b>", "<b>\n one{d}\n</b>", False),
        ('<b c="d \n e" />', '<b c="d\n e" />', False),
        ("`a \nb`", "`a\nb`", False),
    ],
)
def test_the_text_of_jsx_ends_with_its_lines(language: str, text: str, other: str, is_same: bool) -> None:
    """JSX drops blanks before the end of a line, and nowhere else; strings keep theirs."""
    assert syntax.same(language, f"const a = {text};\n", f"const a = {other};\n") is is_same


@pytest.mark.parametrize(
    ("text", "other", "is_same"),
    [
        ('{ \n "a": 1, \n "b": "c" \n}', '{\n "a": 1,\n "b": "c"\n}', True),
        ('{"a": "b "}', '{"a": "b"}', False),
        ('{"a":  1}', '{"a": 1}', False),
        ('{"a": 1}\n', '{"a": 1}', False),
    ],
)
def test_json_has_no_string_over_several_lines(text: str, other: str, is_same: bool) -> None:
    """So blanks at the ends of its lines mean nothing, wherever they are; any other may."""
    assert syntax.same("json", text, other) is is_same


@pytest.mark.parametrize(
    ("language", "text", "rows"),
    [
        ("python", 'x = """\n a \\n b\n"""\ny = 1\n', {1, 2}),
        ("python", 'x = f"""a\n {1 +\n 2} b\n"""\n', {1, 3}),
        ("python", 'x = ("a"\n  "b")\n', set()),
        ("python", 'def f():\n    """a\n\n    b"""\n', set()),
        ("python", "# a\n# b\nx = [\n1]\n", set()),
        ("javascript", "x = `a\n ${f(\n1)} b\n`\n/* a\n b */\n", {1, 3}),
        ("typescriptreact", "x = <b>\n a\n</b>;\n", set()),
        ("ruby", "x = <<~E\n a #{b}\n c\nE\ny = %w(a\n b)\n", {1, 2, 3}),
        ("shellscript", "cat <<E\n a $x\nE\nx='a\n b'\n", {1, 2, 4}),
        ("php", "<p>\n<?php\n$x = <<<E\n a $b\n E;\n", {3, 4}),
        ("cpp", 'auto x = R"(a\n b)";', {1}),
        ("csharp", 'var x = @"a\n b"; var y = """\n a\n """;', {1, 2, 3}),
        ("go", "package a\nvar x = `a\n b`\n", {2}),
        ("java", 'class A { String x = """\n a\n """; }', {1, 2}),
        ("lua", "x = [[a\n b]]\n", {1}),
        ("rust", 'fn f() { let y = r#"a\n b"#; }', {1}),
        ("json", '{\n"a": 1}', set()),
        ("markdown", "a  \nb\n", None),
    ],
)
def test_lines_that_begin_inside_a_string(language: str, text: str, rows: set[int] | None) -> None:
    """Strings, heredocs and templates have such lines; comments, docstrings and code filled in have none."""
    assert syntax.literal_rows(language, text) == rows
