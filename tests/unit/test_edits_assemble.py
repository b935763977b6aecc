"""The steps of a reply become changes of files the model was shown, or are refused with the reason."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout import syntax
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.elision import elided
from turnout.core.edits.fences import parse_whole_files
from turnout.core.edits.paths import as_written, normalise
from turnout.core.edits.regions import indented_like, shared_indent, unindented
from turnout.core.edits.replies import Replace, Reply, Write
from turnout.core.languages import language_of
from turnout.errors import EditUnmatched, PathRefused

FILES = {
    "src/a.py": "def f():\n    if x:\n        go()\n",
    "b.py": "x = 1\ny = 2\nx = 1\n",
    "Makefile": "all:\r\n\techo\n",
}
ON_DISK = {*FILES, "other.py", ".env"}


def shown(files: dict[str, str] = FILES) -> Shown:
    snapshots = {
        path: Snapshot(f"w:{path}", "python", 7, tuple(split_lines(text))) for path, text in files.items()
    }
    return Shown(snapshots, lambda path: f"w:{path}", lambda uri: uri.removeprefix("w:") in ON_DISK)


def block(path: str, search: str, replace: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def check(reply: str, *changes: tuple[str, str, str]) -> Assembly:
    """Assemble `reply`; `changes` are kind, path (or `old -> new`) and text after."""
    assembly = assemble(parse_blocks(reply, FILES), shown())
    assert [
        (c.kind, f"{c.path} -> {c.new_path}" if c.new_path else c.path, "".join(c.after))
        for c in assembly.changes
    ] == list(changes)
    return assembly


def test_one_file_under_two_names_changes_once() -> None:
    """Of two edits of one file under two names only one would survive, so the second is refused."""
    files = {**FILES, "twin.py": FILES["b.py"]}
    reply = block("b.py", "y = 2\n", "y = 3\n") + block("twin.py", "y = 2\n", "y = 4\n")
    same = replace(shown(files), identity=lambda uri: 7 if uri in ("w:b.py", "w:twin.py") else None)
    assembly = assemble(parse_blocks(reply, files), same)
    assert [change.path for change in assembly.changes] == ["b.py"]
    assert [str(failure) for failure in assembly.failures] == ["twin.py is the same file as b.py."]


def test_edits_of_several_files() -> None:
    """Each file that changes is one change, with the version that the model was shown."""
    reply = block("src/a.py", "        go()\n", "        stop()\n") + block(
        "Makefile", "\techo\n", "\ttrue\n"
    )
    assembly = check(
        reply,
        ("edit", "src/a.py", "def f():\n    if x:\n        stop()\n"),
        ("edit", "Makefile", "all:\r\n\ttrue\n"),
    )
    assert assembly.failures == ()
    assert {change.version for change in assembly.changes} == {7}


def test_create_delete_rename() -> None:
    """All kinds of changes; a rename may edit the text as well, under either name."""
    reply = (
        block("new/n.py", "", "x = 1\n")
        + "*** Delete File: src/a.py\n*** Rename File: Makefile -> build/Makefile\n"
        + block("build/Makefile", "\techo\n", "\ttrue\n")
        + "*** Rename File: ./b.py -> c.py\n"
    )
    check(
        reply,
        ("create", "new/n.py", "x = 1\n"),
        ("delete", "src/a.py", ""),
        ("rename", "Makefile -> build/Makefile", "all:\r\n\ttrue\n"),
        ("rename", "b.py -> c.py", FILES["b.py"]),
    )


def test_what_changes_nothing_is_no_change() -> None:
    """A block that replaces lines by themselves leaves no change behind."""
    check(block("b.py", "y = 2\n", "y = 2\n"))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (block("b.py", "z = 3\n", "z = 4\n"), "Block 1: its SEARCH text is not in b.py"),
        (block("b.py", "x = 1\n", "x = 2\n"), "more than once, at lines 1, 3"),
        (block("other.py", "a\n", "b\n"), "not among the files"),
        (block("missing.py", "a\n", "b\n"), "no such file"),
        (block("other.py", "", "b\n"), "not among the files"),
        (block("../out.py", "", "b\n"), "does not name a file in the workspace"),
        (block("/etc/passwd", "", "b\n"), "not relative to the workspace"),
        (block(".git/hooks/pre-commit", "", "b\n"), "belongs to git"),
        (block(".github/workflows/x.yml", "", "b\n"), "is hidden"),
        ("*** Delete File: other.py\n", "not among the files"),
        ("*** Rename File: b.py -> other.py\n", "exists already"),
        ("*** Rename File: b.py -> ../b.py\n", "does not name a file in the workspace"),
        (block("b.py", "y = 2\n", "y = 3\n") + "*** Rename File: b.py -> /b.py\n", "not relative"),
        ("*** Rename File: b.py -> .git/config\n", "belongs to git"),
        ("*** Rename File: src/a.py -> c.py\n*** Rename File: b.py -> c.py\n", "place of two files"),
        (block("b.py/n.py", "", "a\n"), "b.py is a file"),
        ("*** Rename File: b.py -> b.py/n.py\n", "b.py is a file"),
        (block("n.d", "", "a\n") + block("N.d/n.py", "", "b\n"), "place of two files"),
        (block("N.d/n.py", "", "a\n") + block("n.d", "", "b\n"), "place of two files"),
        ("*** Delete File: b.py\n" + block("b.py", "y = 2\n", "y = 3\n"), "contradict"),
        (block("n.py", "", "a\n") + block("n.py", "", "b\n"), "contradict"),
        (block("b.py", "y = 2\n", "# ... rest of the code unchanged\n"), "If it is to go"),
        (block("b.py", "y = 2\n", "y = '\0'\n"), "has a NUL character"),
        (block("b.py", "y = 2\n", "y = '\ud83d'\n"), "has half a character"),
        (block("b.py", "x = 1\ny = 2\n", "\ufeffx = 2\n"), "begins with a byte order mark"),
        (block("b.py", "y = 2\n", f"y = '{'é' * 500_000}'\n"), "has more than 1,000,000 bytes"),
        (block("n.txt", "", "\ufeffa\n"), "n.txt could not be read again"),
    ],
)
def test_what_may_not_be_done_is_refused(reply: str, why: str) -> None:
    """A file with a step that cannot be carried out does not change at all."""
    assembly = assemble(parse_blocks(reply, FILES), shown())
    assert why in str(assembly.failures[0])
    assert [change.path for change in assembly.changes if change.path == "b.py"] == []


def test_one_bad_block_spoils_its_file_and_no_other() -> None:
    """The good blocks of a file with a bad one are not applied; other files are."""
    reply = (
        block("b.py", "y = 2\n", "y = 3\n")
        + block("b.py", "nope\n", "")
        + block("Makefile", "\techo\n", "\tls\n")
    )
    assert len(check(reply, ("edit", "Makefile", "all:\r\n\tls\n")).failures) == 1


def test_a_whole_file_keeps_every_line_that_it_repeats() -> None:
    """A file written out anew changes only where it differs, endings aside."""
    reply = parse_whole_files("Makefile\n```\nall:\n\ttrue\n```\n", FILES)
    (change,) = assemble(reply, shown()).changes
    assert "".join(change.after) == "all:\r\n\ttrue\n"
    assert len(change.hunks) == 1


@pytest.mark.parametrize(
    ("line", "is_elided"),
    [
        ("# ... rest of the file ...", True),
        ("    // ... existing code ...", True),
        ("/* ... unchanged ... */", True),
        ("# (remaining methods unchanged) ...", True),
        ("... the same as before", True),
        ("def f(): ...", False),
        ("    ...", False),
        ("print('...existing')", False),
        ("# the rest of the values", False),
        ("# ...", True),
        ("    // ...", True),
        ("/* ... */", True),
        ("{/* … */}", True),
        ("# rest of the code remains the same", True),
        ("# (unchanged)", True),
        ("// (rest unchanged)", True),
        ("-- existing code here", True),
        ("<!-- rest of the file -->", True),
        ("# Other code", True),
        ("# --- snip ---", True),
        ("// unchanged below", True),
        ("# see below", False),
        ("# same here", False),
        ("# the rest", False),
        ("# Other imports", False),
        ("# This file is the same", True),
        ("# This file is", False),
        ("# existing users keep their name", False),
        ("## Unchanged", False),
        ("----", False),
        ("x = [*rest, ...]", False),
    ],
)
def test_code_left_out_is_noticed(line: str, is_elided: bool) -> None:
    """A line that stands for code is never taken for code, unless the file already had it."""
    assert (elided(["x = 1\n"], [line]) is not None) == is_elided
    assert elided([f"  {line}\n"], [line]) is None


def test_an_example_in_documentation_leaves_no_code_out() -> None:
    """A comment of dots where nothing goes away is text; where lines go away, it stands for them."""
    old = ["a\n", "\n", "b\n"]
    assert elided(old, ["a", "# ...", "b"]) is None
    assert elided(old, ["b", "# ...", "a"]) == "# ..."


@pytest.mark.parametrize(
    ("text", "is_elided"),
    [
        ("def f(x):\n    a = 10\n    ...\n    return a", True),
        ("def f(x):\n    ...\n    return a", True),
        ("...\n    return a", True),
        ("def f(x):\n    [...]\n    return a", True),
        ("def f(x):\n    a = 10\n\n    # then\n    …\n", True),
        ("def f(x):\n    a = 1\n    b = 2\n    ...\n    return a", False),  # nothing is gone
        ("def f(x): ...\n", False),
        ("def f(x):\n    # not yet\n    ...\ny = 1\n", False),
        ('def f(x):\n    """Doc."""\n    ...\n', False),
        ("def f(x):\n    '''Doc.\n\n    More.\n    '''\n    ...\n", False),
        ('def f(x):\n    """\n    >>> for y in x:\n    ...     y\n    ...\n    """\n', False),
    ],
)
@pytest.mark.parametrize("stub", ["", "def g():\n    ...\n"])
def test_dots_beside_statements_leave_code_out(text: str, is_elided: bool, stub: str) -> None:
    """Dots that are all that a function does are one; in between, they stand for the lines that are gone."""
    old = f"{stub}def f(x):\n    a = 1\n    b = 2\n    return a"
    assert (elided(old.splitlines(), (stub + text).splitlines(), {"..."}) is not None) == is_elided
    assert elided(text.splitlines(), text.splitlines()) is None


@pytest.mark.parametrize(
    "path",
    [
        "", " ", ".", "..", "a/..", "../a", "a/../../b", "/a", "//a", "\\\\host\\a", "C:\\a", "c:a", "~/a", "file:///a",
        "~", "~root/a", "./~/a", "./c:a", "./ a",
        "a/", "a\0b", "a\nb", ".git", ".git/config", "a/.GIT/x", ".git./x", ".git /x", "git~1/x", "GIT~2/x",
        ".g\u200cit/config", ".git::$INDEX_ALLOCATION/x", "..\\a", "x" * 2000,
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    """A path is relative, stays inside, and is not git's, however it is spelled."""
    with pytest.raises(PathRefused):
        normalise(path)


