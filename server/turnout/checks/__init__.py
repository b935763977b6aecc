"""Runs the user's own checks on a proposed change, in a copy of the folder, before it is offered.

Invariants: the work tree is never touched; only problems that are new count against the change; a check that tells
nothing about the change is never called passed.
"""

from turnout.checks.judging import run_checks
from turnout.checks.running import TIMEOUT_S

__all__ = ["TIMEOUT_S", "run_checks"]
