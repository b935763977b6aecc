"""Whatever bytes arrive, the server answers with the protocol's error and lives on."""

import json
from typing import Any

import pytest

from support.home import Home
from support.raw_server import INITIALIZE, framed, raw_server

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
NOT_INITIALIZED, REQUEST_FAILED = -32002, -32803


def document(uri: str, text: str, version: int = 1) -> dict[str, Any]:
    """Parameters of `didOpen`."""
    return {"textDocument": {"uri": uri, "languageId": "python", "version": version, "text": text}}


def at(uri: str, line: Any = 0, character: Any = 0) -> dict[str, Any]:
    """Parameters of a request at a position."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 1},
    }


async def test_messages_that_are_none(home: Home) -> None:
    """What is no JSON, or no message, is answered with the protocol's error, under its id where it has one."""
    bodies: list[tuple[bytes, int, Any]] = [
        (b"", PARSE_ERROR, None),
        (b"{", PARSE_ERROR, None),
        (b"not json", PARSE_ERROR, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "turnout/why", "params": {}', PARSE_ERROR, None),
        (b'\xff\xfe{"jsonrpc": "2.0"}', PARSE_ERROR, None),
        (b"[" * 100_000, PARSE_ERROR, None),
        (b"[]", INVALID_REQUEST, None),
        (b"null", INVALID_REQUEST, None),
        (b'"initialize"', INVALID_REQUEST, None),
        (b"{}", INVALID_REQUEST, None),
        (b'{"id": 7}', INVALID_REQUEST, 7),
        (b'{"jsonrpc": "1.0", "id": 7, "method": "turnout/why"}', INVALID_REQUEST, 7),
        (b'{"jsonrpc": "2.0", "id": 7}', INVALID_REQUEST, 7),
        (b'{"jsonrpc": "2.0", "id": 7, "method": 8}', INVALID_REQUEST, 7),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "turnout/why"}', INVALID_REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "shutdown"}', INVALID_REQUEST, None),
    ]
    async with raw_server(home) as server:
        for body, code, message_id in bodies:
            server.send(framed(body))
            answer = await server.read()
            assert (answer["error"]["code"], answer["id"]) == (code, message_id), body[:80]
            assert answer["error"]["message"]
        await server.lives()


async def test_headers(home: Home) -> None:
    """Headers in any case and order are read, those without a usable length are skipped, and split bytes are joined."""
    request = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "turnout/explain", "params": {"kind": "fix"}}
    ).encode()
    length = len(request)
    async with raw_server(home) as server:
        for header in (
            f"content-length: {length}\r\n\r\n",
            f"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length:{length}\r\n\r\n",
            f"CONTENT-LENGTH:   {length}\r\nX-Other: 1\r\n\r\n",
            f"Content-Length: abc\r\n\r\nContent-Length: {length}\r\n\r\n",
            f"Content-Length: -5\r\n\r\nContent-Length: {length}\r\n\r\n",
            f"\r\n\r\nContent-Length: {length}\r\n\r\n",
        ):
            server.send(header.encode() + request)
            assert (await server.read())["id"] == 1, header
        for byte in framed(request):
            server.send(bytes([byte]))
        assert (await server.read())["id"] == 1


async def test_wrong_length(home: Home) -> None:
    """A length that is too short costs that message and no other."""
    async with raw_server(home) as server:
        body = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "turnout/explain", "params": {"kind": "fix"}}
        ).encode()
        server.send(b"Content-Length: %d\r\n\r\n" % (len(body) - 10) + body)
        assert (await server.read())["error"]["code"] == PARSE_ERROR
        await server.lives()


async def test_unknown_methods(home: Home) -> None:
    """An unknown request is answered as such; an unknown notification, and an answer to nothing, is ignored."""
    async with raw_server(home) as server:
        for method in (
            "textDocument/hover",
            "textDocument/didOpen-not",
            "turnout/nonsense",
            "$/optional",
            "",
            "x" * 10_000,
        ):
            answer = await server.ask(method, {})
            assert answer["error"]["code"] == METHOD_NOT_FOUND, method[:40]
            server.notify(method, {})
        server.say(id=99, result=None)
        server.say(id="99", error={"code": 1, "message": "what?"})
        server.notify("$/cancelRequest", {"id": "never sent"})
        server.notify("$/setTrace", {"value": "off"})
        server.notify("window/workDoneProgress/cancel", {"token": "no such token"})
        await server.lives()


