"""Prompts of each family, windows that do not move while one types, and text that stays text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.fim.families import FAMILIES, Family, candidates, recognize
from turnout.core.fim.layout import (
    Anchor,
    Hole,
    Layout,
    Special,
    Window,
    healing_grammar,
    inert,
    render,
    without_closers,
)

QWEN = candidates("qwen2.5-coder-0.5b")[0]
LINES = "".join(f"line_{number} = {number}\n" for number in range(2000))


def shown(layout: Layout) -> str:
    return "".join(f"[{piece.text}]" if isinstance(piece, Special) else piece for piece in layout.pieces)


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        ("qwen2.5-coder-0.5b", "[<|fim_prefix|>][<|fim_suffix|>]\nend[<|fim_middle|>]x = "),
        ("qwen2.5-coder-7b", "[<|fim_prefix|>]x = ab[<|fim_suffix|>]\nend[<|fim_middle|>]"),
        ("starcoder2-3b", "[<fim_prefix>]x = ab[<fim_suffix>]\nend[<fim_middle>]"),
        (
            "DeepSeek-Coder-V2-Lite",
            "[<｜begin▁of▁sentence｜>][<｜fim▁begin｜>]x = ab[<｜fim▁hole｜>]\nend[<｜fim▁end｜>]",  # noqa: RUF001
        ),
        ("CodeLlama-7B", "[<s>][<PRE>]x = ab[<SUF>]\nend[<MID>]"),
        ("codestral-22b", "[<s>][[SUFFIX]]\nend[[PREFIX]]x = ab"),
        ("codegemma-2b", "[<bos>][<|fim_prefix|>]x = ab[<|fim_suffix|>]\nend[<|fim_middle|>]"),
        ("granite-3b-code", "[<fim_prefix>]x = ab[<fim_suffix>]\nend[<fim_middle>]"),
        ("Seed-Coder-8B", "[<[fim-suffix]>]\nend[<[fim-prefix]>]x = ab[<[fim-middle]>]"),
        ("mellum-4b", "[<fim_suffix>]\nend[<fim_prefix>]x = ab[<fim_middle>]"),
    ],
)
def test_each_family_gets_its_own_tokens_in_its_own_order(model: str, prompt: str) -> None:
    """The same hole, as the cards of the families describe it."""
    layout = render(candidates(model)[0], Hole("a.py", "x = ab", "\nend"), Window())
    expected = prompt.replace("x = ", "x =") if layout.forced else prompt
    assert shown(layout) == expected
    assert layout.forced == (" ab" if model.endswith("0.5b") else "")


@pytest.mark.parametrize(
    ("model", "begins"),
    [
        (
            "qwen2.5-coder",
            "[<|repo_name|>]workspace\n[<|file_sep|>]b.py\nB\n[<|file_sep|>]a.py\n[<|fim_prefix|>]",
        ),
        ("starcoder2", "[<repo_name>]workspace\n[<file_sep>]b.py\nB\n[<file_sep>][<fim_prefix>]a.py\nx"),
        ("codegemma", "[<bos>][<|file_separator|>]b.py\nB\n[<|file_separator|>]a.py\n[<|fim_prefix|>]"),
        ("mellum", "[<reponame>]workspace\n[<filename>]b.py\nB\n[<filename>]a.py\n[<fim_suffix>]"),
        ("granite-code", "[<fim_prefix>]# b.py\nB\n\n# a.py\nx"),
        ("codellama", "[<s>][<PRE>]# b.py\nB\n\n# a.py\nx"),
        ("codestral", "[<s>][[SUFFIX]][[PREFIX]]# b.py\nB\n\n# a.py\nx"),
        ("seed-coder", "[<[fim-suffix]>][<[fim-prefix]>]# b.py\nB\n\n# a.py\nx"),
    ],
)
def test_other_files_come_in_the_tokens_that_a_family_knows(model: str, begins: str) -> None:
    """A family that was not trained with file tokens is shown other files as comments name them."""
    layout = render(candidates(model)[0], Hole("a.py", "x", "", (("b.py", "B\n"),)), Window())
    assert shown(layout).startswith(begins)


@pytest.mark.parametrize(
    ("path", "mark"),
    [("a.py", "#"), ("A.RB", "#"), ("init.lua", "--"), ("main.rs", "//"), ("Makefile", "//")],
)
def test_a_comment_begins_as_in_the_language_of_its_file(path: str, mark: str) -> None:
    """The name of a file is said in a way that its language takes for a comment."""
    layout = render(candidates("codellama")[0], Hole(path, "x", "", (("b", "B"),)), Window())
    assert shown(layout).startswith(f"[<s>][<PRE>]{mark} b\nB\n\n{mark} {path}\nx")


def test_a_file_alone_has_no_heading() -> None:
    """Without other files a prompt is the hole and nothing else."""
    assert (
        shown(render(candidates("codellama")[0], Hole("a.py", "x", "y"), Window()))
        == "[<s>][<PRE>]x[<SUF>]y[<MID>]"
    )


def test_other_files_are_left_out_whole_where_there_is_no_room() -> None:
    """A file is never cut, and the earlier ones, which rank higher, go first."""
    hole = Hole("a.py", "x", "", (("b.py", "B" * 60), ("c.py", "C" * 60)))
    text = shown(render(QWEN, hole, Window(chunk_chars=100)))
    assert "B" * 60 in text
    assert "C" not in text


@pytest.mark.parametrize(
    ("prefix", "forced"),
    [
        ("x = foo", " foo"),
        ("    ret", "    ret"),
        ("def f():\n\t\t", "\t\t"),
        ("foo(", ""),
        ("foo.", ""),
        ("foo.ba", "ba"),
        ("a = 1\n", ""),
        ("naïve", "naïve"),
        ("", ""),
        ("key = " + "Zm9v" * 900, "Zm9v" * 16),
        ("x\n" + " " * 1000, " " * 64),
        ("key = " + "Zm9v" * 900 + "=", ""),
    ],
)
def test_the_word_at_the_cursor_is_healed(prefix: str, forced: str) -> None:
    """What is left out of the prompt is exactly what the grammar forces back."""
    layout = render(QWEN, Hole("a.py", prefix, ""), Window())
    assert layout.forced == forced
    assert shown(layout).endswith("[<|fim_middle|>]" + prefix[: len(prefix) - len(forced)])


@pytest.mark.parametrize(
    ("forced", "literal"),
    [
        ("ret", '"ret"'),
        ("\t", '"\\t"'),
        ('a"b', '"a\\"b"'),
        ("a\\n", '"a\\\\n"'),
        ("a\r\n", '"a\\r\\n"'),
        ("\U0001d4b3数", '"\U0001d4b3数"'),
    ],
)
def test_the_grammar_quotes_what_it_forces(forced: str, literal: str) -> None:
    """Whatever stands at the cursor is a literal, and newlines may follow it."""
    assert healing_grammar(forced) == f'root ::= {literal} ( [^\\n] | "\\n" )*'


def evaluated(old: Layout, new: Layout) -> str:
    """The text of `new` that does not stand at the beginning of `old`."""
    one, other = shown(old), shown(new)
    common = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return other[common:]


CLOSED = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}


class Typist:
    """An editor that closes brackets and quotes by itself, and moves over those that are there when they are typed."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after

    def type(self, character: str) -> None:
        if self.after.startswith(character) and character in CLOSED.values():
            self.after = self.after[1:]
        elif character in CLOSED:
            self.after = CLOSED[character] + self.after
        self.before += character

    def erase(self) -> None:
        last, self.before = self.before[-1:], self.before[:-1]
        if last in CLOSED and self.after.startswith(CLOSED[last]):
            self.after = self.after[1:]

    @property
    def hole(self) -> Hole:
        return Hole("a.py", self.before, self.after)


