"""A commit message speaks of what is staged and may be seen, and is nothing but a message."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, OutlookByRoute, ScriptedAsker
from turnout import syntax
from turnout.act.commit_message import MOST_BYTES, MOST_FILES, write_message
from turnout.act.seams import Seams
from turnout.core.commits import Staged, StagedFile, tidy
from turnout.core.models import Model
from turnout.core.requests import Kind, Route
from turnout.errors import FileUnusable, ReplyUnusable

MESSAGE = "Say what is wrong\n\nThe reason was lost on the way."

REPLIES = [
    (MESSAGE, MESSAGE),
    (f"```\n{MESSAGE}\n```", MESSAGE),
    (f"Sure! Here it is:\n\n```text\n{MESSAGE}\n```\nLet me know.", MESSAGE),
    (f"Here is the commit message:\n\n{MESSAGE}", MESSAGE),
    (f"Commit message: {MESSAGE}\n\nThis message follows the earlier style.", MESSAGE),
    ('"Say what is wrong"', "Say what is wrong"),
    ("**Say what is wrong**\nThe reason was lost on the way.", MESSAGE),
    ("feat: say it\n- one\n- two\n", "feat: say it\n\n- one\n- two"),
    ("Here be dragons", "Here be dragons"),
    ("Fix `a` and `b`", "Fix `a` and `b`"),
    ("Say\x1b[31m it\x07", "Say[31m it"),
    ("```\n```", ""),
    ("", ""),
]


@pytest.mark.parametrize(("reply", "message"), REPLIES)
def test_only_the_message(reply: str, message: str) -> None:
    """Fences, quotes, labels and chatter go; subject and body stay, with an empty line between them."""
    assert tidy(reply) == message


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_any_reply_is_read(reply: str) -> None:
    """Whatever a reply is, there are no control characters in it then, and its second line is empty."""
    lines = tidy(reply).split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) < 2 or (lines[0] and not lines[1])


class MemoryOutlook(OutlookByRoute):
    """No model may see what is called never; only the local one what is called here."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        models: tuple[Model, ...] = (REMOTE, LOCAL)
        if any("here" in uri for uri in uris):
            models = (LOCAL,)
        return Route(kind, () if any("never" in uri for uri in uris) else models, (), "test")

    def ms_per_token(self, model: Model) -> float | None:
        return None


def staged(*paths: str, diff: str = "") -> Staged:
    files = tuple(StagedFile(path, "", 1, 0, f"diff --git a/{path}\n+{path} text\n{diff}") for path in paths)
    return Staged("/w", files, ("Say it plainly.", "Do it."))


async def asked(found: Staged, model: Model = REMOTE) -> tuple[str, set[str]]:
    """The prompt, and the files that policy hears of."""
    asker = ScriptedAsker([MESSAGE], model)
    around = Seams(asker, MemoryWorkspace({}), syntax, outlook=MemoryOutlook())
    written = await write_message(found, lambda path: f"file:///w/{path}", around)
    assert written.text == MESSAGE
    ((kind, prompt, files),) = asker.asked
    assert kind == "commit_message"
    return prompt.messages[-1].content, {file.uri.removeprefix("file:///w/") for file in files}


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["a.py", "b.py"], {"a.py", "b.py"}),
        (["a.py", "here.py", "never.py"], {"a.py"}),
        (["here.py", "never.py"], {"here.py"}),
    ],
)
async def test_what_may_be_seen(paths: list[str], shown: set[str]) -> None:
    """A file that is kept back is not even named; where only such are left, the request stays where they may go."""
    prompt, files = await asked(staged(*paths))
    assert files == shown
    assert {path for path in ("a.py", "b.py", "here.py", "never.py") if path in prompt} == shown
    assert ("more files" in prompt) is (len(shown) < len(paths))
    assert "- Say it plainly." in prompt


async def test_what_stood_under_rules_that_are_gone() -> None:
    """It is not even named, and where there is nothing else, that is the reason given."""
    gone = StagedFile("gone.py", "", 0, 1, "", is_deleted=True, is_ruled=False)
    prompt, files = await asked(Staged("/w", (*staged("a.py").files, gone), ()))
    assert (files, "gone.py" in prompt) == ({"a.py"}, False)
    with pytest.raises(FileUnusable, match="They are gone"):
        await asked(Staged("/w", (gone,), ()))


