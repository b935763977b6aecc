"""What a refused connection adds to a request that the next model of its route answers.

Both ways go through the whole of dispatching over HTTP on this machine, in turns; only one begins at a closed port.
"""

import asyncio
import socket
import statistics
import time

from bench.report import Row
from support.provider import openai_answer
from support.scripted_server import scripted_server
from turnout.core.answers import Ask
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind, Route
from turnout.dispatch import Consent, Dispatcher, Overspend, Vitals
from turnout.remote import APIS, RemoteBackend

_PROMPT = ChatPrompt((Message("user", "hello"),))


class _Around:
    """The route of the next request, and nothing in its way."""

    def __init__(self) -> None:
        self.models: tuple[Model, ...] = ()

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        return Route("explain", self.models, (), "bench", None, False)

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        return None

    async def may_leave(self, question: Consent) -> bool:
        return True

    async def may_overspend(self, question: Overspend) -> bool:
        return True

    def record(self, receipt: Receipt) -> None:
        pass


def measure(count: int) -> list[Row]:
    """Ask `count` times with a refused connection first, and as often without."""
    refused, direct = asyncio.run(_measure(count))
    return [
        Row(
            "request whose first model refuses the connection, median",
            "ms",
            statistics.median(refused),
            statistics.median(direct),
            "the next model asked at once",
            limit=20.0,
            judged="difference",
        )
    ]


async def _measure(count: int) -> tuple[list[float], list[float]]:
    with socket.socket() as taken:  # bound and not listening: nobody else gets this port meanwhile
        taken.bind(("127.0.0.1", 0))
        closed = _model("closed", f"http://127.0.0.1:{taken.getsockname()[1]}")
        async with scripted_server(openai_answer("hello")) as server:
            working, remote = _model("working", server.url), RemoteBackend(lambda _: None)
            refused: list[float] = []
            direct: list[float] = []
            await _took_ms(remote, (working,))  # imports, and a connection that is kept
            for _ in range(count):
                refused.append(await _took_ms(remote, (closed, working)))
                direct.append(await _took_ms(remote, (working,)))
            await remote.close()
    return refused, direct


def _model(name: str, url: str) -> Model:
    return Model(name, "openai-chat", name, base_url=f"{url}/v1")


async def _took_ms(remote: RemoteBackend, models: tuple[Model, ...]) -> float:
    around = _Around()
    around.models = models
    # Vitals of its own, or the closed port would soon be left alone.
    dispatcher = Dispatcher(around, dict.fromkeys(APIS, remote), around, around, vitals=Vitals())
    began = time.perf_counter()
    answer = await dispatcher.run(Ask("explain", (SentFile("file:///a.py", 5),), lambda _model: _PROMPT))
    assert answer.model is models[-1]
    return (time.perf_counter() - began) * 1000
