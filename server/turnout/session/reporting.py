"""What the status bar shows, kept up to date from receipts and from what models report.

Invariant: the status says where the last text went, so it follows receipts and nothing else.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from turnout.core.receipts import Receipt
from turnout.core.requests import COMPLETION_KINDS
from turnout.session.editor import Editor, Status


class Ledger(Protocol):
    """Where receipts are kept."""

    def record(self, receipt: Receipt) -> None: ...
    def spent_today_usd(self) -> float: ...


class Reporter:
    """Keeps receipts and tells the editor what the newest of them means."""

    def __init__(self, ledger: Ledger, editor: Editor, first_model: Callable[[], str | None]) -> None:
        self._ledger = ledger
        self._editor = editor
        self._first_model = first_model
        self._status = Status("starting")

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt and show what it says."""
        self._ledger.record(receipt)
        how, _, why = receipt.outcome.partition(": ")
        if how in ("cancelled", "superseded"):
            return
        self._show(
            replace(
                self._status,
                state="error" if how == "failed" else "ready",
                model=receipt.model or self._status.model,
                leaves_machine=receipt.leaves_machine,
                last_latency_ms=self._latency(receipt),
                spent_today_usd=self._ledger.spent_today_usd(),
                message=why if how in ("failed", "late") else "",
            )
        )

    def settings_changed(self) -> None:
        """Show the model that completions would go to now."""
        self._show(replace(self._status, state="ready", model=self._first_model(), message=""))

    def loading(self, model: str, phase: str, done: int, of: int) -> None:
        """Show that a model is being loaded, and when it is; reading a prompt is too short to show."""
        if phase == "loading":
            share = f", {done * 100 // of} %" if of else ""
            self._show(replace(self._status, state="loading", model=model, message=f"loading {model}{share}"))
        elif self._status.state == "loading":
            # Nobody may wait for it, as when it was read ahead: then no receipt would end a sign that it works.
            self._show(replace(self._status, state="ready", model=model, message=""))

    def _latency(self, receipt: Receipt) -> float | None:
        if receipt.kind in COMPLETION_KINDS and receipt.outcome == "shown":
            return round(receipt.total_ms, 1)
        return self._status.last_latency_ms

    def _show(self, status: Status) -> None:
        self._status = status
        self._editor.show_status(status)
