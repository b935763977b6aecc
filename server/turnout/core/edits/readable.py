"""Text that can be written to a file and read back as it was.

Invariant: a change whose new text cannot be read back is refused before anything is written, since it could not be
taken back either.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from turnout.errors import ReplyUnusable

if TYPE_CHECKING:  # whoever only asks for the size of a file does without the rest
    from turnout.core.edits.changes import FileChange

MAX_FILE_BYTES = 1_000_000
"""A file of more bytes is neither read nor changed."""
_BOM = "\ufeff"


def must_read_back(change: "FileChange") -> None:
    """Raises ReplyUnusable where the text after `change` is none, or too much, and the text before was not."""
    why = _fault(change)
    if why:
        path = change.new_path or change.path
        raise ReplyUnusable(f"The new text of {path} could not be read again: it {why}.")


def _fault(change: "FileChange") -> str:
    new = [line for hunk in change.hunks for line in hunk.after]
    if any("\0" in line for line in new):
        return "has a NUL character"
    if any("\ud800" <= c <= "\udfff" for line in new if not line.isascii() for c in line):
        return "has half a character"
    if _marks(change.after) > _marks(change.before):
        return "begins with a byte order mark"
    if _size(change.before) <= MAX_FILE_BYTES < _size(change.after):
        return f"has more than {MAX_FILE_BYTES:,} bytes"
    return ""


def _marks(lines: Sequence[str]) -> int:
    first = lines[0] if lines else ""
    return len(first) - len(first.lstrip(_BOM))


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) if line.isascii() else len(line.encode(errors="surrogatepass")) for line in lines)
