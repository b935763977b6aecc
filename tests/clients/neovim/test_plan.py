"""The plan of a refactor in a real Neovim: shown before any edit, approved, corrected, cancelled."""

from collections.abc import Callable
from typing import Any

import pytest

from clients.neovim.conftest import methods
from clients.neovim.session import Neovim

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
Json = dict[str, Any]
KNOWS_PLANS = """vim.env.SCRIPTED = '{"extensions": {"plan": true}}'\n"""
ESTIMATE = {
    "model": "opus",
    "leavesMachine": True,
    "tokensIn": 1200,
    "tokensOut": 300,
    "costUsd": 0.0123,
    "seconds": 12.3,
    "whyNone": "",
}
PLAN: Json = {
    "id": "plan-1",
    "summary": "Rename one to uno.",
    "steps": [
        {"kind": "edit", "path": "a.py", "change": "the variable"},
        {"kind": "rename", "path": "b.py", "newPath": "d.py", "change": ""},
    ],
    "dropped": [{"path": "../x.py", "reason": "It is not in the workspace."}],
    "skipped": [{"path": "big.bin", "reason": "It is binary."}],
    "problem": "",
    "estimate": ESTIMATE,
    "files": [],
    "receipt": None,
}
IN_TURNS = {
    **ESTIMATE,
    "turns": 3,
    "most": {"turns": 8, "tokensIn": 9000, "tokensOut": 300, "costUsd": 0.05, "seconds": 40.2},
}
BETTER = {
    **PLAN, "id": "plan-2", "summary": "Only the variable.", "steps": PLAN["steps"][:1], "estimate": IN_TURNS
}  # fmt: skip
HERE = {**ESTIMATE, "model": "near", "leavesMachine": False, "costUsd": 0.0, "seconds": None}
UNUSABLE = {
    **PLAN, "id": "plan-3", "steps": [], "problem": "The answer is no plan.",
    "estimate": {**HERE, "rounds": 4, "most": None},
}  # fmt: skip
PROPOSAL = {
    "proposalId": "p1", "plan": "Nothing is to be done.", "files": [], "checks": [], "receipt": {},
    "verdict": {"state": "failed", "text": "Failed: changes."},
}  # fmt: skip


def asked(
    scripted: Scripted, *plans: Json, options: str = 'refactor = { plan = "ask" }', **more: Any
) -> Neovim:
    """An editor that has asked for a refactor, with the plans that the server gives in turn."""
    editor = scripted(text="one = 1\n", before=KNOWS_PLANS, options=options, **more)
    editor.server("test/script", {"plans": list(plans), "proposal": PROPOSAL})
    editor.command("Turnout refactor rename one to uno")
    return editor


def floats(editor: Neovim) -> int:
    """Floating windows on the screen."""
    count: int = editor.lua(
        "return #vim.tbl_filter(function(w) return vim.api.nvim_win_get_config(w).relative ~= '' end, "
        "vim.api.nvim_list_wins())"
    )
    return count


def refactored(editor: Neovim) -> list[Json]:
    """The refactors that the server was asked for, after the window of the plan."""
    found: list[Json] = editor.until(lambda: methods(editor, "turnout/refactor"), "the refactor")
    assert floats(editor) == 0
    return found


@pytest.mark.parametrize("key", ["a", "<CR>"])
def test_approved(scripted: Scripted, key: str) -> None:
    """The plan shows files, reasons and cost; no edit is asked for before it is approved, and then with its id."""
    editor = asked(scripted, PLAN)
    for shown in (
        "Turnout: plan",
        "Rename one to uno.",
        "edit    a.py: the variable",
        "rename  b.py -> d.py",
        "may not be done: ../x.py: It is not in the workspace.",
        "left out big.bin: It is binary.",
        "opus, leaves this machine, about 1200 tokens in and 300 out, about $0.0123, about 12 s",
        "a approve  c correct  q cancel",
    ):
        editor.until_shown(shown)
    assert methods(editor, "turnout/refactor") == []
    (query,) = methods(editor, "turnout/plan")
    assert (query["plan"], query["instruction"]) == ("ask", "rename one to uno")
    editor.type(key)
    (params,) = refactored(editor)
    assert params["plan"] == {"id": "plan-1"}
    assert params["textDocument"] == query["textDocument"]


