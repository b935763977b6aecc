"""Paths in a model's reply: workspace-relative, with `/`, and nowhere that a reply has any business.

This is the part that needs no file system: whether a link is on the way is asked where files are.
"""

import re
import unicodedata

from turnout.errors import PathRefused

_ELSEWHERE = re.compile(r"/|~(?:[^/]*/|$)|[A-Za-z][A-Za-z0-9+.-]*:")
"""How a path begins that is one from the root, from somebody's home, on a drive or in a scheme."""
_DEVICE = re.compile(r"(?:con|conin\$|conout\$|prn|aux|nul|(?:com|lpt)[\d¹²³])\s*", re.IGNORECASE)
_MAX_LENGTH = 1024
_LONG_NAME_BYTES = 200


def normalise(path: str) -> str:
    """`path` without `.` segments and with `/` only. Raises PathRefused for what leaves the workspace or is `.git`."""
    slashed = path.strip().replace("\\", "/")
    if not slashed or len(slashed) > _MAX_LENGTH or any(unicodedata.category(c) == "Cc" for c in slashed):
        raise PathRefused(f"{path[:80]!r} is not a file name.")
    segments = [segment for segment in slashed.split("/") if segment not in ("", ".")]
    normal = "/".join(segments)
    if _ELSEWHERE.match(slashed) or _ELSEWHERE.match(normal) or normal != normal.strip():
        raise PathRefused(f"{path!r} is not relative to the workspace.")
    if ".." in segments or slashed.endswith("/") or not segments:
        raise PathRefused(f"{path!r} does not name a file in the workspace.")
    if any(_is_git(segment) for segment in segments):
        raise PathRefused(f"{path!r} belongs to git.")
    return normal


def as_written(path: str) -> str:
    """`path` of a model's reply, normalised. Raises PathRefused also for names that some system takes for others.

    Windows opens `a.py` for `a.py.`, `a.py ` and `a.py::$DATA`, and a device for `NUL.txt`; characters that nobody sees
    make two names look like one. None of that is needed for a file of code.
    """
    normal = normalise(path)
    for segment in normal.split("/"):
        odd = segment != segment.rstrip(" .") or ":" in segment or _DEVICE.fullmatch(segment.split(".")[0])
        if odd or any(unicodedata.category(c) in ("Cf", "Cs", "Zl", "Zp") for c in segment):
            raise PathRefused(f"{path!r} is another file's name on some systems.")
    return normal


def same_place(path: str) -> str:
    """What is equal for two paths that some file system takes for one: letter case and composition aside."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def is_hidden(path: str) -> bool:
    """Whether a name on the way starts with a dot: settings and secrets live there."""
    return any(segment.startswith(".") for segment in path.split("/"))


def through_link(path: str, link: str) -> str:
    """Why `path` does not change: what is behind a link may be under other rules, or the place of another file."""
    if link == path:
        return f"{path} must not be changed: it is a link. Name the file itself."
    return f"{path} must not be changed: {link} is a link. Name the file by its own path."


def same_file(path: str, other: str) -> str:
    """Why `path` does not change beside `other`, which is another name of it."""
    return f"{path} is the same file as {other}."


def draft_of(path: str) -> str:
    """Where the new content of a file is written before it takes the file's place."""
    return _beside(path, "draft")


def aside_of(path: str) -> str:
    """Where a file is while it is removed: it can still be looked at there, and nobody saves to it."""
    return _beside(path, "aside")


def _beside(path: str, role: str) -> str:
    """A hidden name in the same folder; a long one gives way to its digest, as most systems take 255 bytes."""
    folder, slash, name = path.rpartition("/")
    data = name.encode("utf-8", "surrogatepass")
    if len(data) > _LONG_NAME_BYTES:
        from hashlib import blake2b  # 2 ms that no server needs before it answers its editor

        name = blake2b(data, digest_size=16).hexdigest()
    return f"{folder}{slash}.{name}.turnout-{role}"


def _is_git(segment: str) -> bool:
    """Whether some file system takes `segment` for `.git`: in any case, with dots, streams, short or unseen."""
    visible = "".join(c for c in segment if unicodedata.category(c) != "Cf")
    return re.fullmatch(r"\.git|git~\d+", visible.casefold().split(":")[0].rstrip(" .")) is not None
