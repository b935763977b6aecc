"""The parts of a frame become the hole of a document, and a prompt that the tokenizer cannot misread."""

import pytest

from turnout.core.fim.families import candidates
from turnout.core.fim.layout import (
    Hole,
    Layout,
    Special,
    Window,
)
from turnout.worker.engines.base import EngineError, Work
from turnout.worker.parts import KEPT_DOCUMENTS, Layouts, hole_from_parts, tokens_and_text
from turnout.worker.wire import Part

QWEN = candidates("qwen2.5-coder-0.5b")[0]
LINES = "".join(f"line_{number} = {number}\n" for number in range(2000))


def shown(layout: Layout) -> str:
    return "".join(f"[{piece.text}]" if isinstance(piece, Special) else piece for piece in layout.pieces)


def test_parts_become_a_hole() -> None:
    """Chunks keep their order and paths; the path of the prefix is the path of the hole."""
    hole = hole_from_parts(
        [
            {"role": "chunk", "text": "B", "path": "b.py"},
            {"role": "chunk", "text": "C", "path": "c.py"},
            {"role": "prefix", "text": "x", "path": "a.py"},
            {"role": "suffix", "text": "y"},
        ]
    )
    assert hole == Hole("a.py", "x", "y", (("b.py", "B"), ("c.py", "C")))


def test_a_model_reads_plain_line_ends() -> None:
    """Windows line ends cost tokens, and are hardly ever what models have learned from."""
    parts: list[Part] = [
        {"role": "chunk", "text": "B\r\n", "path": "b.py"},
        {"role": "prefix", "text": "a\r\nb\r", "path": "a.py"},
        {"role": "suffix", "text": "\r\n\r\nc"},
    ]
    assert hole_from_parts(parts) == Hole("a.py", "a\nb\r", "\n\nc", (("b.py", "B\n"),))


def work(prefix: str, document: str = "doc", generate: bool = True) -> Work:
    return Work(
        document,
        ({"role": "prefix", "text": prefix}, {"role": "suffix", "text": ""}),
        False,
        generate=generate,
    )


def test_each_document_keeps_its_own_anchor() -> None:
    """Documents in turn move nothing in each other's prompts, and only so many are remembered."""
    layouts = Layouts("qwen2.5-coder-0.5b", QWEN)
    text = LINES[:3990]
    first = layouts.render(work(text), Window())
    for number in range(KEPT_DOCUMENTS - 1):
        layouts.render(work(LINES[:3500], f"other {number}"), Window())
    grown = layouts.render(work(text + "x" * 40), Window())
    assert shown(grown).startswith(shown(first)[:200]) is False  # the window was full
    assert layouts.render(work(text + "x" * 50), Window()).anchor == grown.anchor
    for number in range(KEPT_DOCUMENTS):
        layouts.render(work(LINES[:3500], f"newer {number}"), Window())
    assert layouts.render(work(text), Window()).anchor == first.anchor


def test_a_prompt_that_nobody_waits_for_settles() -> None:
    """What is only evaluated ahead moves a window that is nearly full."""
    layouts = Layouts("qwen2.5-coder-0.5b", QWEN)
    typed = layouts.render(work(LINES[:3800]), Window())
    warmed = layouts.render(work(LINES[:3800], generate=False), Window())
    assert warmed.anchor.head != typed.anchor.head
    assert layouts.render(work(LINES[:3810]), Window()).anchor.head == warmed.anchor.head


def test_a_prompt_in_plain_order_is_what_other_clients_send() -> None:
    """Prefix, suffix, middle, and nothing left out at the cursor."""
    plain = Work("d", work("x = ab").parts, False, plain=True)
    layout = Layouts("qwen2.5-coder-0.5b", QWEN).render(plain, Window())
    assert (shown(layout), layout.forced) == ("[<|fim_prefix|>]x = ab[<|fim_suffix|>][<|fim_middle|>]", "")


def test_a_model_that_fills_no_holes_says_so() -> None:
    """The message names the model, and one that can."""
    with pytest.raises(EngineError, match=r"my-model has no fill-in-the-middle tokens.*qwen2\.5-coder-0\.5b"):
        Layouts("my-model", None).render(work("x"), Window())


def test_names_of_tokens_in_a_text_reach_the_tokenizer_in_pieces() -> None:
    """Only the layout's own special tokens become ids."""
    special = {"<|fim_middle|>": 7, "<s>": 8}
    found = tokens_and_text([Special("<|fim_middle|>"), "a <|fim_middle|> <s>", "b"], special)
    assert found == [7, "a <", "|fim_middle|> <", "s>", "b"]
