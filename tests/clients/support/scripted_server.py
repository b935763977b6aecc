"""A language server whose answers the test dictates, over the connection of the editor under test.

It speaks LSP with the standard library alone, so that it starts in milliseconds, and decides nothing by itself:

- `test/script` {rules, proposal, status, ...} replaces what it answers with; see `Server.script`.
- `test/hold` and `test/release`: inline requests wait in between, and can be cancelled.
- `test/log` answers every method received so far with its parameters, in order.
- `test/documents` answers the text of every open document as the server sees it.
- `test/applyEdit` {edit} asks the editor to apply an edit and answers what the editor answered.
- `test/ask` {params} sends `window/showMessageRequest` and answers the choice.
- `test/say` {params} sends `window/showMessage`.
- `test/crash` ends the process as a crash would.

usage: scripted_server.py [utf-8|utf-16|utf-32]      the position encoding, utf-8 where none is given
With further words it prints them and ends, in the place of the program's other commands.
`SCRIPTED` in the environment is a JSON object: `extensions` are its experimental capabilities, `print` is what those
other commands print, by their words joined with a space.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
WIDTHS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
CODECS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
REQUEST_CANCELLED = -32800


class Server:
    """One connection, read and answered message by message."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.documents: dict[str, tuple[int, str]] = {}
        self.log: list[Json] = []
        self.script: Json = {}
        """`rules`: [{after, text, typed?, replaces?, id?}]: where the text left of the cursor ends with `after`,
        answer `text` in the place of `typed` left of it and `replaces` right of it. `plans`: what plans answer, in
        turn; `proposal`: what a refactor answers; `apply`: {hunk ids joined by comma: workspace edit}; `undo`: a
        workspace edit; `fuzz`: a seed."""
        self.holding = False
        self.held: dict[int | str, Callable[[], None]] = {}
        self.waiting: dict[str, Callable[[Json], None]] = {}
        self.random = random.Random(0)
        self.sent = 0

    # --- the wire

    def send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        sys.stdout.buffer.flush()

    def answer(self, request: int | str, result: Any) -> None:
        self.send({"id": request, "result": result})

    def fail(self, request: int | str, code: int, message: str) -> None:
        self.send({"id": request, "error": {"code": code, "message": message}})

    def ask(self, method: str, params: Json, then: Callable[[Json], None]) -> None:
        """Send a request to the editor; `then` gets the whole response."""
        self.sent += 1
        name = f"server-{self.sent}"
        self.waiting[name] = then
        self.send({"id": name, "method": method, "params": params})

    def run(self) -> None:
        while (message := self.read()) is not None:
            self.handle(message)

    def read(self) -> Json | None:
        length = 0
        while line := sys.stdin.buffer.readline():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            if line == b"\r\n":
                message: Json = json.loads(sys.stdin.buffer.read(length))
                return message
        return None

    def handle(self, message: Json) -> None:
        if "method" not in message:
            self.waiting.pop(message["id"])(message)
            return
        method, params = message["method"], message.get("params") or {}
        if not method.startswith("test/"):
            self.log.append({"method": method, "params": params})
        handler = HANDLERS.get(method)
        if handler is not None:
            handler(self, params, message.get("id"))
        elif "id" in message:
            self.fail(message["id"], -32601, f"no such method: {method}")
        if "fuzz" in self.script:
            self.release_some()

    # --- documents

    def offset(self, text: str, position: Json) -> int:
        """Index into `text` of a position in the agreed encoding."""
        lines = text.split("\n")
        line = lines[position["line"]]
        codec, width = CODECS[self.encoding], WIDTHS[self.encoding]
        head = line.encode(codec)[: position["character"] * width].decode(codec)
        return sum(len(each) + 1 for each in lines[: position["line"]]) + len(head)

    def columns(self, text: str) -> int:
        """Length of `text` in the agreed encoding."""
        return len(text.encode(CODECS[self.encoding])) // WIDTHS[self.encoding]

    # --- suggestions

    def suggestions(self, params: Json) -> list[Json]:
        _, text = self.documents[params["textDocument"]["uri"]]
        before = text[: self.offset(text, params["position"])]
        if "fuzz" in self.script:
            return [self.item("fuzz", params["position"], {"text": self.noise()})]
        return [
            self.item(f"{number}", params["position"], rule)
            for number, rule in enumerate(self.script.get("rules", []))
            if before.endswith(rule["after"])
        ]

    def item(self, name: str, at: Json, rule: Json) -> Json:
        start = at["character"] - self.columns(rule.get("typed", ""))
        end = at["character"] + self.columns(rule.get("replaces", ""))
        return {
            "insertText": rule["text"],
            "range": {
                "start": {"line": at["line"], "character": start},
                "end": {"line": at["line"], "character": end},
            },
            "command": {"title": "", "command": "turnout.didAccept", "arguments": [rule.get("id", name)]},
        }

    def noise(self) -> str:
        return "".join(self.random.choices("ab \n\t()世é", k=self.random.randint(1, 12)))

    def release_some(self) -> None:
        """In a fuzz run, let each waiting answer out with even chances, after every message."""
        for name in [name for name in self.held if self.random.random() < 0.5]:
            self.held.pop(name)()


