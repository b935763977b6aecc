"""What would be sent is what is sent: previews of a running server against the bytes that servers elsewhere receive.

The servers are on loopback and told to count as elsewhere.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.buffers import Buffer
from support.editor import GUARD_S, Editor, editing
from support.hole_server import pieces
from support.home import TURNOUT, Home
from support.provider import openai_answer
from support.scripted_server import ScriptedServer, scripted_server
from support.secrets import TOKENS

pytestmark = pytest.mark.asyncio(loop_scope="module")

REST_S = 0.6
"""Longer than the moment of rest after which other files are looked at; the same place is looked at only once."""

SECRET = TOKENS["GitHub"]
KEY = "sk-never-shown-0123456789"
OTHER = "def pay(customer):\n    total = price(customer)\n    send_receipt(customer, total)\n"
TEXT = f'TOKEN = "{SECRET}"\n' + "\n" * 14 + "def bill(customer):\n    total = price(customer, 3)\n    send_"
PROJECT = {
    "other.py": OTHER,
    "hidden.py": OTHER.replace("pay", "hidden"),
    "test_bill.py": "from bill import bill\n\nassert bill(1)\n",
    "AGENTS.md": "Use tabs everywhere.\n",
}
EDIT = (
    "bill.py\n```python\n<<<<<<< SEARCH\n    total = price(customer, 3)\n=======\n"
    "    total = price(customer, 4)\n>>>>>>> REPLACE\n```\n"
)


def settings(holes: ScriptedServer, chat: ScriptedServer) -> str:
    """A user's settings with everything but `document` on servers elsewhere."""
    routes = "".join(f'[routes.{kind}]\nmodels = ["far"]\n' for kind in ("explain", "rewrite", "refactor"))
    common = 'leaves_machine = true\nkey = "env:FAR_KEY"\n'
    return f"""
[models.team]
api = "completions"
model = "qwen2.5-coder"
base_url = "{holes.url}/v1"
{common}
[models.far]
api = "openai-chat"
model = "far-1"
base_url = "{chat.url}/v1"
context_tokens = 32000
{common}
[models.tools]
api = "openai-chat"
model = "tools-1"
base_url = "{chat.url}/v1"
context_tokens = 32000
tools = true
{common}
[[rules]]
paths = ["tools/**"]
kinds = ["refactor"]
models = ["tools"]
[routes.inline]
models = ["team"]
{routes}
[privacy]
leaves_machine = "allow"
local_only = ["hidden.py"]
"""


