"""What is wrong with settings, said to the user.

Invariant: each thing is said once, and no more of them than somebody would read.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.session.editor import Editor
from turnout.settings.problems import WAITS_FOR_TRUST

if TYPE_CHECKING:
    from turnout.settings import Problem

MAX_PROBLEMS_SAID = 3


def say_problems(editor: Editor, base: Path | None, problems: "Sequence[Problem]") -> None:
    """Say what cannot be used: the first few one by one, and in one message what only waits for trust.

    Files are named from the folder `base` on.
    """
    inside = f"{base}/" if base else ""
    waiting = [problem for problem in problems if problem.message.startswith(WAITS_FOR_TRUST)]
    others = [problem for problem in problems if problem not in waiting]
    by_file: dict[str, list[str]] = {}
    for problem in waiting:
        by_file.setdefault(_file_of(problem).removeprefix(inside), []).append(problem.key)
    for file, names in by_file.items():
        said = ", ".join(dict.fromkeys(names))
        editor.say_once(f"Turnout: {file}: {said}: {waiting[0].message}", "warning")
    for problem in others[:MAX_PROBLEMS_SAID]:
        editor.say_once(f"Turnout: {str(problem).removeprefix(inside)}", "warning")
    if len(others) > MAX_PROBLEMS_SAID:
        more = len(others) - MAX_PROBLEMS_SAID
        editor.say_once(
            f"Turnout: {more} more settings cannot be used; run: turnout settings check", "warning"
        )


def _file_of(problem: "Problem") -> str:
    """Where a problem is, without the line."""
    file, _, line = problem.where.rpartition(":")
    return file if line.isdigit() else problem.where
