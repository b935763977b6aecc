"""Documentation is verified only where it adds comments and docstrings and leaves all else as it is."""

import pytest

from turnout import syntax
from turnout.act.documenting import documentation_check
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.changes import file_change

PYTHON = "class A:\n    def f(self, x):\n        if x:\n            log(x)\n            return x\n        return 0\n"
DOC, LONG = '        """Doc."""\n', '        """Doc.\n\n        x.\n        """\n\n'
HEAD, BODY = PYTHON[: PYTHON.index("        if")], PYTHON[PYTHON.index("        if") :]
SCRIPT = "def f(x):\n    return x\n"
PLAIN = "f:\n  x: 1\n"
JS = "function f(x) {\n  return x\n}\n"
SHELL = "f() {\n  a \\\n    b\n}\n"
BLOCKS = ".a {\n  top: 0;\n}\n"

ROWS = [
    ("a docstring", "python", PYTHON, HEAD + '        """Doc."""\n' + BODY, True),
    ("a docstring of several lines", "python", PYTHON, HEAD + LONG + BODY, True),
    ("comments", "python", PYTHON, "# A\n" + HEAD + "        # Doc.\n" + BODY, True),
    ("a comment that ends the file", "python", PYTHON, PYTHON + "# A\n", True),
    ("a statement", "python", PYTHON, HEAD + '        """Doc."""\n        x = abs(x)\n' + BODY, False),
    ("a line further out", "python", PYTHON, HEAD + DOC + BODY.replace("    return x", "return x"), False),
    ("a line further in", "python", PYTHON, PYTHON.replace("        return 0", "            return 0"), False),
    ("all in the docstring", "python", PYTHON, HEAD + '        """Doc.\n' + BODY + '        """\n', False),
    ("a docstring that runs code", "python", PYTHON, HEAD + '        f"""Doc. {stop()}"""\n' + BODY, False),
    ("a call behind a docstring", "python", PYTHON, HEAD + '        """Doc."""; stop()\n' + BODY, False),
    ("a decorator", "python", SCRIPT, "@cache\n" + SCRIPT, False),
    ("a comment in a call", "python", "f(\n    1,\n)\n", "f(\n    # One.\n    1,\n)\n", True),
    ("a line that a comment was in", "python", "# old\n" + SCRIPT, SCRIPT, False),
    ("JSDoc", "typescript", JS, "/** Doc.\n * @param x */\n" + JS, True),
    ("JSDoc and code", "typescript", JS, "/** Doc. */ let y = 1\n" + JS, False),
    ("a string of JavaScript", "javascript", JS, JS.replace("return", "'use'\n  return"), False),
    ("code in a comment", "javascript", "f()\ng()\n", "/*\nf()\n*/\ng()\n", False),
    ("Go", "go", "package a\n\nfunc F() {\n}\n", "package a\n\n// F is\n// it.\nfunc F() {\n}\n", True),
    ("Rust", "rust", "fn f() {}\n", "/// Doc.\nfn f() {}\n", True),
    ("an attribute of Rust", "rust", "fn f() {}\n", "#[inline]\nfn f() {}\n", False),
    ("C", "c", "int f(void) {\n  return 1;\n}\n", "/* Doc. */\nint f(void) {\n  // One.\n  return 1;\n}\n", True),
    ("a shell", "shellscript", SHELL, "# Doc.\nf() {\n  # It.\n  a \\\n    b\n}\n", True),
    ("a comment in a shell's command", "shellscript", SHELL, "f() {\n  a \\\n# It.\n    b\n}\n", False),
    ("Ruby", "ruby", "def f\n  1\nend\n", "# Doc.\ndef f\n  1\nend\n", True),
    ("Lua", "lua", "function f()\n  g()\nend\n", "--- Doc.\nfunction f()\n  g()\nend\n", True),
    ("PHP", "php", "<?php\nfunction f() {\n}\n", "<?php\n/** Doc. */\nfunction f() {\n}\n", True),
    ("no grammar", "yaml", PLAIN, "# Doc.\n\n" + PLAIN, True),
    ("no grammar, code", "yaml", PLAIN, "# Doc.\ng: 1\n" + PLAIN, False),
    ("no grammar, a line that moved", "yaml", PLAIN, "# Doc.\n" + PLAIN.replace("  x", "x"), False),
    ("no grammar, a block", "css", BLOCKS, "/* Doc. */\n" + BLOCKS, True),
    ("no grammar, a block and code", "css", BLOCKS, "/* Doc. */ b { top: 1 }\n/*x*/\n" + BLOCKS, False),
    ("no grammar, code in a block", "css", BLOCKS, "/*\n" + BLOCKS + "*/\n", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "before", "after", "is_unchanged"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_documenting_leaves_the_code_as_it_is(
    language: str, before: str, after: str, is_unchanged: bool
) -> None:
    """Every line is there in its place, and what was added says something and does nothing."""
    lines = tuple(split_lines(before))
    file = Snapshot("file:///w/a", language, 1, lines)
    change = file_change("edit", file.uri, "a", lines, tuple(split_lines(after)))
    check = documentation_check(file, change, syntax.literal_rows(language, before), syntax)
    assert (check.name, check.ok, bool(check.message)) == ("code unchanged", is_unchanged, not is_unchanged)
