"""Has the Pythons that a check starts take the project's modules from the copy that the check runs in.

Invariant: where a Python of a check did not, as far as that can be told, `doubt` has a reason to doubt the check.
"""

import re
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.checks import startup

_NAME = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?", re.IGNORECASE)
_SCRIPT = re.compile(rb"#![^\n]*(?:python|pypy)|#!/bin/sh\n'''exec' ")
"""How a script for Python begins; pip writes the second where the path of Python is long or has a blank."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Start:
    """What Python does first for the sake of a copy: the `folder` that it finds that in, and one for `notes` of it."""

    folder: Path
    notes: Path

    def clear(self) -> None:
        """Forget what an earlier check has left."""
        for note in self.notes.iterdir():
            note.unlink()

    def doubt(self, command: str, variables: Mapping[str, str], cwd: Path) -> str:
        """Why `command`, which has run in `cwd`, may tell of the work tree in place of the copy; mostly empty."""
        files: list[str] = []
        for note in sorted(self.notes.glob(f"{startup.STAYED}*")):
            files += note.read_text("utf-8", "replace").splitlines()
        if files:
            return f"it imported from your folder, not from the copy: {', '.join(files[:_SHOWN])}"
        if not (self.notes / startup.BEGUN).exists() and _is_python(command, variables, cwd):
            return "it runs a Python that takes no PYTHONPATH, and may have imported your folder as it is"
        return ""


def prepare(folder: Path, root: Path, copy: Path) -> Start:
    """Write into `folder` what has Python take modules of `root` from `copy`."""
    start = Start(folder / "start", folder / "notes")
    start.folder.mkdir()
    start.notes.mkdir()
    places = ", ".join(ascii(str(path)) for path in (root, copy, start.folder, start.notes))
    text = Path(startup.__file__).read_text("utf-8") + f"\n\nbegin({places})\n"
    # Coverage counts the lines of files, and would count these among the project's.
    line = f'exec(compile({text!a}, "<turnout>", "exec"), {{"__name__": "turnout"}})  # pragma: no cover\n'
    (start.folder / "sitecustomize.py").write_text(line, "utf-8")
    return start


def _is_python(command: str, variables: Mapping[str, str], cwd: Path) -> bool:
    """Whether a command is Python's own, or a script for it."""
    word = shlex.split(command)[0]
    found = str(cwd / word) if Path(word).name != word else shutil.which(word, path=variables.get("PATH"))
    if found is None or _NAME.fullmatch(Path(found).name):
        return found is not None
    with suppress(OSError), Path(found).open("rb") as file:
        return _SCRIPT.match(file.read(256)) is not None
    return False
