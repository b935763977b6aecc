"""Circuits and paces: an endpoint that fails is left alone, found again by one request, and never blamed for ours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.dispatch_kit import GLM, HOUSE, NEAR, OPUS, Around, Scripted, ask, hang, route, says, setup
from turnout.core.backends import Delta, Done, Timings
from turnout.core.models import Model, Usage
from turnout.core.providers import endpoint, provider
from turnout.dispatch import Vitals
from turnout.dispatch.attempt import Try
from turnout.dispatch.breaker import CAP_S, FAILURES, FIRST_S, ORDINARY, Breaker
from turnout.errors import (
    CircuitOpen,
    ConnectionFailed,
    DeadlineExceeded,
    Overloaded,
    RateLimited,
    RequestRejected,
    RouteError,
    StreamTruncated,
    TurnoutError,
    Unauthorized,
)

EVENTS = st.lists(
    st.tuples(st.sampled_from(["enter", "worked", "failed", "told_nothing", "wait"]), st.integers(0, 5)),
    max_size=60,
)


@given(EVENTS)
def test_a_half_open_circuit_has_one_request_under_way(events: list[tuple[str, int]]) -> None:
    """Whichever request ends, an open circuit lets nobody through, a half-open one exactly one, no rest is for ever."""
    breaker, now = Breaker(), 0.0
    under_way: list[int] = []
    probes: set[int] = set()
    for event, which in events:
        before = breaker.circuit(now)
        if event == "wait":
            now += FIRST_S
        elif event == "enter":
            ticket = breaker.enter(now)
            assert (ticket is None) == (before == "open")
            if ticket is not None:
                under_way.append(ticket)
                probes |= {ticket} - {ORDINARY}
        elif under_way:
            ended = under_way.pop(which % len(under_way))
            probes.discard(ended)
            if event == "worked":
                breaker.worked()
                probes.clear()  # the circuit is closed
            elif event == "failed":
                breaker.failed("why", now, ended)
            else:
                breaker.told_nothing(ended)
        assert len(probes) <= 1
        assert breaker.until is None or breaker.until <= now + CAP_S


@pytest.fixture
def time() -> list[float]:
    """Seconds on the clock."""
    return [100.0]


@pytest.fixture
def vitals(time: list[float]) -> Vitals:
    """Vitals by that clock."""
    return Vitals(lambda: time[0])


COUNTED = (
    Overloaded("busy"),
    ConnectionFailed("refused"),
    StreamTruncated("cut"),
    DeadlineExceeded("silent"),
)
OURS = (RequestRejected("too large"), Unauthorized("bad key"), RateLimited("slow down"))


@pytest.mark.parametrize("error", COUNTED + OURS, ids=lambda error: type(error).__name__)
async def test_only_what_the_endpoint_did_counts(error: TurnoutError, vitals: Vitals) -> None:
    """After enough failures of its own it is not asked; a request that it was right to refuse does not count."""
    around, backend = Around(route(OPUS, kind="inline")), Scripted({"opus": [error]})
    dispatcher = setup(around, backend, vitals)
    for _ in range(FAILURES + 2):
        with pytest.raises(TurnoutError):
            await dispatcher.run(ask(kind="inline"))
    assert len(backend.asked) == (FAILURES if error in COUNTED else FAILURES + 2)


async def test_one_request_finds_out_whether_it_works_again(vitals: Vitals, time: list[float]) -> None:
    """Its success closes the circuit for all; its failure keeps it open for longer."""
    around, backend = Around(route(OPUS, NEAR)), Scripted({"opus": [Overloaded("busy")], "near": says("x")})
    dispatcher = setup(around, backend, vitals)
    for _ in range(FAILURES):
        await dispatcher.run(ask())
    assert vitals.health([OPUS, NEAR]).of("opus").circuit == "open"
    time[0] += FIRST_S
    assert vitals.health([OPUS]).of("opus").circuit == "half-open"
    await dispatcher.run(ask())
    assert backend.asked.count("opus") == FAILURES + 1
    time[0] += FIRST_S
    assert vitals.health([OPUS]).of("opus").circuit == "open"
    time[0] += FIRST_S
    backend.scripts["opus"] = says("again")
    assert (await dispatcher.run(ask())).model == OPUS
    assert vitals.health([OPUS]).of("opus").circuit == "closed"


async def test_models_of_one_endpoint_share_its_circuit(vitals: Vitals) -> None:
    """The same host by the same API; this machine's own engine has none, and the message says when to come back."""
    sonnet = replace(OPUS, name="sonnet")
    for _ in range(FAILURES):
        vitals.failed(OPUS, Overloaded("busy"))
        vitals.failed(NEAR, ConnectionFailed("gone"))
    with pytest.raises(CircuitOpen, match=r"Overloaded\) and is left alone for 5 s"):
        vitals.enter(sonnet)
    vitals.enter(HOUSE)
    vitals.enter(NEAR)