keys = st.text(st.sampled_from("ab_ (){}[]\"',.=\n\t"), min_size=1, max_size=60)


@given(st.integers(1, 1500), keys, st.sampled_from(["", "\n" + LINES[-900:]]))
def test_typing_with_closed_brackets_only_appends_to_the_prompt(lines: int, typed: str, after: str) -> None:
    """Brackets that come and go behind the cursor cost nothing, and the prompt ends as the document does there."""
    editor = Typist(LINES[: LINES.index(f"line_{lines} ")], after)
    layout = render(QWEN, editor.hole, Window(), settle=True)
    for key in typed:
        editor.type(key)
        new = render(QWEN, editor.hole, Window(), layout.anchor)
        assert len(evaluated(layout, new)) <= len(layout.forced) + 2 or _recut(layout, new)
        assert (shown(new) + new.forced).endswith(editor.before[-40:])
        layout = new


def _recut(old: Layout, new: Layout) -> bool:
    """Whether the tail had grown over its limit, which costs it and the suffix once in many lines."""
    return old.anchor.tail_at != new.anchor.tail_at and shown(old).rpartition("]")[2].count("\n") >= 20


@given(st.lists(st.sampled_from(["erase", "a", "(", ")", " ", "\n", "["]), max_size=40))
def test_erasing_and_typing_again_never_moves_the_suffix(steps: list[str]) -> None:
    """Within the lines after the middle token, an edit costs only what comes after the middle token."""
    editor = Typist(LINES[:3000], "\n" + LINES[-900:])
    first = layout = render(QWEN, editor.hole, Window())
    for step in steps:
        if step != "erase":
            editor.type(step)
        elif not editor.before.endswith("\n"):
            editor.erase()
        layout = render(QWEN, editor.hole, Window(), layout.anchor)
        if not _recut(first, layout):
            assert shown(layout).startswith(shown(first).partition("[<|fim_middle|>]")[0])


