"""Code actions: what is offered where, and what each of them does to the document."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.actions import (
    DOCUMENTED,
    SCRIPT,
    SUMMED,
    TESTS,
    TEXT,
    action_titled,
    actions,
    diagnostic,
    edit_of,
    run,
)
from support.buffers import Buffer, to_path
from support.editor import Editor, editing, neovim, vscode
from support.home import Home

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED, INVALID_PARAMS = -32803, -32602


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(module_home: Home) -> AsyncIterator[Editor]:
    """A VS Code; each test works on a document of its own."""
    async with editing(module_home, vscode(), options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as session:
        yield session


@pytest.fixture
def buffer(editor: Editor, module_home: Home, request: pytest.FixtureRequest) -> Buffer:
    """An open document with TEXT."""
    name = f"{request.node.originalname}-{abs(hash(request.node.name))}.py"
    return editor.open(module_home.uri(name), TEXT)


async def test_offered(editor: Editor, buffer: Buffer) -> None:
    """Actions say their kind and that a model is behind them; those for a diagnostic say which."""
    wrong = diagnostic(buffer, editor)
    found = {action.title: action for action in await actions(editor, buffer, "result += prise", wrong)}
    fix = found["Fix: Undefined name `prise`"]
    assert fix.kind == types.CodeActionKind.QuickFix
    assert list(fix.diagnostics or ()) == [wrong]
    assert found["Rewrite selection..."].kind == types.CodeActionKind.RefactorRewrite
    assert any(title.startswith("Document total") for title in found)
    offered = editor.server.code_action_provider
    commands = editor.server.execute_command_provider
    assert isinstance(offered, types.CodeActionOptions)
    assert not offered.resolve_provider  # one less thing to wait for, while the editor may drop its list
    assert commands is not None
    for action in found.values():
        assert action.tags == (types.CodeActionTag.LlmGenerated,)
        assert action.command is not None
        assert action.command.command in commands.commands
        assert action.kind in (offered.code_action_kinds or ())


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (["quickfix"], {"quickfix"}),
        (["refactor.rewrite"], {"refactor.rewrite"}),
        (["refactor"], {"refactor", "refactor.rewrite"}),
        (["refactor.re"], set()),
        (["source.organizeImports"], set()),
        ([""], {"quickfix", "refactor", "refactor.rewrite"}),
        ([], None),
    ],
)
async def test_only(editor: Editor, buffer: Buffer, only: list[str], kinds: set[str] | None) -> None:
    """A client that asks for some kinds gets those and the kinds below them."""
    found = await actions(editor, buffer, "result += prise", diagnostic(buffer, editor), only=only)
    everything = await actions(editor, buffer, "result += prise", diagnostic(buffer, editor))
    assert {action.kind for action in found} == ({a.kind for a in everything} if kinds is None else kinds)


async def test_nothing_at_the_cursor(editor: Editor, module_home: Home) -> None:
    """Where nothing is selected, wrong or defined there is no action."""
    empty = editor.open(module_home.uri("empty.py"), "\n\nx = 1\n")
    assert await actions(editor, empty, "x = 1", cursor=True) == []


async def test_rewrite(editor: Editor, buffer: Buffer) -> None:
    """A rewrite replaces the function at the cursor by the model's answer, at the version it was made for."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    version = buffer.version
    result = await run(editor, action, instruction="use sum()")
    applied = await edit_of(editor)
    (change,) = applied.edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    assert (change.text_document.uri, change.text_document.version) == (buffer.uri, version)
    assert applied.label
    assert applied.metadata == types.WorkspaceEditMetadata(is_refactoring=True)
    before, rest = TEXT[: TEXT.index("def total")], TEXT[TEXT.index("\n\ndef other") :]
    assert buffer.text == before + SUMMED + rest
    assert result["applied"] is True
    assert result["conflicts"] == []
    assert result["receipt"]["kind"] == "rewrite"
    assert result["receipt"]["model"] == "near"


