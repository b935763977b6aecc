"""What the editor is told of the last proposal, while other processes discard proposals."""

from types import SimpleNamespace
from typing import Any

import pytest

from support.act_kit import LOCAL, MemoryWorkspace, receipt
from turnout.act.applying.transactions import Proposals
from turnout.act.proposals import Proposal
from turnout.core.edits.changes import file_change, numbered
from turnout.errors import FolderBusy
from turnout.lsp.features import refactor
from turnout.lsp.work import RequestFailed

ROOT = "/w"


def kept(*ids: str) -> Proposals:
    """Proposals of those ids, the last one the newest."""
    times = iter(range(100))
    proposals = Proposals(clock=lambda: next(times))
    change = file_change("edit", "file:///w/a.py", "a.py", ("one\n",), ("two\n",))
    for name in ids:
        whole = Proposal(name, name, "", numbered([change]), (), receipt("refactor", LOCAL, (), 1))
        proposals.keep(whole, ROOT)
    return proposals


def server(proposals: Proposals, discarded: str = "") -> Any:
    """A server with one open folder; somebody else discards a proposal right after it was found to be the last."""
    workspace = MemoryWorkspace({"a.py": "one\n"})
    services = SimpleNamespace(proposals=proposals)

    async def owner(_services: object, proposal_id: str) -> MemoryWorkspace:
        if proposal_id == discarded:
            proposals.discard(proposal_id)
        proposals.root(proposal_id)
        return workspace

    async def ready() -> object:
        return services

    protocol = SimpleNamespace(encoding="utf-16")
    return SimpleNamespace(
        services=ready, owner=owner, protocol=protocol, journalled=lambda _services: {ROOT: workspace}
    )


@pytest.mark.parametrize(
    ("ids", "discarded", "shown"),
    [(["a", "b"], "", "b"), (["a", "b"], "b", "a"), (["a"], "a", None), ([], "", None)],
)
async def test_the_last_one_that_is_there(ids: list[str], discarded: str, shown: str | None) -> None:
    """One that is discarded while it is looked for is none: the one before it is shown, or there is none."""
    said = await refactor.proposal(server(kept(*ids), discarded), {})
    assert (said and said["proposalId"]) == shown


async def test_one_that_is_not_known_is_an_error() -> None:
    """Whoever asks for a proposal by its id is told that it is gone, and why; so is a failure to look for the last."""
    with pytest.raises(RequestFailed):
        await refactor.proposal(server(kept("a")), {"proposalId": "b"})

    class Busy(Proposals):
        def newest(self, roots: Any = None) -> str | None:
            raise FolderBusy("It is busy.")

    with pytest.raises(RequestFailed, match="It is busy"):
        await refactor.proposal(server(Busy()), {})
