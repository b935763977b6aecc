"""A refactor with its plan first: shown, corrected, approved, cancelled, and never gone beyond."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing, vscode
from support.home import Home
from support.provider import openai_answer
from support.scripted_server import STREAM_HEAD, Exchange, Script, ScriptedServer, chunked, scripted_server

REQUEST_FAILED, INVALID_PARAMS, CANCELLED = -32803, -32602, -32800
FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "main.py": "from shapes import area\n\nprint(area(1, 2))\n",
    "secret/keys.py": "area = 1\n",
}
PLAN = "SUMMARY: Rename the function.\nEDIT shapes.py: the definition\nEDIT main.py: the call\n"


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


SHAPES = block("shapes.py", "def area(w, h):", "def size(w, h):")
MAIN = block("main.py", "print(area(1, 2))", "print(size(1, 2))")


@asynccontextmanager
async def planning(
    home: Home, *replies: str | Script, mode: str = "ask", more: str = "", **options: Any
) -> AsyncIterator[tuple[Editor, ScriptedServer]]:
    """A session whose only model for refactors is elsewhere and gives `replies` in turn."""
    for name, text in FILES.items():
        home.write(name, text)
    scripts = [openai_answer(reply) if isinstance(reply, str) else reply for reply in replies]
    async with scripted_server(*scripts) as server:
        home.configure(f"""
[models.far]
api = "openai-chat"
model = "far-1"
base_url = "{server.url}/v1"
leaves_machine = true
jurisdiction = "US"
context_tokens = 32000
input_usd = 3.0
output_usd = 15.0
[routes.refactor]
models = ["far"]
plan = "{mode}"
[privacy]
leaves_machine = "allow"
local_only = ["secret/"]
{more}
""")
        async with editing(home, vscode(), options=options) as editor:
            yield editor, server


async def ask(editor: Editor, home: Home, method: str = "plan", **more: Any) -> Any:
    """A plan of the rename of `area`, or its refactor."""
    scope = [home.uri("shapes.py"), home.uri("main.py")]
    params = {"instruction": "Rename area to size.", "scope": scope, **more}
    return await editor.request(f"turnout/{method}", params)


def sent(server: ScriptedServer) -> str:
    """The newest request to the provider."""
    return server.requests[-1].body.decode()


async def test_approved(home: Home) -> None:
    """The plan says what will change and what that takes; approved, it is the refactor's scope and in its prompt."""
    async with planning(home, PLAN, SHAPES + MAIN) as (editor, server):
        experimental: Any = editor.server.experimental
        assert experimental["turnout"]["plan"] is True
        plan = await ask(editor, home)
        assert (await editor.displayed())[0] == "Planning"
        assert plan["summary"] == "Rename the function."
        assert plan["steps"] == [
            {"kind": "edit", "path": "shapes.py", "change": "the definition"},
            {"kind": "edit", "path": "main.py", "change": "the call"},
        ]
        assert (plan["dropped"], plan["skipped"], plan["problem"]) == ([], [], "")
        guess = plan["estimate"]
        assert (guess["model"], guess["leavesMachine"], guess["whyNone"]) == ("far", True, "")
        assert guess["costUsd"] == pytest.approx((guess["tokensIn"] * 3 + guess["tokensOut"] * 15) / 1e6)
        assert guess["seconds"] > 0, "the plan itself was the first measure"
        assert [file["uri"] for file in plan["files"]] == [home.uri("shapes.py"), home.uri("main.py")]
        assert (plan["receipt"]["kind"], plan["receipt"]["model"]) == ("refactor", "far")

        proposal = await ask(editor, home, "refactor", plan={"id": plan["id"]})
        assert (await editor.displayed())[0] == "Refactoring"
        assert "EDIT main.py: the call" in sent(server)
        assert [file["uri"] for file in proposal["files"]] == [home.uri("shapes.py"), home.uri("main.py")]
        assert all(check["ok"] for check in proposal["checks"])
        receipts = (await editor.request("turnout/receipts", {"count": 9}))["receipts"]
        assert [receipt["kind"] for receipt in receipts] == ["refactor", "refactor"]
        assert plan["receipt"]["id"] in [receipt["id"] for receipt in receipts]


