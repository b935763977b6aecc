"""What is about to be committed, and the message that a model's reply holds for it.

Invariant: whatever a reply looks like, a message is text without control characters whose second line is empty.
"""

import re
from dataclasses import dataclass

_FENCED = re.compile(r"^ {0,3}(?:```|~~~)[^\n]*\n(.*?)(?:^ {0,3}(?:```|~~~)|\Z)", re.DOTALL | re.MULTILINE)
_CHATTER = re.compile(
    r"(?:sure|certainly|of course|okay|here(?:'s| is| are)|the (?:suggested |proposed )?commit message)\b[^\n]*[:!.]",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^\W{0,4}(?:(?:suggested |proposed )?commit message|subject)\W{0,3}:\W{0,3}\s", re.IGNORECASE
)
_AFTERWORD = re.compile(
    r"(?:this (?:commit )?message|this follows|let me know|feel free|i hope|explanation:|note that this message)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file of a commit to come; `old_path` is empty unless it was renamed, lines are None for what is not text.

    `is_ruled` is whether the settings and ignore files that it stood under are there to decide who may see it.
    """

    path: str
    old_path: str
    added: int | None
    removed: int | None
    diff: str
    is_deleted: bool = False
    is_ruled: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """Its names, of which each has a say in who may see it."""
        return (self.path, self.old_path) if self.old_path else (self.path,)

    @property
    def lines(self) -> int:
        """How many lines change."""
        return (self.added or 0) + (self.removed or 0)

    @property
    def line(self) -> str:
        """It in one line: how much changes, and where."""
        count = "binary" if self.added is None else f"+{self.added} -{self.removed}"
        names = f"{self.old_path} -> {self.path}" if self.old_path else self.path
        # A name that is not UTF-8 can be asked about, and not be sent.
        return f"{count} {names}".encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Staged:
    """The staged files of the repository at `root`, and the subjects of its last commits, newest first."""

    root: str
    files: tuple[StagedFile, ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastChange:
    """One file of a past commit: its blobs, None where there is no file; `new_path` is empty but for a rename."""

    path: str
    new_path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class PastCommit:
    """A commit with one parent."""

    id: str
    parent: str
    message: str
    changes: tuple[PastChange, ...]


def tidy(reply: str) -> str:
    """The message in a model's reply, without fences, quotes and what is said around it; empty where there is none."""
    text = "".join(c for c in reply if c == "\n" or (c.isprintable() and c != "\ufeff")).strip()
    if fenced := _FENCED.search(text):
        text = fenced[1].strip()
    lines = [line.rstrip() for line in text.splitlines()]
    if len([line for line in lines if line]) > 1 and _CHATTER.fullmatch(lines[0]):
        lines = lines[1:]
    text = _LABEL.sub("", "\n".join(lines).strip(), count=1).strip()
    paragraphs = re.split(r"\n{2,}", text)
    while len(paragraphs) > 1 and _AFTERWORD.match(paragraphs[-1]):
        paragraphs.pop()
    subject, _, rest = "\n\n".join(paragraphs).partition("\n")
    body = rest.strip("\n")
    subject = _unquoted(subject.strip())
    return f"{subject}\n\n{body}" if subject and body else subject


def _unquoted(subject: str) -> str:
    for mark in ("**", '"', "'", "`"):
        if len(subject) > 2 * len(mark) and subject.startswith(mark) and subject.endswith(mark):
            subject = subject.removeprefix(mark).removesuffix(mark).strip()
    return subject
