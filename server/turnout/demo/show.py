"""The demo itself: a completion while typing, then a refactor over several files, each with its receipt.

Invariant: what is printed is what the server answered; a result that fails its checks is said to have failed.
"""

import asyncio
import re
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from turnout import automatic, models
from turnout.commands.models import pull_shown
from turnout.core.models import Model
from turnout.demo.client import Client, ServerError, connected
from turnout.errors import ModelMissing
from turnout.files import path_to_uri, uri_to_path
from turnout.session.consent import KEEP, ONCE

SAMPLE = Path(__file__).parent / "sample"
FILE = "shop/cart.py"
TYPED = "\n    def count(self):\n        return sum(count for"
INSTRUCTION = "Rename the function `total` to `total_price`."
CHECK = f"{shlex.quote(sys.executable)} -m unittest -q tests.test_shop"
"""The sample's own tests, which the server runs on a copy before it offers a refactor."""

KEYSTROKE_S = 0.12
"""A pause between keys, about 100 words a minute."""

_REPLY_TOKENS = 600
_CONTROL = re.compile(r"[^\S \n\t]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def run() -> int:
    """Show everything; 0 when the server answered, whether or not the small model did well."""
    _say("# Turnout demo\n")
    _fetch_model()
    with tempfile.TemporaryDirectory(prefix="turnout-demo-") as folder:
        root = Path(folder).resolve() / "sample"
        shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("__pycache__"))
        return asyncio.run(_show(root))


def _fetch_model() -> None:
    chosen = automatic.model()
    try:
        models.locate(chosen.model, chosen.form)
    except ModelMissing:
        _say(f"Fetching {chosen.model} (once): {chosen.reason}.")
        pull_shown(chosen.model, chosen.form)
    here = models.listed(models.entry(chosen.model), models.form_of(chosen.model, chosen.form))
    _say(f"Local model: {chosen.model}, {models.in_megabytes(here.have_bytes)}, SHA-256 as recorded.")


async def _show(root: Path) -> int:
    editor = _Editor(root)
    settings = {"routes": {"refactor": {"checks": [CHECK]}}}
    async with connected(root, settings, editor.answer, editor.hear) as client:
        try:
            await _complete(client, root)
            await _refactor(client, root)
        except ServerError as error:
            _say(f"\nThe server could not do it: {error}")
            return 1
    return 0


