"""What requests cost and how long they take, told to an OpenTelemetry collector where the user named one.

Invariants: nothing is imported, measured or sent without `telemetry.endpoint`; text is only told where the user also
set `telemetry.prompts`, and only text that left this machine anyway, as it left it: without its secrets.
"""

import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from turnout.core.backends import Backend, Delta, Done, StreamItem
from turnout.core.models import Model
from turnout.core.prompts import Prompt
from turnout.core.receipts import Receipt

if TYPE_CHECKING:
    from turnout.telemetry.export import Exporter

logger = logging.getLogger(__name__)

MISSING = (
    "Turnout: telemetry.endpoint is set, and OpenTelemetry is not installed; run: pip install 'turnout[otel]'"
)


class Telemetry:
    """Stands before whoever keeps the receipts and in front of the backends, and passes everything on."""

    def __init__(self, record: Callable[[Receipt], None], on_missing: Callable[[str], None]) -> None:
        """`on_missing` is told, on the thread of `configure`, that the packages are not there."""
        self._record = record
        self._on_missing = on_missing
        self._lock = threading.Lock()
        self._wanted: tuple[str | None, bool] = (None, False)
        self._exporter: Exporter | None = None

    def configure(self, endpoint: str | None, *, prompts: bool) -> None:
        """Tell `endpoint` from now on, nobody if None; imports for 0.3 s and waits for what is under way."""
        with self._lock:
            if self._wanted == (endpoint, prompts):
                return
            self._wanted = (endpoint, prompts)
            before, self._exporter = self._exporter, None
            if before is not None:
                before.close()
            if endpoint is not None:
                self._exporter = self._opened(endpoint, prompts=prompts)

    def _opened(self, endpoint: str, *, prompts: bool) -> "Exporter | None":
        try:
            from turnout.telemetry.export import Exporter
        except ImportError:
            self._on_missing(MISSING)
            return None
        return Exporter(endpoint, prompts=prompts)

    def record(self, receipt: Receipt) -> None:
        """Pass a receipt on, and count it."""
        self._record(receipt)
        if self._exporter is not None:
            self._exporter.count(receipt)

    def close(self) -> None:
        """Tell what is left to tell; waits for the collector two seconds at most."""
        self.configure(None, prompts=False)

    def stream(self, backend: Backend, model: Model, prompt: Prompt) -> AsyncGenerator[StreamItem, None]:
        """The stream of `backend`, with a span around it where somebody is told."""
        # A Protocol cannot say "async generator"; closing it is what stops the model.
        items = cast("AsyncGenerator[StreamItem, None]", backend.stream(model, prompt))
        return items if self._exporter is None else _spanned(self._exporter, items, model, prompt)


async def _spanned(
    exporter: "Exporter", stream: AsyncGenerator[StreamItem, None], model: Model, prompt: Prompt
) -> AsyncGenerator[StreamItem, None]:
    async with aclosing(stream) as items:
        with exporter.span(model, prompt) as span:
            async for item in items:
                if isinstance(item, Delta):
                    span.text(item.text)
                elif isinstance(item, Done):
                    span.done(item)
                yield item


class Watched:
    """A backend whose requests `telemetry` tells of."""

    def __init__(self, backend: Backend, telemetry: Telemetry) -> None:
        self._backend = backend
        self._telemetry = telemetry

    def stream(self, model: Model, prompt: Prompt) -> AsyncGenerator[StreamItem, None]:
        """Run `prompt` on `model`; see `core.backends.Backend`."""
        return self._telemetry.stream(self._backend, model, prompt)
