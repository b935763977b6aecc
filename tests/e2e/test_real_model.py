"""The main job with a real quantized model: ghost text from this machine, code actions and a refactor over HTTP.

The model decides the words, so tests hold it to what the smallest one gets right, and the server to all of the rest.
"""

import ast
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

import support.editor
from support.child_server import child_server
from support.editor import Editor, editing, neovim
from support.home import Home
from turnout import paths

pytestmark = [pytest.mark.real_model, pytest.mark.asyncio(loop_scope="module")]

FIBONACCI = "def fibonacci(n):\n    if n < 2:\n        return n\n    return "
GREETING = "def greet(name):\n    return 'Hello ' + name\n"


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Minutes for each answer: on a busy machine the model reads its first prompts as slowly as that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support.editor, "GUARD_S", 300)
        yield


def engine(home: Home, model: str) -> dict[str, Any]:
    """Variables of a session with the real engine; its own time to load is no test of anything."""
    named = f'path = "{model}"\n' if os.environ.get("TURNOUT_TEST_MODEL") else ""
    home.configure(
        f'[models.near]\n{named}model = "qwen2.5-coder-0.5b"\n[routes.inline]\ndeadline_ms = 300000\n'
    )
    return {"TURNOUT_ENGINE": "", "TURNOUT_CACHE_DIR": str(paths.cache_dir())}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home, real_model: str) -> AsyncIterator[Editor]:
    """A session with the model on this machine, in the installed worker."""
    async with editing(module_home, options={}, **engine(module_home, real_model)) as session:
        yield session


@pytest.fixture(scope="module")
def provider(real_model: str) -> Iterator[str]:
    """llama.cpp's own HTTP server, which nobody here wrote and which speaks both formats."""
    with child_server("llama_server.py", real_model) as url:
        yield url


async def newest_receipt(editor: Editor) -> dict[str, Any]:
    """The receipt of the last request."""
    answer = await editor.request("turnout/receipts", {"count": 1})
    receipt: dict[str, Any] = answer["receipts"][0]
    return receipt


async def test_ghost_text(editor: Editor, module_home: Home) -> None:
    """The model completes what is typed, and the receipt says that it did so here, with its tokens and times."""
    buffer = editor.open(module_home.uri("fib.py"), FIBONACCI[:-1])
    cursor = editor.type(buffer, " ")
    shown = await editor.ghost(buffer, cursor)
    assert shown is not None
    assert "fibonacci(n" in shown
    ast.parse(buffer.text + shown)
    receipt = await newest_receipt(editor)
    assert (receipt["kind"], receipt["model"], receipt["leavesMachine"]) == ("inline", "near", False)
    assert receipt["tokens"]["in"] > 10
    assert receipt["tokens"]["out"] > 0
    assert receipt["ms"]["total"] >= receipt["ms"]["firstToken"] > 0
    # Typed along, it comes from what was shown; typed on elsewhere, from the model's own cache.
    cursor = editor.type(buffer, shown[:3])
    assert await editor.ghost(buffer, cursor) == shown[3:]
    cursor = editor.type(buffer, "\n\n\ndef factorial(n):\n    return ")
    assert await editor.ghost(buffer, cursor)
    assert (await newest_receipt(editor))["tokens"]["cached"] > 10


async def test_block(editor: Editor, module_home: Home) -> None:
    """On an empty line below one that opens a block, the model writes code that fits there."""
    text = "def is_even(number):\n    "
    buffer = editor.open(module_home.uri("even.py"), text)
    shown = await editor.ghost(buffer, len(text))
    assert shown is not None
    ast.parse(text + shown)


async def test_cancelled(editor: Editor, module_home: Home) -> None:
    """A request that is cancelled does not hold up the next one."""
    buffer = editor.open(module_home.uri("cancel.py"), FIBONACCI)
    position = buffer.position(len(FIBONACCI), editor.encoding)
    for number in range(3):
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            types.TextDocumentIdentifier(buffer.uri),
            position,
        )
        editor.protocol.send_request(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=f"c{number}")
        editor.cancel_request(types.CancelParams(f"c{number}"))
    assert await editor.ghost(buffer, len(FIBONACCI))


async def test_rewrite_here(editor: Editor, module_home: Home) -> None:
    """Without a key for anything else, code actions run on the model here."""
    buffer = editor.open(module_home.uri("here.py"), GREETING)
    receipt = await rewrite(editor, buffer.uri, "Use an f-string")
    assert (receipt["model"], receipt["leavesMachine"]) == ("near", False)
    ast.parse(buffer.text)
    assert buffer.text != GREETING
    assert "def greet(" in buffer.text


async def rewrite(editor: Editor, uri: str, instruction: str) -> dict[str, Any]:
    """Rewrite the whole document; the receipt."""
    argument = {"kind": "rewrite", "uri": uri, "version": 1, "first": 0, "end": 2, "instruction": instruction}
    params = types.ExecuteCommandParams("turnout.rewrite", [argument])
    result = await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)
    await editor.displayed()
    await editor.next(types.WORKSPACE_APPLY_EDIT)
    assert result["applied"] is True
    receipt: dict[str, Any] = result["receipt"]
    return receipt


@pytest.mark.parametrize("api", ["anthropic", "openai-chat"])
async def test_over_http(home: Home, provider: str, api: str) -> None:
    """A rewrite and a refactor go over HTTP in either format, because their routes say so; ghost text does not."""
    home.configure(
        f'[models.house]\napi = "{api}"\nmodel = "qwen"\nbase_url = "{provider}/v1"\ncontext_tokens = 8192\n'
        '[routes.rewrite]\nmodels = ["house"]\n[routes.refactor]\nmodels = ["house"]\n'
    )
    home.write("greeting.py", GREETING)
    async with editing(home, neovim(), options={}) as editor:
        buffer = editor.open(home.uri("a.py"), GREETING)
        receipt = await rewrite(editor, buffer.uri, "Rename the parameter name to person")
        assert buffer.text == GREETING.replace("name", "person")
        assert (receipt["model"], receipt["route"]) == ("house", ["house"])
        assert receipt["tokens"]["in"] > receipt["tokens"]["out"] > 5

        params = {
            "instruction": "Rename the file greeting.py to hello.py",
            "scope": [home.uri("greeting.py")],
        }
        proposal = await editor.request("turnout/refactor", params)
        await editor.displayed()
        (file,) = proposal["files"]
        assert (file["kind"], file["newUri"]) == ("rename", home.uri("hello.py"))
        assert all(check["ok"] for check in proposal["checks"])
        assert proposal["receipt"]["model"] == "house"
        chosen = {"proposalId": proposal["proposalId"]}
        assert (await editor.request("turnout/apply", chosen))["applied"] is True
        assert home.read("hello.py") == GREETING
        assert (await editor.request("turnout/undo", chosen))["undone"] is True
        assert home.read("greeting.py") == GREETING
        editor.drop(types.WORKSPACE_APPLY_EDIT)
        assert await editor.ghost(editor.open(home.uri("b.py"), "hel"), 3) == "lo_from_fake(42)"