class _Editor:
    """Answers what the server asks an editor, by doing it to the files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def answer(self, method: str, params: Any) -> Any:
        """A request of the server."""
        if method == "window/showMessageRequest":
            titles = [action["title"] for action in params["actions"]]
            choice = ONCE if ONCE in titles else KEEP
            _say(f"\nThe server asks: {params['message']}\nThe demo answers: {choice}")
            return {"title": choice}
        if method == "workspace/applyEdit":
            return {"applied": self._apply(params["edit"]["documentChanges"])}
        return None

    def hear(self, method: str, params: Any) -> None:
        """A notification of the server."""
        if method == "window/showMessage":
            _say(f"The server says: {params['message']}")
        elif method == "$/progress" and params["value"].get("message"):
            _progress(params["value"]["message"])

    def _apply(self, changes: list[dict[str, Any]]) -> bool:
        for change in changes:
            if "kind" in change:
                return False  # the sample's refactor changes text only
            path = uri_to_path(change["textDocument"]["uri"])
            lines = path.read_bytes().decode().splitlines(keepends=True)
            for edit in sorted(change["edits"], key=lambda e: e["range"]["start"]["line"], reverse=True):
                start, end = edit["range"]["start"], edit["range"]["end"]
                if start["character"] or end["character"]:
                    return False  # the server's hunks are whole lines
                lines[start["line"] : end["line"]] = [edit["newText"]]
            path.write_bytes("".join(lines).encode())
        return True


async def _complete(client: Client, root: Path) -> None:
    path = root / FILE
    uri, text = path_to_uri(path), path.read_text("utf-8")
    _say(f"\n## Ghost text\n\nTyping into {FILE}, one key at a time:")
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": document})
    for version, key in enumerate(TYPED, start=2):
        text += key
        pressed = time.perf_counter()
        asked = asyncio.create_task(_type(client, uri, version, text, key))
        await asyncio.wait({asked}, timeout=KEYSTROKE_S)
        if version <= len(TYPED):
            asked.cancel()  # as an editor does when the user types on
    answer = await asked
    waited_ms = (time.perf_counter() - pressed) * 1000
    _say("\n" + "\n".join("    " + line for line in text.rstrip().splitlines()[-4:]))
    if not answer["items"]:
        why = await client.request("turnout/why", {"textDocument": {"uri": uri}})
        _say(f"\nNo ghost text: {why['reason']}.")
        return
    item = answer["items"][0]
    _say(f"\n    ghost text: {item['insertText']!r}")
    _say(f"    {waited_ms:.0f} ms from the last key to the text")
    await _print_receipt(client, item["command"]["arguments"][0])
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


async def _type(client: Client, uri: str, version: int, text: str, key: str) -> Any:
    """Send one keystroke and ask for ghost text behind it."""
    before = text[: len(text) - len(key)]
    old = _end(before)
    client.notify(
        "textDocument/didChange",
        {
            "textDocument": {"uri": uri, "version": version},
            "contentChanges": [{"range": {"start": old, "end": old}, "text": key}],
        },
    )
    params = {"textDocument": {"uri": uri}, "position": _end(text), "context": {"triggerKind": 2}}
    return await client.request("textDocument/inlineCompletion", params)


def _end(text: str) -> dict[str, int]:
    return {"line": text.count("\n"), "character": len(text) - (text.rfind("\n") + 1)}


async def _refactor(client: Client, root: Path) -> None:
    _say(f"\n## Refactor\n\nInstruction: {INSTRUCTION}")
    scope = [path_to_uri(root / "shop" / name) for name in ("prices.py", "cart.py", "report.py")]
    await _say_where(client, scope)
    proposal = await client.request("turnout/refactor", {"instruction": INSTRUCTION, "scope": scope})
    _progress("")
    for file in proposal["files"]:
        _say("\n" + file["diff"].rstrip())
    _say("\nChecks of the proposal:")
    for check in proposal["checks"]:
        reason = check["message"].strip().splitlines()
        _say(
            f"    {'ok    ' if check['ok'] else 'FAILED'} {check['name']}  {reason[-1] if reason else ''}".rstrip()
        )
    _print_fields(proposal["receipt"])
    await _verdict(client, proposal)


async def _say_where(client: Client, scope: list[str]) -> None:
    """Say which model gets the refactor; without a key, which one would have and for how much."""
    explained = await client.request(
        "turnout/explain", {"kind": "refactor", "textDocument": {"uri": scope[0]}}
    )
    waiting = [out for out in explained["eliminated"] if out["reason"].startswith("no key")]
    if explained["chosen"] and not waiting:
        _say(f"Route: {explained['chosen']} ({explained['reason']}).")
        return
    _say("No frontier model is configured:")
    for out in waiting:
        _say(f"    {out['model']}: {out['reason']}; {_estimate(out['model'], scope)}")
    _say(f"So it runs on {explained['chosen']}, this machine's own model, along the same path.")


def _estimate(name: str, scope: list[str]) -> str:
    """What a model would have charged, by the size of the files and a reply that writes about as much."""
    model = _models().get(name)
    size = sum(uri_to_path(uri).stat().st_size for uri in scope)
    cost = model.cost_usd(size // 3 + 500, _REPLY_TOKENS) if model else None
    identifier = f"{model.model} " if model else ""
    return (
        f"{identifier}would have cost about ${cost:.4f}" if cost is not None else f"{identifier}price unknown"
    )


def _models() -> dict[str, Model]:
    from turnout.settings import load

    return {model.name: model for model in load(None, None, trusted=False).policy.models}


async def _verdict(client: Client, proposal: dict[str, Any]) -> None:
    """Apply the proposal where it passed its checks, take it back again, and say what came of it."""
    failed = [check["name"] for check in proposal["checks"] if not check["ok"]]
    if failed:
        _say(f"\nResult: it did NOT pass its checks ({', '.join(failed)}), so it is not applied.")
        _say("A small model often fails here; docs/models.md says how to put refactors on a larger one.")
        return
    applied = await client.request("turnout/apply", {"proposalId": proposal["proposalId"]})
    if not applied["applied"]:
        _say(f"\nResult: it passed its checks, but could not be applied: {applied['conflicts']}")
        return
    undone = await client.request("turnout/undo", {"proposalId": proposal["proposalId"]})
    _say(f"\nResult: it passed its checks and was applied to {len(proposal['files'])} files at once.")
    _say(
        "Undone again with one command." if undone["undone"] else f"It was not undone: {undone['conflicts']}"
    )


async def _print_receipt(client: Client, receipt_id: str) -> None:
    answer = await client.request("turnout/receipts", {"count": 20})
    for receipt in answer["receipts"]:
        if receipt["id"] == receipt_id:
            _print_fields(receipt)


def _print_fields(receipt: dict[str, Any]) -> None:
    tokens, ms = receipt["tokens"], receipt["ms"]
    cost = "unknown" if receipt["costUsd"] is None else f"${receipt['costUsd']:.4f}"
    left = "left the machine" if receipt["leavesMachine"] else "stayed on this machine"
    first = "-" if ms["firstToken"] is None else f"{ms['firstToken']:.0f} ms"
    _say(
        f"\n    receipt: {receipt['kind']} on {receipt['model']}, {receipt['outcome']}; {left}\n"
        f"             {receipt['bytesSent']} bytes from {len(receipt['files'])} file(s); tokens {tokens['in']} in "
        f"({tokens['cached']} cached), {tokens['out']} out; {cost}\n"
        f"             first token {first}, total {ms['total']:.0f} ms; route {' > '.join(receipt['route'])} "
        f"({receipt['reason']})"
    )


def _say(text: str) -> None:
    """Print; what a model or a file put in is shown without the power to move the cursor or change colours."""
    sys.stdout.write(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text) + "\n")
    sys.stdout.flush()


def _progress(text: str) -> None:
    """One line that is written over; nothing where the output is no terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[K    {text}" if text else "\r\x1b[K")
        sys.stdout.flush()