def options() -> Json:
    """What the environment says."""
    given: Json = json.loads(os.environ.get("SCRIPTED", "{}"))
    return given


def initialize(server: Server, params: Json, request: Any) -> None:
    capabilities = {
        "positionEncoding": server.encoding,
        "textDocumentSync": {"openClose": True, "change": 2},
        "codeActionProvider": True,
        "executeCommandProvider": {"commands": ["turnout.rewrite", "turnout.explain"]},
        "experimental": {"turnout": options().get("extensions", {})},
    }
    if params["capabilities"].get("textDocument", {}).get("inlineCompletion"):
        capabilities["inlineCompletionProvider"] = {}
    server.answer(request, {"capabilities": capabilities, "serverInfo": {"name": "scripted", "version": "1"}})


def did_open(server: Server, params: Json, request: Any) -> None:
    document = params["textDocument"]
    server.documents[document["uri"]] = (document["version"], document["text"])


def did_change(server: Server, params: Json, request: Any) -> None:
    uri = params["textDocument"]["uri"]
    _, text = server.documents[uri]
    for change in params["contentChanges"]:
        if "range" not in change:
            text = change["text"]
            continue
        # A position just past the last line end is legal, and means the end.
        padded = text + "\n"
        start = server.offset(padded, change["range"]["start"])
        end = server.offset(padded, change["range"]["end"])
        text = text[:start] + change["text"] + text[end:]
    server.documents[uri] = (params["textDocument"]["version"], text)


def did_close(server: Server, params: Json, request: Any) -> None:
    server.documents.pop(params["textDocument"]["uri"], None)


def inline_completion(server: Server, params: Json, request: Any) -> None:
    items = server.suggestions(params)

    def reply() -> None:
        server.answer(request, {"items": items})

    if server.holding or ("fuzz" in server.script and server.random.random() < 0.5):
        server.held[request] = reply
    else:
        reply()


def cancel(server: Server, params: Json, request: Any) -> None:
    if server.held.pop(params["id"], None):
        server.fail(params["id"], REQUEST_CANCELLED, "cancelled")


def script(server: Server, params: Json, request: Any) -> None:
    server.script = params
    server.random = random.Random(params.get("fuzz", 0))
    if "status" in params:
        server.send({"method": "turnout/status", "params": params["status"]})
    server.answer(request, None)


def hold(server: Server, params: Json, request: Any) -> None:
    server.holding = True
    server.answer(request, None)


def release(server: Server, params: Json, request: Any) -> None:
    server.holding = False
    while server.held:
        server.held.pop(next(iter(server.held)))()
    server.answer(request, None)


def send_log(server: Server, params: Json, request: Any) -> None:
    server.answer(request, server.log)


def send_documents(server: Server, params: Json, request: Any) -> None:
    documents = {uri: {"version": v, "text": text} for uri, (v, text) in server.documents.items()}
    server.answer(request, documents)


def relay_edit(server: Server, params: Json, request: Any) -> None:
    server.ask("workspace/applyEdit", params, lambda response: server.answer(request, response["result"]))


def relay_question(server: Server, params: Json, request: Any) -> None:
    server.ask(
        "window/showMessageRequest", params, lambda response: server.answer(request, response.get("result"))
    )


def say(server: Server, params: Json, request: Any) -> None:
    server.send({"method": "window/showMessage", "params": params})
    server.answer(request, None)


def crash(server: Server, params: Json, request: Any) -> None:
    os._exit(9)


def refactor(server: Server, params: Json, request: Any) -> None:
    _work(server, params, request, server.script["proposal"])


def plan(server: Server, params: Json, request: Any) -> None:
    """The next of the plans; null where there is none."""
    plans = server.script.get("plans", [])
    _work(server, params, request, plans.pop(0) if plans else None)


def _work(server: Server, params: Json, request: Any, result: Any) -> None:
    token = params.get("workDoneToken")
    begin = {"kind": "begin", "title": "Refactor", "message": "asking the model"}
    server.send({"method": "$/progress", "params": {"token": token, "value": begin}})

    def reply() -> None:
        server.send({"method": "$/progress", "params": {"token": token, "value": {"kind": "end"}}})
        server.answer(request, result)

    if server.holding:
        server.held[request] = reply
    else:
        reply()


def apply(server: Server, params: Json, request: Any) -> None:
    edit = server.script["apply"][",".join(params["hunks"])]
    _carry_out(server, edit, request, "applied", left=server.script.get("left", []))


