"""Completing at the cursor: ghost text and the popup's AI item."""

from turnout.complete.completer import Completer, Completion, Wanted, cause_among
from turnout.complete.kept import Keeper
from turnout.complete.prompts import Rules
from turnout.complete.warming import Warmer

__all__ = ["Completer", "Completion", "Keeper", "Rules", "Wanted", "Warmer", "cause_among"]
