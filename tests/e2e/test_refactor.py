"""A refactor of several files: proposed, looked at, applied whole or in part, undone, discarded, cancelled."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.buffers import Buffer
from support.editor import Editor, editing, vscode
from support.home import Home
from support.raw_server import INITIALIZE, raw_server
from support.workers import worker_is

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED, INVALID_PARAMS, CANCELLED = -32803, -32602, -32800

FILES = {
    "shop/prices.py": "# Prices.\n\n\ndef total(prices):\n    return sum(prices)\n\n\n# -\n\n\n"
    "def same(prices):\n    return prices\n\n\n",
    "shop/basket.py": "from shop.prices import total\n\n\ndef pay(basket):\n    return total(basket.prices)\n",
    "shop/tests.py": "\ufefffrom shop.prices import total\r\n\r\nassert total([1, 2]) == 3\r\n",
}
OPEN, CLOSED = ("shop/prices.py", "shop/basket.py"), "shop/tests.py"


def renamed(text: str) -> str:
    """What the model makes of a file: two changes far apart in the first, one in the others."""
    return (
        text.replace("total(", "grand_total(")
        .replace("import total", "import grand_total")
        .replace("    return prices\n", "    return list(prices)\n")
    )


def _reply(text: str) -> str:
    plain = renamed(text).removeprefix("\ufeff").replace("\r\n", "\n")
    return f"I rename the function.\n\n```python\n{plain}```\n"


# The local model is asked for one file at a time; a rule finds its file by the path in the question.
SCRIPT = {
    "chat": [
        *(
            {"contains": f"/{name}:\n```python\nx = '{reply}'", "text": text, **more}
            for name, reply, text, more in (
                ("a.py", "prose", "I would rather talk about it.", {}),
                ("a.py", "same", "```python\nx = 'same'\n```", {}),
                ("a.py", "endless", "x ", {"repeat": 4000, "token_delay_s": 0.1}),
                ("a.py", "broken", "", {"error": "out of memory"}),
                ("a.py", "breaks", "```python\ndef (\n```", {}),
            )
        ),
        *({"contains": f"{name}:\n```python\n", "text": _reply(text)} for name, text in FILES.items()),
    ]
}


@dataclass
class Shop:
    """The sample project of one test, two of its files open."""

    editor: Editor
    home: Home
    name: str
    buffers: list[Buffer]

    def uri(self, name: str) -> str:
        return self.home.uri(f"{self.name}/{name}")

    @property
    def uris(self) -> list[str]:
        return [self.uri(name) for name in FILES]

    def texts(self) -> list[str]:
        """The text of every file as its user sees it, open or not, with the byte order mark of closed ones."""
        return [*(buffer.text for buffer in self.buffers), self.home.read(f"{self.name}/{CLOSED}")]

    async def propose(self, **more: Any) -> dict[str, Any]:
        """Ask for the refactor of all three files."""
        params = {"instruction": "Rename total to grand_total", "scope": self.uris, **more}
        answer: dict[str, Any] = await self.editor.request("turnout/refactor", params)
        if "workDoneToken" not in more:
            await self.editor.displayed()
        return answer

    async def request(self, method: str, proposal: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Apply, undo or discard a proposal."""
        params = {"proposalId": proposal["proposalId"], **more}
        answer: dict[str, Any] = await self.editor.request(f"turnout/{method}", params)
        return answer

    async def edit(self) -> types.ApplyWorkspaceEditParams:
        """The edit that the server had applied."""
        params = await self.editor.next(types.WORKSPACE_APPLY_EDIT)
        assert isinstance(params, types.ApplyWorkspaceEditParams)
        return params