@pytest.mark.parametrize(
    "path",
    [
        "new.py.", "new.py ./x", "pkg /x.py", "new.py::$DATA", "pkg/new.py:stream", "nul", "pkg/NUL.txt", "com1.py",
        "aux .c", "ne\u200bw.py", "new\u2028.py", ".Git/hooks/x", "a/.git", "sub/.GIT/config", ".git\u200d/hooks/x",
        "COM¹.txt", "pkg/lpt³", "CONIN$", "conout$.py",
    ],
)  # fmt: skip
def test_names_that_are_others_somewhere_are_refused(path: str) -> None:
    """A reply names files the way every system reads them, so that no rule about a path is got around."""
    with pytest.raises(PathRefused):
        as_written(path)
    found = assemble(Reply("", (Replace(1, path, (), ("x",)),)), shown())
    assert (found.changes, len(found.failures)) == ((), 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [("New.py", "new.py"), ("\u00e9.py", "e\u0301.py"), ("\u00c9.py", "\u00e9.py"), ("n.py", "./n.py")],
)
def test_two_files_that_are_one_somewhere_are_refused(one: str, other: str) -> None:
    """The second would overwrite the first on a disk that folds letters."""
    escaped = replace(shown(), uri=lambda path: f"w:{quote(path)}")
    found = assemble(parse_blocks(block(one, "", "1\n") + block(other, "", "2\n")), escaped)
    assert len(found.changes) <= 1
    assert found.failures


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("a.py", "a.py"),
        ("./a//b.py", "a/b.py"),
        ("a\\b.py", "a/b.py"),
        (" a b.py ", "a b.py"),
        (".gitignore", ".gitignore"),
    ],
)
def test_paths_have_one_spelling(path: str, normal: str) -> None:
    """Spellings of the same file are one path."""
    assert normalise(path) == normal


