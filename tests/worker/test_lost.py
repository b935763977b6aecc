"""A GPU that fails ends the worker, not the editor: everybody is answered, and the next request gets a new worker."""

import asyncio
from typing import Any

from turnout.core.answers import Ask
from turnout.core.backends import Done, Timings
from turnout.core.models import Model, Usage
from turnout.core.receipts import Receipt
from turnout.core.requests import Route
from turnout.dispatch import Dispatcher
from worker import kit
from worker.backend_kit import HOLE, MODEL, Make, Workers, collect

LOST = {"fim": [{"prefix_ends": "hel", "text": "a b c", "lose_after": 1}]}
OTHER = Model("other", "openai-chat", "other")


async def test_the_request_hears_why_and_the_worker_leaves(socket_path: Any) -> None:
    """The reason comes first, for those that waited too; then the process ends by itself."""
    async with kit.worker(socket_path, LOST) as worker:
        client = await worker.connect()
        client.send(kit.fim(1), kit.fim(2, document="other"))
        answers = await client.answers(1, 2)
        ends = [frames[-1] for frames in answers.values()]
        assert [(end["reason"], end["error"]) for end in ends] == [
            ("error", "The GPU ran out of memory.")
        ] * 2
        assert await worker.ended() == 0
        assert not socket_path.exists()


class Around:
    """The route, the other model and the ledger of a dispatcher."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []

    def decide(self, kind: Any, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        return Route("inline", (MODEL, OTHER), (), "test", None, False)

    def record(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    async def stream(self, model: Model, prompt: Any) -> Any:
        yield Done("stop", Usage(1, 1), Timings())


async def test_the_route_goes_on_and_the_next_request_finds_a_new_worker(
    make: Make, workers: Workers
) -> None:
    """The next candidate answers meanwhile; a fresh process answers after that."""
    workers.script = LOST
    around, backend = Around(), make()
    backends: Any = {"local": backend, "openai-chat": around}
    dispatcher = Dispatcher(around, backends, around, around)  # type: ignore[arg-type]
    async with asyncio.timeout(kit.GUARD_S):
        answer = await dispatcher.run(Ask("inline", (), lambda _model: HOLE, lambda _text: None))
    assert answer.model == OTHER
    assert "near: The GPU ran out of memory." in around.receipts[0].reason
    assert await workers.started[0].ended() == 0
    workers.script = {}
    assert (await collect(backend))[0] == "lo_from_fake(42)"
    assert len(workers.started) == 2
