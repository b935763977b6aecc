"""The actions at a place are offered at once; performing one changes only its lines, or creates one file."""

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, ScriptedAsker, seams
from turnout import syntax
from turnout.act.actions import Action, Fault, Place, available, whole_lines
from turnout.act.perform import Explanation, perform
from turnout.act.proposals import Proposal
from turnout.act.testfiles import free_test_path
from turnout.core.documents import Position, Snapshot, Span
from turnout.core.receipts import SentFile
from turnout.errors import BackendError, ConnectionFailed, ReplyUnusable

TEXT = (
    "import os\n\n\nclass A:\n    def f(self, x):\n        return y\n\n    def g(self):\n        return 2\n"
)
CRLF = TEXT.replace("\n", "\r\n")
FAULT = Fault(Span(Position(5, 15), Position(5, 16)), 'Undefined name "y"\nmore', "ruff", "F821")


def span(line: int, character: int, end_line: int, end_character: int) -> Span:
    return Span(Position(line, character), Position(end_line, end_character))


def place(selection: Span, *faults: Fault, text: str = TEXT) -> Place:
    file = MemoryWorkspace({"pkg/a.py": text}, {"pkg/a.py": 3}).snapshot("file:///w/pkg/a.py")
    assert file is not None
    return Place(file, selection, faults, syntax.enclosing("python", text, selection.start.line))


@pytest.mark.parametrize(
    ("where", "titles"),
    [
        (place(span(5, 0, 5, 0)), ["Rewrite f...", "Explain f", "Document f", "Generate tests for f"]),
        (
            place(span(4, 0, 5, 3)),
            ["Rewrite selection...", "Explain selection", "Document f", "Generate tests for f"],
        ),
        (place(span(0, 0, 0, 0)), []),
        (place(span(0, 0, 1, 0)), ["Rewrite selection...", "Explain selection"]),
        (place(span(1, 0, 1, 0), FAULT), ['Fix: Undefined name "y"']),
    ],
)
def test_what_is_offered(where: Place, titles: list[str]) -> None:
    """A selection or a definition can be rewritten and explained, a definition documented and tested, a fault fixed."""
    assert [action.title for action in available(where)] == titles


def test_a_fix_is_about_the_function_around_it() -> None:
    """The whole function where it is short; a few lines around the fault where there is none."""
    inside = available(place(span(5, 0, 5, 0), FAULT))[0]
    assert (inside.first, inside.end, inside.asks) == (4, 6, False)
    outside = available(place(span(0, 0, 0, 0), Fault(span(0, 7, 0, 9), "unused")))[0]
    assert (outside.first, outside.end) == (0, 6)
    titles = [action.title for action in available(place(span(0, 0, 0, 0), *[FAULT] * 20))]
    assert (len(titles), titles[-1]) == (6, "Fix all 20 problems")
    last = available(place(span(0, 0, 0, 0), *[FAULT] * 60, Fault(span(0, 0, 0, 1), "first")))[-1]
    assert (last.title, last.faults[0].message) == ("Fix the first 50 of 61 problems", "first")


@pytest.mark.parametrize(
    ("chosen", "lines"),
    [
        (span(2, 3, 2, 3), (2, 3)),
        (span(2, 0, 2, 5), (2, 3)),
        (span(2, 0, 3, 0), (2, 3)),
        (span(2, 4, 4, 1), (2, 5)),
        (span(2, 0, 2, 0), (2, 3)),
    ],
)
def test_a_selection_means_whole_lines(chosen: Span, lines: tuple[int, int]) -> None:
    """A selection that ends where a line begins leaves that line out."""
    assert whole_lines(chosen) == lines


async def run(
    action: Action,
    *answers: str | BackendError,
    text: str = TEXT,
    model: object = LOCAL,
    instruction: str = "",
) -> tuple[Proposal | Explanation, ScriptedAsker]:
    workspace = MemoryWorkspace({"pkg/a.py": text}, {"pkg/a.py": 3})
    file = workspace.snapshot(action.uri)
    assert isinstance(file, Snapshot)
    asker = ScriptedAsker(list(answers), model)  # type: ignore[arg-type]
    return await perform(action, file, seams(workspace, asker), instruction=instruction), asker


def offered(kind: str, *faults: Fault, text: str = TEXT) -> Action:
    return next(
        action for action in available(place(span(5, 0, 5, 0), *faults, text=text)) if action.kind == kind
    )


F_LOCAL = "```python\ndef f(self, x):\n    return x\n```"

AROUND_F = (
    "import os\n\n\nclass A:\ndef f(self, x):\n    return y\n\n    def g(self):\n        return 2\n"
    + "# a line far below\n" * 17
)


