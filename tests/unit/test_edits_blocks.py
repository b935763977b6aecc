"""SEARCH/REPLACE blocks and fenced files are read out of any reply, or refused with the block and the reason."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.edits.blocks import parse_blocks
from turnout.core.edits.fences import fence_for, parse_region, parse_whole_files
from turnout.core.edits.replies import Delete, Rename, Replace, Write
from turnout.errors import ReplyUnusable

BLOCK = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"


def check(reply: str, *steps: object, paths: tuple[str, ...] = (), default: str | None = None) -> None:
    assert parse_blocks(reply, paths, default).steps == steps


def edit(number: int, path: str, search: str = "old", replace: str = "new") -> Replace:
    return Replace(
        number,
        path,
        tuple(search.split("\n")) if search else (),
        tuple(replace.split("\n")) if replace else (),
    )


@pytest.mark.parametrize(
    "heading",
    [
        "src/a.py\n",
        "`src/a.py`\n",
        "**src/a.py**\n",
        "### src/a.py\n",
        "File: src/a.py\n",
        "src/a.py:\n",
        "src/a.py\n```python\n",
        "```python\nsrc/a.py\n",
        "```python\n# src/a.py\n",
        "```js\n// src/a.py\n",
        "I will change it.\n\nsrc/a.py\n\n```\n",
    ],
)
def test_a_path_is_found_above_its_block_in_any_dress(heading: str) -> None:
    """The line above a block names its file, with or without fences, marks and labels."""
    check(heading + BLOCK, edit(1, "src/a.py"))


def test_names_without_a_dot_are_known_from_the_files_shown() -> None:
    """A bare word is a path only if the model was shown a file of that name."""
    check("Makefile\n" + BLOCK, edit(1, "Makefile"), paths=("Makefile",))
    check("with spaces/a b.txt\n" + BLOCK, edit(1, "with spaces/a b.txt"), paths=("with spaces/a b.txt",))


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("`new notes.txt`", "new notes.txt"),
        ('### "new notes.txt":', "new notes.txt"),
        ("File: `new notes.txt`", "new notes.txt"),
        ("file: new folder/new notes.txt", "new folder/new notes.txt"),
        ("with spaces/c d.txt", "with spaces/c d.txt"),
        ("`with spaces/c d.txt`", "with spaces/c d.txt"),
        ("I create new notes.txt", None),
        ("I create src/notes.txt", None),
        ("src/a.py now reads notes.txt", None),
        ("This is in `src/notes.txt`", None),
        ("`a` and `b.txt`", None),
        ("`Here it comes`", None),
    ],
)
def test_the_path_of_a_new_file_may_have_blanks(line: str, path: str | None) -> None:
    """Where quotes, a label or a known folder tell it from prose; a file that is there is never meant."""
    new = "<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE\n"
    shown = ("with spaces/a b.txt", "src/a.py")
    if path is None:
        with pytest.raises(ReplyUnusable, match="no line above it names its file"):
            parse_blocks(f"{line}\n{new}", shown)
    else:
        check(f"So be it.\n{line}\n{new}", edit(1, path, search=""), paths=shown)
    with pytest.raises(ReplyUnusable):
        parse_blocks(f"{line}\n{BLOCK}", shown)


NEW = "<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE\n"


@pytest.mark.parametrize(
    ("line", "path", "alone"),
    [
        ("Dockerfile", "Dockerfile", "Dockerfile"),
        ("**Makefile**", "Makefile", "Makefile"),
        ("### `Justfile`:", "Justfile", "Justfile"),
        ('"Gemfile"', "Gemfile", "Gemfile"),
        ("File: LICENSE", "LICENSE", "LICENSE"),
        ("`entrypoint`", "entrypoint", None),
        ("Path: entrypoint", "entrypoint", None),
        ("entrypoint", None, None),
        ("**Profile**", None, None),
        ("Done", None, None),
        ("**Notice:**", None, None),
        ("A Dockerfile", None, None),
        ("`->`", None, None),
    ],
)
def test_a_new_file_without_an_extension(line: str, path: str | None, alone: str | None) -> None:
    """A usual name is one as it is, any other word in quotes or labelled; where one file is asked about it is that."""
    if path is None:
        with pytest.raises(ReplyUnusable, match="no line above it names its file"):
            parse_blocks(f"{line}\n{NEW}", ("a.py",))
    else:
        check(f"So be it.\n\n{line}\n{NEW}", edit(1, path, search=""), paths=("a.py",))
        assert parse_blocks(f"So be it.\n\n{line}\n{NEW}").plan == "So be it."
    check(f"{line}\n{NEW}", edit(1, alone or "a.py", search=""), paths=("a.py",), default="a.py")
    with pytest.raises(ReplyUnusable):
        parse_blocks(f"{line}\n{BLOCK}", ("a.py",))


def test_several_blocks_belong_to_the_file_named_last() -> None:
    """A block right after another, with nothing but fences between, is in the same file."""
    check(
        "a.py\n" + BLOCK + BLOCK + "```\n\n```python\n" + BLOCK,
        edit(1, "a.py"),
        edit(2, "a.py"),
        edit(3, "a.py"),
    )
    check("a.py\n" + BLOCK + "b.py\n" + BLOCK, edit(1, "a.py"), edit(2, "b.py"))


def test_prose_in_front_is_the_plan() -> None:
    """What is said before the first step is the plan, without the path and the fence."""
    reply = parse_blocks("I rename it.\nThen the calls.\n\n`a.py`\n```python\n" + BLOCK + "```\nDone.\n")
    assert reply.plan == "I rename it.\nThen the calls."


def test_create_delete_and_rename() -> None:
    """An empty SEARCH is a new file; removing and renaming are lines of their own."""
    check("n.py\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE", edit(1, "n.py", "", "x = 1"))
    check(
        "*** Delete File: a.py\n*** Rename File: b.py -> c/d.py",
        Delete(1, "a.py"),
        Rename(2, "b.py", "c/d.py"),
    )
    check("a.py\n<<<<<<< SEARCH\nold\n=======\n>>>>>>> REPLACE", edit(1, "a.py", "old", ""))


def test_markers_may_be_miscounted_and_lines_may_end_anyhow() -> None:
    """Five to nine signs are a marker; CRLF and trailing blanks around markers mean nothing."""
    check("a.py\n<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>>> REPLACE\n", edit(1, "a.py"))
    check(f"a.py\n{BLOCK}".replace("\n", "\r\n"), edit(1, "a.py"))
    check("a.py\n<<<<<<< SEARCH \nold\n======= \nnew\n>>>>>>> REPLACE  \n", edit(1, "a.py"))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "no SEARCH/REPLACE block"),
        ("I cannot do that.", "no SEARCH/REPLACE block"),
        ("a.py\n" + BLOCK[: BLOCK.index("new")], "Block 1 .* cut off"),
        ("a.py\n" + BLOCK + "a.py\n<<<<<<< SEARCH\nold\n", "Block 2 .* cut off"),
        (BLOCK, "Block 1 .* no line above it names its file"),
        ("Now I change the other file:\n" + BLOCK, "no line above it names its file"),
        ("a.py\n" + BLOCK + "And in the report too.\n" + BLOCK, "Block 2 .* no line above it names its file"),
        ("a.py\n<<<<<<< SEARCH\nold\n>>>>>>> REPLACE\n", "where ======= should come"),
        (
            "a.py\n<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE\n",
            "where >>>>>>> REPLACE should come",
        ),
        (
            "a.py\n<<<<<<< SEARCH\na\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n",
            "where ======= should come",
        ),
        ("a.py\nold\n=======\nnew\n>>>>>>> REPLACE\n", "no <<<<<<< SEARCH line"),
        ("a.py\n  <<<<<<< SEARCH\n  old\n  =======\n  new\n  >>>>>>> REPLACE\n", "indented"),
        ("*** Rename File: a.py", "OLD -> NEW"),
    ],
)
def test_what_is_not_well_formed_is_refused(reply: str, why: str) -> None:
    """No part of a malformed reply is used, and the message says which block and why."""
    with pytest.raises(ReplyUnusable, match=why):
        parse_blocks(reply)


CODE = st.lists(
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20), max_size=6
).map(lambda lines: tuple(line for line in lines if not line.lstrip().startswith(("<", ">", "=", "*"))))


@given(
    st.lists(st.tuples(st.sampled_from(["a.py", "src/b.ts", "c d.txt"]), CODE, CODE), min_size=1, max_size=5)
)
def test_what_is_written_is_read(blocks: list[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> None:
    """Any blocks written in the format come back as they were."""
    text = "".join(
        "\n".join([path, "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE", ""])
        for path, search, replace in blocks
    )
    steps = tuple(Replace(number, *block) for number, block in enumerate(blocks, start=1))
    check(text, *steps, paths=("a.py", "src/b.ts", "c d.txt"))


TOKENS = [
    "<<<<<<< SEARCH",
    "=======",
    ">>>>>>> REPLACE",
    "a.py",
    "```",
    "````py",
    "x = 1",
    "",
    "  ",
    "*** Delete File: a",
]


@given(st.lists(st.sampled_from(TOKENS) | st.text(max_size=30)).map("\n".join), st.booleans())
def test_any_text_is_read_or_refused(reply: str, whole: bool) -> None:
    """No reply makes the readers fail in any way but the one that is promised."""
    with suppress(ReplyUnusable):
        (parse_whole_files if whole else parse_blocks)(reply, ("a.py",))


@pytest.mark.parametrize(
    "unit",
    [
        "<<<<<<< SEARCH\n",
        "```\n",
        "```py\n",
        "`",
        "#",
        "\n",
        "a.py\n",
        ">>>>>>>",
        "=======\n",
        "a.py\n" + BLOCK,
        "*** R",
    ],
)
def test_long_hostile_replies_end(unit: str) -> None:
    """Any amount of any marker is read or refused in one pass; a quadratic reader would not come back."""
    reply = "a.py\n```\n" + unit * (300_000 // len(unit))
    for parse in (parse_blocks, parse_whole_files):
        with suppress(ReplyUnusable):
            parse(reply)


def test_whole_files_have_their_path_above() -> None:
    """Each fenced block is the file that the line above it names."""
    reply = parse_whole_files(
        "Plan.\n\na.py\n```python\nx = 1\n\n```\n\n`b/c.md`\n````\n```\ncode\n```\n````\nDone."
    )
    assert reply.plan == "Plan."
    assert reply.steps == (Write(1, "a.py", ("x = 1", "")), Write(2, "b/c.md", ("```", "code", "```")))


def test_a_single_file_needs_no_name() -> None:
    """Where one file was asked about, its reply is one block, whatever stands around it."""
    reply = parse_whole_files("Here you are:\n\n```python\nx = 1\n```\nI changed x.", (), "a.py")
    assert reply.steps == (Write(1, "a.py", ("x = 1",)),)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("x = 1", "no fenced block"),
        ("```python\nx = 1\n", "cut off"),
        ("```md\ntext\n```python\ncode\n```\n", "a fence inside it is as long as its own"),
        ("```\na\n```\nor\n```\nb\n```\n", "2 fenced blocks"),
    ],
)
def test_a_region_is_the_only_block_or_refused(reply: str, why: str) -> None:
    """One fenced block with a certain end, or nothing."""
    with pytest.raises(ReplyUnusable, match=why):
        parse_region(reply)


def test_a_block_without_a_name_is_refused_among_several_files() -> None:
    """A second block that names no file may be an example as well as a file."""
    with pytest.raises(ReplyUnusable, match=r"Block 2 .* names its file"):
        parse_whole_files("a.py\n```\nx\n```\nUse it like this, for instance:\n```\ny\n```\n")


@given(st.text(alphabet="`~a \n", max_size=40))
def test_a_fence_chosen_for_a_text_ends_after_it(text: str) -> None:
    """A text put between fences that were chosen for it comes back whole."""
    lines = text.split("\n")
    fence = fence_for(text)
    assert parse_region("\n".join([f"{fence}python", *lines, fence])) == tuple(lines)
