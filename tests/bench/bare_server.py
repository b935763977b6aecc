"""The least that a pygls server can do for ghost text: the library's own documents, and one fixed item.

With `--waits` every other request waits, as for a model that takes its time, until the next one takes its place.
"""

import asyncio
import sys

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")


def inline(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """One item at the cursor."""
    at = types.Range(params.position, params.position)
    return types.InlineCompletionList(items=[types.InlineCompletionItem("_from_fake(42)", range=at)])


async def wait(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """Answer the request that waits with nothing, and this one with an item; where none waits, let this one."""
    if waiting:
        waiting.pop().set_result(None)
        return inline(params)
    waiting.append(asyncio.get_running_loop().create_future())
    await waiting[0]
    return types.InlineCompletionList(items=[])


if __name__ == "__main__":
    waiting: list[asyncio.Future[None]] = []
    server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION)(wait if "--waits" in sys.argv else inline)
    server.start_io()
