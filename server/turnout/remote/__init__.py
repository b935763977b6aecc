"""Models behind an HTTP API: wire formats, streaming and what can go wrong on the way.

Invariant: this is the only package that imports httpx, and importing it does not: `preload` or the first request does.
"""

from turnout.remote.backend import RemoteBackend, preload
from turnout.remote.writing import APIS, Writer, Written

__all__ = ["APIS", "RemoteBackend", "Writer", "Written", "preload"]
