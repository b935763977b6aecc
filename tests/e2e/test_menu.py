"""The completion menu, for editors without ghost text."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import client_capabilities

from support.editor import Editor, editing
from support.home import Home

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = {
    "fim": [
        {"prefix_ends": "def area(self):\n    ", "text": "return self.width * self.height\n    # and more"},
        {"prefix_ends": "nothing = ", "text": ""},
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


async def test_item(editor: Editor, module_home: Home) -> None:
    """The menu has one item, which the word being typed does not filter out and which inserts the model's text."""
    buffer = editor.open(module_home.uri("word.py"), "x = hel")
    answer = await menu(editor, buffer.uri, 0, 7)
    assert answer.is_incomplete
    (item,) = answer.items
    assert item.filter_text is not None
    assert item.filter_text.startswith("hel")
    assert item.detail == "Turnout"
    assert isinstance(item.text_edit, types.TextEdit)
    assert buffer.edited([item.text_edit], editor.encoding) == "x = hello_from_fake(42)"


async def test_lines(editor: Editor, module_home: Home) -> None:
    """A label is one line whatever the item inserts."""
    buffer = editor.open(module_home.uri("block.py"), "def area(self):\n    ")
    (item,) = (await menu(editor, buffer.uri, 1, 4)).items
    assert item.label == "return self.width * self.height"
    assert isinstance(item.text_edit, types.TextEdit)
    assert "\n    # and more" in item.text_edit.new_text


async def test_accepted(editor: Editor, module_home: Home) -> None:
    """Accepting an item runs a command that the server knows, so that it is counted in every editor."""
    buffer = editor.open(module_home.uri("accept.py"), "hel")
    (item,) = (await menu(editor, buffer.uri, 0, 3)).items
    assert item.command is not None
    params = types.ExecuteCommandParams(item.command.command, item.command.arguments)
    assert await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params) is None


async def test_nothing(editor: Editor, module_home: Home) -> None:
    """Where there is nothing to offer the menu stays empty, and the reason is there."""
    buffer = editor.open(module_home.uri("nothing.py"), "nothing = ")
    assert not (await menu(editor, buffer.uri, 0, 10)).items
    assert "nothing to add" in await editor.why(buffer)
