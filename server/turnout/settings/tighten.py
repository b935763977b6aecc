"""What a workspace's file may do to the user's own settings.

Invariant: privacy and budget only ever get tighter, trusted or not;
and what an untrusted file sets is on a list of what it may set, so a key that is new here starts out forbidden.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from turnout.core.limits import stricter_when_spent
from turnout.core.policy import stricter
from turnout.core.requests import SecretsMode
from turnout.settings.choosing import CHAINS
from turnout.settings.layers import Layer, Leaf, dotted
from turnout.settings.problems import WAITS_FOR_TRUST, Problem, shown
from turnout.settings.toml import KeyPath

Combine = Callable[[Any, Any], Any]
"""(the user's value or None, the workspace's value) -> the value that holds."""


def _least(own: Any, asked: Any) -> Any:
    return asked if own is None else min(own, asked)


def _both(own: Any, asked: Any) -> Any:
    return [*own, *(item for item in asked if item not in own)]


def _common(own: Any, asked: Any) -> Any:
    if "*" in own:
        return asked
    return list(own) if "*" in asked else [item for item in asked if item in own]


def _stricter(own: Any, asked: Any) -> Any:
    return stricter(own or "allow", asked)


def _stricter_with_secrets(own: Any, asked: Any) -> Any:
    return min(own, asked, key=get_args(SecretsMode).index)


_ALWAYS: Mapping[KeyPath, Combine] = {
    ("privacy", "leaves_machine"): _stricter,
    ("privacy", "jurisdictions"): _common,
    ("privacy", "local_only"): _both,
    ("privacy", "never_read"): _both,
    ("privacy", "secrets"): _stricter_with_secrets,
    ("budget", "day_usd"): _least,
    ("budget", "month_usd"): _least,
    ("budget", "workspace_day_usd"): _least,
    ("budget", "workspace_month_usd"): _least,
    ("budget", "request_usd"): _least,
    ("budget", "when_spent"): stricter_when_spent,
    ("routes", "*", "leaves_machine"): _stricter,
    ("routes", "*", "plan"): lambda own, asked: "ask" if "ask" in (own, asked) else asked,
}
"""Keys that any workspace can only tighten."""

_UNTRUSTED: Mapping[KeyPath, Combine] = {
    ("routes", "*", "deadline_ms"): _least,
    ("completion", "enabled"): lambda own, asked: own is not False and asked,
    ("completion", "disabled_languages"): _both,
    ("completion", "max_tokens"): _least,
    ("index", "enabled"): lambda own, asked: own is not False and asked,
    ("index", "max_files"): _least,
}
"""Keys that an untrusted workspace can only tighten, and a trusted one sets."""

_CHOICES: frozenset[KeyPath] = frozenset(("routes", "*", key) for key in (*CHAINS, "strategy", "weights"))
"""Keys that choose among what the user has set up; `loading` checks the models."""


_USERS_ALONE: frozenset[KeyPath] = frozenset({("telemetry", "endpoint"), ("telemetry", "prompts")})
"""Keys that no workspace sets, trusted or not: they are about what is told of all of the user's work."""


@dataclass(frozen=True, slots=True)
class Tightened:
    """A workspace's leaves, sorted by how they apply."""

    plain: dict[KeyPath, Leaf]
    """Applied like those of any other layer."""
    limits: dict[KeyPath, Leaf]
    """Values combined with the user's; these hold over every layer."""
    problems: tuple[Problem, ...]


def tighten(
    leaves: Mapping[KeyPath, Leaf], own: Mapping[KeyPath, Leaf], workspace: Path, *, trusted: bool
) -> Tightened:
    """Sort what a workspace says; `own` are the effective values without it."""
    plain: dict[KeyPath, Leaf] = {}
    limits: dict[KeyPath, Leaf] = {}
    problems: list[Problem] = []
    for path, leaf in leaves.items():
        pattern = _pattern(path)
        if pattern in _USERS_ALONE:
            problems.append(Problem(leaf.layer.where(path), dotted(path), "only counts in your own settings"))
            continue
        combine = _ALWAYS.get(pattern) or (None if trusted else _UNTRUSTED.get(pattern))
        if combine is not None:
            before = own[path].value if path in own else None
            value = combine(before, leaf.value)
            if value != before:
                under = own.get(path) if combine is _both else None
                limits[path] = Leaf(value, leaf.layer, under)
            if not _granted(value, leaf.value):
                always = pattern in _ALWAYS
                problems.append(
                    _loosening(path, leaf, before)
                    if always
                    else untrusted_problem(leaf.layer, path, workspace)
                )
        elif trusted or pattern in _CHOICES:
            plain[path] = leaf
        else:
            problems.append(untrusted_problem(leaf.layer, path, workspace))
    return Tightened(plain, limits, tuple(problems))


def only_tightens(path: KeyPath) -> bool:
    """Whether no workspace can do anything with a key but tighten it, trusted or not."""
    return _pattern(path) in _ALWAYS


def untrusted_problem(layer: Layer, path: KeyPath, workspace: Path) -> Problem:
    """Say that a key waits for trust."""
    message = f"{WAITS_FOR_TRUST}: turnout trust {shlex.quote(str(workspace))}"
    return Problem(layer.where(path), dotted(path), message)


def _pattern(path: KeyPath) -> KeyPath:
    """The path without the names that users choose."""
    return ("routes", "*", *path[2:3]) if path[0] == "routes" else path


def _granted(value: Any, asked: Any) -> bool:
    """Whether what holds is at least as tight as the workspace asked, and no tighter because of the user."""
    if isinstance(asked, list):
        return set(asked) <= set(value)
    return bool(value == asked)


def _loosening(path: KeyPath, leaf: Leaf, before: Any) -> Problem:
    message = (
        f"{shown(leaf.value)} is ignored: a workspace can only tighten this, and yours is {shown(before)}"
    )
    return Problem(leaf.layer.where(path), dotted(path), message)
