"""What is fetched, and what every source of its bytes has in common.

A source delivers the bytes of one file from any offset on, so that a file begun by one can be finished by
another. It does not judge the bytes: the hash of the whole file does.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from turnout.models.manifest import FormName, Where

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


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a model, with the exact bytes that it must have; or a whole directory, without a hash of its own.

    `name` is the model's, and `file` the place below the models directory.
    """

    name: str
    form: FormName
    file: str
    bytes: int
    sha256: str
    sources: tuple[Where, ...] = ()

    @property
    def pull_command(self) -> str:
        """What a user types to fetch it."""
        form = "" if self.form == "gguf" else f" --form {self.form}"
        return f"turnout models pull {self.name}{form}"
