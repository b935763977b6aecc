"""What the server offers to one client: only what that client says it can take, and always statically.

Nothing is registered dynamically but the watching of files (`watching.py`), which has no other way, and that only
where the client says that it may be.
"""

from lsprotocol import types

from turnout import paths
from turnout.core.documents import Encoding

ACTION_KINDS = (
    types.CodeActionKind.QuickFix,
    types.CodeActionKind.RefactorRewrite,
    types.CodeActionKind.Refactor,
)


def build(
    client: types.ClientCapabilities, encoding: Encoding, commands: list[str]
) -> types.ServerCapabilities:
    """The server's capabilities for a client with `client` capabilities."""
    text = client.text_document
    return types.ServerCapabilities(
        position_encoding=encoding,
        text_document_sync=types.TextDocumentSyncOptions(
            open_close=True,
            change=types.TextDocumentSyncKind.Incremental,
            save=types.SaveOptions(include_text=False),
        ),
        inline_completion_provider=_inline(text),
        completion_provider=_popup(text),
        code_action_provider=_actions(client),
        execute_command_provider=types.ExecuteCommandOptions(commands=commands),
        workspace=_folders(client.workspace),
        experimental={"turnout": {"logs": _logs(), "cursor": True, "plan": True}},
    )


def _logs() -> str | None:
    """The folder of the server's and the model processes' logs; nothing where none can be kept."""
    try:
        return str(paths.state_dir() / "logs")
    except OSError:
        return None


def _inline(text: types.TextDocumentClientCapabilities | None) -> types.InlineCompletionOptions | None:
    return types.InlineCompletionOptions() if text and text.inline_completion else None


def _popup(text: types.TextDocumentClientCapabilities | None) -> types.CompletionOptions | None:
    return types.CompletionOptions(resolve_provider=False) if text and text.completion else None


def _actions(client: types.ClientCapabilities) -> types.CodeActionOptions | None:
    """Resolving is offered only where it does something: an editor may drop its list of actions meanwhile."""
    text = client.text_document
    if not text or not text.code_action:
        return None
    return types.CodeActionOptions(
        code_action_kinds=list(ACTION_KINDS), resolve_provider=wants_edits(client) or None
    )


def wants_edits(client: types.ClientCapabilities) -> bool:
    """Whether this client cannot apply a server's edit, but takes one in a resolved action."""
    applies = bool(client.workspace and client.workspace.apply_edit)
    text = client.text_document
    return not applies and bool(text and text.code_action and _resolves_edit(text.code_action))


def _resolves_edit(client: types.CodeActionClientCapabilities) -> bool:
    support = client.resolve_support
    return bool(client.data_support and support and "edit" in support.properties)


def _folders(workspace: types.WorkspaceClientCapabilities | None) -> types.WorkspaceOptions | None:
    if workspace is None or not workspace.workspace_folders:
        return None
    return types.WorkspaceOptions(
        workspace_folders=types.WorkspaceFoldersServerCapabilities(supported=True, change_notifications=True)
    )
