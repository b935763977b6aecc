"""How models do is told beyond the server that saw it: `turnout route explain` has no server to ask."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.dispatch_kit import NEAR, OPUS, route
from support.ledger_kit import Clock
from turnout.__main__ import main
from turnout.core.backends import Done, Timings
from turnout.core.explaining import health_lines, route_to_wire
from turnout.core.health import RATE_LIMITED, Circuit, Health, ModelHealth
from turnout.core.models import Model, Usage
from turnout.core.ordering import STALE_S
from turnout.dispatch import Vitals
from turnout.dispatch.attempt import Try
from turnout.dispatch.vitals import TOLD_S
from turnout.errors import Overloaded, RateLimited
from turnout.store import Ledger, health_lately

SLOW = ModelHealth(first_token_ms=812.4, tokens_per_second=45.2, samples=12)
OPEN = replace(SLOW, circuit="open", reason="Overloaded", until=40.0)


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (
            SLOW,
            "measured: opus takes about 812 ms to its first text; writes about 45 tokens a second (12 answers)",
        ),
        (
            ModelHealth(first_token_ms=5.0, samples=1),
            "measured: opus takes about 5 ms to its first text (1 answer)",
        ),
        (
            ModelHealth("open", "Overloaded", 40.0),
            "measured: opus failed lately (Overloaded) and is left alone for another 30 s",
        ),
        (ModelHealth("open", until=10.2), "measured: opus failed lately and is left alone for another 1 s"),
        (
            ModelHealth("open", "Overloaded", 9.0),
            "measured: opus failed lately (Overloaded): the next request finds out whether it works again",
        ),
        (ModelHealth(), ""),
    ],
)
def test_in_words(known: ModelHealth, line: str) -> None:
    """What is known of the models of the route, and nothing of others or of those of which nothing is known."""
    health = Health({"opus": known, "other": SLOW})
    assert health_lines(route(OPUS, NEAR), health, 10.0) == ([line] if line else [])


def test_on_the_wire() -> None:
    """With what opened the circuit and how long it rests; neither where it does not."""
    [row] = route_to_wire(route(OPUS), health=Health({"opus": OPEN}), now=10.0)["health"]
    assert (row["circuit"], row["reason"], row["restsS"]) == ("open", "Overloaded", 30.0)
    [row] = route_to_wire(route(OPUS), health=Health({"opus": OPEN}), now=41.0)["health"]
    assert (row["circuit"], row["restsS"]) == ("half-open", None)


def answered(model: Model) -> Try:
    """A send that was answered."""
    done = Done("stop", Usage(10, 50), Timings(first_token=100.0, total=1100.0))
    return Try(model, 10, 0.0, done=done)


def test_what_is_new_is_told_and_the_rest_now_and_then() -> None:
    """A circuit that opens or closes at once, measurements not with every answer, and nothing of this machine's own."""
    now, told = [0.0], list[tuple[str, Circuit, float | None]]()
    vitals = Vitals(
        lambda: now[0], lambda model, health, left: told.append((model.name, health.circuit, left))
    )
    vitals.answered(answered(NEAR))
    assert told == []
    for _ in range(3):
        vitals.answered(answered(OPUS))
    assert told == [("opus", "closed", None)]
    for _ in range(3):
        vitals.failed(OPUS, Overloaded("busy"))
    assert told[1:] == [("opus", "open", 5.0)]
    now[0] = 6.0
    vitals.answered(answered(OPUS))
    assert told[2:] == [("opus", "closed", None)]
    now[0] += TOLD_S
    vitals.answered(answered(OPUS))
    assert told[3:] == [("opus", "closed", None)]
    vitals.failed(OPUS, RateLimited("slow down", retry_after_s=20.0))
    assert told[4:] == [("opus", "open", 20.0)]