async def test_rewrite_can_be_undone(editor: Editor, buffer: Buffer) -> None:
    """What an action did is undone by the same request that undoes a refactor."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    await run(editor, action, instruction="use sum()")
    await edit_of(editor)
    assert (await editor.request("turnout/undo", {}))["undone"] is True
    await editor.next(types.WORKSPACE_APPLY_EDIT)
    assert buffer.text == TEXT


async def test_instruction_in_a_comment(editor: Editor, buffer: Buffer) -> None:
    """Editors that cannot ask for an instruction have it in a comment of the form `# turnout: ...`."""
    start = buffer.text.index("    result = 0")
    editor.change(buffer, start, start, "    # turnout: use sum()\n")
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    await run(editor, action)
    await edit_of(editor)
    assert SUMMED in buffer.text


async def test_instruction_above_a_function(editor: Editor, buffer: Buffer) -> None:
    """It is about that function, all of it, and goes with it."""
    start = buffer.text.index("def total")
    editor.change(buffer, start, start, "# turnout: use sum()\n")
    action = await action_titled(editor, buffer, "Do what the comment", part="# turnout", cursor=True)
    await run(editor, action)
    await edit_of(editor)
    before, rest = TEXT[: TEXT.index("def total")], TEXT[TEXT.index("\n\ndef other") :]
    assert buffer.text == before + SUMMED + rest


async def test_no_instruction(editor: Editor, buffer: Buffer) -> None:
    """Without an instruction nothing happens, and the error says how to give one."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    with pytest.raises(JsonRpcException, match="# turnout: ") as caught:
        await run(editor, action)
    assert caught.value.code == REQUEST_FAILED
    assert buffer.text == TEXT


async def test_fix(editor: Editor, buffer: Buffer) -> None:
    """A fix tells the model the diagnostic and changes what its answer changes."""
    found = await actions(editor, buffer, "prise", diagnostic(buffer, editor), only=["quickfix"])
    await run(editor, found[0])
    await edit_of(editor)
    assert buffer.text == TEXT.replace("prise", "price")


async def test_document(editor: Editor, buffer: Buffer) -> None:
    """Documenting a function leaves all other lines as they are."""
    await run(editor, await action_titled(editor, buffer, "Document total", cursor=True))
    await edit_of(editor)
    assert DOCUMENTED in buffer.text
    assert buffer.text.endswith(TEXT[TEXT.index("\n\ndef other") :])


