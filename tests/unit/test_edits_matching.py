"""An edit takes effect where its lines are, exactly and once, and leaves every other byte of the file alone."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from turnout.core.documents import line_body, split_lines
from turnout.core.edits.locating import Matcher
from turnout.core.edits.matching import regions, replace_regions, rewrite, whole
from turnout.core.edits.replies import Replace
from turnout.errors import EditAmbiguous, EditError, EditUnmatched


def apply(text: str, *edits: tuple[str, str]) -> str:
    lines = split_lines(text)
    steps = [
        Replace(
            number, "a.py", tuple(map(line_body, split_lines(old))), tuple(map(line_body, split_lines(new)))
        )
        for number, (old, new) in enumerate(edits, start=1)
    ]
    found, failures = regions("a.py", lines, steps)
    if failures:
        raise failures[0]
    return "".join(replace_regions(lines, found))


@pytest.mark.parametrize(
    ("text", "old", "new", "after"),
    [
        ("a\nb\nc\n", "b\n", "B\n", "a\nB\nc\n"),
        ("a\nb\nc\n", "b\n", "", "a\nc\n"),
        ("a\nb\nc\n", "b\n", "b\nnew\n", "a\nb\nnew\nc\n"),
        ("", "", "x\n", "x\n"),
        ("a\r\nb\r\nc\r\n", "b\n", "B\nnew\n", "a\r\nB\r\nnew\r\nc\r\n"),
        ("a\r\nb\nc\rd\r\n", "b\nc\n", "B\nnew\nc\n", "a\r\nB\nnew\nc\rd\r\n"),
        ("a\r\nb\nc\n", "a\nb\nc\n", "a\nb\nC\n", "a\r\nb\nC\n"),
        ("\ufeffa\r\nb\r\n", "a\n", "A\n", "\ufeffA\r\nb\r\n"),
        ("\ufeffa\nb\n", "a\n", "", "\ufeffb\n"),
        ("\ufeffa\n", "a\n", "top\na\n", "\ufefftop\na\n"),
        ("a\nb", "b\n", "B\n", "a\nB"),
        ("a\nb", "b\n", "B\nc\n", "a\nB\nc"),
        ("a\nb", "b\n", "", "a"),
        ("a\nb", "a\n", "A\n", "A\nb"),
        ("a\n\f\nb\u2028c\n", "b\u2028c\n", "d\n", "a\n\f\nd\n"),
        ("a\n\n\nb\n", "\n\nb\n", "\nb\n", "a\n\nb\n"),
        # Blanks at the ends of lines: those of the file stay.
        ("a  \nb\n  \nc\n", "a\nb\n\n", "a\nB\n\n", "a  \nB\n  \nc\n"),
        ("a\nb\n", "a \nb\t\n", "a \nB\n", "a\nB\n"),
        ("a \nb\n", "a \nb \n", "a\nb \n", "a\nb\n"),  # what was copied exactly and changed is meant
        ("b\na \na\n", "b \na \na\n", "b \na \na\nc\n", "b\na \na\nc\n"),
        # One indentation more, less or of the other kind.
        ("if x:\n    a\n\n    b\n", "a\n\nb\n", "a\n\n    B\n", "if x:\n    a\n\n        B\n"),
        ("a\n  b\nc\n", "    a\n      b\n", "    A\n      b\n      c\n", "A\n  b\n  c\nc\n"),
        ("\tif a:\n\t\tgo()\n", "    if a:\n    \tgo()\n", "    if b:\n    \tgo()\n", "\tif b:\n\t\tgo()\n"),
        # Lines left out between lines that are there.
        ("a\nb\nc\nd\n", "a\n...\nd\n", "A\n...\nD\n", "A\nb\nc\nD\n"),
        ("a\nb\nc\nd\n", "# ... existing code ...\nc\n", "# ... existing code ...\nC\n", "a\nb\nC\nd\n"),
        ("a\n...\nb\n", "a\n...\n", "A\n...\n", "A\n...\nb\n"),
        ("f:\n  a\n#b\n\n  c\n", "f:\n...\n  c\n", "f:\n...\n  C\n", "f:\n  a\n#b\n\n  C\n"),
        ("f:\n  a\ng:\n  c\nd\n", "f:\n...\nd\n", "F:\n...\nD\n", "F:\n  a\ng:\n  c\nD\n"),
        (" f:\n  a\n#b\n\n  c\n", "f:\n # ...\n c\n", "f:\n # ...\n C\n", " f:\n  a\n#b\n\n  C\n"),
    ],
)
def test_only_the_lines_named_change(text: str, old: str, new: str, after: str) -> None:
    """Endings, also mixed ones, the byte order mark and the final newline are those of the file."""
    assert apply(text, (old, new)) == after


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("FOO = 1\n", "foo = 1"),  # never another case
        ("x  = 1\n", "x = 1"),  # never other blanks
        ("if a:\n    go()\nstop()\n", "if a:\n    go()\n    stop()"),  # never across a dedent
        ("xx = 1\n", "x = 1"),  # never part of a line
        ("a\nb\nc\n", "a\nc"),  # never with a line between
        ("“a”\n", '"a"'),  # never another character that looks alike
        ("    a\n  b\n", "  a\n  b"),  # never one line moved further than another
        ("  a\n  b\n", "    a\n\tb"),  # never two kinds of indentation at once
        ("a\nb\nc\n", "c\n...\na"),  # never in another order
        ("a\nb\nc\n", "a\n...\nx"),  # never in part
        ("a\nb\nc\n", "...\n"),  # never everywhere
    ],
)
def test_what_is_not_exactly_there_is_not_there(text: str, search: str) -> None:
    """No case folding, no blanks ignored, no similarity."""
    with pytest.raises(EditUnmatched, match="Block 1"):
        apply(text, (search, "new"))


@pytest.mark.parametrize("mark", ["  # ...", "# ...", "...", "# ... existing code ..."])
@pytest.mark.parametrize("text", ["f:\n  a\n  b\ng:\n  c\n", "\tf:\n\t\ta\n\tg:\n\t\tc\n"])
def test_lines_left_out_are_those_of_their_block(text: str, mark: str) -> None:
    """What follows them is not taken from the block behind it, which nobody meant, wherever their sign stands."""
    with pytest.raises(EditUnmatched, match=rf"Block 1: `{re.escape(mark.strip())}` .* another block"):
        apply(text, (f"f:\n{mark}\n  c", f"f:\n{mark}\n  C"))


ALLMAN = "int f()\n{\n    a();\n}\n\nint g()\n{\n    if (x)\n    {\n        c();\n    }\n    d();\n}\n"


@pytest.mark.parametrize(
    ("text", "search"),
    [
        (ALLMAN, "int f()\n{}\n    d();"),
        (ALLMAN, "int f()\n{}\n        c();"),
        (ALLMAN, "int f()\n{}\n{{\n    if (x)"),
        (ALLMAN, "int f()\n{{\n{}\n    d();"),
        (ALLMAN, "    a();\n{}\n    d();"),
        (ALLMAN, "    a();\n{}\n        c();"),
        (ALLMAN, "int f()\n{{\n{}\n    }}\n    d();"),
        ("f {\n  a\n}\ng {\n  c\n}\nh\n", "f {{\n{}\n}}\nh"),
        ("f:\n  a\n  b\ng:\n  c\n", "  a\n{}\n  c"),
        ("f:\n  m:\n    a\ng:\n  c\n", "  m:\n{}\n  c"),
        ("if x\nthen\n  a\nfi\nif y\nthen\n  c\nfi\n", "if x\n{}\n  c"),
    ],
)
@pytest.mark.parametrize("mark", ["...", "// ... existing code ...", "    // ..."])
def test_lines_left_out_end_no_block(text: str, search: str, mark: str) -> None:
    """Where the braces of a block stand, and whether its first line was given, another block is never meant."""
    old = search.format(mark)
    with pytest.raises(EditUnmatched, match=r"another block|not in a\.py"):
        apply(text, (old, f"new\n{old.split(chr(10), 1)[1]}"))


@pytest.mark.parametrize(
    ("search", "old", "new"),
    [
        ("int g()\n...\n    d();\n", "d()", "e()"),
        ("int g()\n{\n    // ...\n    d();\n", "d()", "e()"),
        ("    if (x)\n...\n    }\n    d();\n", "d()", "e()"),
        ("int f()\n...\nint g()\n{\n", "int g", "int h"),
    ],
)
def test_lines_of_one_block_may_be_left_out(search: str, old: str, new: str) -> None:
    """What is left out between two lines of one block, or of the file itself, is that."""
    assert apply(ALLMAN, (search, search.replace(old, new))) == ALLMAN.replace(old, new)


def test_several_places_are_none() -> None:
    """The first of several is never taken; the message names their lines."""
    with pytest.raises(EditAmbiguous, match="lines 1, 3"):
        apply("x\ny\nx\n", ("x", "z"))
    with pytest.raises(EditAmbiguous, match="lines 1, 2"):
        apply("x\nx\nx\n", ("x\nx", "z"))
    with pytest.raises(EditAmbiguous, match="blanks at ends of lines, at lines 1, 2"):
        apply("x\nx\t\n", ("x ", "z"))
    with pytest.raises(EditAmbiguous, match="indentation, at lines 1, 2"):
        apply("  x\n    x\n", ("x", "z"))
    # Brackets that a model may have moved are found by their indentation alone, which says too little.
    with pytest.raises(EditAmbiguous, match="indentation, at lines 2, 3"):
        apply("a(() => {\n  })\n})\n", ("})", "  b()\n})"))
    assert apply("a {\n}\nb {\n  }\n", ("a {\n}", "c {\n}")) == "c {\n}\nb {\n  }\n"
    with pytest.raises(EditAmbiguous, match="and more"):
        apply("x\n" * 1000, ("x", "z"))


def test_places_that_nobody_looked_at_make_no_place_the_only_one() -> None:
    """The one that fits among the first of very many places may not be the only one that does."""
    other = "if a:\n  b\n"
    several = other * 8 + "  if a:\n      b\n" + other * 8 + "    if a:\n        b\n"
    with pytest.raises(EditAmbiguous, match="indentation"):
        apply(several, ("if a:\n    b", "z"))
    few = other * 8 + "  if a:\n      b\n"
    assert apply(few, ("if a:\n    b", "z")) == other * 8 + "  z\n"


def test_blocks_that_share_lines_are_refused() -> None:
    """Two edits of the same lines contradict each other, also two insertions in one place."""
    with pytest.raises(EditAmbiguous, match="Blocks 1 and 2"):
        apply("a\nb\nc\n", ("a\nb", "x"), ("b\nc", "y"))
    assert apply("a\nb\nc\n", ("c", "C"), ("a", "A")) == "A\nb\nC\n"


@pytest.mark.parametrize(
    ("text", "edits", "is_meant"),
    [
        ("  a\n  b\n", [("  a\n  b\n", "      a\n      c\n")], False),
        ("  a\n  b\n", [("  a\n  b\n", "a\nc\n")], False),
        ("\ta\n\tb\n", [("\ta\n\tb\n", "    a\n    c\n")], False),
        ("  a\n  b\nc\nd\n", [("  a\n  b", "    a\n    e"), ("c\nd", "  c\n  f")], False),
        # Each edit is judged by itself, whatever another one of the file does elsewhere, or does to that line.
        ("x\nc:\n  a\n  b\n", [("x", "y"), ("  a\n  b\n", "a\nd\n")], False),
        ("a:\n  b:\n    c\n    d\n  e\n", [("    c\n    d", "  f\n  d"), ("  e", "  g")], False),
        ("x:\n  a\n  b\n", [("x:", "y:"), ("  a\n  b\n", "a\nd\n")], False),
        ("x\n  a\n  q\n  b\n", [("  a\n...\n  b\n", "  c\n...\nd\n")], False),
        # One that keeps no line has nothing else to say where it stands, and brackets say nothing.
        ("if c:\n    a\n", [("    a", "b")], False),
        ("c\n", [("c", "  d")], False),
        ("f(\n  a,\n  )\n", [("  a,\n  )", "a,\nb\n  )")], False),
        ("  a\n  b\n", [("  a\n  b\n", "    a\n    b\n")], True),
        ("  a\n  b\n", [("  a\n  b\n", "    c\n  b\n")], True),
        ("x\na\nb\n", [("x", "x\nif c:"), ("a\nb", "    a\n    d")], True),
        ("a\nb\n", [("a\nb\n", "if c:\n    a\n    d\n")], True),
        ("if c:\n    a\n    b\n", [("if c:\n    a\n    b\n", "a\nd\n")], True),
        ("if c:\n    a\n    b\n", [("if c:", ""), ("    a\n    b\n", "a\nd\n")], True),
    ],
)
def test_new_text_at_another_indentation_than_the_old(
    text: str, edits: list[tuple[str, str]], is_meant: bool
) -> None:
    """A model that indents all of its REPLACE text otherwise means nothing by it, unless a line around says so."""
    if is_meant:
        assert apply(text, *edits)
        return
    with pytest.raises(EditUnmatched, match="indent lines exactly as they are"):
        apply(text, *edits)


@pytest.mark.parametrize(
    ("text", "search", "new"),
    [
        ("a\nb\n", "    a\n    b\n", "    a\nB\n"),  # further left than the margin
        ("    a\n    b\n", "  a\n  b\n", "a\n  B\n"),
        ("    a\n    b\n", "  a\n  b\n", "  c\nB\n"),  # at the margin of something else
        ("    a\n      b\n      c\n", "a\n  b\n  c\n", "      b\n      C\n"),
        ("\ta\n", "    a\n", "    for b in c:\n        b\n    a\n"),  # by another unit than the file
        ("\ta\n", "a\n", "for b in c:\n    b\na\n"),
        ("    a\n", "a\n", "for b in c:\n\tb\na\n"),
        ("    a;\n", "a;\n", "b;\n    a;\n"),  # with the first line at the margin alone
        ("    a;\n", "a;\n", "if b {\n        c\n    }\n    d;\n"),
    ],
)
def test_lines_that_cannot_be_moved_are_refused(text: str, search: str, new: str) -> None:
    """New lines move along with the old ones where they share their margin, and indent as the file does."""
    with pytest.raises(EditUnmatched, match="at another indentation"):
        apply(text, (search, new))


def test_new_lines_move_with_the_old_ones() -> None:
    """Also left of them where one stays; the blank in front of a star is no unit, and tabs behind tabs are."""
    assert apply("    a\n    b\n", ("  a\n  b\n", "  a\nB\n")) == "    a\n  B\n"
    assert apply("a\n", ("    a\n", "    a\n    b\n")) == "a\nb\n"
    assert apply("    a\n", ("  a\n", "  a\n  b\n")) == "    a\n    b\n"
    assert apply("\ta\n", ("    a\n", "    /*\n     * c\n     */\n    a\n")) == "\t/*\n\t * c\n\t */\n\ta\n"
    assert apply("\ta\n", ("a\n", "if b:\n\tc\na\n")) == "\tif b:\n\t\tc\n\ta\n"


def test_every_edit_counts_in_the_file_as_it_was_shown() -> None:
    """What one block writes is not found by the next."""
    with pytest.raises(EditUnmatched, match="Block 2"):
        apply("a\nb\n", ("a", "x"), ("x", "y"))


def test_an_empty_search_is_for_new_files() -> None:
    """There is no place for nothing in a file that has text."""
    with pytest.raises(EditUnmatched, match="has text"):
        apply("a\n", ("", "b"))


def test_the_nearest_text_is_shown() -> None:
    """A model, or a person, is told what stands where it probably meant."""
    with pytest.raises(EditUnmatched, match=r"lines 2 to 3:\n    go\(\)\n    stop\(\)"):
        apply("def f():\n    go()\n    stop()\n", ("  go()\n    stop()", "x"))
    with pytest.raises(EditUnmatched, match=r"(?s)lines 1 to 2:\na\nb.*lines 3 to 4:\na\nc"):
        apply("a\nb\na\nc\n", ("a\nd", "x"))
    with pytest.raises(EditUnmatched, match=r"lines 1 to 1:\nresult = compute\(a\)"):
        apply("result = compute(a)\n", ("result = compute(b)", "x"))
    with pytest.raises(EditUnmatched, match=r"not in a\.py\.$"):
        apply("aaaa\n", ("zzzz", "x"))


BODIES = st.lists(st.sampled_from(["a", "b", "", "  x", "y"]), min_size=1, max_size=12)
ENDING = st.sampled_from(["\n", "\r\n", "\r"])


@given(
    st.data(), BODIES, st.lists(st.sampled_from(["a", "new", ""]), max_size=5), st.booleans(), st.booleans()
)
def test_lines_outside_and_lines_kept_are_untouched(
    data: st.DataObject, bodies: list[str], new: list[str], bom: bool, final: bool
) -> None:
    """Bodies become what was asked; each line outside of the region keeps its bytes, the file its mark and its end."""
    lines = [body + data.draw(ENDING) for body in bodies]
    lines = split_lines("".join(lines))
    if not final:
        lines[-1] = line_body(lines[-1])
        lines = [line for line in lines if line]
        assume(lines)
    marked = ["\ufeff" + lines[0], *lines[1:]] if bom else lines
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    search = tuple(map(line_body, lines[start:end]))
    try:
        found = Matcher("a.py", marked).region(Replace(1, "a.py", search, tuple(new)))
    except EditAmbiguous:
        all_bodies = [line_body(line) for line in lines]
        places = [i for i in range(len(lines)) if tuple(all_bodies[i : i + len(search)]) == search]
        assert len(places) > 1
        return
    assert (found.start, found.end) == (start, end)
    after = "".join(replace_regions(marked, [found]))
    assert after.startswith("\ufeff") == bom
    plain = after.removeprefix("\ufeff")
    kept_before, kept_after = "".join(lines[:start]), "".join(lines[end:])
    assert plain.startswith(kept_before if kept_after or final else kept_before.rstrip("\r\n"))
    assert plain.endswith(kept_after)
    blank_at_end = end == len(lines) and (not new or new[-1] == "")
    if plain and not blank_at_end:
        assert (plain[-1] in "\r\n") == (line_body(lines[-1]) != lines[-1])


@given(
    st.lists(st.text("ab", max_size=4), max_size=10),
    st.lists(st.text("ab", max_size=4), max_size=10),
    ENDING,
)
def test_a_file_written_anew_keeps_its_style(old: list[str], new: list[str], ending: str) -> None:
    """A whole file has the bodies that were asked for and the one ending that it had."""
    lines = [body + ending for body in old]
    after = rewrite(lines, new)
    assert [line_body(line) for line in after] == new
    assert all(line == line_body(line) + (ending if old else "\n") for line in after)


def test_a_file_written_anew_is_moved_back_to_its_margin() -> None:
    """A whole file that came indented, or with blanks at the ends of lines, is taken without both."""
    lines = split_lines("if a:\n    go()\n\nend  \n")
    assert rewrite(lines, ["  if a:", "      stop()", "", "  end  "]) == (
        "if a:\n",
        "    stop()\n",
        "\n",
        "end  \n",
    )
    assert rewrite(lines, ["if a: ", "    stop()", "\t", "end  "]) == (
        "if a:\n",
        "    stop()\n",
        "\n",
        "end  \n",
    )
    blank = split_lines("a:\n    \nb\n")
    assert rewrite(blank, ["    a:", "        ", "    c"]) == ("a:\n", "    \n", "c\n")
    assert rewrite(lines, ["if a:", "    go()", "", "end"]) == ("if a:\n", "    go()\n", "\n", "end\n")


def test_text_made_of_common_lines_is_found_in_bounded_time() -> None:
    """Where every line stands in thousands of places, the search is still one pass."""
    text = "x\ny\n" * 20_000 + "x\nx\n" + "x\ny\n" * 20_000
    assert apply(text, ("y\nx\nx\nx\ny", "z")).count("z") == 1
    with pytest.raises(EditError):
        apply(text, ("x\ny\n" * 2_000, "z"))
    indented = text.replace("x", "  x").replace("y", "  y")
    assert apply(indented, ("y\nx\nx\nx\ny", "z")).count("z") == 1
    assert apply(text, ("y \nx\nx\nx\ny", "z")).count("z") == 1
    with pytest.raises(EditError):
        apply(indented, ("x\ny\n" * 2_000, "z"))


@pytest.mark.parametrize(
    ("count", "is_refused"), [(4, True), (1, False)], ids=["nearly everywhere", "here and there"]
)
def test_blanks_at_nearly_all_ends_are_not_taken_for_those_of_the_file(count: int, is_refused: bool) -> None:
    """A line of the file with blanks at its end, and the same line without them, look alike in such an answer."""
    old = [*(f"step({number})\n" for number in range(count)), "return \n"]
    said = [*(f"step({number}) " for number in range(count)), "return ", "done() "]
    if is_refused:
        with pytest.raises(EditUnmatched, match="same blanks"):
            whole(old, said)
    else:
        assert whole(old, said).bodies
