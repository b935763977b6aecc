"""What is kept of every request: a receipt, what became of the suggestion, and the status line."""

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import GUARD_S, Editor, editing
from support.home import Home
from support.workers import worker_is

RECEIPT = {"id", "kind", "model", "route", "reason", "leavesMachine", "files", "bytesSent", "redacted", "tokens",
           "costUsd", "estimated", "ms", "outcome", "edits"}  # fmt: skip
OURS = {"client": {"name": "test", "version": "1"}}


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    """What the ledger answers."""
    with closing(sqlite3.connect(home.state / "ledger.sqlite")) as ledger:
        return ledger.execute(query).fetchall()


async def test_receipts_and_events(home: Home) -> None:
    """Each request to a model leaves one receipt, and each thing that a client tells of it one event."""
    async with editing(home, options={}) as editor:
        buffer = editor.open(home.uri("é 🚃.py"), "hel")
        for _ in range(2):  # the second one is answered from the first
            item = await editor.ghost_item(buffer, 3)
            assert item is not None
            assert item.command is not None
            (receipt_id,) = item.command.arguments or ()
        notify = editor.protocol.notify
        notify("turnout/didShow", {"id": receipt_id})
        notify("turnout/didAccept", {"id": receipt_id, "accepted": "word", "length": 2})
        notify("turnout/didReject", {"id": receipt_id})
        wrong: tuple[Any, ...] = (
            None,
            [],
            {},
            {"id": 7},
            {"id": "x" * 100_000},
            {"id": receipt_id, "length": "long"},
        )
        for nonsense in wrong:
            notify("turnout/didReject", nonsense)
    ((found_id, text),) = rows(home, "SELECT id, receipt FROM receipts WHERE outcome = 'shown'")
    receipt = json.loads(text)
    assert found_id == receipt_id
    assert set(receipt) == RECEIPT
    assert (receipt["kind"], receipt["model"], receipt["route"]) == ("inline", "near", ["near"])
    assert (receipt["leavesMachine"], receipt["costUsd"], receipt["outcome"]) == (False, 0, "shown")
    assert receipt["files"] == [{"uri": home.uri("é 🚃.py"), "bytes": 3}]
    assert receipt["bytesSent"] == 3
    assert set(receipt["tokens"]) == {"in", "out", "cached", "evaluated"}
    assert set(receipt["ms"]) == {"queue", "context", "prefill", "firstToken", "model", "stop", "total"}
    assert {name for name, ms in receipt["ms"].items() if ms is None} == {"stop"}
    events = rows(home, "SELECT id, event, length FROM events")
    assert [event for event in events if event[0] == receipt_id][:3] == [
        (receipt_id, "shown", None),
        (receipt_id, "accepted word", 2),
        (receipt_id, "rejected", None),
    ]


SLOW = json.dumps({"fim": [{"text": "x ", "repeat": 100, "token_delay_s": 0.05}]})


async def receipts(editor: Editor, count: int) -> list[dict[str, Any]]:
    """The newest receipts, as soon as there are `count`: each is written once the model has stopped."""
    async with asyncio.timeout(GUARD_S):
        while True:
            answer = await editor.request("turnout/receipts", {"count": 10})
            if len(answer["receipts"]) >= count:
                return list(answer["receipts"])


async def test_cancelled_and_superseded_requests_have_their_figures(lone_home: Home) -> None:
    """What a request came to is on record also where nobody waited for it: once, and with the time to stop it."""
    home = lone_home
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SLOW) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        answers = []
        for number in (1, 2, 3):
            answers.append(
                asyncio.ensure_future(editor.ghost(buffer, 3, explicit=True, id=f"ghost {number}"))
            )
            await receipts(editor, number - 1)  # the older one has left the model,
            await worker_is(home, "busy")  # so it is this one that the model is busy with
        assert [await answer for answer in answers[:2]] == [None, None]
        editor.protocol.notify("$/cancelRequest", types.CancelParams("ghost 3"))
        with pytest.raises(JsonRpcException):
            await answers[2]
        written = await receipts(editor, 3)
    assert sorted(receipt["outcome"] for receipt in written) == ["cancelled", "superseded", "superseded"]
    for receipt in written:
        assert receipt["ms"]["model"] > 0
        assert receipt["ms"]["stop"] is not None
        assert receipt["tokens"]["evaluated"] is not None


async def test_failures_leave_receipts_too(home: Home) -> None:
    """A request that failed leaves a receipt that says how."""
    script = '{"fim": [{"error": "out of memory"}]}'
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=script) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) is None
        assert "out of memory" in await editor.said()
    ((outcome,),) = rows(home, "SELECT outcome FROM receipts")
    assert outcome.startswith("failed")
    assert "out of memory" in outcome


async def test_status(home: Home) -> None:
    """A client of ours hears what the status line shall say, first and after each request; no other does."""
    async with editing(home, options=OURS) as editor:
        first = await editor.next("turnout/status")
        assert set(first) == {"state", "model", "leavesMachine", "lastLatencyMs", "spentTodayUsd", "message"}
        assert (first["state"], first["model"], first["leavesMachine"]) == ("ready", "near", False)
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        while (status := await editor.next("turnout/status"))["state"] != "ready":
            assert status["state"] == "loading"
        assert status["lastLatencyMs"] > 0
        assert (status["leavesMachine"], status["spentTodayUsd"]) == (False, 0)


async def test_a_ledger_that_cannot_be_used(home: Home) -> None:
    """Requests are answered also where their receipts cannot be kept."""
    (home.state / "ledger.sqlite").mkdir(parents=True)
    async with editing(home, options={}) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
