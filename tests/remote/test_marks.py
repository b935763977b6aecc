"""Text of the user never becomes a special token of a model, although a server reads all of a prompt as one text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.core.fim.families import FAMILIES, Family
from turnout.core.fim.layout import Hole
from turnout.core.models import Model
from turnout.core.prompts import ContextChunk, FimPrompt
from turnout.remote.fill import Typesetter
from turnout.remote.marks import marks_of, without_marks

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def family(name: str) -> Family:
    return next(family for family in FAMILIES if family.name.startswith(name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qwen", "<|fim_middle|>"),
        ("qwen", "<|im_start|>"),
        ("qwen", "<|endoftext|>"),
        ("qwen", "<tool_call>"),
        ("starcoder2", "<file_sep>"),
        ("starcoder2", "<jupyter_code>"),
        ("granite", "<filename>"),
        ("mellum", "<gh_stars>"),
        ("deepseek", "<\uff5cfim\u2581hole\uff5c>"),
        ("deepseek", "<\uff5cend\u2581of\u2581sentence\uff5c>"),
        ("deepseek", "<|EOT|>"),
        ("codellama", "<PRE>"),
        ("codellama", "<<SYS>>"),
        ("codellama", "</s>"),
        ("codestral", "[SUFFIX]"),
        ("codestral", "[/INST]"),
        ("codegemma", "<start_of_turn>"),
        ("codegemma", "<unused99>"),
        ("seed", "<[fim-middle]>"),
    ],
)
def test_names(name: str, text: str) -> None:
    """Text goes to the server from behind the last name before the cursor, and up to the first one after it."""
    hole = Hole(
        "a.py", f"a{text}b\n{text}c", f"d\n{text}e{text}", (("b.py", text), ("c.py", "x"), (text, "y"))
    )
    kept = without_marks(hole, marks_of(family(name)).names)
    assert kept.prefix.endswith("c")
    assert hole.prefix.endswith(kept.prefix)
    assert text not in kept.prefix
    assert (kept.suffix, kept.chunks) == ("d\n", (("c.py", "x"),))


@every_family
@pytest.mark.parametrize(
    "text", ["List<String>", "<div>", "<size_t>", "f <| x |> g", "a[MAX_LEN]", "x[0][1]", "a < b > c", "<T>"]
)
def test_code(family: Family, text: str) -> None:
    """Code that only looks a little like a special token stays."""
    hole = Hole("a.py", text, text, ((text, text),))
    assert without_marks(hole, marks_of(family).names) == hole


def test_path() -> None:
    """A file whose own path is a name of a special token is completed without other files, which would show it."""
    hole = Hole("<|im_end|>.py", "a", "b", (("c.py", "x"),))
    assert without_marks(hole, marks_of(family("qwen")).names).chunks == ()


TEXT = st.text("ab<|>/[]_\n \uff5cfim_prsuxdleSPREINT\u2581", max_size=40)


@every_family
@settings(deadline=None, max_examples=60)
@given(
    prefix=st.lists(st.one_of(TEXT, st.sampled_from([f.suffix for f in FAMILIES])), max_size=4),
    suffix=st.lists(st.one_of(TEXT, st.sampled_from([f.prefix for f in FAMILIES])), max_size=4),
    other=TEXT,
)
def test_prompt(family: Family, prefix: list[str], suffix: list[str], other: str) -> None:
    """The only names of special tokens in a prompt are those that the layout has put there, once each."""
    prompt = FimPrompt("d", "a.py", "".join(prefix), "".join(suffix), (ContextChunk("b.py", other, "test"),))
    model = Model("m", "completions", "x", family=family.name, context_tokens=8192)
    text = Typesetter().lay_out(model, prompt).text
    found = [name for name in re.findall(marks_of(family).names, text) if name != family.file]
    once = [token for token in family.tokens if token in text and token not in (family.file, family.begin)]
    assert sorted(found) == sorted(once)
    assert family.prefix in found


@every_family
def test_ends(family: Family) -> None:
    """An answer ends at least where the model begins to write another file or hole."""
    ends = marks_of(family).ends
    assert {family.prefix, family.suffix} <= set(ends)
    assert len(set(ends)) == len(ends)
    assert all(ends)
