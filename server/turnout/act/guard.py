"""The project's own instructions for AI tools: quoted to models, and what they say not to touch is held to.

Invariant: instructions take away and never give. Their text reaches a model as quoted data; a path that they put off
limits is refused here, whatever a model or its user asks for.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from turnout.act.seams import Workspace
from turnout.core.offlimits import INSTRUCTION_FILES, RULES_FOLDER, OffLimits, forbidding, parse_off_limits
from turnout.errors import EditError

_MOST_RULES_FILES = 20


@dataclass(frozen=True, slots=True)
class Instructions:
    """One file of instructions, which hold for `folder` (empty: all of the workspace) and below."""

    path: str
    folder: str
    text: str
    off_limits: tuple[OffLimits, ...]


class Guard:
    """The instructions of one workspace folder, each file read once, when something below it is asked about.

    Reads files: call it on a thread.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._read: dict[str, tuple[Instructions, ...]] = {}

    def objection(self, path: str, quotable: Collection[str] | None = None) -> str | None:
        """Why `path` must not change; None where nothing says so.

        The file and line that says so is named where it is `quotable` (None: any), since models may hear of it.
        """
        for found in self.over([path]):
            inside = PurePosixPath(path).relative_to(found.folder or ".").as_posix()
            rule = forbidding(found.off_limits, inside)
            if rule and (quotable is None or found.path in quotable):
                return (
                    f"{path} must not be changed: {found.path}:{rule.line} puts `{rule.pattern}` off limits."
                )
            if rule:
                return f"{path} must not be changed: the project's instructions put it off limits."
        return None

    def over(self, paths: Iterable[str]) -> tuple[Instructions, ...]:
        """The instructions that hold for any of `paths`, those of the whole workspace first."""
        folders = {""}
        for path in paths:
            folders.update(parent.as_posix() for parent in PurePosixPath(path).parents if parent.name)
        ordered = sorted(folders, key=lambda folder: (folder.count("/") + bool(folder), folder))
        return tuple(found for folder in ordered for found in self._in(folder))

    def _in(self, folder: str) -> tuple[Instructions, ...]:
        if folder not in self._read:
            names = (name for name in INSTRUCTION_FILES if not folder or "/" not in name)
            paths = [f"{folder}/{name}" if folder else name for name in names]
            if not folder:
                paths += [f"{RULES_FOLDER}/{name}" for name in self._rules()]
            read = [(path, self._text(path)) for path in paths]
            # One of them is often a link to another.
            first = {text: path for path, text in reversed(read) if text}
            self._read[folder] = tuple(
                Instructions(path, folder, text, parse_off_limits(text))
                for path, text in read
                if text and first[text] == path
            )
        return self._read[folder]

    def _rules(self) -> list[str]:
        names = self._workspace.names(RULES_FOLDER)
        return [name for name in names if name.endswith((".md", ".mdc"))][:_MOST_RULES_FILES]

    def _text(self, path: str) -> str:
        try:
            file = self._workspace.snapshot(self._workspace.uri(path))
        except EditError:
            return (
                ""  # kept from every model, or no text: then there is nothing to quote and nothing to hold to
            )
        return file.text if file else ""
