"""A language server that answers as scripted and writes down what it is told, one JSON line per message.

Stands in for the real one where a test is about what the extension itself sends.
`TURNOUT_TEST_LOG` names the file of the messages, `TURNOUT_TEST_VERSION` a version to pretend to be.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInternalError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from turnout import __version__


class Protocol(LanguageServerProtocol):
    """Says beyond the standard that it knows plans, which pygls has no word for."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "server_capabilities":
            value.experimental = {"turnout": {"plan": True}}
        super().__setattr__(name, value)


server = LanguageServer(
    "scripted", os.environ.get("TURNOUT_TEST_VERSION", __version__), protocol_cls=Protocol
)
GHOST = {"hel": "hello_from_script(42)", "one": "one two three\nfour", "al": "alpha", "alp": "alpine"}


def note(method: str, params: Any) -> None:
    """Write a message down."""
    with Path(os.environ["TURNOUT_TEST_LOG"]).open("a", encoding="utf-8") as log:
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
    note("process", os.getpid())


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


@server.command("turnout.commitMessage")
def commit_message(*arguments: Any) -> dict[str, Any]:
    note("commit message", arguments)
    return {"message": "Give it a name\n\nIt had none."}


@server.feature("turnout/didShow")
def shown(params: Any) -> None:
    note("shown", params)


@server.feature("turnout/didAccept")
def accepted(params: Any) -> None:
    note("accepted", params)


@server.feature("turnout/didReject")
def rejected(params: Any) -> None:
    note("rejected", params)


def proposal() -> dict[str, Any]:
    """Two files edited, the first in two places, and one created."""
    root = server.workspace.root_uri

    def line(hunk: str, number: int, before: str, after: str) -> dict[str, Any]:
        end = {"line": number + (1 if before else 0), "character": 0}
        span = {"start": {"line": number, "character": 0}, "end": end}
        return {"id": hunk, "before": before, "after": after, "range": span}

    def file(name: str, kind: str, *hunks: dict[str, Any]) -> dict[str, Any]:
        return {"uri": f"{root}/{name}", "kind": kind, "version": None, "diff": "", "hunks": list(hunks)}

    first, third = line("0.0", 0, "a = 1\n", "alpha = 1\n"), line("0.1", 2, "c = 3\n", "gamma = 3\n")
    return {
        "proposalId": "p1",
        "plan": "Longer names",
        "files": [
            file("a.py", "edit", first, third),
            file("b.py", "edit", line("1.0", 0, "x = 1\n", "chi = 1\n")),
            file("new.py", "create", line("2.0", 0, "", "new = 1\n")),
        ],
        "checks": [
            {"name": "syntax", "ok": True, "ran": True, "message": ""},
            {"name": "pytest -q", "ok": True, "ran": False, "message": "not run: it takes too long"},
            {"name": "ruff check", "ok": False, "ran": True, "message": "new problems:\na.py:1: F821 beta"},
        ],
        "verdict": {"state": "failed", "text": "Failed: ruff check."},
        "complete": True,
        "receipt": None,
    }


def plan_of(name: str, *paths: str) -> dict[str, Any]:
    """A plan that edits `paths`; without any it is no usable one."""
    steps = [{"kind": "edit", "path": path, "change": "a longer name"} for path in paths]
    return {
        "id": name,
        "summary": f"Rename in {len(paths)} files.",
        "steps": steps,
        "dropped": [{"path": "../x.py", "reason": "It is not in the workspace."}],
        "skipped": [],
        "problem": "" if paths else "The answer is no plan.",
        "estimate": {
            "model": "opus", "leavesMachine": True, "tokensIn": 1200, "tokensOut": 300, "costUsd": 0.0123,
            "seconds": 12.3, "whyNone": "",
        },
        "files": [],
        "receipt": None,
    }  # fmt: skip


@server.feature("turnout/plan")
async def plan(params: Any) -> dict[str, Any] | None:
    """One is wanted where the instruction speaks of it; a correction leaves the second file out."""
    fields = plain(params)
    note("plan", fields)
    if fields.get("correction") == "wait":
        await asyncio.Event().wait()
    if "correction" in fields:
        return plan_of("plan-2", "a.py")
    instruction = fields["instruction"]
    if "plan" not in instruction:
        return None
    return plan_of("plan-1") if "unusable" in instruction else plan_of("plan-1", "a.py", "b.py")


@server.feature("turnout/refactor")
async def refactor(params: Any) -> dict[str, Any]:
    note("refactor", params)
    if params.instruction == "die":
        os._exit(1)
    if params.instruction == "ask among others":
        await ask_among_others()
    return proposal()


async def ask_among_others() -> None:
    """Ask a question that comes last of more messages than VS Code shows at once."""
    for number in range(4):
        server.window_show_message(types.ShowMessageParams(types.MessageType.Info, f"message {number}"))
    actions = [types.MessageActionItem("Send"), types.MessageActionItem("Keep it here")]
    question = types.ShowMessageRequestParams(types.MessageType.Warning, "May text leave?", actions)
    answer = await server.window_show_message_request_async(question)
    note("answer", answer.title if answer else None)


@server.feature("turnout/apply")
def apply(params: Any) -> dict[str, Any]:
    note("apply", params)
    if "0.0" in plain(params)["hunks"]:
        conflict = {
            "uri": f"{server.workspace.root_uri}/a.py",
            "message": "These lines have been edited since.",
        }
        return {"applied": False, "conflicts": [{**conflict, "hunk": "0.0", "line": 0}]}
    applied.append(plain(params)["hunks"])
    return {"applied": True, "conflicts": [], "left": ["0.0"]}


applied: list[list[str]] = []
undone: list[str] = []


@server.feature("turnout/proposal")
def look_again(params: Any) -> dict[str, Any]:
    """The first change is left, until all are there again; after b.py alone, nothing can be read, and nothing fits."""
    note("proposal", params)
    whole = proposal()
    if applied == [["1.0"]]:
        if "proposalId" in plain(params):
            raise JsonRpcInternalError(message="the journal is out of reach")
        conflict = {"uri": whole["files"][0]["uri"], "message": "These lines have been edited since."}
        return {**whole, "files": [], "label": "Longer names", "conflicts": [conflict]}
    if not undone:
        whole["files"] = [{**whole["files"][0], "hunks": whole["files"][0]["hunks"][:1]}]
    return {**whole, "label": "Longer names", "conflicts": []}


@server.feature("turnout/undo")
def undo(params: Any) -> dict[str, Any]:
    note("undo", params)
    undone.append("p1")
    return {"undone": True, "conflicts": [], "proposalId": "p1"}


@server.feature("turnout/discard")
def discard(params: Any) -> None:
    note("discard", params)


@server.feature("turnout/why")
def why(params: Any) -> dict[str, Any]:
    return {"reason": "the scripted server has nothing to say"}


@server.feature("turnout/explain")
def explain(params: Any) -> dict[str, Any]:
    note("explain", params)
    passed = {"model": "opus", "reason": "no key is set", "source": "config.toml"}
    return {"chosen": "near", "candidates": [], "eliminated": [passed]}


if __name__ == "__main__":
    server.start_io()
