"""Asking for a refactor: of which files, with which checks, cancelled, refused, and next to everything else."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing, vscode
from support.home import Home
from support.raw_server import INITIALIZE, raw_server
from support.shop import BEFORE, FILES, SCRIPT, Shop, open_shop
from support.workers import worker_is

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED, INVALID_PARAMS, CANCELLED = -32803, -32602, -32800


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """One session for all tests here; each has a folder of its own."""
    async with editing(module_home, vscode(), options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as session:
        yield session


@pytest.fixture
def shop(editor: Editor, module_home: Home, request: pytest.FixtureRequest) -> Shop:
    """A sample project of this test's own."""
    return open_shop(editor, module_home, request.node.name)


async def test_progress(shop: Shop) -> None:
    """Progress goes to the token that came with the request, and names each file."""
    shop.editor.progress_reports["mine"] = []
    await shop.propose(workDoneToken="mine")
    _, messages = await shop.editor.displayed("mine")
    for name in FILES:
        assert any(name in message for message in messages)


async def test_files_as_they_are_drafted(shop: Shop) -> None:
    """A client that asks for them gets files one by one, before the answer that has them all."""
    shop.editor.progress_reports |= {"mine": [], "files": []}
    answer = await shop.propose(workDoneToken="mine", partialResultToken="files")
    heard = [params for params in shop.editor.drop(types.PROGRESS) if params.token == "files"]
    sent = [dict(params.value) for params in heard]
    assert [file["uri"] for value in sent for file in value["files"]] == shop.uris
    assert [file["uri"] for file in answer["files"]] == shop.uris


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
        {"scope": []},
        {"textDocument": "file:///a.py"},
        {"textDocument": {"uri": 7}},
        {"range": {"start": 1}},
        {"workDoneToken": {}},
        {"references": "file:///a.py"},
        {"references": [{"uri": "file:///a.py"}]},
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
        assert [check["ok"] for check in (passed, broken)] == [True, False]
        assert (missing["ok"], missing["ran"]) == (True, False), "it stops nothing"
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