async def test_in_rounds(home: Home) -> None:
    """More files than one request takes are planned once, asked about in groups, and applied and undone as one."""
    uses = {f"use{number:02}.py": f"print(area(1, {number}))\n" for number in range(1, 22)}
    for name, text in uses.items():
        home.write(name, text)
    planned = "".join(f"EDIT {name}: the call\n" for name in uses)
    edits = [block(name, text.strip(), text.strip().replace("area", "size")) for name, text in uses.items()]
    answers = ("EDIT shapes.py: the name\n" + planned, SHAPES + "".join(edits[:19]), "".join(edits[19:]))
    async with planning(home, *answers, mode="auto") as (editor, server):
        scope = [home.uri(name) for name in ("shapes.py", *uses)]
        guess = await ask(editor, home, scope=scope, estimateOnly=True)
        assert guess["estimate"]["rounds"] == 2
        assert not server.requests
        proposal = await ask(editor, home, "refactor", scope=scope)
        _, shown = await editor.displayed()
        assert any("round 2 of 2: use20.py, use21.py" in text for text in shown)
        assert len(server.requests) == 3
        assert "+ def size(w, h):" in json.loads(sent(server))["messages"][-1]["content"]
        assert [file["uri"] for file in proposal["files"]] == scope
        assert (proposal["complete"], proposal["verdict"]["state"]) == (True, "partly")
        (unsure,) = [check for check in proposal["checks"] if not check["ran"]]
        assert "main.py" in f"{unsure}", "it is out of scope, and mentions the old name"
        assert proposal["receipt"]["tokens"]["out"] == 3 * 20
        assert (await editor.request("turnout/apply", {"proposalId": proposal["proposalId"]}))["applied"]
        edit = await editor.next(types.WORKSPACE_APPLY_EDIT)
        assert len(edit.edit.document_changes) == len(scope), "all of it at once"
        assert all("size(" in home.read(name) for name in ("shapes.py", *uses))
        assert (await editor.request("turnout/undo", {}))["undone"]
        await editor.next(types.WORKSPACE_APPLY_EDIT)
        assert all("area(" in home.read(name) for name in ("shapes.py", *uses))


async def test_corrected(home: Home) -> None:
    """The user's word on a plan makes another one, which alone holds then."""
    async with planning(home, PLAN, "EDIT shapes.py: with an alias\n", SHAPES + MAIN) as (editor, server):
        first = await ask(editor, home)
        await editor.displayed()
        params = {"previous": first["id"], "correction": "Keep an alias, leave the callers."}
        second = await editor.request("turnout/plan", params)
        await editor.displayed()
        assert "leave the callers" in sent(server)
        assert [step["path"] for step in second["steps"]] == ["shapes.py"]
        proposal = await editor.request("turnout/refactor", {"plan": {"id": second["id"]}})
        await editor.displayed()
        assert "leave the callers" in sent(server)
        assert FILES["main.py"] not in json.loads(sent(server))["messages"][-1]["content"]
        assert [file["uri"] for file in proposal["files"]] == [home.uri("shapes.py")]
        (failed,) = [check for check in proposal["checks"] if not check["ok"]]
        assert "main.py" in failed["message"]
        assert proposal["complete"] is False
        refused = await editor.request("turnout/apply", {"proposalId": proposal["proposalId"]})
        assert refused["applied"] is False


async def test_beyond_the_plan(home: Home) -> None:
    """A reply that creates, deletes or edits what was not approved keeps only what was, and the rest is named."""
    reply = SHAPES + "*** Delete File: main.py\n" + "evil.py\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n"
    async with planning(home, PLAN, reply) as (editor, _server):
        plan = await ask(editor, home)
        proposal = await ask(editor, home, "refactor", plan={"id": plan["id"]})
        await editor.displayed()
        assert [file["uri"] for file in proposal["files"]] == [home.uri("shapes.py")]
        messages = "".join(check["message"] for check in proposal["checks"] if not check["ok"])
        assert "evil.py is not in the plan" in messages
        assert "EDIT main.py" in messages
        await editor.displayed()


