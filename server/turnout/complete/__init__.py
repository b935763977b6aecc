"""Completing at the cursor: ghost text and the popup's AI item."""

from turnout.complete.completer import Completer, Completion, Rules, cause_among

__all__ = ["Completer", "Completion", "Rules", "cause_among"]