def test_corrected(scripted: Scripted) -> None:
    """The user's word goes to the server with the plan's id; the better plan takes the place of the first."""
    editor = asked(scripted, PLAN, BETTER)
    editor.until_shown("Rename one to uno.")
    editor.type("c")
    editor.until_shown("Correct the plan:")
    editor.type("leave b.py<CR>")
    editor.until_shown("Only the variable.")
    editor.until_shown("about 1200 to 9000 tokens in and 300 out, about $0.0123 to $0.0500")
    editor.until_shown("about 12 to 40 s, in 3 to 8 turns")
    assert "d.py" not in editor.screen.text()
    correction = methods(editor, "turnout/plan")[1]
    assert (correction["previous"], correction["correction"]) == ("plan-1", "leave b.py")
    editor.type("a")
    (params,) = refactored(editor)
    assert params["plan"] == {"id": "plan-2"}


@pytest.mark.parametrize("keys", ["q", "<Esc>", ":close<CR>", "c<Esc>q", "c<CR>q"])
def test_cancelled(scripted: Scripted, keys: str) -> None:
    """However the window is left, nothing is asked for; an empty correction is none."""
    editor = asked(scripted, PLAN)
    editor.until_shown("Rename one to uno.")
    for key in [keys] if keys.startswith((":", "<")) or len(keys) == 1 else ["c", keys[1:-1], "q"]:
        editor.type(key)
    editor.until(lambda: floats(editor) == 0, "the window to close")
    assert methods(editor, "turnout/refactor") == []
    assert len(methods(editor, "turnout/plan")) == 1
    assert editor.lines() == ["one = 1"]


def test_no_usable_plan(scripted: Scripted) -> None:
    """That is said plainly, and the refactor may go on without one."""
    editor = asked(scripted, UNUSABLE)
    editor.until_shown("No usable plan: The answer is no plan.")
    editor.until_shown("near, stays on this machine, about 1200 tokens in and 300 out, free, in 4 rounds")
    editor.until_shown("a go on without a plan")
    editor.type("a")
    (params,) = refactored(editor)
    assert "plan" not in params


@pytest.mark.parametrize("way", ["command", "key"])
def test_cancelled_while_the_model_plans(scripted: Scripted, way: str) -> None:
    """Progress is shown, and cancelling reaches the server; a plan that was there stays for its user to decide."""
    editor = scripted(text="one = 1\n", before=KNOWS_PLANS)
    editor.server("test/script", {"plans": [PLAN, BETTER], "proposal": PROPOSAL})
    if way == "command":
        editor.server("test/hold")
    editor.command("Turnout refactor rename one to uno")
    if way == "key":
        editor.until_shown("Rename one to uno.")
        editor.server("test/hold")
        editor.type("c")
        editor.until_shown("Correct the plan:")
        editor.type("no<CR>")
    editor.until_shown("turnout: plan (near): asking the model (:Turnout cancel)")
    if way == "command":
        editor.command("Turnout cancel")
    else:
        editor.type("a")  # not while a better plan is on its way
        editor.type("q")
    editor.until(lambda: methods(editor, "$/cancelRequest"), "the cancellation")
    editor.until(lambda: floats(editor) == 0, "no window")
    assert methods(editor, "turnout/refactor") == []


@pytest.mark.parametrize(
    ("options", "modes"),
    [("", [None]), ('refactor = { plan = "auto" }', []), ('refactor = { plan = "x" }', [None])],
)
def test_no_plan_wanted(scripted: Scripted, options: str, modes: list[str | None]) -> None:
    """Where the server wants none, or the user said so, the refactor goes on at once; nonsense is no wish."""
    editor = asked(scripted, options=options)
    (params,) = refactored(editor)
    assert "plan" not in params
    assert [query.get("plan") for query in methods(editor, "turnout/plan")] == modes
    assert ('must be "ask" or "auto"' in editor.messages()) is ('"x"' in options)


def test_an_older_server(scripted: Scripted) -> None:
    """One that knows no plans is not asked for any."""
    editor = scripted(text="one = 1\n", options='refactor = { plan = "ask" }')
    editor.server("test/script", {"proposal": PROPOSAL})
    editor.command("Turnout refactor rename one to uno")
    refactored(editor)
    assert methods(editor, "turnout/plan") == []


def test_in_a_small_terminal(scripted: Scripted) -> None:
    """The window fits, long lines wrap, and the keys work."""
    editor = asked(scripted, {**PLAN, "summary": "word " * 60}, size=(40, 10))
    editor.until_shown("word word")
    editor.type("G")
    editor.until_shown("q cancel")
    editor.type("a")
    assert refactored(editor)
