"""How long an answer will take is judged by the last ones of the same model, or not at all."""

from dataclasses import replace
from typing import Any

import pytest

from support.act_kit import REMOTE, receipt
from turnout.core.receipts import Receipt
from turnout.core.requests import Kind, Route
from turnout.session.outlook import RecentOutlook

ONE = replace(receipt("refactor", REMOTE, (), 1), tokens_out=100)  # 1,000 ms
LONGER = replace(ONE, total_ms=3000.0)


class NoRoutes:
    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        said = f": {instruction}" if instruction else ""
        return Route(kind, (), (), f"{len(uris)} files, {input_tokens} tokens{said}")


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
