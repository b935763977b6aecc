"""What a hole becomes on its way out, and what an answer becomes on its way to the cursor."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.fim.layout import Window
from turnout.core.models import Model
from turnout.core.prompts import ContextChunk, FimPrompt
from turnout.errors import BackendError, RequestRejected
from turnout.remote import Writer
from turnout.remote.failures import Peer
from turnout.remote.fill import Cut, Typesetter, fill, fill_without_marks

PEER = Peer("far", "h.example")
QWEN = Model("far", "completions", "qwen2.5-coder-0.5b", base_url="https://h.example", context_tokens=8192)
STARCODER = replace(QWEN, model="bigcode/starcoder2-7b")
LINES = "".join(f"line_{number} = {number}\n" for number in range(40))


def hole(prefix: str, suffix: str = "\nend\n", **more: object) -> FimPrompt:
    return replace(FimPrompt("file:///a.py", "a.py", prefix, suffix), **more)  # type: ignore[arg-type]


def test_tail_behind_the_middle_token() -> None:
    """The last lines before the cursor stand at the end, without the word that is healed, and typing only appends."""
    typesetter = Typesetter()
    first = typesetter.lay_out(QWEN, hole(LINES + "total = li"))
    assert first.text.startswith("<|fim_prefix|>line_0 = 0\n")
    assert first.text.endswith("line_39 = 39\ntotal =")
    assert "<|fim_suffix|>\nend\n<|fim_middle|>line_3" in first.text
    assert first.forced == " li"
    second = typesetter.lay_out(QWEN, hole(LINES + "total = line_1 + "))
    assert second.text.startswith(first.text)


def test_documents_do_not_share_an_anchor() -> None:
    """Each document keeps its own layout, and so does each model."""
    typesetter = Typesetter()
    alone = Typesetter().lay_out(QWEN, hole("x = ", document="file:///b.py"))
    typesetter.lay_out(QWEN, hole(LINES + "x = "))
    assert typesetter.lay_out(QWEN, hole("x = ", document="file:///b.py")) == alone
    for number in range(300):  # more than are kept
        typesetter.lay_out(QWEN, hole(LINES, document=str(number)))


@given(st.lists(st.integers(0, len(LINES)), min_size=1, max_size=6), st.data())
def test_a_look_ahead_changes_nothing(cursors: list[int], data: st.DataObject) -> None:
    """What would be written is what is written right after, wherever else somebody looked before."""
    writer, undisturbed = Writer(), Writer()
    for cursor in cursors:
        writer.foresee(QWEN, hole(LINES[: data.draw(st.integers(0, len(LINES)))]))
        foreseen = writer.foresee(QWEN, hole(LINES[:cursor]))
        written = writer.write(QWEN, hole(LINES[:cursor]))
        assert foreseen.encoded() == written.encoded()
        assert written.encoded() == undisturbed.write(QWEN, hole(LINES[:cursor])).encoded()


def test_plain_order() -> None:
    """A family whose layout was not measured gets the usual order, and nothing is forced."""
    laid_out = Typesetter().lay_out(STARCODER, hole("x = fo", "\n"))
    assert laid_out.text == "<fim_prefix>x = fo<fim_suffix>\n<fim_middle>"
    assert laid_out.forced == ""


@pytest.mark.parametrize(
    "name", ["codellama-7b", "deepseek-coder-6.7b-base", "codegemma-2b", "Codestral-22B-v0.1"]
)
def test_beginning(name: str) -> None:
    """The token that begins every prompt is left to the server, which adds it by itself."""
    text = Typesetter().lay_out(replace(QWEN, model=name), hole("a", "b")).text
    assert not any(
        text.startswith(begin) for begin in ("<s>", "<bos>", "<\uff5cbegin\u2581of\u2581sentence\uff5c>")
    )


@pytest.mark.parametrize(
    ("model", "first"),
    [
        (replace(QWEN, model="our-finetune", family="starcoder2"), "<fim_prefix>"),
        (replace(QWEN, family="codellama"), "<PRE>"),
    ],
)
def test_family_by_name(model: Model, first: str) -> None:
    """What the user says of a model's family goes before what its name says."""
    assert Typesetter().lay_out(model, hole("a", "b")).text.startswith(first)


@pytest.mark.parametrize("model", [replace(QWEN, model="glm-5"), replace(QWEN, family="nonsense")])
def test_unknown_family(model: Model) -> None:
    """A model that nobody knows how to ask is not asked, and the message names the setting."""
    with pytest.raises(RequestRejected, match="not known") as caught:
        Typesetter().lay_out(model, hole("a", "b"))
    assert "`family` of [models.far]" in caught.value.advice
    assert "qwen-coder" in caught.value.advice


