"""The completion menu, for editors without ghost text."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import client_capabilities

from support.editor import GUARD_S, Editor, editing
from support.home import Home
from turnout.models.manifest import DEFAULT_MODEL

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = {
    "fim": [
        {"prefix_ends": "def area(self):\n    ", "text": "return self.width * self.height\n    # and more"},
        {"prefix_ends": "nothing = ", "text": ""},
        {"prefix_ends": "slow = ", "text": "worth_waiting_for", "prefill_delay_s": 1.0},
        {"prefix_ends": "def f(", "text": "a: int) -> None:"},
    ]
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """An Emacs, which asks for completions and knows no ghost text; pytest-lsp holds every item to what it can take."""
    can = client_capabilities("emacs")
    async with editing(module_home, can, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as session:
        yield session


async def menu(editor: Editor, uri: str, line: int, character: int) -> types.CompletionList:
    """The completion menu at a position."""
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
    answer = await editor.request(types.TEXT_DOCUMENT_COMPLETION, params)
    assert isinstance(answer, types.CompletionList)
    return answer


async def offered(editor: Editor, uri: str, line: int, character: int) -> types.CompletionItem:
    """The item at a position, asked for until the model has said it: no menu waits for that."""
    async with asyncio.timeout(GUARD_S):
        while not (answer := await menu(editor, uri, line, character)).items:
            pass
    (item,) = answer.items
    return item


async def test_item(editor: Editor, module_home: Home) -> None:
    """The menu has one item, which the word being typed does not filter out and which inserts the model's text."""
    buffer = editor.open(module_home.uri("word.py"), "x = hel")
    item = await offered(editor, buffer.uri, 0, 7)
    assert item.filter_text is not None
    assert item.filter_text.startswith("hel")
    assert item.detail == "Turnout"
    assert isinstance(item.text_edit, types.TextEdit)
    assert buffer.edited([item.text_edit], editor.encoding) == "x = hello_from_fake(42)"


async def test_lines(editor: Editor, module_home: Home) -> None:
    """A label is one line whatever the item inserts."""
    buffer = editor.open(module_home.uri("block.py"), "def area(self):\n    ")
    item = await offered(editor, buffer.uri, 1, 4)
    assert item.label == "return self.width * self.height"
    assert isinstance(item.text_edit, types.TextEdit)
    assert "\n    # and more" in item.text_edit.new_text


async def test_documentation(editor: Editor, module_home: Home) -> None:
    """The documentation shows the whole text and its receipt in a line; from memory, it says that."""
    told, numbers = "", count()
    async with asyncio.timeout(GUARD_S):
        while "on this machine" not in told:  # as soon as one is answered while the menu waits
            buffer = editor.open(module_home.uri(f"told{next(numbers)}.py"), "def area(self):\n    ")
            told = str((await offered(editor, buffer.uri, 1, 4)).documentation)
    assert "return self.width * self.height\n    # and more" in told
    assert f"\n{DEFAULT_MODEL} (near) on this machine, " in told
    item = await offered(editor, buffer.uri, 1, 4)
    assert "from memory" in str(item.documentation)


@pytest.mark.parametrize("how", ["typing", "resting"])
async def test_other_lists_do_not_wait(editor: Editor, module_home: Home, how: str) -> None:
    """A slow model leaves the menu to others whoever asks, and is asked on: it is there for a later letter."""
    buffer = editor.open(module_home.uri(f"{how}.py"), "slow =" if how == "typing" else "slow = ")
    cursor = editor.type(buffer, " ") if how == "typing" else len(buffer.text)
    answer = await menu(editor, buffer.uri, 0, cursor)
    assert answer.is_incomplete
    assert not answer.items
    async with asyncio.timeout(GUARD_S):
        while "under way" in await editor.why(buffer):
            pass
    cursor = editor.type(buffer, "w")
    item = await offered(editor, buffer.uri, 0, cursor)
    assert item.text_edit is not None
    assert item.text_edit.new_text == "orth_waiting_for"


async def test_closers_are_replaced(editor: Editor, module_home: Home) -> None:
    """What the editor closed by itself behind the cursor goes where the text closes it."""
    buffer = editor.open(module_home.uri("closers.py"), "def f()")
    item = await offered(editor, buffer.uri, 0, 6)
    assert isinstance(item.text_edit, types.TextEdit)
    assert buffer.edited([item.text_edit], editor.encoding) == "def f(a: int) -> None:"


async def test_accepted(editor: Editor, module_home: Home) -> None:
    """Accepting an item runs a command that the server knows, so that it is counted in every editor."""
    buffer = editor.open(module_home.uri("accept.py"), "hel")
    item = await offered(editor, buffer.uri, 0, 3)
    assert item.command is not None
    params = types.ExecuteCommandParams(item.command.command, item.command.arguments)
    assert await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params) is None


async def test_nothing(editor: Editor, module_home: Home) -> None:
    """Where there is nothing to offer the menu stays empty, and the reason is there."""
    buffer = editor.open(module_home.uri("nothing.py"), "nothing = ")
    async with asyncio.timeout(GUARD_S):
        while "nothing to add" not in await editor.why(buffer):
            assert not (await menu(editor, buffer.uri, 0, 10)).items
