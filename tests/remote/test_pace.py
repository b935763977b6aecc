"""How fast a server is taken to read: by its word where it gives one, else by its silence."""

from dataclasses import dataclass

import pytest

from turnout.core.models import Model
from turnout.remote.pace import Paces

HERE = Model("here", "completions", "tiny", server="llama-server")


@dataclass
class Exchange:
    """A prompt, how long nothing came, and what the server then said of its speed: None where nobody waited."""

    characters: int
    silent_s: float
    said: float | None


@pytest.mark.parametrize(
    ("exchanges", "prefill"),
    [
        ([], 0.0),
        ([Exchange(3000, 9.0, 200.0)], 200.0),
        ([Exchange(3000, 9.0, said) for said in (200.0, 100.0, 150.0)], 150.0),
        ([Exchange(3000, 9.0, 10.0)] * 5 + [Exchange(3000, 9.0, 20.0)] * 3, 20.0),
        ([Exchange(3000, 20.0, 0.0)], 50.0),
        ([Exchange(3000, 8.0, None), Exchange(3000, 11.0, None), Exchange(3000, 1.0, 0.0)], 50.0),
        ([Exchange(3000, 1.5, 0.0), Exchange(3000, 1.5, 0.0)], 0.0),
        ([Exchange(3000, 4.0, 0.0)], 0.0),
        ([Exchange(3000, 20.0, 30.0), Exchange(3000, 20.0, 0.0)], 30.0),
        ([Exchange(3000, 20.0, 90.0), Exchange(3000, 20.0, 0.0)], 70.0),
    ],
    ids=[
        "nothing known",
        "its word",
        "a busy moment",
        "what it said long ago",
        "silence",
        "silence across prompts that were given up",
        "short waits do not add up",
        "no slower than it is taken for anyway",
        "its word is slower",
        "its word is quicker",
    ],
)
def test_a_server_s_speed(exchanges: list[Exchange], prefill: float) -> None:
    """One that is too slow to finish a prompt before the next letter never gets to say how slow it is."""
    now_s = 0.0
    paces = Paces(lambda: now_s)
    for exchange in exchanges:
        listening = paces.listening(HERE, exchange.characters)
        now_s += exchange.silent_s
        if exchange.said is not None:
            listening.hears(exchange.said)
            listening.hears(1000.0)
        listening.leaves()
        now_s += 60.0
    assert paces.of(HERE).prefill == prefill
