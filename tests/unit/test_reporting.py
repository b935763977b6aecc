"""What the status bar is told of the models at work."""

from pathlib import Path

from support.session_kit import FakeEditor
from turnout.session.reporting import Reporter
from turnout.store import Ledger


def test_a_model_that_was_loaded_ahead_works_for_nobody(tmp_path: Path) -> None:
    """Where no request follows, no receipt would take back a sign that the model is at work."""
    editor, ledger = FakeEditor(), Ledger(tmp_path / "ledger.sqlite")
    reporter = Reporter(ledger, editor, lambda: "near")
    reporter.loading("near", "loading", 1, 2)
    reporter.loading("near", "prefill", 0, 0)
    ledger.close()
    assert editor.states == ["loading", "ready"]
