"""Completing at the cursor: ghost text and the popup's AI item."""

from turnout.complete.completer import Completer, Completion, Rules, missing_model

__all__ = ["Completer", "Completion", "Rules", "missing_model"]
