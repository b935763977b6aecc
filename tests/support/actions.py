"""A document with something to act on, what a model makes of it, and how a client asks for it."""

from typing import Any

from lsprotocol import types

from support.buffers import Buffer
from support.editor import Editor

TEXT = """\
import os


def total(prices):
    result = 0
    for price in prices:
        result += prise
    return result


def other():
    return os
"""
SUMMED = "def total(prices):\n    return sum(prices)\n"
TOTAL = TEXT[TEXT.index("def total") : TEXT.index("\n\ndef other")]
FIXED = TOTAL.replace("prise", "price")
DOCUMENTED = TOTAL.replace("prices):\n", 'prices):\n    """Add up prices."""\n')
TESTS = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"

# The fake engine sees the whole last message; each rule looks for what only its action can have put there.
SCRIPT = {
    "chat": [
        {"contains": "Instruction: use sum()", "text": f"```python\n{SUMMED}```"},
        {"contains": "Instruction: break it", "text": "```python\ndef total(prices:\n```"},
        {"contains": "Instruction: chat", "text": "I would rather talk about it."},
        {"contains": "Undefined name `prise`", "text": f"```python\n{FIXED}```"},
        {
            "contains": "write the documentation comment (docstring) of total",
            "text": f"```python\n{DOCUMENTED}```",
        },
        {"contains": "result = 'long'", "text": "word " * 800, "token_delay_s": 0.001},
        {"contains": "Explain this part of", "text": "It adds **prices**."},
        {"contains": "Write the file ", "text": f"```python\n{TESTS}```"},
    ]
}


def diagnostic(buffer: Buffer, editor: Editor) -> types.Diagnostic:
    """What another language server says of the misspelt name."""
    return types.Diagnostic(
        buffer.range_of("prise", editor.encoding), "Undefined name `prise`", code="F821", source="ruff"
    )


async def actions(
    editor: Editor,
    buffer: Buffer,
    part: str,
    *diagnostics: types.Diagnostic,
    only: list[str] | None = None,
    cursor: bool = False,
) -> list[types.CodeAction]:
    """The code actions for a part of the text, or for the cursor at its beginning."""
    place = buffer.range_of(part, editor.encoding)
    if cursor:
        place = types.Range(place.start, place.start)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(buffer.uri), place, types.CodeActionContext(list(diagnostics), only)
    )
    found = await editor.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
    assert all(isinstance(action, types.CodeAction) for action in found)
    return list(found)


async def run(editor: Editor, action: types.CodeAction, **changes: Any) -> Any:
    """Run the command of an action, with changes to its argument."""
    assert action.command is not None
    argument: Any
    (argument,) = action.command.arguments or ()
    params = types.ExecuteCommandParams(action.command.command, [{**argument, **changes}])
    return await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)


async def action_titled(
    editor: Editor, buffer: Buffer, title: str, part: str = "result = 0", **options: Any
) -> types.CodeAction:
    """The one action whose title begins like that."""
    (found,) = [a for a in await actions(editor, buffer, part, **options) if a.title.startswith(title)]
    return found


async def edit_of(editor: Editor) -> types.ApplyWorkspaceEditParams:
    """The edit that the server has had applied, and the display that it showed meanwhile."""
    await editor.displayed()
    params = await editor.next(types.WORKSPACE_APPLY_EDIT)
    assert isinstance(params, types.ApplyWorkspaceEditParams)
    return params
