"""The index of a repository: what every file defines, imports and says, kept in SQLite and brought up to date beside
the server, in a process of its own.
"""

from turnout.index.link import Spec
from turnout.index.looking import definitions, summary
from turnout.index.places import database_of
from turnout.index.reading import Summary
from turnout.index.repository import RepositoryIndex
from turnout.index.schema import Unusable, has_full_text

__all__ = [
    "RepositoryIndex",
    "Spec",
    "Summary",
    "Unusable",
    "database_of",
    "definitions",
    "has_full_text",
    "summary",
]
