"""Ghost text: shown, typed through, cancelled, superseded, refused, and always with a reason where there is none."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing
from support.home import Home
from support.workers import worker_is

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANCELLED = -32800
ENDLESS = {"text": "x ", "repeat": 100, "token_delay_s": 0.1}
SCRIPT = {
    "fim": [
        {"prefix_ends": "def add(", "suffix_starts": ")", "text": "first, second"},
        {"prefix_ends": "def add(f", "text": "WRONG: the model was asked again"},
        {"prefix_ends": "x = endless(", **ENDLESS},
        {"prefix_ends": "y = two_", **ENDLESS},
        {"prefix_ends": "y = two_l", "text": "ines"},
        {"prefix_ends": "fails = ", "error": "out of memory"},
        {"prefix_ends": "nothing = ", "text": ""},
        {"prefix_ends": "fenced = ", "text": "```python\ncode\n```"},
        {"prefix_ends": "if ready:\n    ", "shape": "block", "text": "start()\n    wait()\nunrelated()"},
    ]
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """One session for all tests here; each works on a document of its own."""
    async with editing(module_home, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as session:
        yield session


async def test_shown(editor: Editor, module_home: Home) -> None:
    """Ghost text is the model's answer at the cursor, in one item with its range and a command for acceptance."""
    buffer = editor.open(module_home.uri("shown.py"), "def add():\n    pass\n")
    item = await editor.ghost_item(buffer, len("def add("))
    assert item is not None
    assert item.insert_text == "first, second"
    there = types.Position(0, 8)
    assert item.range == types.Range(there, there)
    assert item.command is not None
    offered = editor.server.execute_command_provider
    assert offered is not None
    assert item.command.command in offered.commands
    params = types.ExecuteCommandParams(item.command.command, item.command.arguments)
    assert await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params) is None
    assert await editor.why(buffer) == "there is a completion here"


async def test_block(editor: Editor, module_home: Home) -> None:
    """Below a line that opens a block the ghost text is that block and ends with it."""
    buffer = editor.open(module_home.uri("block.py"), "if ready:\n    ")
    assert await editor.ghost(buffer, len(buffer.text)) == "start()\n    wait()"


async def test_typed_through(editor: Editor, module_home: Home) -> None:
    """What is typed along a suggestion is served from it, with no further question to the model."""
    buffer = editor.open(module_home.uri("through.py"), "def add()")
    cursor = len("def add(")
    whole = await editor.ghost(buffer, cursor)
    assert whole == "first, second"
    for typed in range(1, len(whole)):
        cursor = editor.type(buffer, whole[typed - 1], at=cursor)
        assert await editor.ghost(buffer, cursor) == whole[typed:]
    editor.change(buffer, cursor - 3, cursor, "")
    assert await editor.ghost(buffer, cursor - 3) == whole[-4:]


async def test_cancelled(editor: Editor, module_home: Home) -> None:
    """A cancelled request is answered with the protocol's error, and the model stops at once."""
    buffer = editor.open(module_home.uri("cancelled.py"), "x = endless(")
    answer = asyncio.ensure_future(editor.ghost_item(buffer, len(buffer.text), id="endless"))
    await worker_is(module_home, "busy")
    editor.cancel_request(types.CancelParams("endless"))
    with pytest.raises(JsonRpcException) as caught:
        await answer
    assert caught.value.code == CANCELLED
    await worker_is(module_home, "idle")


async def test_superseded(editor: Editor, module_home: Home) -> None:
    """The newest request of a document takes the place of the one before, which shows nothing."""
    buffer = editor.open(module_home.uri("superseded.py"), "y = two_")
    older = asyncio.ensure_future(editor.ghost(buffer, len(buffer.text)))
    await worker_is(module_home, "busy")
    assert await editor.ghost(buffer, editor.type(buffer, "l")) == "ines"
    assert await older is None


@pytest.mark.parametrize(
    ("text", "explicit", "reason"),
    [
        ("value = comp|lete", False, "inside a word"),
        ("nothing = |", False, "the model had nothing to add"),
        ("fenced = |", False, "markdown fence"),
    ],
)
async def test_reasons(editor: Editor, module_home: Home, text: str, explicit: bool, reason: str) -> None:
    """Where nothing is shown, the user can ask why and reads it in plain words."""
    buffer = editor.open(module_home.uri(f"{text[:5]}.py"), text.replace("|", ""))
    assert "no completion was asked for" in await editor.why(buffer)
    assert await editor.ghost(buffer, text.index("|"), explicit=explicit) is None
    assert reason in await editor.why(buffer)


async def test_failing_model(editor: Editor, module_home: Home) -> None:
    """A model that does not work is said once, however often it fails in that way."""
    buffer = editor.open(module_home.uri("failing.py"), "fails = ")
    for text in ("", "\nfails = "):
        assert await editor.ghost(buffer, editor.type(buffer, text) if text else len(buffer.text)) is None
        assert "out of memory" in await editor.why(buffer)
    assert "out of memory" in await editor.said()


async def test_explicit(editor: Editor, module_home: Home) -> None:
    """A user who asks for it gets ghost text inside of a word too."""
    buffer = editor.open(module_home.uri("explicit.py"), "hello_there")
    assert await editor.ghost(buffer, 3) is None
    assert await editor.ghost(buffer, 3, explicit=True) == "lo_from_fake(42)"


async def test_menu_is_open(editor: Editor, module_home: Home) -> None:
    """While an item of the completion menu is selected there is no ghost text, which would have to agree with it."""
    buffer = editor.open(module_home.uri("menu.py"), "hel")
    there = types.Position(0, 3)
    selected = types.SelectedCompletionInfo(types.Range(types.Position(0, 0), there), "help")
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic, selected)
    params = types.InlineCompletionParams(context, types.TextDocumentIdentifier(buffer.uri), there)
    answer = await editor.request(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)
    assert not answer.items


async def test_menu_of_a_client_with_ghost_text(editor: Editor, module_home: Home) -> None:
    """A client that shows ghost text is not offered the same text in its completion menu."""
    buffer = editor.open(module_home.uri("both.py"), "hel")
    params = types.CompletionParams(types.TextDocumentIdentifier(buffer.uri), types.Position(0, 3))
    answer = await editor.request(types.TEXT_DOCUMENT_COMPLETION, params)
    assert not answer.items


async def test_documents_that_are_not_open(editor: Editor, module_home: Home) -> None:
    """A document that was closed, or never opened, has no completions, and the reason says so."""
    buffer = editor.open(module_home.uri("closed.py"), "hel")
    editor.close(buffer)
    assert await editor.ghost(buffer, 3) is None
    assert "not open" in await editor.why(buffer)


async def test_unsaved(editor: Editor) -> None:
    """A document that was never saved has ghost text like any other."""
    buffer = editor.open("untitled:Untitled-1", "hel")
    assert await editor.ghost(buffer, 3) == "lo_from_fake(42)"
