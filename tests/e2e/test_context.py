"""Other files in the prompt of a completion: gathered while the cursor rests, and named in the receipt."""

import asyncio
import time
from typing import Any

from support.buffers import Buffer
from support.editor import GUARD_S, Editor, editing
from support.home import Home

OTHER = "def pay(customer):\n    total = price(customer)\n    send_receipt(customer, total)\n"
TEXT = "def bill(customer):\n    total = price(customer, 3)\n    send_"
FIRST_PAUSE_S = 0.7
"""Longer than the moment of rest after which a place is read ahead; on a busy machine that takes a while."""


async def asked_until(editor: Editor, buffer: Buffer, files: int) -> dict[str, Any]:
    """Rest, type and ask again until a prompt has text of so many files; its receipt."""
    pause_s, give_up_s = FIRST_PAUSE_S, time.monotonic() + 2 * GUARD_S
    while True:
        place = buffer.position(len(buffer.text) - 1, editor.encoding)
        cursor = {"line": place.line, "character": place.character}
        editor.protocol.notify("turnout/cursor", {"textDocument": {"uri": buffer.uri}, "position": cursor})
        await asyncio.sleep(pause_s)
        await editor.ghost(buffer, editor.type(buffer, "h"))
        receipt: dict[str, Any] = (await editor.request("turnout/receipts", {"count": 1}))["receipts"][0]
        if len(receipt["files"]) == files:
            return receipt
        assert time.monotonic() < give_up_s, receipt
        pause_s *= 1.5


async def test_a_receipt_names_the_files_that_came_along(home: Home) -> None:
    """Which ones, how much of them and why, and how much of the prompt was in the model's cache.

    Neither what ignore rules name comes along, nor what settings keep from everybody, be it open in the editor.
    """
    home.write("other.py", OTHER)
    home.write("ignored.py", OTHER.replace("pay", "ignored"))
    home.write("secret.py", OTHER.replace("pay", "secret"))
    home.write(".gitignore", "ignored.py\n")
    home.write(".turnout.toml", '[privacy]\nnever_read = ["secret.py"]\n')
    async with editing(home, options={}) as editor:
        editor.open(home.uri("secret.py"), OTHER.replace("pay", "secret"))
        buffer = editor.open(home.uri("bill.py"), TEXT)
        receipt = await asked_until(editor, buffer, 2)
        own, other = receipt["files"]
        assert own["uri"] == buffer.uri
        assert (other["uri"], other["bytes"], other["why"]) == (home.uri("other.py"), len(OTHER), "similar")
        assert receipt["tokens"]["cached"] + receipt["tokens"]["evaluated"] == receipt["tokens"]["in"]
        assert receipt["tokens"]["cached"] > 0


async def test_a_file_that_was_deleted_is_shown_no_more(home: Home) -> None:
    """The disk is looked at: this editor says nothing of it."""
    other = home.write("other.py", OTHER)
    async with editing(home, options={}) as editor:
        buffer = editor.open(home.uri("bill.py"), TEXT)
        await asked_until(editor, buffer, 2)
        other.unlink()
        await asked_until(editor, buffer, 1)
