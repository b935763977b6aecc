"""A language server that answers as scripted and writes down what it is told, one JSON line per message.

Stands in for the real one where a test is about what the extension itself sends.
`TURNOUT_TEST_LOG` names the file of the messages.
"""

import json
import os
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("scripted", "0")
GHOST = {"hel": "hello_from_script(42)", "one": "one two three\nfour"}


def note(method: str, params: Any) -> None:
    """Write a message down."""
    with open(os.environ["TURNOUT_TEST_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps({"method": method, "params": plain(params)}) + "\n")


def plain(value: Any) -> Any:
    """What pygls makes of parameters without a type, as JSON has it."""
    if hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@server.feature(types.INITIALIZE)
def initialize(params: types.InitializeParams) -> None:
    note("initialize", params.initialization_options)


@server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
def configured(params: types.DidChangeConfigurationParams) -> None:
    note("configuration", params.settings)


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
def inline(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    note("asked", params.position.character)
    line = server.workspace.get_text_document(params.text_document.uri).lines[params.position.line]
    word = line[: params.position.character]
    items = [
        types.InlineCompletionItem(
            insert_text=text,
            range=types.Range(types.Position(params.position.line, 0), params.position),
            command=types.Command("Accept", "turnout.didAccept", arguments=[f"offer of {start}"]),
        )
        for start, text in GHOST.items()
        if word.startswith(start) and text.startswith(word)
    ]
    return types.InlineCompletionList(items)


@server.command("turnout.didAccept")
def accept_command(*arguments: Any) -> None:
    note("the server's own command", arguments)


@server.feature("turnout/didShow")
def shown(params: Any) -> None:
    note("shown", params)


@server.feature("turnout/didAccept")
def accepted(params: Any) -> None:
    note("accepted", params)


@server.feature("turnout/didReject")
def rejected(params: Any) -> None:
    note("rejected", params)


if __name__ == "__main__":
    server.start_io()