@given(st.text(max_size=30))
def test_a_path_that_is_taken_is_inside(path: str) -> None:
    """No text becomes a path with a step up, an empty step or a start at the root."""
    try:
        normal = normalise(path)
    except PathRefused:
        return
    assert not normal.startswith(("/", "~/"))
    assert all(step not in ("", ".", "..") for step in normal.split("/"))
    assert normalise(normal) == normal


def test_a_region_moves_to_the_margin_and_back() -> None:
    """A part is shown without its indentation, and whatever margin the answer has, gets it back."""
    lines = ["    def f():\n", "\n", "        go()\r\n"]
    assert shared_indent(lines) == "    "
    assert unindented(lines) == "def f():\n\n    go()\n"
    for margin in ("", "  ", "    ", "\t"):
        assert indented_like([f"{margin}a", "", f"{margin}    b"], lines) == ("    a", "", "        b")
    assert indented_like([], lines) == ()


@pytest.mark.parametrize(
    ("path", "text", "search", "new", "after"),
    [
        # Blanks at the ends of new lines go where the reply has them everywhere, but not out of a string.
        ("a.py", "a = 1\n", "a = 1 ", "a = 2 ", "a = 2\n"),
        ("a.py", "a = 1\n", "a = 1 ", 'a = """b \nc"""', None),
        ("a.md", "a\n", "a ", "b", "b\n"),
        ("a.md", "a\n", "a ", "b  ", None),
        # The same blanks at the end of every line, also where they mean nothing, are none of the text.
        ("a.py", "a = 1\nb = 2\n", "a = 1  \nb = 2  ", 'a = """  \nc  \n"""  ', 'a = """\nc\n"""\n'),
        ("a.py", "a = 1\nb = 2\n", "a = 1  \nb = 2  ", 'a = """  \nc   \n"""  ', None),
        ("a.py", "a = 1\nb = 2\n", "a = 1  \nb = 2 ", 'a = """  \nc  \n"""  ', None),
        ("a.py", "a = 1\nb = 2\n", "a = 1  \nb = 2  ", 'a = """  \nc \n"""  ', None),
        ("a.py", 's = """\na\n"""\n', "a  ", "a  \nb  ", None),
        ("a.py", 's = """\na\n"""\n', 'a  \n"""  ', 'b  \n"""  ', 's = """\nb\n"""\n'),
        ("a.md", "a\n\nb\n", "a  \n  \nb  ", "c  \nd  \n  \ne  ", "c\nd\n\ne\n"),
        ("a.md", "a\n\nb\n", "a  \n  \nb  ", "c  \nd  \n  \ne    ", None),
        ("a.md", "a\nb\n", "a  \nb  ", "a  \nc  ", None),
        ("a.md", "a\n\nb\n", "a  \n\nb  ", "c  \n\nb  ", None),
        # Whether a new line shall have the blanks of a line that was named without them, nobody knows.
        ("a.py", 's = """\na  \nb\n"""\n', "a\nb", "c\nb", None),
        ("a.py", 's = """\na  \nb\n"""\n', "a\nb", "a\nc", 's = """\na  \nc\n"""\n'),
        ("a.py", 's = """\na  \nb\n"""\n', "a\nb", "b", 's = """\nb\n"""\n'),
        ("a.py", "a = 1  \n", "a = 1", "a = 2", "a = 2\n"),
        ("a.md", "a  \nb\n", "a", "c", None),
        ("a.md", "a  \n\nb\n", "a", "c", "c\n\nb\n"),
        ("a.c", "#define A \\\n  b\n", "#define A \\ \n  b ", "#define A \\ \n  c ", "#define A \\\n  c\n"),
        (
            "a.py",
            "if x:\n    go()\n    stop()\n",
            "go()\t\nstop()\t",
            "go()\t\nhalt()\t",
            "if x:\n    go()\n    halt()\n",
        ),
        # Another indentation needs a parser that finds the result sound.
        ("a.py", "if x:\n    go()\n", "go()", "stop()", "if x:\n    stop()\n"),
        ("a.py", "if x:\n    go()\n", "go()", "  if y:\nstop()", None),
        ("a.json", '{\n  "a": 1\n}\n', '"a": 1', '"a": 2', '{\n  "a": 2\n}\n'),
        ("a.json", '{\n  "a": 1\n}\n', '"a": 1', '"a": 2,', None),
        ("a.yaml", "x:\n  a: 1\n", "a: 1", "a: 2", None),
        # What stands in a string is not moved along, unless the file itself has it moved; docstrings are.
        ("a.py", "if x:\n    go()\n", "go()", 'y = """\nabc\n"""', None),
        ("a.py", "if x:\n    go()\n", "go()", 'y = ("a"\n  "b")', 'if x:\n    y = ("a"\n      "b")\n'),
        ("a.sh", "if x; then\n  go\nfi\n", "go", "cat <<E\nabc\nE", None),
        ("a.js", "if (x) {\n  go()\n}\n", "go()", "y = `\nabc`", None),
        (
            "a.py",
            'if x:\n    y = """\n    a\n    """\n    go()\n',
            'y = """\na\n"""\ngo()',
            'y = """\na\n"""\nstop()',
            'if x:\n    y = """\n    a\n    """\n    stop()\n',
        ),
        # A line that is new among lines of a string which did move along moves as they do.
        (
            "a.py",
            'if x:\n    y = """\n    a\n    b\n    """\n',
            'y = """\na\nb\n"""',
            'y = """\na\nnew\n"""',
            'if x:\n    y = """\n    a\n    new\n    """\n',
        ),
        (
            "a.py",
            'if x:\n    f("""\n    """, """\n    b\n    """)\n',
            'f("""\n""", """\nb\n""")',
            'f("""\n""", """\nnew\n""")',
            None,
        ),
        ("a.py", 'if x:\n    y = """\n    a\n    """\n', 'y = """\na\n"""', 'y = """\nnew\n"""', None),
        (
            "a.py",
            'if x:\n    y = """\n    a\n    b\n    """\n',
            'y = """\na\nb\n"""',
            'y = """\na\nb\n"""\nz = """\nnew\n"""',
            None,
        ),
        (
            "a.py",
            "class A:\n    def f():\n        go()\n",
            "def f():\n    go()",
            'def f():\n    """A\n\n    b."""\n    go()',
            'class A:\n    def f():\n        """A\n\n        b."""\n        go()\n',
        ),
    ],
)
def test_what_is_not_found_to_the_letter_must_be_sound(
    path: str, text: str, search: str, new: str, after: str | None
) -> None:
    """An edit at another indentation, or with blanks that the file has not, is proven by a parser or refused."""
    file = Snapshot(f"w:{path}", language_of(path), 1, tuple(split_lines(text)))
    shown = Shown({path: file}, lambda other: f"w:{other}", lambda uri: uri == file.uri, syntax)
    step = Replace(1, path, tuple(search.split("\n")), tuple(new.split("\n")))
    found = assemble(Reply("", (step,)), shown)
    if after is None:
        assert [type(failure) for failure in found.failures] == [EditUnmatched]
    else:
        assert ["".join(change.after) for change in found.changes] == [after]


