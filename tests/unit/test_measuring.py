"""Figures of local models on their way from receipts to the file of speeds."""

import asyncio

import pytest

from turnout.core.receipts import Receipt
from turnout.session.measuring import Measuring


class Speeds:
    """Keeps what it hears; a write is always due."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int, float, int, float]] = []
        self.writes = 0

    def heard(
        self, model: str, engine: str, *, evaluated: int, prefill_ms: float, generated: int, decode_ms: float
    ) -> bool:
        self.told.append((model, engine, evaluated, prefill_ms, generated, decode_ms))
        return True

    def write(self) -> None:
        self.writes += 1


def receipt(**changes: object) -> Receipt:
    """A completion of the local model."""
    facts = {
        "id": "1",
        "kind": "inline",
        "model": "near",
        "route": ("near",),
        "reason": "",
        "leaves_machine": False,
        "files": (),
        "bytes_sent": 0,
        "tokens_in": 500,
        "tokens_out": 12,
        "tokens_cached": 400,
        "cost_usd": 0.0,
        "queue_ms": 5.0,
        "context_ms": 1.0,
        "first_token_ms": 510.0,
        "total_ms": 800.0,
        "outcome": "shown",
        "tokens_evaluated": 100,
        "prefill_ms": 500.0,
        "model_ms": 750.0,
    }
    return Receipt(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "engine", "told"),
    [
        ({}, "llamacpp", [("qwen", "llamacpp", 100, 500.0, 12, 245.0)]),
        ({}, "fake", []),
        ({"prefill_ms": None}, "llamacpp", []),
        ({"model_ms": None}, "llamacpp", []),
        ({"model": None}, "llamacpp", []),
        ({"model": "opus", "route": ("opus",)}, "llamacpp", []),
        ({"route": ("opus", "near")}, "llamacpp", []),
        ({"outcome": "superseded"}, "llamacpp", [("qwen", "llamacpp", 100, 500.0, 12, 245.0)]),
    ],
)
def test_what_one_local_model_measured_is_kept(
    changes: dict[str, object], engine: str, told: list[tuple[str, str, int, float, int, float]]
) -> None:
    """Under the name of the model and the engine that ran it; sums over several models are of none of them."""
    speeds, passed = Speeds(), list[Receipt]()

    async def scenario() -> None:
        runs = {"near": ("qwen", engine)}
        measuring = Measuring(passed.append, speeds, runs.get)
        measuring.record(receipt(**changes))
        await measuring.close()

    asyncio.run(scenario())
    assert len(passed) == 1
    assert speeds.told == told
    assert speeds.writes == len(told) + 1
