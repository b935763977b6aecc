"""How long an answer will take is judged by the last ones of the same model, or not at all."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.act_kit import REMOTE, receipt
from turnout.core.models import Model
from turnout.core.receipts import Receipt
from turnout.core.requests import Kind, Route
from turnout.errors import PathRefused
from turnout.session.outlook import RecentOutlook

ONE = replace(receipt("refactor", REMOTE, (), 1), tokens_out=100)  # 1,000 ms
LONGER = replace(ONE, total_ms=3000.0)


class NoRoutes:
    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        said = f": {instruction}" if instruction else ""
        return Route(kind, (), (), f"{len(uris)} files, {input_tokens} tokens{said}")

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        if any("loop" in uri for uri in uris):
            raise PathRefused("It leads in a circle.")

    def readers(self, kind: Kind, uri: str) -> frozenset[Model]:
        return frozenset() if "kept" in uri else frozenset({REMOTE})


@pytest.mark.parametrize(
    ("receipts", "ms"),
    [
        ((), None),
        ((ONE,), 10.0),
        ((ONE, LONGER, LONGER), 30.0),
        ((replace(ONE, model_ms=500.0),), 5.0),
        ((ONE, replace(LONGER, model="other")), 10.0),
        ((ONE, replace(LONGER, kind="inline")), 10.0),
        ((ONE, replace(LONGER, outcome="cancelled")), 10.0),
        ((ONE, replace(LONGER, route=("first", "far"))), 10.0),
        ((replace(ONE, tokens_out=5), replace(ONE, tokens_out=0)), None),
    ],
)
def test_pace(receipts: tuple[Receipt, ...], ms: float | None) -> None:
    """Whole answers of some length that the model alone gave in a chat; a model tells its own time best."""

    def last(count: int) -> list[dict[str, Any]]:
        return [item.to_wire() for item in receipts[:count]]

    assert RecentOutlook(NoRoutes(), last).ms_per_token(REMOTE) == ms


def test_route() -> None:
    """Where it would go is what the settings decide."""
    found = RecentOutlook(NoRoutes(), lambda _count: []).route("refactor", ("file:///a", "file:///b"), 7)
    assert (found.kind, found.reason) == ("refactor", "2 files, 7 tokens")
    told = (
        RecentOutlook(NoRoutes(), lambda _count: []).about("rename it").route("refactor", ("file:///a",), 7)
    )
    assert told.reason == "1 files, 7 tokens: rename it"


async def test_others_have_their_turn_between_many_files() -> None:
    """At most one file is decided about in a turn of the event loop, and a few are looked at on a thread in one go."""
    turns, decided, looked = [0], list[int](), list[int]()

    class Counting(NoRoutes):
        async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
            looked.append(len(uris))

        def readers(self, kind: Kind, uri: str) -> frozenset[Model]:
            decided.append(turns[0])
            return super().readers(kind, uri)

    async def others() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    typing = asyncio.create_task(others())
    uris = [f"file:///w/{number}.py" for number in range(50)]
    found = await RecentOutlook(Counting(), lambda _count: []).readers("refactor", uris)
    typing.cancel()
    assert found == (frozenset({REMOTE}),) * 50
    assert decided == sorted(set(decided))
    assert sum(looked) == 50
    assert max(looked) <= 4


async def test_a_file_that_cannot_be_followed_spoils_no_other() -> None:
    """Each is decided about by itself."""
    outlook = RecentOutlook(NoRoutes(), lambda _count: [])
    found = await outlook.readers("refactor", ["file:///w/a", "file:///w/loop", "file:///w/kept"])
    assert [bool(readers) for readers in found] == [True, True, False]
