"""Each kind of request goes where its route says: over HTTP or to this machine, by settings that the user changes."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing, neovim
from support.home import TURNOUT, Home
from support.provider import anthropic_answer, openai_answer, openai_cut
from support.scripted_server import ScriptedServer, answer, scripted_server

TEXT = "def total(prices):\n    return sum(prices)\n"
NEW = "def total(prices):\n    return float(sum(prices))\n"
ANSWER = f"```python\n{NEW}```\n"
SCRIPT = json.dumps(
    {"chat": [{"contains": "total", "text": f"```python\n{NEW.replace('float', 'round')}```"}]}
)


def house(server: ScriptedServer, api: str = "openai-chat", more: str = "") -> str:
    """Settings with a model at the scripted server, asked first for everything but completions."""
    routes = "".join(
        f'[routes.{kind}]\nmodels = ["house", "near"]\n' for kind in ("rewrite", "refactor", "document")
    )
    model = f'[models.house]\napi = "{api}"\nmodel = "house-1"\nbase_url = "{server.url}/v1"\n'
    return f"{model}context_tokens = 32000\n{more}{routes}"


async def rewrite(editor: Editor, uri: str, text: str = TEXT) -> dict[str, Any]:
    """Rewrite the function of a newly opened document; the receipt."""
    buffer = editor.open(uri, text)
    editor.progress_reports["t"] = []
    argument = {"kind": "rewrite", "uri": uri, "version": 1, "first": 0, "end": 2, "instruction": "use float"}
    params = types.ExecuteCommandParams("turnout.rewrite", [argument], work_done_token="t")
    try:
        result = await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)
        await editor.next(types.WORKSPACE_APPLY_EDIT)
    finally:
        await editor.displayed("t")
        editor.close(buffer)
    receipt: dict[str, Any] = result["receipt"]
    assert buffer.text == (NEW if receipt["model"] == "house" else NEW.replace("float", "round"))
    return receipt


async def explained(editor: Editor, kind: str, uri: str) -> dict[str, Any]:
    """What the server says about the route of a kind."""
    answer: dict[str, Any] = await editor.request(
        "turnout/explain", {"kind": kind, "textDocument": {"uri": uri}}
    )
    return answer


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A provider that gives the same answer to every request, and remembers each."""
    async with scripted_server(openai_answer(ANSWER[:20], ANSWER[20:])) as running:
        yield running


async def test_kinds(home: Home, server: ScriptedServer) -> None:
    """Ghost text comes from this machine and a rewrite over HTTP, in one session; the receipts say which was which."""
    home.configure(house(server))
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
        assert await editor.ghost(editor.open(home.uri("b.py"), "hel"), 3) == "lo_from_fake(42)"
        assert server.requests == []
        receipt = await rewrite(editor, home.uri("a.py"))
    assert (receipt["kind"], receipt["model"], receipt["route"]) == ("rewrite", "house", ["house", "near"])
    assert receipt["outcome"] == "proposed"
    assert receipt["tokens"] == {"in": 100, "out": 20, "cached": 0, "evaluated": 100}
    assert receipt["bytesSent"] > len(TEXT)
    (request,) = server.requests
    assert request.line.startswith("POST /v1/chat/completions ")
    sent = json.loads(request.body)
    assert sent["model"] == "house-1"
    assert "return sum(prices)" in sent["messages"][-1]["content"]


async def test_settings_move_a_kind(home: Home, server: ScriptedServer) -> None:
    """Saving `.turnout.toml`, or changing it on disk, moves a kind to another model for the very next request."""
    home.configure(house(server))
    path = home.write(".turnout.toml", '[routes.rewrite]\nmodels = ["near"]\n')
    document = types.TextDocumentIdentifier(path.as_uri())
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
        assert (await rewrite(editor, home.uri("a.py")))["model"] == "near"
        path.write_text('[routes.rewrite]\nmodels = ["house"]\n')
        editor.saved(document.uri)
        assert (await rewrite(editor, home.uri("a.py")))["model"] == "house"
        path.write_text('[[rules]]\npaths = ["secret/**"]\nkinds = ["rewrite"]\nmodels = ["near"]\n')
        event = types.FileEvent(document.uri, types.FileChangeType.Changed)
        editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
        assert (await rewrite(editor, home.uri("a.py")))["model"] == "house"
        assert (await rewrite(editor, home.uri("secret/a.py")))["model"] == "near"
        path.unlink()
        event = types.FileEvent(document.uri, types.FileChangeType.Deleted)
        editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
        assert (await rewrite(editor, home.uri("secret/a.py")))["model"] == "house"
    assert len(server.requests) == 3