def look_again(server: Server, params: Json, request: Any) -> None:
    """The hunks that are left, where the script says which."""
    proposal, left = server.script["proposal"], server.script["left"]
    files = [
        {**file, "hunks": [hunk for hunk in file["hunks"] if hunk["id"] in left]}
        for file in proposal["files"]
        if any(hunk["id"] in left for hunk in file["hunks"])
    ]
    conflict = {"uri": proposal["files"][-1]["uri"], "message": "These lines have been edited since."}
    server.answer(request, {**proposal, "files": files, "label": "rename", "conflicts": [conflict]})


def undo(server: Server, params: Json, request: Any) -> None:
    _carry_out(server, server.script["undo"], request, "undone")


def _carry_out(server: Server, edit: Json, request: Any, key: str, **more: Any) -> None:
    def reply(response: Json) -> None:
        result = response["result"]
        done = result["applied"]
        conflicts = [] if done else [{"uri": "", "message": result["failureReason"]}]
        server.answer(request, {key: done, "conflicts": conflicts, **more})

    server.ask("workspace/applyEdit", {"edit": edit}, reply)


def code_actions(server: Server, params: Json, request: Any) -> None:
    """A rewrite, which asks for an instruction, and an explanation."""
    actions = []
    for kind, title, asks in (
        ("rewrite", "Rewrite selection...", True),
        ("explain", "Explain selection", False),
    ):
        argument = {"kind": kind, "asks": asks}
        command = {"title": title, "command": f"turnout.{kind}", "arguments": [argument]}
        actions.append({"title": title, "kind": "refactor.rewrite", "command": command})
    server.answer(request, actions)


def execute(server: Server, params: Json, request: Any) -> None:
    if params["command"] == "turnout.explain":
        server.answer(request, {"markdown": "It **adds** numbers."})
    elif params["command"] == "turnout.commitMessage":
        server.answer(request, {"message": "Count to two\n\nOne was not enough."})
    else:
        server.answer(request, {"applied": True, "conflicts": []})


def answer_null(server: Server, params: Json, request: Any) -> None:
    server.answer(request, None)


def why(server: Server, params: Json, request: Any) -> None:
    server.answer(request, {"reason": "the cursor is in a comment"})


def explain(server: Server, params: Json, request: Any) -> None:
    passed = {
        "model": "opus",
        "reason": "leaves the machine",
        "source": "config.toml:3 privacy.leaves_machine",
    }
    answer = {
        "candidates": ["near"],
        "chosen": "near",
        "eliminated": [passed],
        "strategy": "cheapest",
        "tier": "simple",
        "tierReason": "fix (1), about 200 tokens (-1)",
        "notes": [{"model": "near", "note": "about $0.0000"}],
        "budget": [
            {"limit": "a day", "limitUsd": 5, "spentUsd": 0.5, "source": "config.toml:2 budget.day_usd"}
        ],
    }
    server.answer(request, answer)


def receipts(server: Server, params: Json, request: Any) -> None:
    one = {"kind": "refactor", "model": "opus", "leavesMachine": True, "costUsd": 0.25}
    one["edits"] = "whole_file: small ones"
    two = {"kind": "inline", "model": "near", "leavesMachine": False, "costUsd": None}
    server.answer(request, {"receipts": [one, two][: params["count"]]})


def preview(server: Server, params: Json, request: Any) -> None:
    about = params["kind"], params["range"]["start"]["line"], params.get("instruction"), params["diagnostics"]
    server.answer(request, {"report": f"What {about} would send\nsecond line"})


def sent(server: Server, params: Json, request: Any) -> None:
    server.answer(request, {"report": f"The last {params.get('count')} that were sent"})


HANDLERS: dict[str, Callable[[Server, Json, Any], None]] = {
    "initialize": initialize,
    "shutdown": answer_null,
    "exit": lambda server, params, request: sys.exit(0),
    "textDocument/didOpen": did_open,
    "textDocument/didChange": did_change,
    "textDocument/didClose": did_close,
    "textDocument/inlineCompletion": inline_completion,
    "$/cancelRequest": cancel,
    "workspace/executeCommand": execute,
    "textDocument/codeAction": code_actions,
    "turnout/plan": plan,
    "turnout/refactor": refactor,
    "turnout/proposal": look_again,
    "turnout/apply": apply,
    "turnout/undo": undo,
    "turnout/discard": answer_null,
    "turnout/why": why,
    "turnout/explain": explain,
    "turnout/receipts": receipts,
    "turnout/preview": preview,
    "turnout/sent": sent,
    "test/script": script,
    "test/hold": hold,
    "test/release": release,
    "test/log": send_log,
    "test/documents": send_documents,
    "test/applyEdit": relay_edit,
    "test/ask": relay_question,
    "test/say": say,
    "test/crash": crash,
}

if __name__ == "__main__":
    encoding, *command = sys.argv[1:] or ["utf-8"]
    if command:
        words = " ".join(command)
        print(options().get("print", {}).get(words, f"scripted {words}"))
    else:
        Server(encoding).run()
