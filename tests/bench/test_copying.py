"""The stand-in that copies: what it writes stood in the prompt."""

import pytest

from bench.copying import write
from turnout.core.fim.layout import Window
from turnout.core.prompts import ContextChunk, FimPrompt

CONTEXT = "def pay(order):\n    total = price(order, rate)\n    return total\n"


@pytest.mark.parametrize(
    ("prefix", "context", "written"),
    [
        ("def bill(order):\n    total = pri", CONTEXT, "ce(order, rate)"),
        ("def bill(order):\n    total = ", CONTEXT, "price(order, rate)"),
        ("a = f(x)\nb = g(y)\na = ", "", "f(x)"),
        ("def bill(order):\n    total = pri", "", ""),
        ("", CONTEXT, ""),
    ],
    ids=["rest of a word", "rest of a line", "of the file itself", "nothing like it", "nothing before"],
)
def test_it_goes_on_as_the_prompt_did(prefix: str, context: str, written: str) -> None:
    """To the end of the line, from a context or from the text before the cursor, and never out of nothing."""
    chunks = (ContextChunk("pay.py", context, "similar"),) if context else ()
    prompt = FimPrompt(
        kind="inline",
        document="file:///app.py",
        path="app.py",
        prefix=prefix,
        suffix="\n",
        context=chunks,
        shape="line",
        max_tokens=40,
        window=Window(),
    )
    assert write(prompt) == written