async def test_explain(editor: Editor, buffer: Buffer, module_home: Home) -> None:
    """An explanation is answered, and shown as a document that only the user can read; it changes nothing."""
    editor.answers[types.WINDOW_SHOW_DOCUMENT] = lambda params: types.ShowDocumentResult(success=True)
    result = await run(editor, await action_titled(editor, buffer, "Explain total", cursor=True))
    assert result["markdown"] == "It adds **prices**."
    await editor.displayed()
    shown = await editor.next(types.WINDOW_SHOW_DOCUMENT)
    page = to_path(shown.uri)
    assert page.read_text("utf-8") == "It adds **prices**."
    assert page.name == "Explain total 1.md"
    assert (page.stat().st_mode & 0o777, page.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (shown.external, shown.take_focus) == (False, False)
    assert page.is_relative_to(module_home.runtime)
    assert buffer.text == TEXT


async def test_explain_in_a_message(editor: Editor, buffer: Buffer) -> None:
    """Where the editor does not show the document, the explanation is a message."""
    editor.answers[types.WINDOW_SHOW_DOCUMENT] = lambda params: types.ShowDocumentResult(success=False)
    await run(editor, await action_titled(editor, buffer, "Explain total", cursor=True))
    await editor.displayed()
    await editor.next(types.WINDOW_SHOW_DOCUMENT)
    assert await editor.said() == "It adds **prices**."


async def test_pages_go_with_the_server(home: Home) -> None:
    """What was written for the editor to show is deleted when it leaves; a client of ours has a place of its own."""
    for options, files in (({}, 1), ({"client": {"name": "ours"}}, 0)):
        async with editing(home, options=options, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
            editor.answers[types.WINDOW_SHOW_DOCUMENT] = lambda params: types.ShowDocumentResult(success=True)
            buffer = editor.open(home.uri("page.py"), TEXT)
            await run(editor, await action_titled(editor, buffer, "Explain total", cursor=True))
            await editor.displayed()
            assert len(editor.drop(types.WINDOW_SHOW_DOCUMENT)) == files
            assert len(list(home.runtime.glob("pages-*/*.md"))) == files
            editor.drop("turnout/status")
        assert list(home.runtime.glob("pages-*")) == []


async def test_long_answer(editor: Editor, module_home: Home) -> None:
    """The display follows an answer without a message for each of its tokens."""
    buffer = editor.open(module_home.uri("long.py"), TEXT.replace("result = 0", "result = 'long'"))
    action = await action_titled(editor, buffer, "Explain total", part="for price", cursor=True)
    assert len((await run(editor, action))["markdown"]) == len("word " * 800) - 1
    _, messages = await editor.displayed()
    assert any("characters" in message for message in messages)
    assert len(messages) < 400
    editor.drop(types.WINDOW_SHOW_DOCUMENT, types.WINDOW_SHOW_MESSAGE)


async def test_generate_tests(editor: Editor, buffer: Buffer) -> None:
    """Tests for a function go to a new file, whose directory follows the project."""
    await run(editor, await action_titled(editor, buffer, "Generate tests", cursor=True))
    applied = await edit_of(editor)
    created, written = applied.edit.document_changes or ()
    assert isinstance(created, types.CreateFile)
    assert isinstance(written, types.TextDocumentEdit)
    assert created.uri == written.text_document.uri
    assert "test_" in created.uri


async def test_stale(editor: Editor, buffer: Buffer) -> None:
    """An action for an earlier version of the document is refused, and says so; no model is asked."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    editor.type(buffer, "#")
    with pytest.raises(JsonRpcException, match="changed since") as caught:
        await run(editor, action, instruction="use sum()")
    assert caught.value.code == REQUEST_FAILED
    assert buffer.text == TEXT + "#"


async def test_typed_meanwhile(editor: Editor, buffer: Buffer) -> None:
    """A document that changed while the edit was on its way keeps what was typed, and gets the edit beside it."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)

    def type_first(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        editor.answers[types.WORKSPACE_APPLY_EDIT] = editor.carry_out
        editor.change(buffer, 0, 0, "# typed\n")
        return editor.carry_out(params)

    editor.answers[types.WORKSPACE_APPLY_EDIT] = type_first
    result = await run(editor, action, instruction="use sum()")
    await edit_of(editor)
    await editor.next(types.WORKSPACE_APPLY_EDIT)
    assert result["applied"] is True
    assert buffer.text.startswith("# typed\n")
    assert SUMMED in buffer.text


async def test_refused_by_the_editor(editor: Editor, buffer: Buffer) -> None:
    """An editor that does not apply the edit is not said to have done so, and the user hears of it."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    editor.answers[types.WORKSPACE_APPLY_EDIT] = lambda params: types.ApplyWorkspaceEditResult(applied=False)
    try:
        result = await run(editor, action, instruction="use sum()")
    finally:
        editor.answers[types.WORKSPACE_APPLY_EDIT] = editor.carry_out
    assert result["applied"] is False
    assert result["conflicts"][0]["message"] in await editor.said()
    await editor.displayed()
    assert editor.drop(types.WORKSPACE_APPLY_EDIT)
    assert buffer.text == TEXT


@pytest.mark.parametrize(("instruction", "complaint"), [("break it", "syntax"), ("chat", "no fenced block")])
async def test_unusable_answer(editor: Editor, buffer: Buffer, instruction: str, complaint: str) -> None:
    """An answer that breaks the syntax or holds no code is not applied, and the error says why."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    with pytest.raises(JsonRpcException, match=complaint) as caught:
        await run(editor, action, instruction=instruction)
    assert caught.value.code == REQUEST_FAILED
    await editor.displayed()
    assert buffer.text == TEXT


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("turnout.rewrite", []),
        ("turnout.rewrite", ["x"]),
        ("turnout.rewrite", [{"kind": "rewrite"}]),
        ("turnout.rewrite", [{"kind": "delete everything", "uri": "file:///a.py", "first": 0, "end": 1}]),
        ("turnout.fix", [{"kind": "fix", "uri": "file:///a.py", "first": 5, "end": 1, "version": 1}]),
        ("turnout.unknown", [{}]),
    ],
)
async def test_wrong_arguments(editor: Editor, command: str, arguments: list[Any]) -> None:
    """A command that is unknown or has other arguments than its action is refused as such."""
    with pytest.raises(JsonRpcException) as caught:
        await editor.request(types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams(command, arguments))
    assert caught.value.code == INVALID_PARAMS


async def test_fix_without_a_problem(editor: Editor, buffer: Buffer) -> None:
    """A command that came without a diagnostic says what is missing."""
    place = {"uri": buffer.uri, "first": 0, "end": 1, "version": buffer.version}
    argument = {"kind": "fix", "title": "Fix", "name": "", "symbol": "", **place}
    with pytest.raises(JsonRpcException, match="There is no problem to fix") as caught:
        await editor.request(
            types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams("turnout.fix", [argument])
        )
    assert caught.value.code == REQUEST_FAILED


async def test_progress_of_the_client(editor: Editor, buffer: Buffer) -> None:
    """A client that brings a token for progress sees it there, and no other display."""
    action = await action_titled(editor, buffer, "Rewrite total", cursor=True)
    assert action.command is not None
    argument: Any
    (argument,) = action.command.arguments or ()
    editor.progress_reports["mine"] = []
    params = types.ExecuteCommandParams(
        action.command.command, [{**argument, "instruction": "use sum()"}], work_done_token="mine"
    )
    await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)
    title, _ = await editor.displayed("mine")
    assert "Rewrite total" in title
    await editor.next(types.WORKSPACE_APPLY_EDIT)


