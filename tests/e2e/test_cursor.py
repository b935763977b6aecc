"""Where the cursor rests: told by editors that can, guessed for others, and read ahead by the model on this machine."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.editor import Editor, editing
from support.home import Home

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "def hello():\n    return 1\n" * 20
NAMED = {"client": {"name": "test"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """One session that is told every hint, about a document of its own each."""
    async with editing(module_home, options={}) as session:
        yield session


async def loading(editor: Editor) -> str:
    """The model that is being loaded, as soon as one is."""
    while (status := await editor.next("turnout/status"))["state"] != "loading":
        pass
    editor.drop("turnout/status")
    return str(status["model"])


async def test_a_document_that_is_opened_has_its_model_loaded(lone_home: Home) -> None:
    """The first letter does not wait for a model that could have been loaded while its user was reading."""
    home = lone_home
    async with editing(home, options=NAMED) as editor:
        experimental: Any = editor.server.experimental
        assert experimental["turnout"]["cursor"] is True
        buffer = editor.open(home.uri("a.py"), TEXT)
        assert await loading(editor) == "near"
        assert await editor.ghost(buffer, editor.type(buffer, "hel")) == "lo_from_fake(42)"
        editor.drop("turnout/status")


@pytest.mark.parametrize(
    "params",
    [
        {"textDocument": {"uri": "{uri}"}, "position": {"line": 3, "character": 2}},
        {"textDocument": {"uri": "{uri}"}, "position": {"line": 3000, "character": 2000}},
        {"textDocument": {"uri": "{uri}"}},
        {"textDocument": {"uri": "{uri}"}, "position": {"line": -1, "character": "x"}},
        {"textDocument": {"uri": "file:///elsewhere.py"}, "position": {"line": 0, "character": 0}},
        {"textDocument": 7, "position": 7},
        [],
        None,
    ],
)
async def test_whatever_is_told_of_the_cursor_hurts_nothing(
    editor: Editor, module_home: Home, params: Any, request: pytest.FixtureRequest
) -> None:
    """It is a hint: one that cannot be used is let go, and ghost text is served as ever."""
    buffer = editor.open(module_home.uri(f"{request.node.name}.py"), TEXT)
    if isinstance(params, dict) and isinstance(params.get("textDocument"), dict):
        params = {**params, "textDocument": {"uri": params["textDocument"]["uri"].format(uri=buffer.uri)}}
    editor.protocol.notify("turnout/cursor", params)
    assert await editor.ghost(buffer, editor.type(buffer, "hel")) == "lo_from_fake(42)"
