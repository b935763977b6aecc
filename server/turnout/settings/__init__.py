"""Settings: what the user, the workspace and the editor say, checked, merged and compiled into a policy.

Nothing is imported before it is asked for: pydantic costs more time than the rest of start-up.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.settings.loading import Loaded, load
    from turnout.settings.problems import Problem

__all__ = ["Loaded", "Problem", "load"]


def __getattr__(name: str) -> Any:
    if name in {"Loaded", "load"}:
        from turnout.settings import loading

        return getattr(loading, name)
    if name == "Problem":
        from turnout.settings.problems import Problem

        return Problem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