def test_a_name_that_is_not_utf_8() -> None:
    """Its line can be encoded."""
    assert StagedFile("caf\udce9.py", "", 1, 0, "").line.encode() == "+1 -0 caf\ufffd.py".encode()


@pytest.mark.parametrize("model", [REMOTE, LOCAL])
async def test_a_large_diff_is_cut(model: Model) -> None:
    """Every file has its share, small ones whole, and the prompt fits the model."""
    many = staged("small.py", *(f"big{number}.py" for number in range(9)), diff="")
    files = (many.files[0], *(staged(file.path, diff="+line\n" * 9000).files[0] for file in many.files[1:]))
    prompt, _ = await asked(Staged("/w", files, many.subjects), model)
    assert len(prompt) < min(MOST_BYTES + 2000, model.context_tokens * 3)
    assert "+small.py text\n" in prompt
    assert prompt.count("more lines)") == 9
    assert "+1 -0 big8.py" in prompt


@pytest.mark.parametrize("context_tokens", [4_096, 8_192, 32_000, 200_000])
@pytest.mark.parametrize("lines", [1, 400])
async def test_however_much_is_staged_the_model_that_is_asked_first_can_take_it(
    context_tokens: int, lines: int
) -> None:
    """The request is as large as what is sent, of the largest changes, and the receipt says what is cut."""
    model = replace(REMOTE, context_tokens=context_tokens)
    sizes = [lines + number for number in range(500)]
    files = tuple(
        StagedFile(f"src/{number}.py", "", size, 0, f"diff --git a/src/{number}.py\n" + "+é line\n" * size)
        for number, size in enumerate(sizes)
    )

    class One(MemoryOutlook):
        def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            return Route(kind, (model,), (), "test")

    asker = ScriptedAsker([MESSAGE], model)
    seams = Seams(asker, MemoryWorkspace({}), syntax, outlook=One())
    await write_message(Staged("/w", files, ("Do it.",)), lambda path: f"file:///w/{path}", seams)
    ((_, prompt, sent),) = asker.asked
    text = prompt.messages[-1].content
    assert sum(file.bytes for file in sent) / 3.5 + 2048 <= context_tokens
    assert len(text.encode()) / 3 + prompt.max_tokens <= context_tokens
    assert sum(file.bytes for file in sent) <= MOST_BYTES
    assert sum(file.bytes for file in sent) <= len(text.encode())
    assert f"and {500 - len(sent)} more files" in text
    assert 1 <= len(sent) <= MOST_FILES
    assert {file.uri for file in sent} == {f"file:///w/src/{500 - n}.py" for n in range(1, len(sent) + 1)}
    assert f"; {500 - len(sent)} smaller changes are left out" in sent[0].why
    assert all("; cut to " in file.why for file in sent)


@pytest.mark.parametrize(
    ("found", "reply", "error"),
    [
        (Staged("/w", (), ()), "", FileUnusable),
        (staged("never.py"), "", FileUnusable),
        (staged("a.py"), "```\n```", ReplyUnusable),
    ],
)
async def test_no_message(found: Staged, reply: str, error: type[Exception]) -> None:
    """Nothing staged, nothing to be seen and nothing said are told apart, and no model is asked in vain."""
    around = Seams(ScriptedAsker([reply]), MemoryWorkspace({}), syntax, outlook=MemoryOutlook())
    with pytest.raises(error):
        await write_message(found, lambda path: f"file:///w/{path}", around)


async def test_who_may_see_the_files_is_asked_at_once() -> None:
    """Whoever decides about hundreds of files is given all of them, by every name, and can pause in between."""
    asked = list[Sequence[str]]()

    class Counting(MemoryOutlook):
        async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
            asked.append(uris)
            return await super().readers(kind, uris)

    around = Seams(ScriptedAsker([MESSAGE]), MemoryWorkspace({}), syntax, outlook=Counting())
    files = (*staged("a.py", "b.py").files, StagedFile("d.py", "c.py", 1, 1, "x\n"))
    await write_message(Staged("/w", files, ()), lambda path: f"file:///w/{path}", around)
    assert asked == [[f"file:///w/{name}.py" for name in "abdc"]]
