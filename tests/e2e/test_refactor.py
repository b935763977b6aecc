"""A refactor of several files: proposed, looked at, applied whole or in part, undone, discarded."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.buffers import Buffer
from support.editor import Editor, editing, vscode
from support.home import Home
from support.shop import AFTER, BEFORE, CLOSED, SCRIPT, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED = -32803


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """One session for all tests here; each has a folder of its own."""
    async with editing(module_home, vscode(), options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as session:
        yield session


@pytest.fixture
def shop(editor: Editor, module_home: Home, request: pytest.FixtureRequest) -> Shop:
    """A sample project of this test's own."""
    return open_shop(editor, module_home, request.node.name)


async def test_proposal(shop: Shop) -> None:
    """A proposal has the shape that clients are promised, and says exactly what will change; nothing has yet."""
    proposal = await shop.propose()
    assert set(proposal) == {
        "proposalId", "plan", "files", "checks", "verdict", "receipt", "skipped", "complete",
    }  # fmt: skip
    assert proposal["verdict"]["state"] == "verified"
    assert proposal["plan"] == "I rename the function."
    assert [file["uri"] for file in proposal["files"]] == shop.uris
    assert [file["version"] for file in proposal["files"]] == [1, 1, None]
    for file, before, after in zip(proposal["files"], BEFORE, AFTER, strict=True):
        assert set(file) == {"uri", "kind", "version", "diff", "hunks"}
        assert file["kind"] == "edit"
        buffer = Buffer(file["uri"], before.removeprefix("\ufeff"))
        for hunk in file["hunks"]:
            assert set(hunk) == {"id", "before", "after", "range"}
            start, end = (types.Position(**hunk["range"][side]) for side in ("start", "end"))
            part = buffer.text[buffer.offset(start, "utf-16") : buffer.offset(end, "utf-16")]
            assert part == hunk["before"]
            assert hunk["before"] in before
            assert hunk["after"] in after
        assert "grand_total" in file["diff"]
    ids = [hunk["id"] for file in proposal["files"] for hunk in file["hunks"]]
    assert len(ids) == len(set(ids)) == 6
    for check in proposal["checks"]:
        assert set(check) == {"name", "ok", "ran", "message"}
        assert check["ok"], check
    receipt = proposal["receipt"]
    assert (receipt["kind"], receipt["model"], receipt["leavesMachine"]) == ("refactor", "near", False)
    assert [sent["uri"] for sent in receipt["files"]] == shop.uris
    assert shop.texts() == BEFORE
    assert shop.editor.unread == []


async def test_apply_and_undo(shop: Shop) -> None:
    """Applying changes every file in one edit with versions; undoing restores each byte, and all that again."""
    proposal = await shop.propose()
    for _ in range(2):
        versions = [buffer.version for buffer in shop.buffers]
        assert await shop.request("apply", proposal) == {"applied": True, "conflicts": [], "left": []}
        applied = await shop.edit()
        changes = applied.edit.document_changes or ()
        assert [c.text_document.version for c in changes if isinstance(c, types.TextDocumentEdit)] == [
            *versions,
            None,
        ]
        assert shop.texts() == AFTER
        undone = {"undone": True, "conflicts": [], "proposalId": proposal["proposalId"]}
        assert await shop.request("undo", proposal) == undone
        await shop.edit()
        assert shop.texts() == BEFORE


async def test_some_hunks(shop: Shop) -> None:
    """The user may take some of the hunks, look at the rest and take it later; each of both is undone by itself."""
    proposal = await shop.propose()
    wanted, *others = [hunk for file in proposal["files"] for hunk in file["hunks"]][1:]
    first = proposal["files"][0]["hunks"][0]
    outcome = await shop.request("apply", proposal, hunks=[wanted["id"]])
    assert outcome == {"applied": True, "conflicts": [], "left": [hunk["id"] for hunk in [first, *others]]}
    await shop.edit()
    part = [BEFORE[0].replace(wanted["before"], wanted["after"]), *BEFORE[1:]]
    assert shop.texts() == part
    rest = await shop.editor.request("turnout/proposal", {})
    assert (set(rest) - set(proposal), rest["label"]) == (
        {"label", "conflicts"},
        "Rename total to grand_total",
    )
    assert [hunk["id"] for file in rest["files"] for hunk in file["hunks"]] == outcome["left"]
    assert rest["files"][0]["version"] == shop.buffers[0].version
    again = await shop.request("apply", proposal, hunks=[wanted["id"]])
    assert [conflict["message"] for conflict in again["conflicts"]] == ["Hunk 0.1 was applied already."]
    assert (await shop.request("apply", proposal))["applied"] is True
    await shop.edit()
    assert shop.texts() == AFTER
    for texts in (part, BEFORE):
        assert (await shop.editor.request("turnout/undo", {}))["undone"] is True
        await shop.edit()
        assert shop.texts() == texts
    whole = await shop.request("proposal", proposal)
    assert [file["hunks"] for file in whole["files"]] == [file["hunks"] for file in proposal["files"]]


