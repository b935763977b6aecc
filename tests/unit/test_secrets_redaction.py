"""Secrets out of prompts and back into answers: nothing gets out, no line moves, nothing comes back spoiled."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.secrets import TOKENS, made, pem
from turnout.core.prompts import ChatPrompt, ContextChunk, FimPrompt, Message, Prompt, ToolCall
from turnout.core.secrets import Redacted, Restorer, redacting
from turnout.core.secrets.scan import drained
from turnout.errors import RedactionLost

KEY, KEY_LINES = pem("RSA", count=3)
PASSWORD = "gT7!kw" + made(6)
SECRETS = [
    *TOKENS.values(),
    KEY,
    f"postgres://app:{PASSWORD}@db:5432/x",
    f'password = "{PASSWORD}"',
    f"SECRET_KEY={made(40)}",
]
FILLER = st.sampled_from(
    ["import os", "def f(key, token):", "    return key", "", "# a note", "x = {'a': 1}", "}", "0" * 40]
)


def chat(*texts: str) -> ChatPrompt:
    """A chat of the user's turns."""
    return ChatPrompt(tuple(Message("user", text) for text in texts))


def redact(prompt: Prompt) -> Redacted:
    """`prompt` without its secrets."""
    return drained(redacting(prompt))


def sent(prompt: Prompt) -> str:
    """All text of a prompt."""
    if isinstance(prompt, ChatPrompt):
        return "\n".join(message.content for message in prompt.messages)
    chunks = [part for chunk in prompt.context for part in (chunk.path, chunk.text)]
    return "\n".join([prompt.prefix, prompt.suffix, prompt.path, *chunks])


def values(secret: str) -> list[str]:
    """What of a secret must not get out."""
    if secret == KEY:
        return KEY_LINES
    return [PASSWORD] if PASSWORD in secret else [secret.removeprefix("SECRET_KEY=")]


def answer(redacted: Redacted, *pieces: str) -> str:
    """An answer in pieces, restored."""
    restorer = Restorer(redacted)
    return "".join([*map(restorer.feed, pieces), restorer.rest()])


@given(
    before=st.lists(FILLER, max_size=6),
    secrets=st.lists(st.sampled_from(SECRETS), min_size=1, max_size=4),
    after=st.lists(FILLER, max_size=6),
    ends=st.sampled_from(["\n", "\r\n"]),
    indent=st.sampled_from(["", "    ", "# "]),
    cursor=st.integers(0, 3000),
)
def test_nothing_survives(**given: Any) -> None:
    """No secret is in what is sent, wherever it stands and the cursor is; lines stay, and the answer has it back."""
    lines = [*given["before"], *(given["indent"] + secret for secret in given["secrets"]), *given["after"]]
    text = given["ends"].join(lines)
    cursor = min(given["cursor"], len(text))
    chunk = ContextChunk("a.py", text, "")
    for prompt in (
        chat(text),
        chat("x", text, text),
        FimPrompt("d", "p", text[:cursor], text[cursor:], (chunk,)),
    ):
        redacted = redact(prompt)
        out = sent(redacted.prompt)
        for secret in given["secrets"]:
            assert not any(value in out for value in values(secret))
        assert out.count("\n") == sent(prompt).count("\n")
        assert answer(redacted, out) == sent(prompt)
        assert redacted.counts


WRAPPED = [name for name in TOKENS if name not in ("Azure client secret",)]
JOINTS = ['"\n    "', "'\n'", '" +\n  "', "\\\n", '"\r\n    "', '" .\n "', '" \\\n    b"']


@given(st.sampled_from(WRAPPED), st.sampled_from(JOINTS), st.data())
def test_broken_over_lines(name: str, joint: str, data: st.DataObject) -> None:
    """A token that a string or a backslash continues on the next line is taken out of both, wherever it is broken."""
    token = TOKENS[name]
    cut = data.draw(st.integers(1, len(token) - 1))
    quote = joint[0] if joint[0] in "\"'" else ""
    text = f"x = ({quote}{token[:cut]}{joint}{token[cut:]}{quote})\ny = 1\n"
    out = sent(redact(chat(text)).prompt)
    for piece in (token[:cut], token[cut:]):
        assert len(piece) < 6 or piece not in out
    assert out.count("\n") == text.count("\n")


@given(st.sampled_from(WRAPPED), st.data())
def test_wrapped(name: str, data: st.DataObject) -> None:
    """A token that was wrapped as it is, in an e-mail or a note, is taken out of all of its lines."""
    token = TOKENS[name]
    first = data.draw(st.integers(1, len(token) - 2))
    second = data.draw(st.integers(first + 1, len(token) - 1))
    pieces = (token[:first], token[first:second], token[second:])
    out = sent(redact(chat("Here it is:\n" + "\n".join(pieces) + "\n\nRegards\n")).prompt)
    assert not any(len(piece) >= 6 and piece in out for piece in pieces)
    assert "Here it is:\n" in out
    assert out.endswith("\n\nRegards\n")


def test_stable() -> None:
    """One secret has one placeholder in all of a prompt, also where nothing tells it there, and others have others."""
    one, other = TOKENS["GitHub"], TOKENS["npm"]
    redacted = redact(chat(f"a = '{one}'", f"b = '{other}'", f"see ({one})", f"word{one}word"))
    first, second, third, fourth = (message.content for message in redacted.prompt.messages)  # type: ignore[union-attr]
    placeholder = first[5:-1]
    assert len(placeholder) == len(one)
    assert third == f"see ({placeholder})"
    assert fourth == f"word{placeholder}word"
    assert placeholder not in second
    assert redacted.counts == (("GitHub token", 1), ("npm token", 1))


