"""Proposals and transactions on disk, and a workspace folder that is changed on disk."""

from turnout.journal.disk import DiskWorkspace
from turnout.journal.files import Journal

__all__ = ["DiskWorkspace", "Journal"]