HOSTILE = {
    "../outside.py": "workspace",
    "/etc/passwd": "workspace",
    ".git/config": "git",
    ".env": "no such file",
    "ignored/x.py": "not among",
    "secret/keys.py": "may not leave this machine",
    "link.py": "outside",
}


async def test_hostile_paths(home: Home) -> None:
    """Whatever a plan names, the steps that leave the folder or its user's settings are dropped, each with why."""
    outside = home.root / "outside.py"
    outside.write_text("x = 1\n")
    home.write("ignored/x.py", "area = 1\n")
    home.write(".gitignore", "ignored/\n")
    (home.work / "link.py").symlink_to(outside)
    reply = "EDIT shapes.py: the definition\n" + "".join(f"EDIT {path}: x\n" for path in HOSTILE)
    async with planning(home, reply, SHAPES) as (editor, server):
        params = {"instruction": "Rename area to size.", "textDocument": {"uri": home.uri("shapes.py")}}
        editor.open(home.uri("shapes.py"), FILES["shapes.py"])
        with pytest.raises(JsonRpcException, match="may not leave"):  # the search finds secret/keys.py, too
            await editor.request("turnout/plan", params)
        await editor.displayed()
        assert server.connections == 0
        home.write("secret/keys.py", "nothing = 1\n")
        plan = await editor.request("turnout/plan", params)
        await editor.displayed()
        assert [step["path"] for step in plan["steps"]] == ["shapes.py"]
        dropped = {entry["path"]: entry["reason"] for entry in plan["dropped"]}
        assert dropped.keys() == HOSTILE.keys()
        for path, reason in HOSTILE.items():
            assert reason in dropped[path]
        assert home.uri("secret/keys.py") not in [file["uri"] for file in plan["files"]]


async def test_no_plan_wanted(home: Home) -> None:
    """Where nobody asks for one, the answer is null and no model is asked; a request may say otherwise, both ways."""
    async with planning(home, PLAN, mode="auto") as (editor, server):
        assert await ask(editor, home) is None
        assert server.connections == 0
        assert (await ask(editor, home, plan="ask"))["steps"]
        await editor.displayed()
        editor.saved(home.write(".turnout.toml", '[routes.refactor]\nplan = "ask"\n').as_uri())
        assert (await ask(editor, home))["steps"]
        await editor.displayed()
        assert await ask(editor, home, plan="auto") is None


async def test_only_an_estimate(home: Home) -> None:
    """It needs no model and leaves no receipt."""
    async with planning(home, PLAN) as (editor, server):
        guess = await ask(editor, home, estimateOnly=True)
        assert (guess["id"], guess["steps"], guess["receipt"]) == (None, [], None)
        assert guess["estimate"]["tokensIn"] > 0
        assert guess["estimate"]["seconds"] is None, "nothing was measured yet"
        assert len(guess["files"]) == 2
        assert server.connections == 0


async def test_unusable(home: Home) -> None:
    """A reply that is no plan is said plainly; the refactor can go on without one, and not with it."""
    async with planning(home, "I would rather talk.", PLAN, SHAPES + MAIN) as (editor, _server):
        plan = await ask(editor, home)
        await editor.displayed()
        assert plan["steps"] == []
        assert "no plan" in plan["problem"]
        assert plan["estimate"]["model"] == "far"
        with pytest.raises(JsonRpcException, match="cannot be carried out"):
            await ask(editor, home, "refactor", plan={"id": plan["id"]})
        better = await editor.request(
            "turnout/plan", {"previous": plan["id"], "correction": "A plan, please."}
        )
        await editor.displayed()
        assert len(better["steps"]) == 2
        proposal = await ask(editor, home, "refactor")
        await editor.displayed()
        assert len(proposal["files"]) == 2


async def test_policy_and_budget(home: Home) -> None:
    """A plan is held to what holds for its refactor: a no sends nothing, and money that is not there is not spent."""
    more = "[budget]\nrequest_usd = 0.000001\n"
    async with planning(home, PLAN, more=more) as (editor, server):
        with pytest.raises(JsonRpcException, match="over \\$"):
            await ask(editor, home)
        await editor.displayed()
        assert server.connections == 0