@pytest.mark.parametrize("text", [TEXT, CRLF])
@pytest.mark.parametrize("margin", ["", "    "])
async def test_a_rewrite_changes_its_lines_alone(text: str, margin: str) -> None:
    """The answer is moved to the indentation of the lines it replaces and takes their endings."""
    answer = F_LOCAL.replace("def f", f"{margin}def f").replace("    return", f"{margin}    return")
    result, asker = await run(offered("rewrite", text=text), answer, text=text, instruction="return x")
    assert isinstance(result, Proposal)
    (change,) = result.changes
    assert "".join(change.after) == text.replace("return y", "return x")
    assert (change.version, len(change.hunks)) == (3, 1)
    assert all(check.ok for check in result.checks)
    ((kind, prompt, _),) = asker.asked
    assert kind == "rewrite"
    assert "\ndef f(self, x):\n    return y\n" in prompt.messages[-1].content, "shown at the margin, with LF"
    assert "return x" in prompt.messages[-1].content


async def test_a_fix_may_touch_other_lines_where_the_model_can_say_which() -> None:
    """A capable model answers with edits of the whole file, a small one with the lines of the function."""
    action = offered("fix", FAULT)
    edit = "pkg/a.py\n<<<<<<< SEARCH\nimport os\n=======\nimport os\n\ny = 1\n>>>>>>> REPLACE\n"
    remote, asker = await run(action, edit, model=REMOTE)
    assert isinstance(remote, Proposal)
    assert "".join(remote.changes[0].after) == TEXT.replace("os\n", "os\n\ny = 1\n", 1)
    assert "In lines 5 to 6 of pkg/a.py" in asker.asked[0][1].messages[-1].content
    local, asker = await run(action, F_LOCAL)
    assert isinstance(local, Proposal)
    assert "".join(local.changes[0].after) == TEXT.replace("return y", "return x")
    assert 'line 2 of the part: Undefined name "y"' in asker.asked[0][1].messages[-1].content


@pytest.mark.parametrize(
    "step",
    [
        "conftest.py\n<<<<<<< SEARCH\n=======\ny = 1\n>>>>>>> REPLACE\n",
        "*** Delete File: pkg/a.py\n",
        "*** Rename File: pkg/a.py -> b.py\n",
    ],
)
async def test_a_fix_makes_moves_and_removes_no_file(step: str) -> None:
    """Nobody looks at an action before it is done: whatever it would do beside its edits makes it unsound."""
    found, _ = await run(offered("fix", FAULT), step, step, model=REMOTE)
    assert isinstance(found, Proposal)
    assert (found.changes, found.complete) == ((), False)
    assert "does nothing else" in found.checks[0].message


async def test_an_answer_stands_where_its_correction_cannot_be_had() -> None:
    """It was paid for: its user sees what is wrong with it, and that the model could not be asked again."""
    broken = F_LOCAL.replace("x):", "x:")
    result, asker = await run(offered("rewrite"), broken, ConnectionFailed("gone"), instruction="return x")
    assert isinstance(result, Proposal)
    assert [check.name for check in result.checks if not check.ok] == ["syntax pkg/a.py", "finished"]
    assert len(asker.asked) == 2


async def test_tests_go_into_a_new_file() -> None:
    """Generated tests never overwrite anything."""
    result, _ = await run(offered("test"), "```python\ndef test_f():\n    assert True\n```")
    assert isinstance(result, Proposal)
    (change,) = result.changes
    assert (change.kind, change.path, "".join(change.after)) == (
        "create",
        "tests/test_a.py",
        "def test_f():\n    assert True\n",
    )


async def test_an_explanation_changes_nothing() -> None:
    """What is explained comes back as Markdown with a receipt."""
    result, asker = await run(offered("explain"), "  It *returns* y.\n")
    assert isinstance(result, Explanation)
    assert result.markdown == "It *returns* y."
    assert (asker.asked[0][0], result.receipt.outcome) == ("explain", "answered")


async def test_documenting_leaves_the_code_alone() -> None:
    """Lines of documentation come in between; a line of code that goes is said, and asked for again."""
    documented = F_LOCAL.replace("x):\n", 'x):\n    """Doc."""\n').replace("return x", "return y")
    result, asker = await run(offered("document"), F_LOCAL, documented)
    assert isinstance(result, Proposal)
    assert "this line is gone: return y" in asker.asked[1][1].messages[-1].content
    assert all(check.ok for check in result.checks)
    result, _ = await run(offered("document"), F_LOCAL, F_LOCAL)
    assert isinstance(result, Proposal)
    assert [check.name for check in result.checks if not check.ok] == ["code unchanged"]