def test_an_idle_moment_makes_room_for_typing() -> None:
    """A window and a tail that are nearly full are moved while nobody waits, and then stay where they are."""
    nearly_full = Typist(LINES[:3700], "\n" + LINES[-900:])
    layout = render(QWEN, nearly_full.hole, Window())
    for key in "\n" * 17:
        nearly_full.type(key)
        layout = render(QWEN, nearly_full.hole, Window(), layout.anchor)
    settled = render(QWEN, nearly_full.hole, Window(), layout.anchor, settle=True)
    assert settled.anchor.head != layout.anchor.head
    assert shown(settled).rpartition("]")[2].count("\n") <= 8
    for key in "value = compute(1)\n" * 8:
        nearly_full.type(key)
        new = render(QWEN, nearly_full.hole, Window(), settled.anchor)
        assert len(evaluated(settled, new)) <= 12
        settled = new


@pytest.mark.parametrize(
    ("suffix", "kept"),
    [
        (")\nx", "\nx"),
        ('"):\r\nx', "\r\nx"),
        (" }", ""),
        ("\nx", "\nx"),
        ("", ""),
        ("  \n)", "\n)"),
        (", b)\nx", ", b)\nx"),
        (") + c\nx", ") + c\nx"),
    ],
)
def test_closers_at_the_end_of_the_line_are_not_shown(suffix: str, kept: str) -> None:
    """Only where nothing else is left of the line: anything more says what is wanted there."""
    assert without_closers(suffix) == kept


@pytest.mark.parametrize("typed", ["foo_bar(baz, 12)", "x\n    y\n    z = 1\n", "\n" * 12])
@pytest.mark.parametrize("lines", [3, 40, 1500])
def test_typing_only_appends_to_the_prompt(typed: str, lines: int) -> None:
    """While one types forward, each prompt begins with all of the one before, but for the healed word."""
    before = LINES[: LINES.index(f"line_{lines} ")]
    after = "\n" + LINES[-900:]
    layout = render(QWEN, Hole("a.py", before, after), Window())
    for count in range(1, len(typed) + 1):
        new = render(QWEN, Hole("a.py", before + typed[:count], after), Window(), layout.anchor)
        assert len(evaluated(layout, new)) <= 12, typed[:count]
        layout = new


def test_a_window_that_is_full_moves_in_steps() -> None:
    """Typing a thousand characters at the end of a long file moves the window's start at most twice."""
    prefix, suffix = LINES, ""
    layout = render(QWEN, Hole("a.py", prefix, suffix), Window())
    starts = {layout.anchor.head}
    for number in range(50):
        prefix += f"another line {number}\n"
        layout = render(QWEN, Hole("a.py", prefix, suffix), Window(), layout.anchor)
        starts.add(layout.anchor.head)
    assert len(starts) <= 2


