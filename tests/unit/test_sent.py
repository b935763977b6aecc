"""What was sent is kept for its user to see: every hop, byte for byte, in memory and within bounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.dispatch_kit import Around, Pauses, ask, route
from support.provider import openai_answer
from support.scripted_server import Exchange, answer, scripted_server
from support.secrets import TOKENS
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.requests import Kind
from turnout.core.sent import Hop, sent_report
from turnout.dispatch import Dispatcher, Patience, SentPrompts
from turnout.dispatch.sent import MOST_COMPLETIONS, MOST_OTHERS
from turnout.errors import TurnoutError
from turnout.remote import RemoteBackend

SECRET = TOKENS["GitHub"]
PROMPT = ChatPrompt((Message("user", f"TOKEN = '{SECRET}'"),))
BUSY = answer(503, b'{"error": {"message": "busy"}}', "application/json", "retry-after: 0")
FAILED = answer(400, b'{"error": {"message": "no"}}')
GOOD = openai_answer("Done.")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def silent(exchange: Exchange) -> None:
    """Answer nothing until the client leaves."""
    await exchange.hung_up()


async def run(sent: SentPrompts, *urls: str, **more: Any) -> None:
    """One request along a route of models at `urls`."""
    models = [
        Model(f"m{at}", "openai-chat", "m", base_url=f"{url}/v1", leaves_machine=True)
        for at, url in enumerate(urls)
    ]
    around, backend = Around(route(*models, **more)), RemoteBackend(lambda _: None)
    patience = Patience(Pauses().sleep, lambda: 0.5)
    dispatcher = Dispatcher(around, {"openai-chat": backend}, around, around, patience=patience, sent=sent)
    request = replace(ask(kind=more.get("kind", "refactor")), prompt=lambda _model: PROMPT)
    try:
        await dispatcher.run(request)
    finally:
        await backend.close()


@pytest.mark.parametrize(
    ("first", "more", "states"),
    [
        ([GOOD], {}, ["answered"]),
        ([BUSY, GOOD], {}, ["failed", "answered"]),
        ([FAILED], {}, ["failed", "answered"]),
        ([silent], {"kind": "explain", "hedge_ms": 10}, ["given up", "answered"]),
    ],
    ids=["answered", "asked again", "fallback", "hedge"],
)
async def test_every_hop_is_kept_as_it_went_out(
    first: list[Any], more: dict[str, Any], states: list[str]
) -> None:
    """First tries, retries, fallbacks and hedges: what is shown is what the servers received, without the secret."""
    sent = SentPrompts()
    async with scripted_server(*first) as one, scripted_server(GOOD) as other:
        await run(sent, one.url, other.url, **more)
        received = [request.body.decode() for server in (one, other) for request in server.requests]
    hops = sent.last(100)[::-1]
    assert [hop.text for hop in hops] == received
    assert [hop.state.split(":")[0] for hop in hops] == [
        "given up before its end" if state == "given up" else state for state in states
    ]
    assert len({hop.request for hop in hops}) == 1
    page = "\n".join(sent_report(hops))
    assert all(body in page for body in received)
    assert SECRET not in page
    assert "taken out: 1 x GitHub token" in page


async def test_what_never_left_is_said_to(unused_tcp_port: int) -> None:
    """A connection that is refused has taken nothing."""
    sent = SentPrompts()
    with pytest.raises(TurnoutError):
        await run(sent, f"http://127.0.0.1:{unused_tcp_port}")
    assert {hop.state.split(":")[0] for hop in sent.last(9)} == {"not sent"}


def hop(at: int, kind: Kind = "explain", size: int = 10) -> Hop:
    """Something that was sent."""
    body = b"x" * size
    return Hop(
        str(at),
        NOW + timedelta(seconds=at),
        kind,
        Model("m", "openai-chat", "m"),
        PROMPT,
        0,
        "http://h",
        body,
    )


def test_the_order_is_that_of_sending() -> None:
    """A clock that is set back hides nothing: what was sent last is shown first."""
    sent = SentPrompts()
    times: tuple[tuple[int, Kind], ...]
    times = ((50, "explain"), (60, "inline"), (10, "explain"), (5, "inline"), (7, "explain"))
    for at, kind in times:
        sent.keep(hop(at, kind))
    assert [one.request for one in sent.last(4)] == ["7", "5", "10", "60"]


def test_a_bounded_number_is_kept() -> None:
    """The newest stay, and what is sent while somebody types takes no room from the rest."""
    sent = SentPrompts()
    for at in range(300):
        sent.keep(hop(at))
        sent.keep(hop(at, "inline"))
    kept = sent.last(1000)
    assert [one.kind for one in kept].count("inline") == MOST_COMPLETIONS
    assert [one.kind for one in kept].count("explain") == MOST_OTHERS
    assert kept[0].request == "299"


def test_a_bounded_number_of_bytes_is_kept() -> None:
    """Large prompts push out older ones; one that is larger than all the room is not kept."""
    sent = SentPrompts(most_bytes=100)
    for at in range(5):
        sent.keep(hop(at, size=40))
    assert [one.request for one in sent.last(9)] == ["4", "3"]
    sent.keep(hop(9, size=101))
    assert sent.last(9) == []


def test_nothing_was_sent() -> None:
    """An empty page says so."""
    assert list(sent_report([])) == ["Nothing was sent to any model since this server started."]
