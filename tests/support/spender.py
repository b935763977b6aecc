"""One of several processes that spend from one budget: asks a priced model again and again until it is refused.

`python -m support.spender LEDGER URL NAME`; prints a line when it starts, and how many requests were answered.
"""

import asyncio
import sys
from pathlib import Path

from turnout.core.answers import Ask
from turnout.core.limits import Limit
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.dispatch import Consent, Dispatcher, Overspend
from turnout.errors import BudgetExceeded
from turnout.remote import APIS, RemoteBackend
from turnout.store import Ledger

BUDGET_USD = 1.0
INPUT_USD, OUTPUT_USD = 10.0, 100.0
MOST_TOKENS = 200
REFUSALS = 3
"""After so many in a row there is nothing left to spend."""


class Spender:
    """Its route and its consent: always the one model, always yes."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.model = Model(
            "priced",
            "openai-chat",
            "priced",
            base_url=f"{url}/v1",
            input_usd=INPUT_USD,
            output_usd=OUTPUT_USD,
        )

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        limits = (Limit(BUDGET_USD, "day", None, "config.toml:2 budget.day_usd"),)
        return Route("explain", (self.model,), (), "test", 60_000, False, limits=limits, workspace=self.name)

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        return None

    async def may_leave(self, question: Consent) -> bool:
        return True

    async def may_overspend(self, question: Overspend) -> bool:
        return False

    def ask(self, number: int) -> Ask:
        text = f"{self.name} {number} ".ljust(1000, ".")
        prompt = ChatPrompt((Message("user", text),), max_tokens=MOST_TOKENS)
        return Ask("explain", (SentFile("file:///a.py", 1000),), lambda _model: prompt)


async def main(path: Path, url: str, name: str) -> None:
    """Spend until there is nothing left."""
    spender, ledger, remote = Spender(url, name), Ledger(path), RemoteBackend(lambda _: None)
    dispatcher = Dispatcher(spender, dict.fromkeys(APIS, remote), spender, ledger, purse=ledger)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    number = answered = refused = 0
    while refused < REFUSALS:
        number += 1
        try:
            await dispatcher.run(spender.ask(number))
        except BudgetExceeded:
            refused += 1
        else:
            answered, refused = answered + 1, 0
    await remote.close()
    ledger.close()
    print(answered, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
