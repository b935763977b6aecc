"""A new line that does nothing never takes the place of code."""

import re

import pytest

from turnout.core.edits.elision import elided, refusal

BODY = ["def f(a):", "    x = a + 1", "    y = x * 2", "    z = y - 3", "    w = z % 4", "    return w"]


@pytest.mark.parametrize(
    "line",
    [
        *(f"{mark} {words}" for mark in ("#", "//", "pass  #") for words in (
            "Keep the rest as is", "unchanged from here", "existing code continues", "as before", "etc.",
            "... (other functions)", "... other methods ...", "everything else stays the same",
            "original implementation", "<unchanged code>", "(lines 20-40 unchanged)", "and so on", "code here",
            "***", ". . .", "The original code goes on exactly as you have it",
        )),
        "...", "pass", "'...'", "{...}", "<rest of the code>", "'''existing code'''", "x = x  # existing code",
        "/** rest of the method */", "{ /* existing code */ }", "<!-- keep -->", "raise NotImplementedError  # same",
    ],
)  # fmt: skip
def test_a_line_that_does_nothing_where_several_are_gone_leaves_them_out(line: str) -> None:
    """However a model says it, and if it says nothing: no code goes for a line that is none."""
    new = [BODY[0], "    x = a + 10", f"    {line}", BODY[-1]]
    assert elided(BODY, new) == line
    assert elided(BODY, [*BODY[:2], f"    {line}"]) == line


@pytest.mark.parametrize(
    "lines",
    [
        # What is about code that came is no sign of any that is left out, nor is an explanation.
        ["    # The other order would keep the original", "    return g(a)"],
        ["    # A long name stays", "    # where the previous one was."],
        ["    # The second number is twice the first one"],
        ["    # -------------------"],
        ["    #"],
        ["    with suppress(KeyError):", "        pass"],
        ["    raise NotImplementedError"],
        ["    pass"],
        ["    try:", "        return g(a)", "    except ValueError:", "        pass"],
        ["    x, y, z, w = g(a)  # as before"],
        ['    """Count the rest of them."""', "    return w"],
    ],
)
def test_what_code_is_replaced_by_is_taken_as_it_is(lines: list[str]) -> None:
    """Comments and blocks that do nothing may be meant, and a few lines may do what many did."""
    assert elided(BODY, [BODY[0], *lines]) is None


def test_what_the_model_is_told_to_write_is_taken() -> None:
    """Each way out that the refusal names leads out, where code is really to go."""
    said = refusal("The new text", "...")
    assert "'...'" in said
    ways = re.findall("`(.+?)`", said)
    assert len(ways) == 2
    for body in (*ways, '"""Do nothing."""'):
        assert elided(BODY, [BODY[0], f"    {body}"]) is None
    assert elided(BODY, [*BODY[:2], BODY[-1]]) is None


@pytest.mark.parametrize(
    "head", ["class A(Protocol):", "class A(ABC):", "@abstractmethod", "@typing.overload"]
)
def test_dots_are_all_of_what_is_only_declared(head: str) -> None:
    """A protocol, an abstract method and an overload have no code."""
    above = [head] if head.startswith("class") else ["class A:", f"    {head}"]
    after = [*above, "    def f(self): ", "        ..."]
    before = ["class A:", "    def f(self):", "        x = 1", "        y = 2", "        return x + y"]
    assert elided(before, after) is None
    assert elided(before, ["class A:", "    def f(self):", "        ..."]) == "..."


def test_few_words_leave_two_lines_out_that_are_no_statements() -> None:
    """Two lines are enough for a comment that can be about nothing else."""
    assert elided(["a()", "}", "", "f()", "{", "b()"], ["a()", "// as above", "b()"]) == "// as above"


def test_lines_that_only_move_are_not_gone() -> None:
    """A comment beside lines that stand elsewhere now, or beside comments that went, leaves no code out."""
    assert elided(["a", "b", "c", "d"], ["c", "d", "# keep", "a", "b"]) is None
    assert elided(["# a", "# b", "# c", "d"], ["# No longer as in the original", "d"]) is None
    assert elided(["a", "b", "c", "d"], ["a", "# keep this", "d"], {"# keep this"}) is None