BEFORE, AFTER = list(FILES.values()), [renamed(text) for text in FILES.values()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """One session for all tests here; each has a folder of its own."""
    async with editing(module_home, vscode(), options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as session:
        yield session


@pytest.fixture
def shop(editor: Editor, module_home: Home, request: pytest.FixtureRequest) -> Shop:
    """A sample project of this test's own."""
    name = request.node.name.replace("[", "-").strip("]")
    for file, text in FILES.items():
        module_home.write(f"{name}/{file}", text)
    shop = Shop(editor, module_home, name, [])
    shop.buffers = [editor.open(shop.uri(file), FILES[file]) for file in OPEN]
    return shop


async def test_proposal(shop: Shop) -> None:
    """A proposal has the shape that clients are promised, and says exactly what will change; nothing has yet."""
    proposal = await shop.propose()
    assert set(proposal) == {"proposalId", "plan", "files", "checks", "receipt", "skipped", "complete"}
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
        assert set(check) == {"name", "ok", "message"}
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
        assert await shop.request("apply", proposal) == {"applied": True, "conflicts": []}
        applied = await shop.edit()
        changes = applied.edit.document_changes or ()
        assert [c.text_document.version for c in changes if isinstance(c, types.TextDocumentEdit)] == [
            *versions,
            None,
        ]
        assert shop.texts() == AFTER
        assert await shop.request("undo", proposal) == {"undone": True, "conflicts": []}
        await shop.edit()
        assert shop.texts() == BEFORE


async def test_some_hunks(shop: Shop) -> None:
    """The user may take some of the hunks; an undo takes back those."""
    proposal = await shop.propose()
    wanted = proposal["files"][0]["hunks"][1]
    assert (await shop.request("apply", proposal, hunks=[wanted["id"]]))["applied"] is True
    await shop.edit()
    assert shop.texts() == [BEFORE[0].replace(wanted["before"], wanted["after"]), *BEFORE[1:]]
    assert (await shop.editor.request("turnout/undo", {}))["undone"] is True
    await shop.edit()
    assert shop.texts() == BEFORE


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
    assert await shop.request("apply", proposal) == {"applied": True, "conflicts": []}
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


async def test_progress(shop: Shop) -> None:
    """Progress goes to the token that came with the request, and names each file."""
    shop.editor.progress_reports["mine"] = []
    await shop.propose(workDoneToken="mine")
    _, messages = await shop.editor.displayed("mine")
    for name in FILES:
        assert any(name in message for message in messages)


async def test_scope_of_its_own(home: Home) -> None:
    """Without a scope the files are found: the document first, then those that mention what it is about."""
    for file, text in {**FILES, "shop/other.py": "x = 1\n", ".hidden/total.py": "total\n"}.items():
        home.write(file, text)
    home.write(".gitignore", "built/\n")
    home.write("built/total.py", "total = 1\n")
    params = {
        "instruction": "Rename total to grand_total",
        "textDocument": {"uri": home.uri("shop/prices.py")},
        "range": {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 9}},
    }
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
        editor.open(home.uri("shop/prices.py"), FILES["shop/prices.py"])
        proposal = await editor.request("turnout/refactor", params)
        await editor.displayed()
    assert proposal["files"][0]["uri"] == home.uri("shop/prices.py")
    assert {file["uri"] for file in proposal["files"]} == {home.uri(file) for file in FILES}


async def test_files_that_cannot_be_read(shop: Shop) -> None:
    """A file that is binary, not UTF-8, too large, missing or elsewhere is left out with the reason."""
    home, name = shop.home, shop.name
    home.write(f"{name}/binary.py", b"x = 1\0\0")
    home.write(f"{name}/latin.py", "x = 'é'".encode("latin-1"))
    home.write(f"{name}/large.py", b"#" * 1_100_000)
    left_out = {"binary.py": "binary", "latin.py": "UTF-8", "large.py": "bytes", "missing.py": "no such file"}
    outside = home.root / "secret.txt"
    outside.write_text("secret")
    (home.work / name / "link.py").symlink_to(outside)
    scope = [*shop.uris, *(shop.uri(file) for file in left_out), outside.as_uri(), shop.uri("link.py")]
    proposal = await shop.propose(scope=scope)
    reasons = {skipped["path"].rsplit("/", 1)[-1]: skipped["reason"] for skipped in proposal["skipped"]}
    for file, reason in left_out.items():
        assert reason in reasons[file]
    assert "outside" in reasons["secret.txt"]
    assert "outside" in reasons["link.py"]
    assert len(proposal["files"]) == 3


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [("prose", "no fenced block"), ("broken", "out of memory")],
)
async def test_no_answer(shop: Shop, reply: str, complaint: str) -> None:
    """An answer without edits, or none, is an error that says what to do; nothing is kept or changed."""
    shop.home.write(f"{shop.name}/a.py", f"x = '{reply}'\n")
    params = {"instruction": "Do something", "scope": [shop.uri("a.py")]}
    with pytest.raises(JsonRpcException, match=complaint) as caught:
        await shop.editor.request("turnout/refactor", params)
    assert caught.value.code == REQUEST_FAILED
    await shop.editor.displayed()


@pytest.mark.parametrize(("reply", "check"), [("same", "changes"), ("breaks", "syntax")])
async def test_failed_checks(shop: Shop, reply: str, check: str) -> None:
    """A proposal that changes nothing, or breaks the syntax, says so in its checks."""
    shop.home.write(f"{shop.name}/a.py", f"x = '{reply}'\n")
    params = {"instruction": "Do something", "scope": [shop.uri("a.py")]}
    proposal = await shop.editor.request("turnout/refactor", params)
    await shop.editor.displayed()
    failed = [found for found in proposal["checks"] if not found["ok"]]
    assert [found["name"].split()[0] for found in failed] == [check]
    assert failed[0]["message"]