async def test_explained(home: Home, server: ScriptedServer) -> None:
    """The explanation names the chosen model, the others in order, and why and by which setting each other is out."""
    far = '[models.far]\napi = "anthropic"\nmodel = "far-1"\nkey = "env:NO_KEY"\n'
    config = home.configure(far + house(server).replace('["house", "near"]', '["house", "far"]'))
    workspace = home.write(".turnout.toml", '[routes.rewrite]\nmodels = ["far", "near"]\n')
    async with editing(home, options={}) as editor:
        answer = await explained(editor, "rewrite", home.uri("a.py"))
        assert {"candidates", "chosen", "eliminated"} <= set(answer)
        assert (answer["chosen"], answer["candidates"]) == ("near", ["near"])
        eliminated = {entry["model"]: entry for entry in answer["eliminated"]}
        assert all(set(entry) == {"model", "reason", "source"} for entry in eliminated.values())
        assert "NO_KEY" in eliminated["far"]["reason"]
        assert eliminated["far"]["source"].startswith(f"{config}:")
        assert eliminated["house"]["source"] == f"{workspace}:2 routes.rewrite.models"
        for kind in ("inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain"):
            assert (await explained(editor, kind, home.uri("a.py")))["chosen"]
        odd: Any
        for odd in ("nonsense", None, 7, [], {}):
            with pytest.raises(JsonRpcException, match="kind") as caught:
                await editor.request("turnout/explain", {"kind": odd})
            assert caught.value.code == -32602


async def test_both_formats(home: Home) -> None:
    """A model that speaks Anthropic Messages serves the same request."""
    async with scripted_server(anthropic_answer(ANSWER)) as server:
        home.configure(house(server, "anthropic", 'key = "env:HOUSE_KEY"\n'))
        async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT, HOUSE_KEY="k-123") as editor:
            assert (await rewrite(editor, home.uri("a.py")))["model"] == "house"
        (request,) = server.requests
        assert request.line.startswith("POST /v1/messages ")
        assert request.headers["x-api-key"] == "k-123"


async def test_fallback(home: Home) -> None:
    """When a model fails, in the middle of its answer too, the next of the route answers and the receipt says why."""
    works = openai_answer(ANSWER)  # or the endpoint would soon be left alone
    replies = [openai_cut(ANSWER), answer(500, b"{}"), works, b"", answer(200, b"<html>")]
    async with scripted_server(*replies) as server:
        home.configure(house(server))
        async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
            for number, reply in enumerate(replies):
                receipt = await rewrite(editor, home.uri(f"{number}.py"))
                expected = ("house", False) if reply is works else ("near", True)
                assert (receipt["model"], "house" in receipt["reason"]) == expected, receipt
        assert len(server.requests) >= len(replies)


async def test_a_refused_key_is_said(home: Home) -> None:
    """No other model hides a wrong key from the user who asked for this one; the document is untouched."""
    refused = answer(401, b'{"error": {"message": "bad key"}}')
    async with scripted_server(refused) as server:
        home.configure(house(server))
        async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
            with pytest.raises(JsonRpcException, match=r"house .* answered 401. Check that"):
                await rewrite(editor, home.uri("a.py"))


async def test_an_endpoint_that_keeps_failing_is_left_alone(home: Home) -> None:
    """After three failures in a row the next request does not wait for a fourth, and the explanation says why."""
    async with scripted_server(answer(500, b"{}")) as server:
        home.configure(house(server))
        async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
            for number in range(5):
                assert (await rewrite(editor, home.uri(f"{number}.py")))["model"] == "near"
            found = await explained(editor, "rewrite", home.uri("a.py"))
        assert len(server.requests) == 3
    [out] = [entry for entry in found["eliminated"] if entry["model"] == "house"]
    assert "failed" in out["reason"]


async def test_no_model_left(home: Home) -> None:
    """When the whole route fails the error names each model with its reason; the document is untouched."""
    async with scripted_server(openai_cut(ANSWER)) as server:
        home.configure(house(server) + '[models.other]\napi = "openai-chat"\nmodel = "x"\n'
                       'base_url = "http://127.0.0.1:9/v1"\n')  # fmt: skip
        options = {"routes": {"rewrite": {"models": ["house", "other"]}}}
        async with editing(home, options=options) as editor:
            with pytest.raises(JsonRpcException, match=r"house: .*; other: ") as caught:
                await rewrite(editor, home.uri("a.py"))
            assert caught.value.code == -32803