@pytest.mark.parametrize("hunks", [[], ["no such hunk"]])
async def test_no_hunks(shop: Shop, hunks: list[str]) -> None:
    """A choice of no hunk, or of one that is not there, changes nothing."""
    outcome = await shop.request("apply", await shop.propose(), hunks=hunks)
    assert outcome["applied"] is False
    assert outcome["conflicts"][0]["message"]
    assert shop.texts() == BEFORE


async def test_typed_elsewhere(shop: Shop) -> None:
    """What the user typed in other lines since stays, and the proposal still applies; so does its undo."""
    proposal = await shop.propose()
    shop.editor.change(shop.buffers[0], 0, 0, "# typed\n")
    shop.editor.type(shop.buffers[0], "# more")
    assert await shop.request("apply", proposal) == {"applied": True, "conflicts": [], "left": []}
    await shop.edit()
    assert shop.texts() == ["# typed\n" + AFTER[0] + "# more", *AFTER[1:]]
    shop.editor.change(shop.buffers[0], 0, len("# typed"), "# typed on")
    assert (await shop.request("undo", proposal))["undone"] is True
    await shop.edit()
    assert shop.texts() == ["# typed on\n" + BEFORE[0] + "# more", *BEFORE[1:]]


async def test_typed_in_the_same_lines(shop: Shop) -> None:
    """A conflict in one file keeps every file untouched, and names the file, the hunk and why."""
    proposal = await shop.propose()
    buffer = shop.buffers[1]
    editor = shop.editor
    editor.type(buffer, " or 0", at=buffer.text.index("\n", buffer.text.index("return total")))
    typed = shop.texts()
    outcome = await shop.request("apply", proposal)
    assert outcome["applied"] is False
    (conflict,) = outcome["conflicts"]
    assert conflict["uri"] == buffer.uri
    assert conflict["hunk"] in [hunk["id"] for hunk in proposal["files"][1]["hunks"]]
    assert conflict["message"]
    assert shop.texts() == typed
    assert editor.unread == []  # the editor was not even asked
    others = [hunk["id"] for index in (0, 2) for hunk in proposal["files"][index]["hunks"]]
    assert (await shop.request("apply", proposal, hunks=others))["applied"] is True
    await shop.edit()
    assert shop.texts() == [AFTER[0], typed[1], AFTER[2]]


async def test_file_changed_on_disk(shop: Shop) -> None:
    """A closed file that another program changed in the same lines is a conflict like any other."""
    proposal = await shop.propose()
    shop.home.write(f"{shop.name}/{CLOSED}", "assert False\n")
    outcome = await shop.request("apply", proposal)
    assert outcome["applied"] is False
    assert {conflict["uri"] for conflict in outcome["conflicts"]} == {shop.uri(CLOSED)}
    assert shop.texts() == [*BEFORE[:2], "assert False\n"]


async def test_undo_after_typing(shop: Shop) -> None:
    """An undo that would take the user's own later edits away does nothing and says where."""
    proposal = await shop.propose()
    await shop.request("apply", proposal)
    await shop.edit()
    buffer = shop.buffers[1]
    shop.editor.type(buffer, "  # mine", at=buffer.text.index("\n", buffer.text.index("return grand_total")))
    typed = shop.texts()
    outcome = await shop.request("undo", proposal)
    assert outcome["undone"] is False
    assert outcome["conflicts"][0]["uri"] == buffer.uri
    assert shop.texts() == typed


async def test_refused_by_the_editor(shop: Shop) -> None:
    """An edit that the editor did not carry out counts as not applied, and the proposal is still there."""
    proposal = await shop.propose()
    answers = shop.editor.answers
    answers[types.WORKSPACE_APPLY_EDIT] = lambda params: types.ApplyWorkspaceEditResult(applied=False)
    outcome = await shop.request("apply", proposal)
    answers[types.WORKSPACE_APPLY_EDIT] = shop.editor.carry_out
    assert outcome["applied"] is False
    assert outcome["conflicts"][0]["message"]
    assert shop.editor.drop(types.WORKSPACE_APPLY_EDIT)
    assert shop.texts() == BEFORE
    assert (await shop.request("apply", proposal))["applied"] is True
    await shop.edit()


async def test_discard(shop: Shop) -> None:
    """A discarded proposal cannot be applied any more; discarding twice is no error."""
    proposal = await shop.propose()
    for _ in range(2):
        await shop.request("discard", proposal)
    with pytest.raises(JsonRpcException, match="no proposal") as caught:
        await shop.request("apply", proposal)
    assert caught.value.code == REQUEST_FAILED


async def test_unknown_proposal(editor: Editor) -> None:
    """A proposal that never was is named as such."""
    for method in ("apply", "undo"):
        with pytest.raises(JsonRpcException, match="nope") as caught:
            await editor.request(f"turnout/{method}", {"proposalId": "nope"})
        assert caught.value.code == REQUEST_FAILED