async def test_consent(home: Home) -> None:
    """Before a plan leaves the machine its user is asked, and asked again before the refactor does."""
    async with planning(home, PLAN, SHAPES + MAIN) as (editor, server):
        editor.saved(home.write(".turnout.toml", '[privacy]\nleaves_machine = "ask"\n').as_uri())
        editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = lambda params: types.MessageActionItem(
            "Keep it here"
        )
        with pytest.raises(JsonRpcException, match="did not agree"):
            await ask(editor, home)
        assert server.connections == 0
        editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = lambda params: types.MessageActionItem(
            "Send once"
        )
        plan = await ask(editor, home)
        await ask(editor, home, "refactor", plan={"id": plan["id"]})
        assert len(editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST)) == 3
        for _ in range(3):
            await editor.displayed()


@pytest.mark.parametrize("when", ["asked", "answering"])
@pytest.mark.parametrize("way", ["request", "progress"])
async def test_cancel(home: Home, when: str, way: str) -> None:
    """Cancelling a plan while its user is asked, or while the model answers, ends all of it; nothing is kept."""
    reached = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        first = b'data: {"choices": [{"index": 0, "delta": {"content": "SUMMARY: "}}]}\n\n'
        await exchange.send(STREAM_HEAD + chunked(first))
        reached.set()
        await exchange.hung_up()

    async with planning(home, endless) as (editor, server):
        if when == "asked":
            editor.saved(home.write(".turnout.toml", '[privacy]\nleaves_machine = "ask"\n').as_uri())
            open_question = asyncio.get_running_loop().create_future()
            editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = lambda params: open_question
        params = {"instruction": "x", "scope": [home.uri("main.py")]}
        answer = asyncio.ensure_future(editor.request("turnout/plan", params, id="plan"))
        token = (await editor.next(types.WINDOW_WORK_DONE_PROGRESS_CREATE)).token
        if when == "asked":
            await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
        else:
            await reached.wait()
        if way == "request":
            editor.cancel_request(types.CancelParams("plan"))
        else:
            editor.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException) as caught:
            await answer
        assert caught.value.code == CANCELLED
        if when == "asked":
            open_question.set_result(types.MessageActionItem("Send once"))
        await server.closed.wait() if server.connections else None
        while (await editor.next(types.PROGRESS)).value["kind"] != "end":
            pass
    assert server.connections == (0 if when == "asked" else 1)


WRONG = [
    ("plan", {"instruction": " "}, "instruction"),
    ("plan", {"instruction": "x", "plan": "always"}, "plan"),
    ("plan", {"instruction": "x", "plan": 7}, "plan"),
    ("plan", {"instruction": "x", "estimateOnly": "yes"}, "estimateOnly"),
    ("plan", {"instruction": "x", "correction": 7}, "correction"),
    ("refactor", {"instruction": "x", "plan": "abc"}, "plan"),
    ("refactor", {"instruction": "x", "plan": {}}, "plan"),
]


async def test_wrong_parameters(home: Home) -> None:
    """A parameter of another type is refused by name."""
    async with planning(home, PLAN) as (editor, _server):
        for method, params, named in WRONG:
            with pytest.raises(JsonRpcException, match=named) as caught:
                await editor.request(f"turnout/{method}", params)
            assert caught.value.code == INVALID_PARAMS


async def test_unknown_plan(home: Home) -> None:
    """A plan that never was, or is forgotten, is named; there is nothing to correct without a correction."""
    async with planning(home, PLAN) as (editor, _server):
        for method, params in (
            ("plan", {"previous": "nope", "correction": "x"}),
            ("refactor", {"plan": {"id": "nope"}}),
        ):
            with pytest.raises(JsonRpcException, match="no plan 'nope'") as caught:
                await editor.request(f"turnout/{method}", params)
            assert caught.value.code == REQUEST_FAILED
        plan = await ask(editor, home)
        await editor.displayed()
        with pytest.raises(JsonRpcException, match="correction must say"):
            await editor.request("turnout/plan", {"previous": plan["id"]})