REFACTORED = """\
I split the module.

shop/total.py
<<<<<<< SEARCH
=======
def total(prices):
    return sum(prices)
>>>>>>> REPLACE

shop/prices.py
<<<<<<< SEARCH
def total(prices):
    return sum(prices)
=======
from shop.total import total
>>>>>>> REPLACE

*** Delete File: shop/unused.py
*** Rename File: shop/old.py -> shop/kept/new.py
"""


@pytest.mark.parametrize("api", ["openai-chat", "anthropic"])
async def test_files_that_come_and_go(home: Home, api: str) -> None:
    """A refactor over HTTP creates, deletes and renames files besides editing them, all of it undone by one request."""
    files = {"shop/prices.py": TEXT, "shop/unused.py": "x = 1\n", "shop/old.py": "y = 2\n"}
    for name, text in files.items():
        home.write(name, text)
    reply = openai_answer if api == "openai-chat" else anthropic_answer
    async with scripted_server(reply(*REFACTORED.splitlines(keepends=True))) as server:
        home.configure(house(server, api))
        async with editing(home, neovim(), options={}) as editor:
            buffer = editor.open(home.uri("shop/prices.py"), TEXT)
            params = {
                "instruction": "Split it, old.py to shop/kept",
                "scope": [home.uri(name) for name in files],
            }
            proposal = await editor.request("turnout/refactor", params)
            await editor.displayed()
            kinds = {file["uri"].rsplit("/", 1)[-1]: file["kind"] for file in proposal["files"]}
            assert kinds == {
                "total.py": "create",
                "prices.py": "edit",
                "unused.py": "delete",
                "old.py": "rename",
            }
            (moved,) = [file for file in proposal["files"] if file["kind"] == "rename"]
            assert moved["newUri"] == home.uri("shop/kept/new.py")
            assert proposal["receipt"]["model"] == "house"
            chosen = {"proposalId": proposal["proposalId"]}
            assert await editor.request("turnout/apply", chosen) == {
                "applied": True,
                "conflicts": [],
                "left": [],
            }
            assert buffer.text == "from shop.total import total\n"
            assert home.read("shop/total.py") == TEXT
            assert home.read("shop/kept/new.py") == "y = 2\n"
            assert not (home.work / "shop/unused.py").exists()
            assert not (home.work / "shop/old.py").exists()
            assert (await editor.request("turnout/undo", chosen)) == {
                "undone": True,
                "conflicts": [],
                **chosen,
            }
            assert editor.drop(types.WORKSPACE_APPLY_EDIT)
            assert buffer.text == TEXT
            assert {name: home.read(name) for name in files} == {**files}
            assert not (home.work / "shop/total.py").exists()
    (request,) = server.requests
    assert all(name in request.body.decode() for name in files)


async def test_editor_without_file_operations(home: Home, server: ScriptedServer) -> None:
    """In an editor that cannot create files such a proposal is not applied, not even in part."""
    home.write("shop/prices.py", TEXT)
    async with scripted_server(openai_answer(REFACTORED[: REFACTORED.index("*** Delete")])) as server:
        home.configure(house(server))
        can = neovim()
        assert can.workspace is not None
        can.workspace.workspace_edit = types.WorkspaceEditClientCapabilities(document_changes=True)
        async with editing(home, can, options={}) as editor:
            params = {"instruction": "Split it", "scope": [home.uri("shop/prices.py")]}
            proposal = await editor.request("turnout/refactor", params)
            await editor.displayed()
            outcome = await editor.request("turnout/apply", {"proposalId": proposal["proposalId"]})
            assert outcome["applied"] is False
            assert outcome["conflicts"]
            editor.drop(types.WORKSPACE_APPLY_EDIT)
    assert home.read("shop/prices.py") == TEXT
    assert not (home.work / "shop/total.py").exists()


UNTRUSTED = """\
[models.house]
base_url = "{url}/stolen/v1"
[models.mine]
api = "openai-chat"
model = "m"
base_url = "{url}/stolen/v1"
key = "env:HOUSE_KEY"
[models.near]
path = "/etc/passwd"
[routes.rewrite]
models = ["mine", "house", "near"]
[routes.refactor]
checks = ["touch {work}/ran"]
[privacy]
leaves_machine = "allow"
[budget]
day_usd = 1000
"""


