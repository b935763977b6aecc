"""Help while a settings file is written: what may stand at a place, and what is wrong so far."""

import pytest

from turnout.session.settings_file import faults, suggestions


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[privacy]\nleaves_machin = "ask"\n', 1, "did you mean `leaves_machine`?"),
        ("[routes.inline]\n\nmodels = 3\n", 2, "a list of models' names"),
        ("[privacy\n", 0, "is not valid TOML"),
        ('[[rules]]\npaths = ["a"]\n', 0, "is missing"),
        ('x = 1\r\n\r\n[modles.a]\r\napi = "local"\r\n', 2, "did you mean `models`?"),
    ],
)
def test_faults(text: str, line: int, said: str) -> None:
    """A fault stands on its line, in the words of the server's own check."""
    found = {fault.line: fault.message for fault in faults(text)}
    assert said in found[line]


def test_sound_text_has_no_faults() -> None:
    """Nothing is said of a file that is as it should be, or that is empty."""
    assert faults("") == []
    assert faults('[privacy]\nleaves_machine = "never"\n[routes.inline]\nmodels = ["near"]\n') == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("|", {"[privacy]", "[models.NAME]", "[routes.inline]", "[[rules]]"}),
        ("[pri|", {"privacy", "rules"}),
        ("[privacy]\nlea|", {"leaves_machine = ", "never_read = "}),
        ("[privacy]\nleaves_machine = |", {'"never"', '"ask"', '"allow"'}),
        ('[privacy]\nleaves_machine = "ne|', {'"never"'}),
        ("[completion]\nenabled = |", {"true", "false"}),
        ('[models.mine]\n[routes.inline]\nmodels = ["near", "m|', {'"mine"', '"opus"'}),
        ('[models.mine]\n[routes.fix]\nsimple = ["|', {'"mine"', '"near"'}),
        ("[routes.fix]\nstrategy = |", {'"order"', '"weighted"'}),
        ('[[rules]]\nkinds = ["|', {'"inline"', '"refactor"'}),
        ("[[rules]]\nmod|", {"models = ", "paths = "}),
    ],
)
def test_suggestions(text: str, offered: set[str]) -> None:
    """Tables, keys and values are those of the schema; models are those that the file names, too."""
    head, _, _ = text.partition("|")
    line = head.count("\n")
    found = {item.text for item in suggestions(head, line, len(head) - head.rfind("\n") - 1)}
    assert offered <= found


@pytest.mark.parametrize("text", ["# |", '[privacy]\nlocal_only = ["|', "[nothing]\nkey|", "[privacy]\nx y|"])
def test_nothing_is_made_up(text: str) -> None:
    """Where the schema has nothing to say, nothing is offered."""
    head, _, _ = text.partition("|")
    assert suggestions(head, head.count("\n"), len(head) - head.rfind("\n") - 1) == []


def test_what_is_replaced() -> None:
    """The characters typed so far are exchanged for the suggestion, an opening quote among them."""
    replaced = {item.replaces for item in suggestions('[privacy]\nleaves_machine = "ne', 1, 20)}
    assert replaced == {3}


@pytest.mark.parametrize(
    "text",
    [
        f"x = [{'a' * 200_000}!|",
        f"x = {'a' * 200_000}!|",
        f"[{' ' * 200_000}!\nx|",
        f"{' ' * 200_000}!|",
        f"[routes.inline]\n{chr(10) * 200_000}models = [|",
        f"[routes.inline]\n{' ' * 200_000}\nmodels = [|",
    ],
)
def test_a_hostile_text_is_read_once(text: str) -> None:
    """What grew with the square of a line would take minutes here."""
    head, _, _ = text.partition("|")
    found = suggestions(head, head.count("\n"), len(head) - head.rfind("\n") - 1)
    assert {item.text for item in found} >= ({'"near"'} if "models" in text else set())
