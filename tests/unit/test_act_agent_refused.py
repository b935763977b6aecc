"""A file that a model meant to change and may not is never forgotten: who reads the proposal hears of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.agent_kit import HERE, Calling, Calls, Turn, around, edits, failed
from turnout.act.proposals import Proposal, verdict
from turnout.act.refactor import propose

FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n",
    "far/conf.py": "LIMIT = 3\n",
    "AGENTS.md": "Never edit `far/`.\n",
}
MAIN = edits("main.py", "from shapes import area", "from shapes import size")
FAR = edits("far/conf.py", "LIMIT = 3", "LIMIT = 4", done=False)


def call(**given: object) -> Calls:
    return [("propose_edits", {"summary": "x", "done": False, **given})]


def reset(path: str) -> Calls:
    return [("reset_files", {"paths": [path]})]


async def after(*turns: Turn, scope: Sequence[str] = (), barred: bool = True) -> tuple[Proposal, Calling]:
    asker = Calling([*turns])
    request = replace(HERE, scope=tuple(f"file:///w/{path}" for path in scope))
    files = FILES if barred else {**FILES, "AGENTS.md": ""}
    return await propose(request, around(asker, files)), asker


def told(proposal: Proposal) -> dict[str, str]:
    """What is said of files that may not change, by what it is called."""
    return {check.name: check.message for check in proposal.checks if check.name.startswith("edits refused")}


@pytest.mark.parametrize(
    ("turns", "scope", "path", "why"),
    [
        ([edits(done=False) + FAR, MAIN], (), "far/conf.py", "AGENTS.md:1 puts `far/` off limits"),
        ([FAR, edits(done=False), MAIN], (), "far/conf.py", "off limits"),
        ([call(delete=["far/conf.py"]), MAIN], (), "far/conf.py", "off limits"),
        ([call(rename=[{"path": "main.py", "new_path": "far/m.py"}]), MAIN], (), "far/m.py", "off limits"),
        ([call(rename=[{"path": "main.py", "new_path": ".m.py"}]), MAIN], (), ".m.py", "is hidden"),
        ([call(create=[{"path": "../x.py", "text": "X = 1\n"}]), MAIN], (), "../x.py", "does not name a file"),
        ([call(delete=["a\0b.py"]), MAIN], (), "'a\\x00b.py'", "is not a file name"),
        ([FAR, MAIN], ("main.py",), "far/conf.py", "not among the files"),
    ],
    ids=[
        "beside another", "two turns ago", "deleted", "moved there", "moved to a hidden place", "outside", "no name",
        "out of scope",
    ],
)  # fmt: skip
async def test_what_was_refused_is_told(
    turns: Sequence[Turn], scope: Sequence[str], path: str, why: str
) -> None:
    """Whatever is proposed later, a file that was to change and may not is told: nothing is called verified."""
    proposal, _ = await after(*turns, "Done.", scope=scope)
    assert "main.py" in {change.path for change in proposal.changes}
    assert failed(proposal) == {}
    assert why in told(proposal)[f"edits refused in {path}"]
    assert [file.path for file in proposal.skipped if why in file.reason] == [path]
    assert verdict(proposal.checks).state == "partly"


@pytest.mark.parametrize(
    ("turns", "scope"),
    [
        ([FAR, reset("far/conf.py"), MAIN], ()),
        ([FAR, edits(done=False), reset("./far/conf.py"), MAIN], ()),
        ([call(create=[{"path": "../x.py", "text": "X = 1\n"}]), reset("../x.py"), MAIN], ()),
        ([call(rename=[{"path": "main.py", "new_path": "far/m.py"}]), reset("far/m.py"), MAIN], ()),
        ([call(rename=[{"path": "main.py", "new_path": "far/m.py"}]), reset("main.py"), MAIN], ()),
        (
            [
                call(rename=[{"path": "main.py", "new_path": "far/m.py"}]),
                call(rename=[{"path": "main.py", "new_path": "m.py"}]),
                "Done.",
            ],
            (),
        ),
    ],
    ids=["at once", "later", "outside", "by its new place", "by its old place", "moved elsewhere"],
)
async def test_what_is_let_go_of_is_not_told(turns: Sequence[Turn], scope: Sequence[str]) -> None:
    """A model that lets go of what it may not do, or does it where it may, has decided: that is no note."""
    proposal, _ = await after(*turns, scope=scope)
    assert failed(proposal) == {}
    assert (told(proposal), proposal.skipped) == ({}, ())


async def test_an_edit_beside_a_move_that_was_refused_does_not_make_it() -> None:
    """A move that may not be stays known, also once the file has edits in its old place."""
    moved = call(rename=[{"path": "main.py", "new_path": "far/m.py"}])
    proposal, _ = await after(moved, MAIN, "Done.")
    assert list(told(proposal)) == ["edits refused in far/m.py"]
