"""A refactor of files that the user named puts new files beside those, and nowhere else."""

import pytest

from support.act_kit import MemoryWorkspace, ScriptedAsker, seams
from turnout.act.gathering.newfiles import out_of_place, unasked
from turnout.act.gathering.scope import Request
from turnout.act.proposals import verdict
from turnout.act.refactor import propose
from turnout.commands.refactor import _summary
from turnout.core.edits.changes import file_change

FILES = {"a.py": "x = 1\n", "pkg/b.py": "y = 2\n", "pkg/sub/c.py": "z = 3\n"}


@pytest.mark.parametrize(
    ("said", "scope", "folders", "path", "is_free"),
    [
        ("Split it.", ("pkg/b.py",), (), "pkg/d.py", True),
        ("Split it.", ("pkg/b.py",), (), "conftest.py", False),
        ("Split it.", ("pkg/b.py",), (), "pkg/new/d.py", False),
        ("Split it.", ("pkg/b.py",), (), "pkg/sub/d.py", False),
        ("Split it.", ("a.py",), (), "my_new/d.py", False),
        ("Split it.", ("pkg/b.py",), ("pkg/",), "pkg/new/d.py", True),
        ("Split it.", ("pkg/sub/c.py",), ("pkg/sub/",), "pkg/d.py", False),
        ("Split it.", ("pkg/sub/c.py",), ("pkg/",), "pkg/d.py", True),
        ("Split it.", ("pkg/sub/c.py",), ("pkg/",), "pkg/other/d.py", True),
        ("Split it.", ("pkg/sub/c.py",), ("pkg/",), "pkgs/d.py", False),
        ("Split it.", ("pkg/sub/c.py",), ("",), "d.py", True),
        ("Split it.", ("pkg/sub/c.py",), ("",), "new/d.py", True),
        ("Split it into `my_new/`.", ("a.py",), (), "my_new/d.py", True),
        ("Move x to ./my_new/d.py.", ("a.py",), (), "my_new/d.py", True),
        ("Add a conftest.py", ("pkg/b.py",), (), "conftest.py", True),
        ("Split it.", (), (), "conftest.py", True),
        ("Split it.", ("../elsewhere.py",), (), "conftest.py", False),
    ],
)
def test_where_a_new_file_may_be(
    said: str, scope: tuple[str, ...], folders: tuple[str, ...], path: str, is_free: bool
) -> None:
    """Beside a named file, below a named folder, where the instruction says, and anywhere if nothing was named."""
    request = Request(said, scope=tuple(f"file:///w/{one}" for one in scope), folders=folders)
    assert (out_of_place(path, request, MemoryWorkspace(FILES)) is None) == is_free


@pytest.mark.parametrize(
    "step",
    [
        "my_new/d.py\n<<<<<<< SEARCH\n=======\ny = 1\n>>>>>>> REPLACE\n",
        "*** Rename File: pkg/b.py -> my_new/b.py\n",
    ],
)
async def test_a_change_out_of_place_is_refused(step: str) -> None:
    """It goes back to the model, and what it did within its bounds is offered as incomplete."""
    edit = "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n"
    asker = ScriptedAsker([edit + step, edit + step])
    request = Request("Split it.", scope=("file:///w/a.py", "file:///w/pkg/b.py"))
    proposal = await propose(request, seams(MemoryWorkspace(FILES), asker))
    assert "my_new" in asker.asked[1][1].messages[-1].content
    assert [change.path for change in proposal.changes] == ["a.py"]
    assert not proposal.complete


@pytest.mark.parametrize(
    ("path", "said", "is_told"),
    [
        ("conftest.py", "Split it.", True),
        ("tests/conftest.py", "Add tests in tests/", True),
        ("GNUmakefile", "Split it.", True),
        ("web/vite.config.mts", "Split it.", True),
        ("lib/a.pth", "Split it.", True),
        ("package.json", "Split it.", True),
        ("pytest.ini", "Split it.", True),
        ("manage.py", "Split it.", True),
        ("fabfile.py", "Split it.", True),
        ("docker-compose.yml", "Split it.", True),
        ("deploy/compose.override.yaml", "Split it.", True),
        ("binding.gyp", "Split it.", True),
        ("composer.py", "Split it.", False),
        ("tests/test_a.py", "Split it.", False),
        ("AGENTS.md", "Split it.", True),
        ("web/CLAUDE.local.md", "Split it.", True),
        ("docs/copilot-instructions.md", "Split it.", True),
        ("rules/style.mdc", "Split it.", True),
        ("AGENTS.md", "Say so in agents.md", False),
        ("docs/agency.md", "Split it.", False),
        ("conftest.py", "Add a `conftest.py`.", False),
        ("tests/conftest.py", "Write ./tests/conftest.py", False),
        ("makefile", "Add a Makefile.", False),
        ("config.py", "Split it.", False),
        ("packages.json", "Split it.", False),
        ("tasks.py", "Tidy.", True),
        ("shop/tasks.py", "Tidy.", False),
    ],
)
def test_a_file_that_runs_by_itself_is_told(path: str, said: str, is_told: bool) -> None:
    """Made, moved there or edited, unless the instruction names it; so is one that tells models what to do."""
    made = file_change("create", f"file:///w/{path}", path, (), ("x\n",))
    uri = f"file:///w/{path}"
    moved = file_change("rename", "file:///w/a", "a", ("x\n",), ("x\n",), new_uri=uri, new_path=path)
    edited = file_change("edit", f"file:///w/{path}", path, ("x\n",), ("y\n",))
    gone = file_change("delete", f"file:///w/{path}", path, ("x\n",), ())
    request = Request(said)
    assert not unasked([gone], request)
    assert [len(unasked([change], request)) for change in (made, moved, edited)] == [is_told] * 3


@pytest.mark.parametrize(
    ("request_", "is_told"),
    [
        (Request("Tidy.", scope=("file:///w/Makefile",)), 0),
        (Request("Tidy.", document="file:///w/Makefile"), 0),
        (Request("Tidy.", scope=("file:///w/Makefile",), swept=frozenset({"file:///w/Makefile"})), 1),
        (Request("Tidy.", scope=("file:///w/a.py",)), 1),
    ],
)
def test_an_edit_of_a_named_file_is_asked_for(request_: Request, is_told: int) -> None:
    """Who names a file wants it changed; a folder is no name of what is in it."""
    edited = file_change("edit", "file:///w/Makefile", "Makefile", ("x\n",), ("y\n",))
    assert len(unasked([edited], request_)) == is_told


async def test_such_a_proposal_is_not_verified_whole() -> None:
    """The verdict names the file, also on the command line, where a move says from where to where."""
    create = "conftest.py\n<<<<<<< SEARCH\n=======\ny = 1\n>>>>>>> REPLACE\n*** Rename File: a.py -> z.py\n"
    proposal = await propose(
        Request("Split it."), seams(MemoryWorkspace({"a.py": "x\n"}), ScriptedAsker([create]))
    )
    found = verdict(proposal.checks)
    assert (found.state, proposal.complete) == ("partly", True)
    assert "conftest.py, which is new and runs by itself" in found.text
    assert [*_summary(proposal, applied=False)][:2] == [
        "would change: create conftest.py",
        "would change: rename a.py -> z.py",
    ]
