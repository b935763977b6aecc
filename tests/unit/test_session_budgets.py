"""Budgets as their user hears of them: once when little is left, once when something is refused, and next time anew."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from support.dispatch_kit import NEAR, Around, route
from support.ledger_kit import DAY, receipt, reservation
from support.session_kit import FakeEditor
from turnout.core.health import Spend
from turnout.core.limits import Limit, dollars
from turnout.core.receipts import Receipt
from turnout.core.requests import Elimination
from turnout.core.spending import Refusal, Reservation
from turnout.session.budgets import Budgets

HERE = Limit(0.5, "month", "/src/here", "config.toml:3 budget.workspace_month_usd")


@dataclass
class Book:
    """A ledger that says what it is told to say."""

    spend: Spend = field(default_factory=Spend)
    refusal: Refusal | None = None
    receipts: list[Receipt] = field(default_factory=list)

    def record(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]":
        answer: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        answer.set_result(self.refusal)
        return answer

    def settle(self, reservation_id: str, usd: float | None) -> None: ...

    def settled(self, workspace: str) -> Spend:
        return self.spend

    def spent_today_usd(self) -> float:
        return self.spend.today_usd


async def test_a_budget_that_is_nearly_used_up_is_said_once_a_period() -> None:
    """From 80 % on, of the limits that the request was held to; a request that cost nothing says nothing."""
    book, editor, days = Book(), FakeEditor(), [date(2026, 3, 30)]
    budgets = Budgets(Around(route()), book, editor, lambda: days[0])
    await budgets.reserve(reservation("a", 0.1, workspace="/src/here"), (DAY, HERE))
    costly = receipt("a", workspace="/src/here")
    book.spend = Spend(today_usd=0.79, workspace_month_usd=0.39)
    budgets.record(costly)
    book.spend = Spend(today_usd=0.80, workspace_month_usd=0.39)
    budgets.record(receipt("free", cost_usd=0.0, workspace="/src/here"))
    assert editor.said == []
    for _ in range(2):
        budgets.record(costly)
    [said] = editor.said
    assert "$0.80 of $1.00 a day is spent" in said
    assert DAY.source in said
    days[0] = date(2026, 3, 31)
    book.spend = Spend(today_usd=0.90, workspace_month_usd=0.45)
    budgets.record(costly)
    assert len(editor.said) == 3
    assert "$0.45 of $0.50 a month in this workspace is spent" in editor.said[2]
    assert len(book.receipts) == 5


async def test_what_has_no_room_is_said_once_with_its_price() -> None:
    """The user learns why another model answers from now on."""
    book, editor = Book(refusal=Refusal(DAY, 0.95)), FakeEditor()
    budgets = Budgets(Around(route()), book, editor)
    for number in range(3):
        assert await budgets.reserve(reservation(f"r{number}", 0.12), (DAY,)) == book.refusal
        await asyncio.sleep(0)
    [said] = editor.said
    assert (
        "opus is passed over, because it may cost $0.12, and $0.95 of $1.00 a day is spent or set aside"
        in said
    )


def test_a_decision_for_want_of_money_is_said_once() -> None:
    """A model that is left out before anything is tried is missed all the same."""
    out = (
        Elimination("opus", "with $0.90 spent it goes over $1.00 a day", DAY.source),
        Elimination("x", "y", "z"),
    )
    decided = replace(route(NEAR, limits=(DAY,)), eliminated=out)
    book, editor = Book(), FakeEditor()
    budgets = Budgets(Around(decided), book, editor)
    assert budgets.decide("fix", (), 0) is decided
    assert (
        editor.said == []
    )  # nothing was spent: it never had a chance under this budget, as with an unknown price
    book.spend = Spend(today_usd=0.9)
    for _ in range(3):
        assert budgets.decide("fix", (), 0) is decided
    [said] = editor.said
    assert said == f"Turnout: opus is passed over, because {out[0].reason} ({DAY.source})."


async def test_who_is_asked_is_not_told_as_well() -> None:
    """The question says it; what is told at 80 % says that there will be one."""
    book, editor = Book(refusal=Refusal(DAY, 0.95)), FakeEditor()
    budgets = Budgets(Around(route()), book, editor)
    await budgets.reserve(reservation("a", 0.12, when_spent="ask"), (DAY,))
    await asyncio.sleep(0)
    assert editor.said == []
    book.spend = Spend(today_usd=0.95)
    budgets.record(receipt("a", workspace=""))
    [said] = editor.said
    assert "you are asked before a request goes over it" in said


async def test_small_amounts_are_told_in_digits_that_say_something() -> None:
    """Not as $0.00 of $0.00."""
    tiny = replace(DAY, usd=0.002)
    book, editor = Book(refusal=Refusal(tiny, 0.00195)), FakeEditor()
    budgets = Budgets(Around(route()), book, editor)
    await budgets.reserve(reservation("a", 0.000123), (tiny,))
    await asyncio.sleep(0)
    [said] = editor.said
    assert "may cost $0.000123, and $0.00195 of $0.002 a day is spent" in said


@pytest.mark.parametrize(
    ("usd", "places", "text"),
    [
        (0.0, 2, "$0.00"),
        (0.97, 2, "$0.97"),
        (1234.5, 2, "$1,234.50"),
        (0.004, 2, "$0.004"),
        (0.0555, 2, "$0.056"),
        (0.000012, 4, "$0.000012"),
        (0.05127, 4, "$0.0513"),
        (1e-12, 2, "$0.000000000"),
        (0.3333333, 2, "$0.33"),
    ],
)
def test_amounts(usd: float, places: int, text: str) -> None:
    """As short as is right to a hundredth."""
    assert dollars(usd, places) == text