def test_a_server_that_sends_a_sliding_part_of_the_file_moves_nothing() -> None:
    """The anchor is the text itself, so it holds although the prefix starts elsewhere each time."""
    text = LINES + "value = "
    layout = render(QWEN, Hole("a.py", text[-8000:], ""), Window())
    for count, typed in enumerate("compute(1, 2)", start=1):
        text += typed
        new = render(QWEN, Hole("a.py", text[-8000 + count :], ""), Window(), layout.anchor)
        assert len(evaluated(layout, new)) <= 12
        layout = new


documents = st.text(st.sampled_from("ab \n\t(.é"), max_size=400)
anchors = st.none() | st.builds(Anchor, documents, st.integers(0, 500), documents, documents)


families = st.sampled_from(FAMILIES)
sizes = st.integers(1, 300)


@given(documents, documents, anchors, families, sizes, sizes, st.booleans())
def test_no_text_is_lost_or_invented_near_the_cursor(
    prefix: str, suffix: str, anchor: Anchor | None, family: Family, before: int, after: int, settle: bool
) -> None:
    """Whatever the anchor says, the prompt holds the end of the prefix and the beginning of the suffix."""
    layout = render(family, Hole("a.py", prefix, suffix), Window(before, after, 0), anchor, settle=settle)
    parts = _parts(family, layout)
    if family.tail_lines:
        suffix = without_closers(suffix)
    assert prefix.endswith(parts["prefix"] + layout.forced)
    assert suffix.startswith(parts["suffix"])
    assert len(parts["prefix"]) + len(layout.forced) <= before
    assert len(parts["prefix"]) + len(layout.forced) >= min(len(prefix), before // 2)
    assert len(parts["suffix"]) <= after


def _parts(family: Family, layout: Layout) -> dict[str, str]:
    names = {family.prefix: "prefix", family.middle: "prefix", family.suffix: "suffix"}
    parts, current = {"prefix": "", "suffix": ""}, ""
    for piece in layout.pieces:
        if isinstance(piece, Special):
            current = names.get(piece.text, "")
        elif current:
            parts[current] += piece
    return parts


@given(st.text(st.sampled_from("<>|fim_middle [/INST]"), max_size=60), st.booleans())
def test_pieces_join_to_the_same_text(text: str, special: bool) -> None:
    """Cutting changes nothing but where the tokenizer stops looking."""
    assert "".join(inert(text, lambda _: special)) == text


@pytest.mark.parametrize("token", sorted({token for family in FAMILIES for token in family.tokens}))
def test_no_piece_holds_a_special_token(token: str) -> None:
    """The name of a token in a file is cut, wherever it stands and however often."""
    text = f"a{token}{token} b <{token}> {token}"
    pieces = list(inert(text, lambda found: found == token))
    assert "".join(pieces) == text
    assert not [piece for piece in pieces if token in piece]


def test_brackets_that_are_no_tokens_stay_whole() -> None:
    """Markup and indexing are not cut."""
    text = "<div>a</div> x[INDEX] <T>"
    assert list(inert(text, lambda _: False)) == [text]


def test_a_model_of_unknown_name_may_be_of_any_family_in_plain_order() -> None:
    """The engine then tries which family's tokens the vocabulary holds; nothing was measured for such a model."""
    tried = candidates("my-model")
    assert {family.tokens for family in tried} == {family.tokens for family in FAMILIES}
    assert not [family.name for family in tried if family.tail_lines or family.heal != "nothing"]


@pytest.mark.parametrize(
    ("model", "vocabulary", "family"),
    [
        ("qwen2.5-coder-0.5b", QWEN.tokens, "qwen-coder-small"),
        ("qwen2.5-coder-0.5b", ("<fim_prefix>",), None),
        ("my-model", QWEN.tokens, "qwen-coder"),
        ("my-model", ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"), "granite"),
        ("my-model", (), None),
    ],
)
def test_a_family_is_recognized_by_its_tokens(
    model: str, vocabulary: tuple[str, ...], family: str | None
) -> None:
    """A name alone is not enough: the vocabulary must hold all tokens that a prompt may need."""
    ids = {token: number for number, token in enumerate(vocabulary)}
    found = recognize(model, ids.get)
    assert (found[0].name if found else None) == family
    assert found is None or all(ids[token] == number for token, number in found[1].items())
