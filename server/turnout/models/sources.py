"""What every source of a model's bytes has in common.

A source delivers the pinned file's bytes from any offset on, so that a file begun by one can be finished
by another. It does not judge the bytes: the hash of the whole file does.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

# Told how many bytes beyond those yielded are under way; raises PullCancelled when the caller wants no more.
Underway = Callable[[int], None]


# Pieces of the file in order; closing it ends the connection or the child process behind it.
Stream = Generator[bytes, None, None]


@dataclass(frozen=True, slots=True)
class Source:
    """`read(offset, underway)` yields bytes from `offset` to the end, or raises DownloadFailed with the reason.

    `spare_bytes` is the room on the disk that it needs beside the file itself.
    """

    label: str
    read: Callable[[int, Underway], Stream]
    spare_bytes: int = 0
