"""What comes in pieces is put together in time that grows as it does, however many pieces there are."""

import json
from collections.abc import Callable
from time import thread_time

import pytest

from support.streams import PEER
from turnout.remote.anthropic import MessagesInterpreter
from turnout.remote.calls import Calls
from turnout.remote.sse import Event
from turnout.remote.thoughts import Thoughts

PIECE = "x" * 400
SIZE = 2_000
MOST = 12
"""Times as much work for four times the pieces: four where it is linear, sixteen where it is quadratic."""


def block_of_thinking(pieces: int) -> str:
    """What Messages sends ahead of a call."""
    answer = MessagesInterpreter(PEER)
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": PIECE},
    }
    answer.feed(Event("content_block_start", json.dumps(start)))
    for event in [Event("content_block_delta", json.dumps(delta))] * pieces:
        answer.feed(event)
    whole: str = json.loads(answer.thoughts[0])["thinking"]
    return whole


def part_of_a_list(pieces: int) -> str:
    """What OpenRouter and LiteLLM send ahead of a call."""
    thoughts = Thoughts()
    for _ in range(pieces):
        thoughts.add({"reasoning_details": [{"type": "reasoning.text", "text": PIECE}]})
    whole: str = json.loads(thoughts.whole())["reasoning_details"][0]["text"]
    return whole


def arguments(pieces: int) -> str:
    """The arguments of a call."""
    calls = Calls(PEER)
    calls.add(0, name="write", arguments='{"text": "')
    for _ in range(pieces):
        calls.add(0, arguments=PIECE)
    calls.add(0, arguments='"}')
    whole: str = json.loads(calls.close("stop")[0].arguments)["text"]
    return whole


@pytest.mark.parametrize("together", [block_of_thinking, part_of_a_list, arguments])
def test_many_pieces(together: Callable[[int], str]) -> None:
    """Four times the pieces are never sixteen times the work, and none is lost."""
    costs = []
    for pieces in (SIZE, 4 * SIZE):
        best = float("inf")
        for _ in range(3):
            begun = thread_time()
            assert together(pieces) == PIECE * pieces
            best = min(best, thread_time() - begun)
        costs.append(best)
    assert costs[1] < MOST * costs[0]