@pytest.mark.parametrize(
    ("prefix", "shape", "ends"),
    [("x = ", "line", True), ("x = ", "block", False), ("", "line", False), ("x\n    ", "line", False)],
)
def test_line_break_ends_a_line(prefix: str, shape: str, ends: bool) -> None:
    """A line ends at its break; on a line that is still blank the model may begin with one."""
    prompt = hole(prefix, shape=shape)
    for stop in (fill(QWEN, prompt).stop, Typesetter().lay_out(QWEN, prompt).stop):
        assert ("\n" in stop[:1]) is ends


@pytest.mark.parametrize(
    ("context_tokens", "most"), [(256, 400), (512, 900), (4096, 8200), (100_000, 14_000)]
)
def test_window(context_tokens: int, most: int) -> None:
    """No more text is sent than the model takes, and what is nearest to the cursor stays."""
    model = replace(QWEN, context_tokens=context_tokens)
    prompt = hole("p" * 30_000 + "x = ", "s" * 30_000, context=(ContextChunk("b.py", "c" * 3900, "test"),))
    for sent in (fill(model, prompt), fill_without_marks(model, prompt)):
        assert sent.characters <= most
        assert sent.hole.prefix.endswith("px = ")
        assert sent.hole.suffix.startswith("s")
    assert Typesetter().lay_out(model, prompt).characters <= most + 100


def test_window_of_a_server_here() -> None:
    """A llama-server on this machine reads as much as was found out for the place, every other one the usual."""
    here = replace(QWEN, server="llama-server")
    asked = hole(LINES * 20, window=Window(300, 100, 0))
    near, unknown, far = (
        len(Typesetter().lay_out(model, prompt).text)
        for model, prompt in (
            (here, asked),
            (here, replace(asked, window=None)),
            (replace(here, leaves_machine=True), asked),
        )
    )
    assert near < 500 < unknown < 4000 < far


def test_marks_only_where_they_are_read() -> None:
    """llama-server takes text as mere characters; for other servers names of special tokens are left out."""
    prompt = hole("a</s>b", "c[SUFFIX]d")
    assert fill(QWEN, prompt).hole.prefix == "a</s>b"
    cleaned = fill_without_marks(Model("far", "mistral-fim", "codestral-latest"), prompt).hole
    assert (cleaned.prefix, cleaned.suffix) == ("/s>b", "c")


def kept(text: list[str], forced: str = "", stop: tuple[str, ...] = ()) -> tuple[str, bool]:
    """What comes through of an answer, and whether it was ended here."""
    cut = Cut(PEER, forced, stop)
    out = "".join(cut.feed(piece) for piece in text)
    return out + cut.rest(), cut.over


@pytest.mark.parametrize(
    ("text", "forced", "stop", "expected", "over"),
    [
        ("abc", "", (), "abc", False),
        ("abc", "", ("\n",), "abc", False),
        ("abc\ndef", "", ("\n",), "abc", True),
        ("\nabc", "", ("\n",), "", True),
        (" lines)", " li", (), "nes)", False),
        (" li", " li", (), "", False),
        ("ab<|end|>c", "", ("<|end|>",), "ab", True),
        ("a<|e", "", ("<|end|>",), "a<|e", False),
        ("a<<|end|>", "", ("\n", "<|end|>"), "a<", True),
        ("a\n<|end|>", "", ("<|end|>", "\n"), "a", True),
        ("naïve 🚃\n", " ", ("\n",), None, False),
        ("", " li", (), "", False),
        (" l", " li", (), "", False),
        ("other", " li", (), None, False),
    ],
)
def test_cut(text: str, forced: str, stop: tuple[str, ...], expected: str | None, over: bool) -> None:
    """The forced beginning and all from the first stop on are not passed on; an answer that begins otherwise fails."""
    for pieces in ([text], list(text)):
        if expected is None:
            with pytest.raises(BackendError, match="something else than the word"):
                kept(pieces, forced, stop)
        else:
            assert kept(pieces, forced, stop) == (expected, over)


@given(
    text=st.text("ab\n<|>", max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    forced=st.sampled_from(["", "a", "ab"]),
    stop=st.sampled_from([(), ("\n",), ("<|b|>", "\n"), ("<|a|>", "<|b|>")]),
)
def test_cut_anywhere(text: str, cuts: list[int], forced: str, stop: tuple[str, ...]) -> None:
    """What is kept of an answer does not depend on how it was cut on its way."""
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]

    def outcome(parts: list[str]) -> object:
        try:
            return kept(parts, forced, stop)
        except BackendError as exc:
            return str(exc)

    assert outcome(pieces) == outcome([text])
