"""The least that a pygls server can do for ghost text: the library's own documents, and one fixed item."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION)
def inline(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """One item at the cursor."""
    at = types.Range(params.position, params.position)
    return types.InlineCompletionList(items=[types.InlineCompletionItem("_from_fake(42)", range=at)])


if __name__ == "__main__":
    server.start_io()