@pytest.mark.parametrize("params", [None, {}, [], {"instruction": " "}, {"instruction": 7}])
async def test_no_instruction(editor: Editor, params: Any) -> None:
    """A refactor without an instruction is refused as a wrong parameter."""
    with pytest.raises(JsonRpcException, match="instruction") as caught:
        await editor.request("turnout/refactor", params)
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize(
    "more",
    [
        {"scope": "file:///a.py"},
        {"scope": [7]},
        {"textDocument": "file:///a.py"},
        {"textDocument": {"uri": 7}},
        {"range": {"start": 1}},
        {"workDoneToken": {}},
    ],
)
async def test_wrong_parameters(shop: Shop, more: dict[str, Any]) -> None:
    """A parameter of another type is refused by name, not guessed at."""
    params = {"instruction": "x", "textDocument": {"uri": shop.uri("shop/prices.py")}, **more}
    with pytest.raises(JsonRpcException, match=next(iter(more))) as caught:
        await shop.editor.request("turnout/refactor", params)
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize("more", [{"proposalId": 7}, {"hunks": "0.0"}, {"hunks": 7}, {"hunks": [7]}])
async def test_wrong_parameters_of_apply(shop: Shop, more: dict[str, Any]) -> None:
    """The same holds for applying; nothing is."""
    with pytest.raises(JsonRpcException, match=next(iter(more))) as caught:
        await shop.request("apply", await shop.propose(), **more)
    assert caught.value.code == INVALID_PARAMS
    assert shop.texts() == BEFORE


@pytest.mark.parametrize("way", ["request", "progress"])
async def test_cancel(shop: Shop, way: str) -> None:
    """Cancelling the request, or its progress display, ends the model's work and answers with the protocol's error."""
    shop.home.write(f"{shop.name}/a.py", "x = 'endless'\n")
    editor = shop.editor
    params = {"instruction": "Do something", "scope": [shop.uri("a.py")]}
    answer = asyncio.ensure_future(editor.request("turnout/refactor", params, id=f"refactor-{way}"))
    token = (await editor.next(types.WINDOW_WORK_DONE_PROGRESS_CREATE)).token
    await worker_is(shop.home, "busy")
    if way == "request":
        editor.cancel_request(types.CancelParams(f"refactor-{way}"))
    else:
        editor.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
    with pytest.raises(JsonRpcException) as caught:
        await answer
    assert caught.value.code == CANCELLED
    await worker_is(shop.home, "idle")
    while (await editor.next(types.PROGRESS)).value["kind"] != "end":
        pass


async def test_typing_goes_on(shop: Shop) -> None:
    """While the model works on a refactor, ghost text and everything else goes on."""
    shop.home.write(f"{shop.name}/a.py", "x = 'endless'\n")
    editor = shop.editor
    params = {"instruction": "Do something", "scope": [shop.uri("a.py")]}
    answer = asyncio.ensure_future(editor.request("turnout/refactor", params, id="long"))
    token = (await editor.next(types.WINDOW_WORK_DONE_PROGRESS_CREATE)).token
    await worker_is(shop.home, "busy")
    buffer = editor.open(shop.uri("typing.py"), "hel")
    assert await editor.ghost(buffer, 3) == "lo_from_fake(42)"
    assert not answer.done()
    editor.cancel_request(types.CancelParams("long"))
    with pytest.raises(JsonRpcException):
        await answer
    while (await editor.next(types.PROGRESS)).value["kind"] != "end":
        pass
    assert token


CHECKED = """\
[routes.refactor]
checks = ["{python} -c 'import shop.prices as p; assert p.grand_total([1, 2]) == 3'",
          "{python} -c 'import shop.prices as p; p.total([])'",
          "no-such-command --now"]
"""


@pytest.mark.parametrize("trusted", [True, False])
async def test_checks_of_the_user(home: Home, trusted: bool) -> None:
    """In a trusted folder the user's commands run on the proposed text, in a copy; in any other they do not run."""
    for file, text in FILES.items():
        home.write(file, text)
    home.configure(CHECKED.format(python=sys.executable))
    options = {"client": {"trusted": trusted}}
    async with editing(home, options=options, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
        params = {"instruction": "Rename total to grand_total", "scope": [home.uri(file) for file in FILES]}
        proposal = await editor.request("turnout/refactor", params)
        await editor.displayed()
    passed, broken, missing = proposal["checks"][-3:]
    assert "grand_total" in passed["name"]
    assert "no-such-command" in missing["name"]
    if trusted:
        assert [check["ok"] for check in (passed, broken, missing)] == [True, False, False]
        assert "AttributeError" in broken["message"]
        assert missing["message"]
    else:
        assert all("turnout trust" in check["message"] for check in (passed, broken, missing))
    assert {file: home.read(file) for file in FILES} == FILES
    left = [path.name for path in home.work.rglob("*") if path.is_file() and path.suffix != ".py"]
    assert left == []


async def test_client_that_can_do_nothing(home: Home) -> None:
    """A client with no capabilities gets its proposal, is asked for nothing, and is told that it cannot apply it."""
    home.write("shop/basket.py", FILES["shop/basket.py"])
    params = {"instruction": "Rename total", "scope": [home.uri("shop/basket.py")]}
    async with raw_server(home, initialize=False, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as server:
        await server.ask("initialize", {**INITIALIZE, "rootUri": home.uri()})
        server.notify("initialized", {})
        proposal = (await server.ask("turnout/refactor", params))["result"]
        assert "grand_total" in proposal["files"][0]["diff"]
        outcome = (await server.ask("turnout/apply", {"proposalId": proposal["proposalId"]}))["result"]
        assert outcome["applied"] is False
        assert outcome["conflicts"]
    assert home.read("shop/basket.py") == FILES["shop/basket.py"]