def test_tools() -> None:
    """Secrets in calls and in results of tools are taken out, and are back in the arguments of the next call."""
    password = 'p"9\\\\kW' + made(8)
    call = ToolCall("1", "write", json.dumps({"text": f"k = '{TOKENS['npm']}'"}))
    prompt = ChatPrompt(
        (Message("assistant", "", (call,)), Message("tool", f"{TOKENS['GitHub']} url://u:{password}@h"))
    )
    redacted = redact(prompt)
    first, second = redacted.prompt.messages  # type: ignore[union-attr]
    assert TOKENS["npm"] not in first.calls[0].arguments
    assert TOKENS["GitHub"] not in second.content
    assert Restorer(redacted).whole(first.calls[0].arguments) == call.arguments
    arguments = json.dumps({"text": second.content})
    assert json.loads(Restorer(redacted).whole(arguments)) == {"text": prompt.messages[1].content}


def test_length_class() -> None:
    """A placeholder is as long as what it stands for where it can be, and never very long."""
    for secret in TOKENS.values():
        (content,) = [message.content for message in redact(chat(secret)).prompt.messages]  # type: ignore[union-attr]
        assert len(content) == min(len(secret), 96)


def test_no_secrets() -> None:
    """A prompt without secrets is sent as it is, and its answer passed on at once."""
    prompt = chat("x = 1", "TURNOUT_REDACTED_1__")
    redacted = redact(prompt)
    assert redacted == Redacted(prompt)
    assert Restorer(redacted).feed("TURNOUT_RED") == "TURNOUT_RED"


def test_own_marks() -> None:
    """Text of the user's that looks like a placeholder stays what it is, in the prompt and in the answer."""
    text = f"TURNOUT_REDACTED_1_x_ turnout_hidden1_ '{TOKENS['npm']}'"
    redacted = redact(chat(text))
    assert answer(redacted, sent(redacted.prompt)) == text
    assert (
        answer(redacted, "TURNOUT_REDACTED_7_x_ TURNOUT_HIDDEN1_") == "TURNOUT_REDACTED_7_x_ TURNOUT_HIDDEN1_"
    )


ONE = redact(chat(f"key = '{TOKENS['GitHub']}'"))
MARK = ONE.mark


@given(st.lists(st.integers(0, 200), max_size=8))
def test_split_anywhere(cuts: list[int]) -> None:
    """An answer is the same in whatever pieces it comes, and what cannot be a placeholder is not held back."""
    text = f"TURNOUT turn {sent(ONE.prompt)} TURNOUT_ {MARK}1_xx_ TURNOUT_RED T"
    points = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in itertools.pairwise(points)]
    whole = answer(ONE, text)
    assert whole.count(TOKENS["GitHub"]) == 2
    assert MARK not in whole
    assert answer(ONE, *pieces) == whole
    restorer = Restorer(ONE)
    assert restorer.feed("def f():\n    return 1") == "def f():\n    return 1"


@pytest.mark.parametrize(
    "spoiled",
    [
        f"{MARK}1",
        f"{MARK}1_",
        f"{MARK}1_xxx",
        f"{MARK}1_xxx ",
        f"{MARK}1_xxy_",
        f"{MARK}2_xxx_",
        f"{MARK}_xxx_",
        f"{MARK}",
        f"{MARK}99999999_x_",
        f"{MARK.lower()}1_xxx_",
        f"{MARK.title()}1_xxx_",
        f"{MARK}1_xxx_ and {MARK}3__",
    ],
)
def test_spoiled(spoiled: str) -> None:
    """An answer that changed a placeholder is refused, in whatever pieces it comes: nothing of it gets into a file."""
    for pieces in ([spoiled], list(spoiled), [f"a = '{spoiled}'\n"], list(f"a = '{spoiled}'\n")):
        with pytest.raises(RedactionLost) as caught:
            answer(ONE, *pieces)
        assert TOKENS["GitHub"] not in str(caught.value)


@pytest.mark.parametrize("before", ["Größe", "ﬃ", "ŉ", "ß" * 60, "ΐ", "İı", "\u017f", "日本"])
def test_any_language(before: str) -> None:
    """A placeholder is restored behind any characters, also behind those that upper case makes longer."""
    shown = sent(ONE.prompt)
    whole = f"{before} {shown} {before}"
    expected = whole.replace(shown, f"key = '{TOKENS['GitHub']}'")
    for cut in range(len(whole)):
        assert answer(ONE, whole[:cut], whole[cut:]) == expected


@pytest.mark.parametrize("size", range(8, len(MARK)))
def test_cut_off(size: int) -> None:
    """An answer that ends within a placeholder is refused, also where the cut leaves only a part of its mark."""
    for end in (MARK[:size], MARK[:size].lower()):
        for pieces in ([f"key = {end}"], ["key = ", *end]):
            with pytest.raises(RedactionLost):
                answer(ONE, *pieces)


@pytest.mark.parametrize("end", ["T", "TURN", "turnout", "_TURNOUT", "TURNOUT_X", "ß TURNOUT"])
def test_word_at_the_end(end: str) -> None:
    """An answer may end with what is only the beginning of a word."""
    assert answer(ONE, f"key = {end}") == f"key = {end}"


def test_never_shown() -> None:
    """No secret is in what a prompt without it looks like in a log or a traceback."""
    assert TOKENS["GitHub"] not in repr(ONE)
    assert TOKENS["GitHub"] not in repr(vars(Restorer(ONE)).keys())