@pytest.mark.parametrize(
    ("path", "text", "given", "after"),
    [
        # Blanks that the reply leaves out where they mean something may be meant to go; where nobody knows, they stay.
        ("a.py", 's = """\na  \nb\n"""\nx = 1\n', 's = """\na\nb\n"""\nx = 2\n', None),
        ("a.py", 's = """\n  \nb\n"""\nx = 1\n', 's = """\n\nb\n"""\nx = 2\n', None),
        ("a.md", "a  \nb\nx = 1\n", "a\nb\nx = 2\n", None),
        ("a.yaml", "a: |\n  b  \nx: 1\n", "a: |\n  b\nx: 2\n", "a: |\n  b  \nx: 2\n"),
        ("a.py", "y = 1  \nx = 1\n", "y = 1\nx = 2\n", "y = 1\nx = 2\n"),
        ("a.json", '{"y": 1,  \n"x": 1}\n', '{"y": 1,\n"x": 2}\n', '{"y": 1,\n"x": 2}\n'),
        # Those that it adds may be meant where they stand in strings and nowhere else.
        ("a.py", 's = """\na\nb\n"""\nx = 1\n', 's = """\na  \nb\n"""\nx = 2\n', None),
        ("a.py", 's = """\na\nb\n"""\nx = 1\n', 's = """\na  \nb\n"""\nx = 2 \n', 's = """\na\nb\n"""\nx = 2\n'),
        ("a.py", 's = """\na\n"""\ny\nx = 1\n', 's = """\na \n"""\ny \nx = 2\n', 's = """\na\n"""\ny\nx = 2\n'),
        # In Markdown, two of them between lines of text break the line.
        ("a.md", "a\nb\nx = 1\n", "a  \nb\nx = 2\n", None),
        ("a.md", "a\nb\nx = 1\n", "a  \nb \nx = 2\n", None),
        ("a.md", "# a\nb\nc\n", "# a  \nb  \nnew\n", None),
        ("a.md", "# a\nb\nc\n", "# a  \nb \nnew\n", "# a\nb\nnew\n"),
        ("a.md", "a\nb\n", "a\nnew  \nb\n", "a\nnew  \nb\n"),
        ("a.md", "a\n\nb\n", "a  \n\nnew\n", "a\n\nnew\n"),
        ("a.md", "a \n  \nb  \nc  \n\n", "a\n\nb  \nc\n\n", "a\n\nb  \nc\n\n"),
        ("a.md", "a \n  \nb  \nc  \n\n", "a\n\nb\nc\n\n", None),
        ("a.yaml", "a: |\n  b\n  c\nx: 1\n", "a: |\n  b  \n  c\nx: 2\n", "a: |\n  b\n  c\nx: 2\n"),
        # The same ones at the end of every line, also where they mean nothing, are none of the text.
        ("a.py", "a = 1\nb = 2\n", 'a = 1  \nb = """  \nc  \n"""  \n', 'a = 1\nb = """\nc\n"""\n'),
        ("a.py", "a = 1\nb = 2\n", 'a = 1  \nb = """  \nc   \n"""  \n', None),
        ("a.md", "a\n\nb\n", "a  \n  \nc  \nd  \n", "a\n\nc\nd\n"),
        ("a.md", "a\n\nb\n", "a  \n  \nc  \nd    \n", None),
        ("a.md", "a\n\nb\n", "    a  \n  \n    c  \n", "a\n\nc\n"),
        ("a.md", "a\n\nb\n", "a  \n  \nc \n", None),
        ("a.md", "a\nb\n", "a  \nc  \n", None),
        ("a.py", "a = 1\nb = 2  \n", 'a = 1  \nb = 2  \nc = """  \n"""  \n', None),
        # A text that came indented as a whole moves back, but a string that is new in it may not have moved along.
        ("a.py", "a = 1\nb = 2\n", "  a = 1\n  b = 3\n", "a = 1\nb = 3\n"),
        ("a.py", "a = 1\nb = 2\n", '  a = 1\n  b = """\n    c\n  """\n', None),
        ("a.py", 's = """\na\nb\n"""\n', '  s = """\n  a\n  c\n  """\n', 's = """\na\nc\n"""\n'),
        ("a.js", "a()\n", "  a()\n  x = `\n  ${b(\n  1)}`\n", None),
        ("a.txt", "  a\n  b\n", "    a\n  \n    c\n", "  a\n\n  c\n"),
        ("a.txt", "a\nb\nc\n", "  a\n    b\n  d\n", "a\n  b\nd\n"),
        ("a.txt", "a\nb\n", "a\n  b\n", "a\n  b\n"),
        ("a.txt", "a\nb\n  c\n", "  a\n  b\n  c\n  d\n", "a\nb\nc\nd\n"),
        ("a.txt", "a\n  b\n", "  a\n  b\n", None),
        ("a.txt", "a\nb\n", "  c\n  a\nb\n", "  c\n  a\nb\n"),
        ("a.txt", "  a\n    b\n", "    a\n        b\n    c\n", None),
        ("a.txt", "  a\n  b\n", "    a\n  c\n", "  a\nc\n"),
        ("a.txt", "  a\n  b\n", "  c\n  d\n", "  c\n  d\n"),
        ("a.txt", "a\nb\n", "  c\n  d\n", None),
    ],
)  # fmt: skip
def test_blanks_of_a_file_written_anew(path: str, text: str, given: str, after: str | None) -> None:
    """Of blanks in front of lines and behind them, those of the file stay unless others were clearly meant."""
    file = Snapshot(f"w:{path}", language_of(path), 1, tuple(split_lines(text)))
    shown = Shown({path: file}, lambda other: f"w:{other}", lambda uri: uri == file.uri, syntax)
    found = assemble(Reply("", (Write(1, path, tuple(given.splitlines())),)), shown)
    if after is None:
        assert [type(failure) for failure in found.failures] == [EditUnmatched]
    else:
        assert ["".join(change.after) for change in found.changes] == [after]


BODIES = st.lists(st.sampled_from(["a", "  b", "c = 1", ""]), max_size=6)


@given(BODIES, BODIES, BODIES, BODIES, st.sampled_from([" ", "  ", "\t"]), st.sampled_from(["a.md", "a.py"]))
def test_blanks_at_the_end_of_every_line_change_nothing(
    above: list[str], old: list[str], below: list[str], new: list[str], blanks: str, path: str
) -> None:
    """An edit whose lines all end with the same blanks, one without text among them, is the edit without them."""
    text = "".join(f"{body}\n" for body in (*above, "", *old, *below))
    file = Snapshot(f"w:{path}", language_of(path), 1, tuple(split_lines(text)))
    shown = Shown({path: file}, lambda other: f"w:{other}", lambda uri: uri == file.uri, syntax)
    plain = Replace(1, path, ("", *old), tuple(new))
    worn = Replace(
        1, path, *(tuple(body + blanks for body in side) for side in (plain.search, plain.replace))
    )
    found = [assemble(Reply("", (step,)), shown) for step in (plain, worn)]
    assert found[0].changes == found[1].changes
    assert len(found[0].failures) == len(found[1].failures)
