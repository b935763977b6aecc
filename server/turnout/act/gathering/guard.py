"""The project's own instructions for AI tools: quoted to models, and what they say not to touch is held to.

Invariant: instructions take away and never give. Their text reaches a model as quoted data; a path that they put off
limits is refused here, whatever a model or its user asks for, and so is every path through a link, and every path below
instructions that are there and cannot be read. Those that their user keeps from every model, or that lie outside of the
folder, are none.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from turnout.act.seams import Workspace
from turnout.core.barring import OffLimits, forbidding
from turnout.core.edits.changes import FileChange
from turnout.core.edits.paths import through_link
from turnout.core.offlimits import INSTRUCTION_FILES, RULES_FOLDER, parse_off_limits
from turnout.core.unheld import unheld
from turnout.errors import FileUnusable, FileWithheld, PathRefused

_MOST_RULES_FILES = 500
_MOST_NOTED = 5
_TOO_MANY = "*"


@dataclass(frozen=True, slots=True)
class Instructions:
    """One file of instructions, which hold for `folder` (empty: all of the workspace) and below.

    `problem` says why they cannot be read: then nobody knows what they put off limits.
    """

    path: str
    folder: str
    text: str
    off_limits: tuple[OffLimits, ...]
    problem: str = ""
    unheld: tuple[int, ...] = ()
    """Lines that seem to forbid something without a path that can be held to."""

    @property
    def note(self) -> str:
        """What is quoted and not enforced; empty where all is."""
        if not self.unheld:
            return ""
        shown = ", ".join(f"{self.path}:{line}" for line in self.unheld[:_MOST_NOTED])
        more = f" and {len(self.unheld) - _MOST_NOTED} more" if len(self.unheld) > _MOST_NOTED else ""
        verb = "seem" if len(self.unheld) > 1 else "seems"
        return f"{shown}{more} {verb} to forbid something; it is at most quoted to the model, not enforced"


def detour_to(workspace: Workspace, path: str) -> str | None:
    """Why nothing may be written at `path`: a link is on the way, so it is not its own place. Looks at the disk.

    A rule about a path would not hold there, nor would what is known of the file by its name.
    """
    try:
        link = workspace.folder.link(path)
    except PathRefused as failure:
        return str(failure)
    return through_link(path, link) if link else None


class Guard:
    """The instructions of one workspace folder, each file read once, when something below it is asked about.

    Reads files: call it on a thread.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._read: dict[str, tuple[Instructions, ...]] = {}

    def objection(
        self, path: str, quotable: Collection[str] | None = None, *, removed: bool = False
    ) -> str | None:
        """Why `path` must not change, or not be `removed`; None where nothing says so.

        The file and line that says so is named where it is `quotable` (None: any), since models may hear of it.
        """
        if detour := detour_to(self._workspace, path):
            return detour
        for found in self.over([path]):
            is_quotable = quotable is None or found.path in quotable
            if found.problem:
                why = f" {found.problem}" if is_quotable else ""
                return f"{path} must not be changed: the project's instructions over it cannot be read.{why}"
            inside = PurePosixPath(path).relative_to(found.folder or ".").as_posix()
            rule = forbidding(found.off_limits, inside, removed=removed)
            if rule and is_quotable:
                return (
                    f"{path} must not be changed: {found.path}:{rule.line} puts `{rule.pattern}` off limits."
                )
            if rule:
                return f"{path} must not be changed: the project's instructions put it off limits."
        return None

    def against(self, change: FileChange, quotable: Collection[str] | None = None) -> str | None:
        """Why `change` must not be made, at either end of it; None where nothing says so."""
        removed = change.kind in ("delete", "rename")
        there = self.objection(change.path, quotable, removed=removed)
        return there or (self.objection(change.new_path, quotable) if change.new_path else None)

    def over(self, paths: Iterable[str]) -> tuple[Instructions, ...]:
        """The instructions that hold for any of `paths`, those of the whole workspace first."""
        folders = {""}
        for path in paths:
            folders.update(parent.as_posix() for parent in PurePosixPath(path).parents if parent.name)
        ordered = sorted(folders, key=lambda folder: (folder.count("/") + bool(folder), folder))
        return tuple(found for folder in ordered for found in self._in(folder))

    def notes(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What the instructions over `paths` seem to forbid and nobody holds to, a line for each file of them."""
        return tuple(found.note for found in self.over(paths) if found.note)

    def _in(self, folder: str) -> tuple[Instructions, ...]:
        if folder not in self._read:
            names = (name for name in INSTRUCTION_FILES if not folder or "/" not in name)
            paths = [f"{folder}/{name}" if folder else name for name in names]
            if not folder:
                paths += [f"{RULES_FOLDER}/{name}" for name in self._rules()]
            read = [found for path in paths if (found := self._instructions(path, folder))]
            # One of them is often a link to another.
            first = {found.text: found.path for found in reversed(read)}
            self._read[folder] = tuple(
                found for found in read if found.problem or first[found.text] == found.path
            )
        return self._read[folder]

    def _rules(self) -> list[str]:
        names = [
            name for name in self._workspace.folder.names(RULES_FOLDER) if name.endswith((".md", ".mdc"))
        ]
        return names if len(names) <= _MOST_RULES_FILES else [_TOO_MANY]

    def _instructions(self, path: str, folder: str) -> Instructions | None:
        """The instructions in a file; None where there are none."""
        if path.endswith(f"/{_TOO_MANY}"):
            return Instructions(
                path, folder, "", (), f"{RULES_FOLDER} has more than {_MOST_RULES_FILES} files."
            )
        try:
            file = self._workspace.snapshot(self._workspace.uri(path))
            off_limits = parse_off_limits(file.text, partial(self._exists, folder)) if file else ()
        except (FileWithheld, PathRefused):
            return None
        except FileUnusable as failure:
            return Instructions(path, folder, "", (), str(failure))
        if not file or not file.text:
            return None
        lines = unheld(file.text, {rule.line for rule in off_limits})
        return Instructions(path, folder, file.text, off_limits, unheld=lines)

    def _exists(self, folder: str, path: str) -> bool:
        """Whether anything is at `path`, relative to `folder`."""
        with suppress(PathRefused):
            return self._workspace.exists(self._workspace.uri(f"{folder}/{path}" if folder else path))
        return False
