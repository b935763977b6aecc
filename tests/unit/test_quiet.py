"""Where typing asks for nothing, and where comments and strings are worth completing."""

import pytest

from support.holes import hole_in
from turnout.core.quiet import IN_COMMENT, IN_STRING, IN_WORD, silence

ROWS = [
    ("python", "x = |", ""),
    ("python", "foo(a|, b)", ""),
    ("python", "x = fo|", ""),
    ("python", "x = fo|o", IN_WORD),
    ("python", "x = |foo", IN_WORD),
    ("python", "x = |_foo", IN_WORD),
    ("python", "# so |", IN_COMMENT),
    ("python", "x = 1  # so |", ""),
    ("python", "#: so |", ""),
    ("python", "x = 'so |'", IN_STRING),
    ("python", 'x = "so |', IN_STRING),
    ("python", "x = 'so' + |", ""),
    ("python", 'def f():\n    """Says |"""', ""),
    ("python", 'def f():\n    r"""Says |', ""),
    ("python", 'x = """Says |', IN_STRING),
    ("python", 'x = """\n  select a from |', ""),
    ("python", "q = 'SELECT |'", ""),
    ("python", "x = f'{na|}'", ""),
    ("python", "x = f'{na} so |'", IN_STRING),
    ("python", "x = '{na|}'", IN_STRING),
    ("python", "x['ke|']", ""),
    ("python", "open('da|')", ""),
    ("python", "it = 'it\\'s |'", IN_STRING),
    ("python", "x = 'it\ny = |", ""),
    ("javascript", "// so |", IN_COMMENT),
    ("javascript", "x(); // so |", ""),
    ("javascript", "/** Says |", ""),
    ("javascript", "/* so |", IN_COMMENT),
    ("javascript", "/* so */ |", ""),
    ("javascript", "`a ${na|}`", ""),
    ("javascript", "`a |`", IN_STRING),
    ("javascript", "import x from './|'", ""),
    ("javascript", "require('./|')", ""),
    ("javascript", "x = /[\"']/.test(|)", ""),
    ("typescript", "const a: |", ""),
    ("javascriptreact", "const a = <p>don't |</p>", ""),
    ("typescriptreact", "const a = <p>it's</p>; foo(|)", ""),
    ("typescriptreact", "<p>{user}'s house</p>; foo(|)", ""),
    ("javascript", "<p>\n  don't ask, the users' own\n</p>; foo(|)", ""),
    ("javascriptreact", "<p>\n  the ` mark\n</p>\nfoo(|)", ""),
    ("javascriptreact", "<p>\n  what `it's` says\n</p>\nfoo(|)", ""),
    ("typescriptreact", "const a = <p title='so |'>", IN_STRING),
    ("typescriptreact", "return `so |`", IN_STRING),
    ("typescriptreact", "css`so |`", IN_STRING),
    ("typescriptreact", "const a: 'so |'", IN_STRING),
    ("rust", "/// Says |", ""),
    ("rust", "// so |", IN_COMMENT),
    ("rust", "fn f<'a>(x: &'a |", ""),
    ("rust", 'println!("so |")', IN_STRING),
    ("go", "x := `so |`", IN_STRING),
    ("c", '#include "st|"', ""),
    ("c", "char c = '\"'; |", ""),
    ("java", "/** Says |", ""),
    ("ruby", 'x = "#{na|}"', ""),
    ("elixir", 'x = "#{na|}"', ""),
    ("elixir", 'x = "so |"', IN_STRING),
    ("elixir", '@doc """\nSays "so" |', ""),
    ("elixir", 'x = ?"\ny = |', ""),
    ("swift", 'let s = "\\(na|)"', ""),
    ("swift", 'let s = "\\(f(na)|)"', ""),
    ("swift", 'let s = "\\(na) so |"', IN_STRING),
    ("swift", 'let s = "so (|)"', IN_STRING),
    ("php", "<p>don't</p>\n<?php\nfoo(|)", ""),
    ("php", '<?xml version="1.0"?>\n<p>don\'t\n<?php foo(|)', ""),
    ("php", '<a href="x">it\'s # 1</a> <?= |', ""),
    ("php", "<?php foo() ?>\n<p>don't |</p>", ""),
    ("php", "<?php // so ?>\n<p>don't</p>\n<?= |", ""),
    ("php", "<?php\n$a = 'so |'", IN_STRING),
    ("php", "<p><?php\n// so |", IN_COMMENT),
    ("php", "$a = 'so |'", IN_STRING),
    ("lua", "-- so |", IN_COMMENT),
    ("lua", "--- Says |", ""),
    ("lua", "x = [[ so |", IN_STRING),
    ("shellscript", 'echo "$x|"', ""),
    ("shellscript", "# so |", IN_COMMENT),
    ("shellscript", "make  # so |", ""),
    ("shellscript", "echo ${a#b} |", ""),
    ("shellscript", "if (( $# > 1 )); then |", ""),
    ("makefile", "# so |", IN_COMMENT),
    ("yaml", "a: 1\n# so |", IN_COMMENT),
    ("css", "/* so |", IN_COMMENT),
    ("json", '{"a": "|"', ""),
    ("markdown", "# so |", ""),
    ("json", '{"a|"}', ""),
    ("markdown", "It's so |", ""),
    ("plaintext", "# so |", ""),
    ("unheard-of", "it's |", ""),
]


@pytest.mark.parametrize(("language", "text", "reason"), ROWS)
def test_silence(language: str, text: str, reason: str) -> None:
    """Nothing inside a word, and in comments and strings only what is code or documentation there."""
    assert silence(hole_in(text, language)) == reason


@pytest.mark.parametrize(
    "above", ["x = 1\n" * 2_000, ('"""' + "so it is\n" * 30 + '"""\ndef f(): ...\n') * 50]
)
def test_far_from_the_beginning(above: str) -> None:
    """In a long file, of which only a window is looked at, code is still code."""
    assert silence(hole_in(above + "def f():\n    x = |", "python")) == ""
    assert silence(hole_in(above + "def f():\n    x = 'so |", "python")) == IN_STRING