async def test_wrong_parameters(home: Home) -> None:
    """Parameters of the wrong shape are an error of the client's, said as such."""
    rows: list[tuple[str, Any]] = [
        ("textDocument/inlineCompletion", {}),
        ("textDocument/inlineCompletion", None),
        ("textDocument/inlineCompletion", []),
        ("textDocument/inlineCompletion", {"textDocument": {"uri": 7}, "position": 1, "context": 2}),
        ("textDocument/inlineCompletion", at("file:///a.py", "one", "two")),
        ("textDocument/completion", {"textDocument": None}),
        ("textDocument/codeAction", {"textDocument": {"uri": "file:///a.py"}}),
        ("workspace/executeCommand", {"command": 7}),
        ("workspace/executeCommand", {"command": "turnout.fix", "arguments": "x"}),
        ("turnout/explain", {"kind": "inline", "textDocument": 7}),
        ("turnout/why", {"textDocument": []}),
        ("turnout/undo", {"proposalId": {}}),
    ]
    async with raw_server(home) as server:
        for method, params in rows:
            assert (await server.ask(method, params))["error"]["code"] == INVALID_PARAMS, (method, params)
            server.notify(method, params)
        await server.lives()


async def test_wrong_notifications(home: Home) -> None:
    """Notifications of the wrong shape, or about documents and places that are not there, do no harm."""
    uri = home.uri("a.py")
    changes: list[Any] = [
        {"range": {"start": {"line": 9, "character": 9}, "end": {"line": 99, "character": 0}}, "text": "hel"},
        {"range": {"start": {"line": 1, "character": 3}, "end": {"line": 0, "character": 0}}, "text": ""},
        {
            "range": {"start": {"line": 0, "character": 2**40}, "end": {"line": 2**40, "character": 0}},
            "text": "x",
        },
        {"range": None, "text": "y"},
        {"text": 7},
        {},
        7,
    ]
    odd: Any
    async with raw_server(home) as server:
        for method in ("didOpen", "didChange", "didClose", "didSave"):
            for odd in (None, {}, [], {"textDocument": None}, {"textDocument": {"uri": uri}}):
                server.notify(f"textDocument/{method}", odd)
        server.notify("textDocument/didOpen", document(uri, "a\nb\n"))
        for change in changes:
            changed = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}
            server.notify("textDocument/didChange", changed)
        for method, params in (
            ("workspace/didChangeConfiguration", {"settings": 7}),
            ("workspace/didChangeConfiguration", {"settings": {"turnout": "no"}}),
            ("workspace/didChangeWatchedFiles", {"changes": "all"}),
            (
                "workspace/didChangeWorkspaceFolders",
                {"event": {"added": [{"uri": "ftp://x"}], "removed": []}},
            ),
            ("turnout/didShow", 7),
            ("turnout/didAccept", {"id": [], "accepted": 7, "length": -1}),
            ("initialized", 7),
        ):
            server.notify(method, params)
        server.notify("textDocument/didOpen", document(uri, "hel", 3))
        answer = await server.ask("textDocument/inlineCompletion", at(uri, 0, 3))
        assert answer["result"]["items"][0]["insertText"] == "lo_from_fake(42)"
        for line, character in ((99, 0), (0, 99), (2**31 - 1, 2**31 - 1)):
            answer = await server.ask("textDocument/inlineCompletion", at(uri, line, character))
            assert "result" in answer


async def test_before_initialize(home: Home) -> None:
    """Before `initialize` requests are refused with the protocol's code and notifications dropped; then all is well."""
    async with raw_server(home, initialize=False) as server:
        for method in ("turnout/explain", "shutdown", "textDocument/completion", "nonsense"):
            assert (await server.ask(method, {}))["error"]["code"] == NOT_INITIALIZED
        server.notify("textDocument/didOpen", document("file:///a.py", "hel"))
        server.notify("initialized", {})
        answer = await server.ask("initialize", {"capabilities": 7})
        assert answer["error"]["code"] == INVALID_PARAMS
        await server.initialize()
        await server.lives()
        answer = await server.ask("initialize", INITIALIZE)
        assert answer["error"]["code"] == INVALID_REQUEST
        await server.lives()


async def test_after_shutdown(home: Home) -> None:
    """After `shutdown` requests are refused, until `exit` ends the process with status 0."""
    async with raw_server(home) as server:
        assert (await server.ask("shutdown"))["result"] is None
        for method in ("turnout/explain", "shutdown", "initialize"):
            assert (await server.ask(method, INITIALIZE))["error"]["code"] == INVALID_REQUEST
        server.notify("textDocument/didOpen", document("file:///a.py", "hel"))
        server.notify("exit")
        assert await server.ended() == 0