def resolving(*operations: types.ResourceOperationKind) -> types.ClientCapabilities:
    """A client that cannot have edits applied by a server; it takes these operations on files in an action's edit."""
    can = vscode()
    assert can.workspace is not None
    assert can.workspace.workspace_edit is not None
    can.workspace.apply_edit = None
    can.workspace.workspace_edit.resource_operations = operations
    return can


async def test_resolved_edit(home: Home) -> None:
    """A client that cannot have edits applied by a server gets the edit when it resolves the action."""
    can = resolving(types.ResourceOperationKind.Create)
    async with editing(home, can, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
        buffer = editor.open(home.uri("resolve.py"), TEXT)
        action = await action_titled(editor, buffer, "Document total", cursor=True)
        offered = editor.server.code_action_provider
        assert isinstance(offered, types.CodeActionOptions)
        assert offered.resolve_provider
        assert (action.command, action.edit) == (None, None)
        resolved = await editor.request(types.CODE_ACTION_RESOLVE, action)
        await editor.displayed()
        assert resolved.edit is not None
        assert resolved.edit.document_changes is not None
        (change,) = resolved.edit.document_changes
        assert change.text_document.version == buffer.version
        editor.carry_out(types.ApplyWorkspaceEditParams(resolved.edit))
        assert DOCUMENTED in buffer.text
        action = await action_titled(editor, buffer, "Generate tests", cursor=True)
        resolved = await editor.request(types.CODE_ACTION_RESOLVE, action)
        await editor.displayed()
        editor.carry_out(types.ApplyWorkspaceEditParams(resolved.edit))
        assert home.read("tests/test_resolve.py") == TESTS


@pytest.mark.parametrize(
    ("title", "comment", "complaint"),
    [
        ("Rewrite total", "break it", "syntax"),
        ("Generate tests", "", "does not let a language server create"),
    ],
)
async def test_resolved_edit_that_is_not_given(home: Home, title: str, comment: str, complaint: str) -> None:
    """An action that would break the syntax, or that such a client cannot carry out, is an error that says why."""
    async with editing(home, resolving(), options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
        text = (
            TEXT.replace("    result = 0", f"    # turnout: {comment}\n    result = 0") if comment else TEXT
        )
        buffer = editor.open(home.uri("resolve.py"), text)
        action = await action_titled(editor, buffer, title, cursor=True)
        with pytest.raises(JsonRpcException, match=complaint) as caught:
            await editor.request(types.CODE_ACTION_RESOLVE, action)
        assert caught.value.code == REQUEST_FAILED
        await editor.displayed()


async def test_client_that_takes_commands_only(home: Home) -> None:
    """A client that knows no code action literals gets commands, the only answer that the protocol allows it."""
    can = neovim()
    assert can.text_document is not None
    can.text_document.code_action = types.CodeActionClientCapabilities()
    async with editing(home, can, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
        buffer = editor.open(home.uri("command.py"), TEXT)
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(buffer.uri),
            buffer.range_of("result = 0", editor.encoding),
            types.CodeActionContext([]),
        )
        found = await editor.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
        assert found
        assert all(isinstance(action, types.Command) for action in found)
        (document,) = [action for action in found if action.title.startswith("Document total")]
        await editor.request(
            types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams(document.command, document.arguments)
        )
        await edit_of(editor)
        assert DOCUMENTED in buffer.text