STRINGS = 'class A:\n    def f(self):\n        s = """a\n  \n    b  \n    c"""\n        return s\n'


@pytest.mark.parametrize(
    ("kind", "text", "answer", "after"),
    [
        (
            "rewrite",
            STRINGS,
            STRINGS.replace("return s", "return 1"),
            STRINGS.replace("return s", "return 1"),
        ),
        (
            "rewrite",
            STRINGS,
            STRINGS.replace("  \n", "\n").replace("return s", "return 1"),
            STRINGS.replace("return s", "return 1"),
        ),
        ("rewrite", STRINGS, STRINGS.replace('c"', 'c  \n    d"'), STRINGS.replace('c"', 'c  \n    d"')),
        (
            "document",
            STRINGS,
            STRINGS.replace("f):\n", 'f):\n        """Doc."""\n'),
            STRINGS.replace("f):\n", 'f):\n        """Doc."""\n'),
        ),
        ("document", STRINGS, STRINGS.replace("    c", "      c"), None),
        ("document", STRINGS, STRINGS.replace("b  ", "b    "), None),
        ("document", STRINGS, STRINGS.replace("  \n    b", "    b"), None),
    ],
)
async def test_what_stands_in_strings_is_left_alone(
    kind: str, text: str, answer: str, after: str | None
) -> None:
    """Blanks in a string survive an answer without them; documentation that changes a string says so."""
    action = next(action for action in available(place(span(1, 0, 1, 0), text=text)) if action.kind == kind)
    answer = "".join(answer.splitlines(keepends=True)[action.first :])
    result, asker = await run(action, *[f"```python\n{answer}```"] * 2, text=text)
    assert isinstance(result, Proposal)
    assert 's = """a\n' in asker.asked[0][1].messages[-1].content
    failed = [check.name for check in result.checks if not check.ok]
    assert failed == ([] if after else ["code unchanged"])
    if after:
        assert "".join(result.changes[0].after) == after


async def test_only_a_capable_model_sees_what_is_around() -> None:
    """Small models answer with what they were shown last."""
    for model, is_shown in ((LOCAL, False), (REMOTE, True)):
        _, asker = await run(offered("rewrite"), F_LOCAL, model=model, instruction="x")
        assert ("def g(self)" in asker.asked[0][1].messages[-1].content) == is_shown


LONG = TEXT + "# a line far below\n" * 2000


@pytest.mark.parametrize(
    ("kind", "answer", "shown"),
    [
        ("explain", "It returns y.", "def f(self, x):\n    return y\n"),
        ("test", "```python\ndef test_f():\n    pass\n```", "def f(self, x):\n    return y\n"),
        ("rewrite", F_LOCAL, AROUND_F),
        ("document", F_LOCAL.replace("return x", "return y"), AROUND_F),
        ("fix", F_LOCAL, AROUND_F),
    ],
)
async def test_only_what_is_shown_counts_as_sent(kind: str, answer: str, shown: str) -> None:
    """A route is decided on, and a receipt counts, the lines of a file that are shown, however long the file is."""
    faults = [FAULT] if kind == "fix" else []
    result, asker = await run(offered(kind, *faults, text=LONG), answer, text=LONG, instruction="x")
    sent = (SentFile("file:///w/pkg/a.py", len(shown)),)
    assert [files for _, _, files in asker.asked] == [sent]
    assert result.receipt.files == sent


async def test_a_broken_answer_gets_a_second_chance() -> None:
    """An answer that does not parse goes back with the error; the better one is offered."""
    result, asker = await run(offered("rewrite"), F_LOCAL.replace("x):", "x:"), F_LOCAL)
    assert isinstance(result, Proposal)
    assert all(check.ok for check in result.checks)
    assert "line 5: syntax error" in asker.asked[1][1].messages[-1].content


@pytest.mark.parametrize(
    "answer",
    [
        "No.",
        "```python\ndef f(self",
        "```\na\n```\n```\nb\n```",
        "```\n# ... rest unchanged ...\n```",
        "```\na = '\ud83d'\n```",
    ],
)
async def test_an_answer_of_another_form_is_refused(answer: str) -> None:
    """Prose, half a block, two blocks, code left out and half a character are no rewrite."""
    with pytest.raises(ReplyUnusable):
        await run(offered("rewrite"), answer, answer)


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("pkg/a.py", "tests/test_a.py"),
        ("a.go", "a_test.go"),
        ("src/ui/b.tsx", "src/ui/b.test.tsx"),
        ("src/main/java/x/C.java", "src/test/java/x/CTest.java"),
        ("lib/d.rb", "test/d_test.rb"),
        ("e.zig", "test_e.zig"),
    ],
)
def test_tests_go_where_the_language_has_them(path: str, tests: str) -> None:
    """Each language has its custom; a name that is taken gets a number."""
    assert free_test_path(path, lambda _: False) == tests
    taken = {tests}
    assert free_test_path(path, taken.__contains__) not in taken