async def test_never_initialized(home: Home) -> None:
    """A client that forgets the `initialized` notification is served all the same."""
    async with raw_server(home, initialize=False) as server:
        await server.ask("initialize", INITIALIZE)
        await server.lives()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x" * 50_000_000, "million characters"), ("x = 1\0\n", "binary")],
    ids=["50 MB", "binary"],
)
async def test_documents_that_are_left_out(home: Home, text: str, reason: str) -> None:
    """A document that is huge or binary has no completions and a reason; typing in it, and in others, goes on."""
    huge, other = home.uri("huge.py"), home.uri("other.py")
    async with raw_server(home) as server:
        server.notify("textDocument/didOpen", document(huge, text))
        change = {
            "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
            "text": "hel",
        }
        params = {"textDocument": {"uri": huge, "version": 2}, "contentChanges": [change]}
        server.notify("textDocument/didChange", params)
        answer = await server.ask("textDocument/inlineCompletion", at(huge, 0, 3))
        assert answer["result"]["items"] == []
        assert reason in (await server.ask("turnout/why", at(huge)))["result"]["reason"]
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
        context = {"textDocument": {"uri": huge}, "range": whole, "context": {"diagnostics": []}}
        assert (await server.ask("textDocument/codeAction", context))["result"] == []
        server.notify("textDocument/didOpen", document(other, "hel"))
        answer = await server.ask("textDocument/inlineCompletion", at(other, 0, 3))
        assert answer["result"]["items"][0]["insertText"] == "lo_from_fake(42)"
        # Once its text is an ordinary one again, the document is worked on.
        params = {"textDocument": {"uri": huge, "version": 3}, "contentChanges": [{"text": "hel"}]}
        server.notify("textDocument/didChange", params)
        answer = await server.ask("textDocument/inlineCompletion", at(huge, 0, 3))
        assert answer["result"]["items"][0]["insertText"] == "lo_from_fake(42)"


async def test_unusual_text(home: Home) -> None:
    """Text that an editor may send however odd it is gets a completion like any other."""
    texts = [
        "\ud800 = hel",
        "\u202e = hel",
        "🚃" * 5000 + "hel",
        "x" * 300_000 + " hel",
        "\ufeffhel",
        "\x7f\x1bhel",
    ]
    async with raw_server(home) as server:
        for number, text in enumerate(texts):
            uri = home.uri(f"odd{number}.py")
            server.notify("textDocument/didOpen", document(uri, text))
            units = len(text.encode("utf-16-le", "surrogatepass")) // 2
            answer = await server.ask("textDocument/inlineCompletion", at(uri, 0, units))
            (item,) = answer["result"]["items"]
            assert item["insertText"] == "lo_from_fake(42)"
            assert item["range"]["start"] == {"line": 0, "character": units}


async def test_unusual_uris(home: Home) -> None:
    """A document under any URI can be opened and typed in; what cannot be worked on as a file is an error, no crash."""
    uris = ["", "x", "file:", "file:///", "file://host/share/a.py", "file:///%00.py", "file:///%ff/%fe.py", "file://[",
            "git:/a.py?x", "vscode-notebook-cell:/a.ipynb#c1", "file:///" + "a/" * 3000 + "a.py",
            "file:///a/../../etc/passwd"]  # fmt: skip
    spot = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    async with raw_server(home) as server:
        for uri in uris:
            server.notify("textDocument/didOpen", document(uri, "hel"))
            answer = await server.ask("textDocument/inlineCompletion", at(uri, 0, 3))
            assert [item["insertText"] for item in answer["result"]["items"]] == ["lo_from_fake(42)"], uri
            params = {"textDocument": {"uri": uri}, "range": spot, "context": {"diagnostics": []}}
            assert "result" in await server.ask("textDocument/codeAction", params), uri
            explained = await server.ask("turnout/explain", {"kind": "fix", "textDocument": {"uri": uri}})
            assert "result" in explained, uri
            refactor = {"instruction": "x", "textDocument": {"uri": uri}, "scope": [uri]}
            assert (await server.ask("turnout/refactor", refactor))["error"]["code"] == REQUEST_FAILED, uri
        await server.lives()


async def test_link_to_itself(home: Home) -> None:
    """A document whose path cannot be followed is left alone, with a reason, since no rule can be held to it."""
    (home.work / "loop").symlink_to(home.work / "loop")
    async with raw_server(home) as server:
        for uri in (home.uri("loop"), home.uri("loop") + "/a.py"):
            server.notify("textDocument/didOpen", document(uri, "hel"))
            assert (await server.ask("textDocument/inlineCompletion", at(uri, 0, 3)))["result"]["items"] == []
            assert (await server.ask("turnout/why", at(uri)))["result"]["reason"]
        await server.lives()
