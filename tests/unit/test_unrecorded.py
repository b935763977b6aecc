"""A journal that cannot be written: it is said in time, and never told as something else."""

import re
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from support.journal_kit import entry
from turnout.act.applying.transactions import Proposals
from turnout.commands.refactor import _Job
from turnout.commands.terminal import Terminal
from turnout.errors import Unrecorded
from turnout.files import Folder
from turnout.journal import Journal
from turnout.lsp.editor import LspEditor
from turnout.lsp.protocol import TurnoutProtocol
from turnout.lsp.server import TurnoutServer
from turnout.lsp.services import Services
from turnout.lsp.workspace import EditorWorkspace

PROPOSAL = entry("p", "offered", 0.0).proposal


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    """The place of a journal, which a file has."""
    (tmp_path / "journal").write_text("")
    return tmp_path / "journal"


def test_a_proposal_that_is_not_kept(taken: Path) -> None:
    """Whoever keeps one is told why that failed, and can find out before there is any."""
    proposals = Proposals(Journal(taken))
    for attempt in (lambda: proposals.keep(PROPOSAL, "/w"), lambda: proposals.probe("/w")):
        with pytest.raises(Unrecorded, match=f"cannot be written: .* Look at {re.escape(str(taken))}"):
            attempt()


def test_nothing_is_left_of_finding_out(tmp_path: Path) -> None:
    """A journal that can be written is as it was."""
    journal = Journal(tmp_path / "journal")
    Proposals(journal).probe("/w")
    assert journal.heads() == ()
    assert not [path for path in (tmp_path / "journal").rglob("*") if path.is_file()]


async def test_a_command_says_it_before_a_model_is_asked(
    taken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be applied is not paid for: nothing that a model is asked with is looked at."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(taken.parent))
    job = _Job(Namespace(apply=True, instruction="Do it", plan=None), Terminal(), cast("Any", None), tmp_path)
    with pytest.raises(Unrecorded, match="cannot be written"):
        await job.run()


async def test_an_editor_shows_the_proposal_and_says_it_once(taken: Path, tmp_path: Path) -> None:
    """It can be read, and its user knows that it cannot be applied, and why."""
    told: list[str] = []

    async def none(*_: object) -> Services:
        raise AssertionError("nothing is built here")

    server = TurnoutServer(none)
    protocol = SimpleNamespace(notify=lambda _method, params: told.append(params.message))
    server.editor = LspEditor(cast("TurnoutProtocol", protocol))
    services = cast("Services", SimpleNamespace(proposals=Proposals(Journal(taken))))
    workspace = EditorWorkspace(server.protocol, Folder(tmp_path))
    for _ in range(2):
        await server.offer(services, PROPOSAL, workspace)
    assert len(told) == 1
    assert "not be applied. The journal of changes cannot be written" in told[0]
