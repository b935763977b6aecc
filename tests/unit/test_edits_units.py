"""A file keeps the unit that it indents by, whatever a reply indents by."""

import pytest

from turnout import syntax
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.replies import Replace, Reply, Step, Write
from turnout.core.languages import language_of
from turnout.errors import EditUnmatched

PYTHON = "class C:\n    def f(self):\n        if x:\n            go(a,\n               b)\n        return 1\n"
SCRIPT = "/**\n * F.\n */\nfunction f() {\n\tif (x) {\n\t\tgo();\n\t}\n\treturn 1;\n}\n"
MAKEFILE = "all:\n\tcc -c a.c\n\tcc -o a a.o\n"


def changed(path: str, text: str, step: Step) -> Assembly:
    file = Snapshot(f"w:{path}", language_of(path), 1, tuple(split_lines(text)))
    shown = Shown({path: file}, lambda other: f"w:{other}", lambda uri: uri == file.uri, syntax)
    return assemble(Reply("", (step,)), shown)


@pytest.mark.parametrize(
    ("path", "text", "given", "after"),
    [
        ("a.py", PYTHON, PYTHON.replace("    ", "\t").replace("1", "2"), PYTHON.replace("1", "2")),
        ("a.py", PYTHON, PYTHON.replace("    ", "  ").replace("return", "new()\n    return"), None),
        ("a.py", PYTHON.replace("a,\n               ", "a, "),
         PYTHON.replace("a,\n               ", "a, ").replace("    ", "  ").replace("1", "2"),
         PYTHON.replace("a,\n               ", "a, ").replace("1", "2")),
        ("a.js", SCRIPT, SCRIPT.replace("\t", "    ").replace("go();", "go();\n        y();"),
         SCRIPT.replace("go();", "go();\n\t\ty();")),
        ("a.js", SCRIPT.replace("\t", "  "), SCRIPT.replace("\t", "    ").replace("1", "2"),
         SCRIPT.replace("\t", "  ").replace("1", "2")),
        # Text that does nothing but indent otherwise is meant, and so is a line that stands deeper by itself.
        ("a.js", SCRIPT, SCRIPT.replace("\t", "  "), SCRIPT.replace("\t", "  ")),
        ("a.py", PYTHON, PYTHON.replace("        return 1", "        if y:\n            return 1"),
         PYTHON.replace("        return 1", "        if y:\n            return 1")),
        # Where one rule does not do for all lines, or nobody can tell what they mean, nothing is guessed.
        ("a.js", SCRIPT, SCRIPT.replace("\t\t", "      ").replace("\t", "  ").replace("1", "2"), None),
        ("a.js", SCRIPT.replace("\t", "  "), SCRIPT.replace("\t\t", "\t").replace("1", "2"), None),
        ("a.go", "func f() {\n\treturn 1\n}\n", "func f() {\n    return 2\n}\n", None),
        ("Makefile", MAKEFILE, MAKEFILE.replace("\t", "    ").replace("-c", "-O2 -c"), None),
        ("Makefile", MAKEFILE, "all:\n    cc -O2 a.c\n", None),
        ("a.yaml", "a:\n  b:\n    c: 1\n  e: 3\n", "a:\n    b:\n        c: 10\n    e: 3\n", None),
    ],
)  # fmt: skip
def test_a_file_written_anew_keeps_its_unit(path: str, text: str, given: str, after: str | None) -> None:
    """One rule that holds for every line that stays makes the others fit, or the whole text is refused."""
    found = changed(path, text, Write(1, path, tuple(given.splitlines())))
    if after is None:
        assert [type(failure) for failure in found.failures] == [EditUnmatched]
    else:
        assert ["".join(change.after) for change in found.changes] == [after]


@pytest.mark.parametrize("new", ["    cc a.c", "    cc a.c\n    ls", "all:\n    cc a.c"])
def test_a_recipe_keeps_its_tabs(new: str) -> None:
    """A block whose new lines have blanks where the old ones have tabs is refused, if it was found to the letter."""
    search = ("all:", "\tcc -c a.c") if new.startswith("all") else ("\tcc -c a.c",)
    found = changed("Makefile", MAKEFILE, Replace(1, "Makefile", search, tuple(new.split("\n"))))
    assert [type(failure) for failure in found.failures] == [EditUnmatched]


def test_a_comment_with_stars_is_no_other_unit() -> None:
    """Its lines begin with one blank whatever the file is indented by."""
    text = "function f() {\n\tgo();\n\treturn 1;\n}\n"
    search = ("function f() {", "\tgo();")
    new = ("/**", " * Says one.", " */", "function f() {")
    (change,) = changed("a.js", text, Replace(1, "a.js", search, new)).changes
    assert "".join(change.after) == "/**\n * Says one.\n */\nfunction f() {\n\treturn 1;\n}\n"