@pytest.mark.parametrize(
    ("seconds", "circuit"),
    [(0.0, "open"), (29.0, "open"), (31.0, "half-open"), (STALE_S + 1, None), (-5.0, None)],
)
def test_what_a_server_saw_is_there_for_others(
    tmp_path: Path, seconds: float, circuit: Circuit | None
) -> None:
    """On their clock, until it is too old to say anything or from a time that is still to come."""
    path, clock = tmp_path / "ledger.sqlite", Clock()
    book = Ledger(path, now=clock)
    book.health(OPUS, SLOW, None)
    book.health(OPUS, OPEN, 30.0)
    book.close()
    now_s = clock.now.timestamp() + seconds
    known = health_lately(path, [NEAR, OPUS], now_s).models
    assert list(known) == ([] if circuit is None else ["opus"])
    if circuit is not None:
        assert known["opus"].circuit_at(now_s) == circuit
        assert (known["opus"].first_token_ms, known["opus"].samples) == (812.4, 12)
    assert health_lately(path, [replace(OPUS, base_url="https://elsewhere.example")], now_s).models == {}
    assert health_lately(tmp_path / "none.sqlite", [OPUS], now_s).models == {}


def test_what_one_endpoint_did_is_known_of_all_models_there(tmp_path: Path) -> None:
    """Its circuit is theirs together; what was measured, and a rest after too many requests, is of one alone."""
    path, clock = tmp_path / "ledger.sqlite", Clock()
    sibling = replace(OPUS, name="sibling", model="another")
    elsewhere = replace(OPUS, name="elsewhere", base_url="https://elsewhere.example")
    resting = replace(SLOW, circuit="open", reason=RATE_LIMITED)

    def known(seen: ModelHealth) -> dict[str, ModelHealth]:
        book = Ledger(path, now=clock)
        book.health(OPUS, seen, 30.0)
        book.close()
        return dict(health_lately(path, [OPUS, sibling, elsewhere], clock.now.timestamp()).models)

    found = known(OPEN)
    assert {name: health.circuit for name, health in found.items()} == {"opus": "open", "sibling": "open"}
    assert (found["sibling"].reason, found["sibling"].samples) == ("Overloaded", 0)
    found = known(SLOW)
    assert {name: health.circuit for name, health in found.items()} == {"opus": "closed", "sibling": "closed"}
    found = known(resting)
    assert {name: health.circuit for name, health in found.items()} == {"opus": "open", "sibling": "closed"}


SETTINGS = """
[models.far]
api = "openai-chat"
model = "m"
base_url = "http://gpu.internal/v1"
jurisdiction = "self-hosted"
input_usd = 1
output_usd = 1
[routes.explain]
models = ["far", "near"]
[budget]
day_usd = 0.004
"""


def test_the_command_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And decides as a server would that knows it; a small budget is told in digits that say something."""
    for variable in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"TURNOUT_{variable}_DIR", str(tmp_path / variable))
        (tmp_path / variable).mkdir()
    (tmp_path / "CONFIG" / "config.toml").write_text(SETTINGS, "utf-8")
    file = tmp_path / "work" / "a.py"
    file.parent.mkdir()
    file.write_text("x = 1\n", "utf-8")
    assert main(["route", "explain", "explain", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["health"] == []
    far = Model(
        "far",
        "openai-chat",
        "m",
        base_url="http://gpu.internal/v1",
        leaves_machine=True,
        jurisdiction="self-hosted",
    )
    book = Ledger(tmp_path / "STATE" / "ledger.sqlite", now=lambda: datetime.fromtimestamp(time.time(), UTC))
    book.health(far, OPEN, 500.0)
    book.close()
    assert main(["route", "explain", "explain", str(file)]) == 0
    out = capsys.readouterr().out
    assert (
        "measured: far takes about 812 ms to its first text; writes about 45 tokens a second (12 answers); "
        in out
    )
    assert "failed lately (Overloaded) and is left alone for another" in out
    assert "budget: $0.00 of $0.004 a day" in out
    assert "far" in out.partition("passed over:")[2]