@dataclass
class Rig:
    """A session with two servers elsewhere and a document with a secret, its cursor at the end.

    `printed` is what the command printed before, which built the index that the session finds.
    """

    editor: Editor
    holes: ScriptedServer
    chat: ScriptedServer
    buffer: Buffer
    printed: dict[str, Any]

    async def preview(self, kind: str, **more: Any) -> dict[str, Any]:
        params = {"kind": kind, "textDocument": {"uri": self.buffer.uri}, **more}
        answer: dict[str, Any] = await self.editor.request("turnout/preview", params)
        return answer

    async def sent(self) -> list[dict[str, Any]]:
        answer = await self.editor.request("turnout/sent", {"count": 100})
        prompts: list[dict[str, Any]] = answer["prompts"]
        assert all(prompt["text"] in answer["report"] for prompt in prompts)
        return prompts

    def cursor(self, offset: int) -> dict[str, int]:
        place = self.buffer.position(offset, self.editor.encoding)
        return {"line": place.line, "character": place.character}

    @property
    def all_of_it(self) -> dict[str, Any]:
        return {"start": {"line": 0, "character": 0}, "end": self.cursor(len(self.buffer.text))}

    async def gathered(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Rest here and there until the preview of a completion at the end is what it should come to; that preview."""
        give_up_s = time.monotonic() + 2 * GUARD_S
        while True:
            end = len(self.buffer.text)
            for offset in (0, end):
                where = {"textDocument": {"uri": self.buffer.uri}, "position": self.cursor(offset)}
                self.editor.protocol.notify("turnout/cursor", where)
                await asyncio.sleep(REST_S)
            shown = await self.preview("inline", position=self.cursor(end))
            if is_it(shown):
                return shown
            assert time.monotonic() < give_up_s, shown


async def printed(home: Home) -> dict[str, Any]:
    """What the command prints of a completion at the end of the file on disk."""
    turnout = await asyncio.create_subprocess_exec(
        *(TURNOUT, "route", "explain", "inline", str(home.work / "bill.py"), "--prompt", "--json"),
        *("--workspace", str(home.work)),
        env=home.environment(FAR_KEY=KEY),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await turnout.communicate()
    answer: dict[str, Any] = json.loads(out)["prompt"]
    return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(module_home: Home) -> AsyncIterator[Rig]:
    """One session for all tests here."""
    for name, text in {**PROJECT, "bill.py": TEXT}.items():
        module_home.write(name, text)
    answers = (openai_answer("It bills."), openai_answer(EDIT))
    async with (
        scripted_server(pieces("completions", "receipt()")) as holes,
        scripted_server(*answers) as chat,
    ):
        module_home.configure(settings(holes, chat))
        before = await printed(module_home)
        async with editing(module_home, options={}, FAR_KEY=KEY) as editor:
            yield Rig(editor, holes, chat, editor.open(module_home.uri("bill.py"), TEXT), before)


def bodies(server: ScriptedServer) -> list[str]:
    """What a server received."""
    return [request.body.decode() for request in server.requests]


def must_be_fit_to_be_seen(shown: dict[str, Any]) -> None:
    """No secret, no key and nothing of a file that stays here is in an answer; what was taken out is named."""
    whole = json.dumps(shown)
    assert SECRET not in whole
    assert KEY not in whole
    assert "def hidden" not in whole
    assert shown["redacted"] == {"GitHub token": 1}
    assert "taken out: 1 x GitHub token" in shown["report"]


async def test_a_completion(rig: Rig) -> None:
    """The preview is the body that the next request sends, with its pieces named and what was kept out of them.

    The command prints the same of the same text on disk.
    """
    shown = await rig.gathered(lambda found: found["text"] == rig.printed["text"])
    assert (shown["files"], shown["leftOut"]) == (rig.printed["files"], rig.printed["leftOut"])
    assert rig.holes.connections == 0
    assert (shown["model"], shown["leavesMachine"], shown["askBeforeLeaving"]) == ("team", True, False)
    assert [file["why"] for file in shown["files"][1:]] != [""]
    [left_out] = [out for out in shown["leftOut"] if out["path"] == "hidden.py"]
    assert "local_only" in left_out["reason"]
    assert "left out: hidden.py: team" in shown["report"]
    must_be_fit_to_be_seen(shown)
    assert await rig.editor.ghost(rig.buffer, len(rig.buffer.text)) == "receipt()"
    assert bodies(rig.holes) == [shown["text"]]
    [sent] = await rig.sent()
    assert (sent["kind"], sent["url"], sent["state"]) == ("inline", shown["url"], "answered")
    assert (sent["text"], sent["files"], sent["redacted"]) == tuple(
        shown[name] for name in ("text", "files", "redacted")
    )
    assert shown["text"] in shown["report"]


async def test_an_explanation(rig: Rig) -> None:
    """A chat is shown as it goes out right after."""
    shown = await rig.preview("explain", range=rig.all_of_it)
    must_be_fit_to_be_seen(shown)
    before = len(rig.chat.requests)
    end = rig.buffer.position(len(rig.buffer.text), rig.editor.encoding)
    rig.editor.answers[types.WINDOW_SHOW_DOCUMENT] = lambda _params: types.ShowDocumentResult(True)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(rig.buffer.uri),
        types.Range(types.Position(0, 0), end),
        types.CodeActionContext([], only=[types.CodeActionKind.Refactor]),
    )
    offered = await rig.editor.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
    [action] = [action for action in offered if action.command.command == "turnout.explain"]
    run = types.ExecuteCommandParams("turnout.explain", action.command.arguments)
    await rig.editor.request(types.WORKSPACE_EXECUTE_COMMAND, run)
    await rig.editor.displayed()
    assert rig.editor.drop(types.WINDOW_SHOW_MESSAGE, types.WINDOW_SHOW_DOCUMENT)
    assert bodies(rig.chat)[before:] == [shown["text"]]


async def test_a_refactor(rig: Rig) -> None:
    """A refactor is shown with the pieces that the index gives, the project's own instructions among them."""
    asked: dict[str, Any] = {"instruction": "Let bill take a count", "range": rig.all_of_it}
    shown = await rig.preview("refactor", **asked)
    must_be_fit_to_be_seen(shown)
    assert "Use tabs everywhere." in shown["text"]
    assert "the first prompt of a refactor" in shown["report"]
    before = len(rig.chat.requests)
    params = {**asked, "textDocument": {"uri": rig.buffer.uri}}
    proposal = await rig.editor.request("turnout/refactor", params)
    await rig.editor.displayed()
    received = bodies(rig.chat)[before:]
    assert received[0] == shown["text"]
    sent = [one for one in await rig.sent() if one["kind"] == "refactor"]
    assert [one["text"] for one in reversed(sent)] == received
    assert sent[-1]["request"] == proposal["receipt"]["id"]


async def test_a_refactor_with_tools(rig: Rig, module_home: Home) -> None:
    """The first turn is shown with its tools; every later one is among what was sent, as it went out."""
    module_home.write("tools/a.py", f"def bill():\n    return '{SECRET}'\n")
    asked = {"instruction": "Let bill take a count", "scope": [module_home.uri("tools/a.py")]}
    shown = await rig.preview("refactor", textDocument=None, **asked)
    must_be_fit_to_be_seen(shown)
    assert shown["model"] == "tools"
    assert [tool["function"]["name"] for tool in json.loads(shown["text"])["tools"]]
    before = len(rig.chat.requests)
    with pytest.raises(JsonRpcException, match="proposed no change"):
        await rig.editor.request("turnout/refactor", asked)
    await rig.editor.displayed()
    received = bodies(rig.chat)[before:]
    assert received[0] == shown["text"]
    assert len(received) > 1
    sent = await rig.sent()
    assert [one["text"] for one in reversed(sent[: len(received)])] == received


async def test_a_plan_comes_first(rig: Rig) -> None:
    """Where the user wants to see a plan, its prompt is the first one."""
    asked = {"instruction": "Let bill take a count", "range": rig.all_of_it, "plan": "ask"}
    shown = await rig.preview("refactor", **asked)
    before = len(rig.chat.requests)
    await rig.editor.request("turnout/plan", {**asked, "textDocument": {"uri": rig.buffer.uri}})
    await rig.editor.displayed()
    assert bodies(rig.chat)[before] == shown["text"]


async def test_what_stays_here(rig: Rig) -> None:
    """A prompt for a model on this machine is shown as it is, and said to stay."""
    here = rig.cursor(TEXT.index("total"))
    shown = await rig.preview("document", range={"start": here, "end": here})
    assert (shown["model"], shown["leavesMachine"], shown["url"]) == ("near", False, None)
    assert "near: to the model on this machine" in shown["report"]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"kind": "rewrite"}, "There is no instruction"),
        ({"kind": "fix"}, "No fix is offered here"),
        ({"kind": "nothing"}, "kind must be one of"),
        ({"kind": "inline"}, "no open document and position"),
        ({"kind": "refactor"}, "instruction must say"),
        ({"kind": "commit_message"}, "in no git repository"),
        ({"kind": "fix", "diagnostics": [{"message": 3}]}, "diagnostics must be a list"),
        ({"kind": "explain", "action": "x"}, "action must be an object"),
    ],
)
async def test_nothing_would_be_sent(rig: Rig, params: dict[str, Any], reason: str) -> None:
    """Where nothing would be sent, the answer is an error that says why."""
    with pytest.raises(JsonRpcException, match=reason):
        await rig.preview(**{"range": rig.all_of_it, **params})


async def test_what_was_sent_is_in_no_file(rig: Rig, module_home: Home) -> None:
    """It is kept in memory, and in none of the logs."""
    assert await rig.sent()
    logs = [file.read_text() for file in (module_home.state / "logs").iterdir()]
    assert logs
    assert not any("def bill" in log or "TURNOUT_REDACTED" in log for log in logs)


async def test_a_preview_leaves_no_trace(rig: Rig) -> None:
    """No server hears of it, no receipt is kept and nothing is set aside."""
    before = len(rig.holes.requests), len(rig.chat.requests)
    receipts = await rig.editor.request("turnout/receipts", {})
    spend = await rig.editor.request("turnout/spend", {})
    await rig.preview("inline", position=rig.cursor(len(rig.buffer.text)))
    await rig.preview("rewrite", range=rig.all_of_it, instruction="shorter")
    assert await rig.editor.request("turnout/receipts", {}) == receipts
    assert await rig.editor.request("turnout/spend", {}) == spend
    assert (len(rig.holes.requests), len(rig.chat.requests)) == before