@pytest.mark.parametrize(
    ("paths", "path", "tests"),
    [
        (["src/a.py", "src/test_a.py"], "src/b.py", "src/test_b.py"),
        (["pkg/a.py", "tests/unit/test_a.py", "tests/unit/test_x.py"], "pkg/b.py", "tests/unit/test_b.py"),
        (["pkg/a.py", "pkg/tests/a_test.py"], "pkg/sub/b.py", "pkg/sub/tests/b_test.py"),
        (["src/x/a.py", "test/x/test_a.py"], "src/y/b.py", "test/y/test_b.py"),
        (["a.ts", "a.spec.ts", "c.ts", "__tests__/c.test.ts", "d.ts", "d.spec.ts"], "b.ts", "b.spec.ts"),
        (["a.go"], "b.go", "b_test.go"),
        (["docs/test_a.md"], "pkg/b.py", "tests/test_b.py"),
    ],
)  # fmt: skip
def test_tests_go_where_the_project_has_them(paths: list[str], path: str, tests: str) -> None:
    """Beside their source, in a folder of their own there, in one at the top or one that mirrors it: as most others."""
    assert free_test_path(path, lambda _: False, paths) == tests


async def test_a_fix_says_all_that_is_known() -> None:
    """Code, source and what the diagnostic says of other places are told; several problems are fixed at once."""
    fault = Fault(FAULT.span, FAULT.message, FAULT.source, FAULT.code, ("b.py:3: y was here",))
    _, asker = await run(offered("fix", fault), F_LOCAL)
    asked = asker.asked[0][1].messages[-1].content
    assert (
        'reported by ruff F821 for line 2 of the part: Undefined name "y"\nmore\n  b.py:3: y was here'
        in asked
    )
    other = Fault(span(8, 0, 8, 1), "Two is odd")
    both = next(
        a for a in available(place(span(5, 0, 8, 0), other, fault)) if a.title == "Fix all 2 problems"
    )
    assert ([one.message[:3] for one in both.faults], both.first, both.end) == (["Und", "Two"], 3, 9)
    whole = "```python\nclass A:\n    def f(self, x):\n        return x\n\n    def g(self):\n        return 3\n```"
    result, asker = await run(both, whole)
    assert "fix these problems:\n- reported by ruff F821 for line 3" in asker.asked[0][1].messages[-1].content
    assert isinstance(result, Proposal)
    assert "        return 3\n" in result.changes[0].after


async def test_a_comment_says_what_to_do() -> None:
    """At such a comment its instruction can be carried out without being asked for, and the comment goes with it."""
    text = TEXT.replace("        return y\n", "        # turnout: return x\n        return y\n")
    action = available(place(span(5, 10, 5, 10), text=text))[0]
    assert (action.title, action.kind, action.asks) == (
        "Do what the comment says: return x",
        "rewrite",
        False,
    )
    result, asker = await run(action, F_LOCAL, text=text)
    asked = asker.asked[0][1].messages[-1].content
    assert "Instruction: return x" in asked
    assert "turnout:" not in asked
    assert isinstance(result, Proposal)
    assert "turnout" not in "".join(result.changes[0].after)
    above = "import os\n\n# turnout: sort them\nx = [2, 1]\n"
    (found,) = available(place(span(2, 0, 2, 0), text=above))
    assert (found.first, found.end) == (2, 4)


@pytest.mark.parametrize(
    ("below", "end"),
    [
        ("x = [2, 1]\n", 2),
        ("a\n" * 9, 6),
        ("fun f() {\n" + "    a\n\n" * 9 + "}\n\nb\n", 21),
        ("a\n\n\nif b\n" + "  c\n" * 9 + "end\nd\n", 15),
    ],
)
def test_a_comment_in_a_language_without_a_grammar_cuts_no_block(below: str, end: int) -> None:
    """A few lines below it count, and the whole of a block that begins among them."""
    file = MemoryWorkspace({"a.kt": "// turnout: sort them\n" + below}).snapshot("file:///w/a.kt")
    assert file is not None
    (found,) = available(Place(file, span(0, 0, 0, 0)))
    assert (found.first, found.end) == (0, end)
