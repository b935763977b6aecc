"""A request that the time of its refactor cuts off is paid for: its receipt is with the others."""

import asyncio
import json

import pytest

from support.act_kit import MemoryWorkspace
from support.agent_kit import FILES, HERE, MODEL, MemoryOutlook, edits, failed
from support.dispatch_kit import FILES as SENT
from support.dispatch_kit import OPUS, PROMPT, Around, Script, Scripted, hang, route, says, setup
from turnout import syntax
from turnout.act.drafting.bounds import Bounds
from turnout.act.drafting.rounds import Meter
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.backends import Delta, Done
from turnout.core.models import Usage
from turnout.core.prompts import ToolCall
from turnout.errors import DeadlineExceeded


@pytest.fixture
def never_ends(monkeypatch: pytest.MonkeyPatch) -> Script:
    """An answer that begins, and is still under way when all time is over."""

    async def over() -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 10_000
        monkeypatch.setattr(loop, "time", lambda: until)
        await hang()

    return [Delta("I begin"), over]


async def test_a_meter_counts_what_it_cuts_off(never_ends: Script) -> None:
    """What was sent to the model by then is among the receipts, and on record once."""
    around = Around(route(OPUS))
    backend = Scripted({}, turns={"opus": [says("one"), never_ends]})
    meter = Meter(setup(around, backend).operation(), Bounds())

    async def ask() -> None:
        await meter.ask("refactor", lambda _model: PROMPT, SENT, lambda _text: None)

    await ask()
    with pytest.raises(DeadlineExceeded, match="stopped after 600 s"):
        await ask()
    assert meter.receipts == around.receipts
    assert [receipt.outcome for receipt in meter.receipts] == ["answered", "cancelled"]
    assert meter.receipts[1].bytes_sent > 0


async def test_a_proposal_with_tools_counts_what_is_cut_off(never_ends: Script) -> None:
    """What there is by then is offered, with the tokens of the turn that was cut off."""
    ((name, arguments),) = edits(done=False)
    call = ToolCall("c1", name, json.dumps(arguments))
    around = Around(route(MODEL))
    backend = Scripted({}, turns={MODEL.name: [[Done("stop", Usage(100, 20), calls=(call,))], never_ends]})
    asker = setup(around, backend).operation()
    seams = Seams(asker, MemoryWorkspace(FILES), syntax, outlook=MemoryOutlook())
    proposal = await propose(HERE, seams)
    assert "stopped after 600 s" in failed(proposal)["finished"]
    assert proposal.changes
    answered, cut_off = around.receipts
    assert cut_off.tokens_in > 0
    assert proposal.receipt.tokens_in == answered.tokens_in + cut_off.tokens_in
