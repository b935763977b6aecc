"""Asks git about a repository that may be a stranger's, by commands that only read."""

from turnout.git.calls import run, toplevel
from turnout.git.committed import dirty, kept_though_ignored
from turnout.git.past import blobs, executables, history, listing
from turnout.git.staging import RULES, staged

__all__ = [
    "RULES",
    "blobs",
    "dirty",
    "executables",
    "history",
    "kept_though_ignored",
    "listing",
    "run",
    "staged",
    "toplevel",
]