async def test_a_cancelled_probe_leaves_the_door_open_for_the_next(vitals: Vitals, time: list[float]) -> None:
    """Nothing was found out, so the next request may try."""
    for _ in range(FAILURES):
        vitals.failed(OPUS, Overloaded("busy"))
    time[0] += FIRST_S
    around = Around(route(OPUS, deadline_ms=10))
    with pytest.raises(DeadlineExceeded):
        await setup(around, Scripted({"opus": [hang]}), vitals).run(ask())
    around.route = route(OPUS)
    assert (await setup(around, Scripted({"opus": says("x")}), vitals).run(ask())).model == OPUS


def test_an_older_request_does_not_end_a_probe(vitals: Vitals, time: list[float]) -> None:
    """One that was sent while all was well, and is given up or fails while the probe is under way, says nothing."""
    older = vitals.enter(OPUS)
    for _ in range(FAILURES):
        vitals.failed(OPUS, Overloaded("busy"))
    time[0] += FIRST_S
    probe = vitals.enter(OPUS)
    vitals.left(OPUS, ticket=older)
    vitals.failed(OPUS, Overloaded("busy"), older)
    with pytest.raises(CircuitOpen):
        vitals.enter(OPUS)
    vitals.left(OPUS, ticket=probe)
    assert vitals.enter(OPUS) != probe


async def test_many_requests_at_once_send_one_probe(vitals: Vitals, time: list[float]) -> None:
    """The others go to the next candidate, or hear that the endpoint is left alone."""
    for _ in range(FAILURES):
        vitals.failed(OPUS, Overloaded("busy"))
    time[0] += FIRST_S
    vitals.enter(OPUS)
    around = Around(route(OPUS, GLM))
    with pytest.raises(RouteError, match="left alone"):
        await setup(around, Scripted({"glm": [RequestRejected("no")]}), vitals).run(ask())


def _answered(model: Model, first_ms: float, total_ms: float, tokens: int) -> Try:
    done = Done("stop", Usage(100, tokens), Timings(first_token=first_ms, total=total_ms))
    return Try(model, 10, 0.0, first=0.0, pieces=["x"], done=done)


def test_paces_follow_what_was_measured(vitals: Vitals, time: list[float]) -> None:
    """The newest answer counts most, a short one tells no speed, and silence that was too long counts as slow."""
    vitals.answered(_answered(OPUS, 100.0, 1100.0, 101))
    known = vitals.health([OPUS, GLM]).of("opus")
    assert (known.first_token_ms, known.tokens_per_second, known.samples) == (100.0, pytest.approx(100), 1)
    time[0] += 5
    vitals.answered(_answered(OPUS, 200.0, 1200.0, 5))
    known = vitals.health([OPUS]).of("opus")
    assert known.first_token_ms == pytest.approx(130.0)
    assert (known.tokens_per_second, known.samples, known.measured_at) == (pytest.approx(100), 2, 105.0)
    vitals.left(OPUS, 50.0)  # a user who typed on says nothing about the model
    assert vitals.health([OPUS]).of("opus").samples == 2
    vitals.left(OPUS, 5000.0)
    known = vitals.health([OPUS]).of("opus")
    assert known.first_token_ms is not None
    assert known.first_token_ms > 1000
    assert "glm" not in vitals.health([OPUS, GLM]).models


def test_too_many_requests_rest_the_model_and_not_its_endpoint(vitals: Vitals, time: list[float]) -> None:
    """It is left alone for as long as its provider said, within reason."""
    vitals.failed(OPUS, RateLimited("slow down", retry_after_s=20))
    known = vitals.health([OPUS, replace(OPUS, name="sonnet")])
    assert (known.of("opus").circuit, known.of("opus").until) == ("open", 120.0)
    assert known.of("sonnet").circuit == "closed"
    time[0] = 121.0
    assert vitals.health([OPUS]).of("opus").circuit == "closed"


def test_names_of_providers_hold_no_secrets() -> None:
    """Sums are made by host and port, whatever else stands in an address."""
    address = "https://user:secret@host.example:8443/v1"
    assert provider(replace(HOUSE, base_url=address)) == "host.example:8443"
    assert provider(replace(HOUSE, base_url="https://[::1")) == "openai-chat"
    assert (provider(OPUS), provider(NEAR), endpoint(NEAR)) == ("anthropic", "local", "")


def test_text_counts_as_the_first_sign_of_life() -> None:
    """The time to the first text is taken where no backend tells it."""
    tried = Try(OPUS, 10, sent=1.0, first=1.5, pieces=[Delta("x").text])
    assert tried.timings().first_token == 500.0
