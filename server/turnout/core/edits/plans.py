"""Read a plan out of a model's reply: what it says in short, and which files are to change how.

Invariant: a reply is only text from elsewhere. Its size is bounded on every side, what it shows to people has no
control characters, and its paths are as written: nobody has looked yet at where they lead.

    SUMMARY: one or two sentences
    EDIT path/to/file.py: what changes in it
    CREATE path/to/new.py: what it holds
    DELETE path/to/old.py: why
    RENAME old/path.py -> new/path.py: why

Lists, numbers, bold and quotes around these are let through, and so are other words of the same meaning.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from turnout.core.edits.blocks import named_path
from turnout.core.edits.changes import ChangeKind, FileChange
from turnout.errors import ReplyUnusable

MAX_STEPS = 200
MAX_SUMMARY = 1_000
MAX_CHANGE = 500
_MAX_REPLY = 50_000
_MAX_LINE = 2_000
_MAX_PATH = 300

_KINDS: Mapping[str, ChangeKind] = {
    **dict.fromkeys(("edit", "change", "modify", "update"), "edit"),
    **dict.fromkeys(("create", "add", "new"), "create"),
    **dict.fromkeys(("delete", "remove"), "delete"),
    **dict.fromkeys(("rename", "move"), "rename"),
}
_FORMAL = frozenset({"EDIT", "CREATE", "DELETE", "RENAME"})
"""Words after which a name without a dot or slash is a file, too: prose does not shout."""

_STEP = re.compile(
    r"[\s>*#+\-\d.)(\[\]_]{0,20}([A-Za-z]{3,6})\b[*_:)\]]{0,4}\s+(?:the\s+)?(?:file\s+)?(\S.*)"
)
_SUMMARY = re.compile(r"[\s>*#_\-]{0,10}(?:summary|plan)\b[*_\s]{0,4}:[*_\s]{0,4}(.*)", re.IGNORECASE)
_SEPARATOR = re.compile(r":[*_]{0,4}(?:\s+|$)|\s+(?:-{1,2}|[\u2013\u2014])\s+")
_ARROW = re.compile(r"\s*(?:->|=>|\u2192)\s*|\s+to\s+")
_QUOTES = "`'\"*_ \t"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What is to become of one file, in the words of the model."""

    kind: ChangeKind
    path: str
    change: str = ""
    new_path: str | None = None

    @property
    def line(self) -> str:
        """The step as a model writes it."""
        paths = self.path if self.new_path is None else f"{self.path} -> {self.new_path}"
        return f"{self.kind.upper()} {paths}: {self.change}".rstrip(": ")


@dataclass(frozen=True, slots=True)
class PlanText:
    """A plan as it was written."""

    summary: str
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True, slots=True)
class Approved:
    """A plan that the user agreed to, with what they said to correct it; nothing else may change.

    Its steps may quote any of the files that it was made from, whose URIs are `sources`.
    """

    steps: tuple[PlannedStep, ...]
    corrections: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    by: str = "that the user approved"
    """Whose it is, in words."""

    @property
    def text(self) -> str:
        """The plan for a model's prompt."""
        said = (f"The user adds: {correction}" for correction in self.corrections)
        return "\n".join((*(step.line for step in self.steps), *said))

    @property
    def present(self) -> tuple[str, ...]:
        """Paths of the files that are there already."""
        return tuple(step.path for step in self.steps if step.kind != "create")

    def objection(self, change: FileChange) -> str | None:
        """Why `change` is none that the user agreed to; None for one that is.

        Editing a file that was to be renamed or deleted is less than was agreed to, and so is allowed.
        """
        step = next((step for step in self.steps if step.path == change.path), None)
        if step is None:
            return f"{change.path} is not in the plan {self.by}."
        if change.kind == "edit" and step.kind != "create":
            return None
        if change.kind != step.kind or change.new_path != step.new_path:
            return f"The plan {self.by} says something else of {change.path}: {step.line}"
        return None

    def undone(self, changes: Iterable[FileChange]) -> tuple[PlannedStep, ...]:
        """The steps whose files none of `changes` is about."""
        changed = {change.path for change in changes}
        return tuple(step for step in self.steps if step.path not in changed)


def parse_plan(reply: str, paths: Collection[str] = ()) -> PlanText:
    """The plan in `reply`; `paths` are the files that the model was shown, whose names are certain.

    Raises ReplyUnusable where no line names a file and what to do with it.
    """
    summary: list[str] = []
    steps: list[PlannedStep] = []
    for line in reply[:_MAX_REPLY].splitlines():
        if len(line) > _MAX_LINE or line.lstrip().startswith(("```", "~~~")):
            continue
        step = _step(line, paths)
        if step is not None:
            steps.append(step)
        elif not steps:
            said = _SUMMARY.fullmatch(line)
            summary.append(said.group(1) if said else line.strip("#* \t"))
        elif line[:1].isspace() and line.strip():
            steps[-1] = _continued(steps[-1], line)
        if len(steps) > MAX_STEPS:
            raise _unusable(f"it names more than {MAX_STEPS} files")
    if not steps:
        raise _unusable("it names no file and what to do with it")
    return PlanText(plain(" ".join(summary), MAX_SUMMARY), tuple(steps))


def plain(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters, without anything that moves a cursor or hides."""
    visible = "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else " " for c in text
    )
    words = " ".join(visible.split())
    return words if len(words) <= most else f"{words[: most - 3]}..."


def _step(line: str, paths: Collection[str]) -> PlannedStep | None:
    found = _STEP.match(line)
    kind = _KINDS.get(found.group(1).lower()) if found else None
    if found is None or kind is None:
        return None
    named, change = _parted(found.group(2), paths)
    formal = found.group(1) in _FORMAL
    if kind != "rename":
        path = _path(named, paths, formal=formal)
        return PlannedStep(kind, path, plain(change, MAX_CHANGE)) if path else None
    old, *new = (_path(part, paths, formal=formal) for part in _ARROW.split(named, maxsplit=1))
    return PlannedStep("rename", old, plain(change, MAX_CHANGE), new[0]) if old and new and new[0] else None


def _parted(text: str, paths: Collection[str]) -> tuple[str, str]:
    """The file, and what is said of it; a file that was shown is recognised whatever is in its name."""
    rest = " ".join(text.split())
    cuts = list(_SEPARATOR.finditer(rest))
    known = (cut for cut in cuts if rest[: cut.start()].strip(_QUOTES) in paths)
    cut = next(known, cuts[0] if cuts else None)
    return (rest[: cut.start()], rest[cut.end() :]) if cut else (rest, "")


def _path(text: str, paths: Collection[str], *, formal: bool) -> str | None:
    bare = text.strip(_QUOTES)
    if bare in paths:
        return bare
    if formal and bare and len(bare) <= _MAX_PATH and not any(map(str.isspace, bare)):
        return bare
    return named_path(text, paths)


def _continued(step: PlannedStep, line: str) -> PlannedStep:
    return PlannedStep(
        step.kind, step.path, plain(f"{step.change} {line.lstrip(' *-')}", MAX_CHANGE), step.new_path
    )


def _unusable(why: str) -> ReplyUnusable:
    return ReplyUnusable(
        f"The answer is no plan: {why}.", advice="Ask again, choose another model, or go on without one."
    )
