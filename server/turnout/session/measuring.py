"""What receipts say of the speed of local models, on its way to the file that recommendations are made from.

Invariant: a receipt is passed on first and as it is; figures cost the event loop a few microseconds.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from turnout.core.receipts import Receipt


class Speeds(Protocol):
    """Collects figures; `heard` is True when `write`, which blocks, is due."""

    def heard(
        self, model: str, engine: str, *, evaluated: int, prefill_ms: float, generated: int, decode_ms: float
    ) -> bool: ...
    def write(self) -> None: ...


class Measuring:
    """Stands before whoever keeps the receipts."""

    def __init__(
        self,
        record: Callable[[Receipt], None],
        speeds: Speeds,
        runs: Callable[[str], tuple[str, str] | None],
    ) -> None:
        """`runs` tells which model on which engine is behind a name of the settings, None where none was started."""
        self._record = record
        self._speeds = speeds
        self._runs = runs
        self._writing: asyncio.Future[None] | None = None

    def record(self, receipt: Receipt) -> None:
        """Pass a receipt on, and keep what it measured."""
        self._record(receipt)
        if self._heard(receipt) and self._writing is None:
            self._writing = asyncio.get_running_loop().run_in_executor(None, self._speeds.write)
            self._writing.add_done_callback(self._written)

    async def close(self) -> None:
        """Write what was collected last."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        await asyncio.to_thread(self._speeds.write)

    def _heard(self, receipt: Receipt) -> bool:
        run = self._runs(receipt.model) if receipt.model else None
        if run is None or receipt.prefill_ms is None or receipt.model_ms is None:
            return False
        model, engine = run
        # A chain that fell through several models sums their tokens: those figures are of no one of them.
        if engine == "fake" or receipt.route[:1] != (receipt.model,):
            return False
        return self._speeds.heard(
            model,
            engine,
            evaluated=receipt.tokens_evaluated or 0,
            prefill_ms=receipt.prefill_ms,
            generated=receipt.tokens_out,
            decode_ms=receipt.model_ms - (receipt.queue_ms or 0.0) - receipt.prefill_ms,
        )

    def _written(self, _done: "asyncio.Future[None]") -> None:
        self._writing = None