async def test_untrusted_workspace(home: Home, server: ScriptedServer) -> None:
    """A repository's file sets no endpoint, key, model, command or budget and loosens nothing until it is trusted."""
    home.configure(
        house(server, more='leaves_machine = true\nkey = "env:HOUSE_KEY"\n')
        + '[privacy]\nleaves_machine = "never"\n[budget]\nday_usd = 1\n'
    )
    path = home.write(".turnout.toml", UNTRUSTED.format(url=server.url, work=home.work))
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT, HOUSE_KEY="secret") as editor:
        assert (await rewrite(editor, home.uri("a.py")))["model"] == "near"
        home.write("a.py", TEXT)
        params = {"instruction": "use float", "scope": [home.uri("a.py")]}
        proposal = await editor.request("turnout/refactor", params)
        assert proposal["receipt"]["model"] == "near"
        await editor.displayed()
        said = [params.message for params in editor.drop(types.WINDOW_SHOW_MESSAGE)]
        everything = "\n".join(said)
        assert path.name in everything
        assert "turnout trust" in everything
        for key in ("models.house.base_url", "models.mine", "models.near.path", "routes.refactor.checks",
                    "privacy.leaves_machine", "budget.day_usd"):  # fmt: skip
            assert key in everything, key
    assert server.connections == 0
    assert not (home.work / "ran").exists()


async def test_trusted_workspace(home: Home, server: ScriptedServer) -> None:
    """Once trusted, by command or by the editor's word, a workspace sets its own models; privacy it only tightens."""
    toml = house(server, more='key = "env:HOUSE_KEY"\n') + '[privacy]\nleaves_machine = "allow"\n'
    home.write(".turnout.toml", toml)
    home.configure('[privacy]\nleaves_machine = "ask"\n')
    variables: dict[str, Any] = {"TURNOUT_FAKE_SCRIPT": SCRIPT, "HOUSE_KEY": "secret"}
    for trusts in (None, True, False):
        options = {"client": {"trusted": trusts}} if trusts is not None else {}
        if trusts is None:
            trusting = [TURNOUT, "trust", str(home.work)]
            await asyncio.to_thread(partial(subprocess.run, trusting, env=home.environment(), check=True))
        async with editing(home, options=options, **variables) as editor:
            model = (await rewrite(editor, home.uri("a.py")))["model"]
            said = "\n".join(params.message for params in editor.drop(types.WINDOW_SHOW_MESSAGE))
        # The editor may know the folder as restricted, and then its word counts.
        assert model == ("near" if trusts is False else "house")
        assert "privacy.leaves_machine" in said
    assert len(server.requests) == 2


async def test_a_used_up_budget_moves_requests_to_this_machine(home: Home, server: ScriptedServer) -> None:
    """The user is told once, the next model of the route answers, and what may not be paid for is never sent."""
    home.configure(house(server, more="input_usd = 10\noutput_usd = 1000\n") + "[budget]\nday_usd = 2.1\n")
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
        models = [(await rewrite(editor, home.uri(f"{number}.py")))["model"] for number in range(5)]
        said = await editor.said()
        receipts = (await editor.request("turnout/receipts", {"count": 10}))["receipts"]
        found = await explained(editor, "rewrite", home.uri("a.py"))
    sent = len(server.requests)
    assert 0 < sent < 5
    assert models == ["house"] * sent + ["near"] * (5 - sent)
    assert sum(receipt["costUsd"] for receipt in receipts) == pytest.approx(sent * 0.021)
    assert "house is passed over" in said
    [out] = [entry for entry in found["eliminated"] if entry["model"] == "house"]
    assert out["source"].endswith("budget.day_usd")


async def test_a_spent_budget_may_be_gone_over_by_who_is_asked(home: Home, server: ScriptedServer) -> None:
    """Once per request, until tomorrow, or not at all; nothing goes out on a no, and by whom it was allowed is said."""
    home.configure(
        house(server, more="input_usd = 10\noutput_usd = 1000\n")
        + '[budget]\nday_usd = 0.001\nwhen_spent = "ask"\n'
    )
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
        said = ["No", "Allow this request", "", "Allow until tomorrow"]
        asked: list[str] = []

        def choose(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
            asked.append(params.message)
            assert [action.title for action in params.actions or ()] == [said[1], said[3], said[0]]
            title = said[len(asked) - 1]
            return types.MessageActionItem(title) if title else None

        editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = choose
        models = [(await rewrite(editor, home.uri(f"{number}.py")))["model"] for number in range(6)]
        editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST)
        receipts = (await editor.request("turnout/receipts", {"count": 10}))["receipts"]
        editor.drop(types.WINDOW_SHOW_MESSAGE)
    assert models == ["near", "house", "near", "house", "house", "house"]
    assert (len(asked), len(server.requests)) == (4, 4)
    assert "of $0.001 a day is spent or set aside" in asked[0]
    assert sum("you allowed it to go over $0.001 a day" in receipt["reason"] for receipt in receipts) == 4
    assert sum(receipt["costUsd"] for receipt in receipts) == pytest.approx(4 * 0.021)
