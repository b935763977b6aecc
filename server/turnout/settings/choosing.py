"""What an untrusted workspace may choose: among the user's models, none of which travels further than the user lets it.

Invariant: for no kind of request does text reach further than the farthest model of the user's own chain for it:
a kind that stays on this machine stays, and one that stays with the team stays there.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from turnout.core.models import Model
from turnout.core.policy import reach
from turnout.core.requests import KINDS, TIERS, Kind, LeavesMachine
from turnout.settings.layers import CheckedRule, Leaf, dotted
from turnout.settings.problems import Problem
from turnout.settings.toml import KeyPath

CHAINS = ("models", *TIERS)
"""The keys of a route that name models."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The workspace's chains and rules that may apply."""

    chains: dict[KeyPath, Leaf]
    rules: tuple[CheckedRule, ...]
    problems: tuple[Problem, ...]


def choose(
    chains: Mapping[KeyPath, Leaf],
    rules: Sequence[CheckedRule],
    own: Mapping[KeyPath, Leaf],
    models: Mapping[str, Model],
    workspace: str,
) -> Chosen:
    """Keep what an untrusted workspace may choose; `own` are the effective values without the workspace."""
    chooser = _Chooser(own, models, workspace)
    kept = {path: leaf for path, leaf in chains.items() if path[2] not in CHAINS}
    for path, leaf in chains.items():
        if path[2] in CHAINS:
            allowed = chooser.chain(path, leaf)
            if allowed:
                kept[path] = Leaf(list(allowed), leaf.layer)
    kept_rules = tuple(narrowed for rule in rules for narrowed in chooser.narrowed(rule))
    return Chosen(kept, kept_rules, tuple(chooser.problems))


class _Chooser:
    def __init__(self, own: Mapping[KeyPath, Leaf], models: Mapping[str, Model], workspace: str) -> None:
        self.problems: list[Problem] = []
        self._models = models
        self._workspace = workspace
        self._reach = {kind: _own_reach(kind, own, models) for kind in KINDS}

    def chain(self, path: KeyPath, leaf: Leaf) -> tuple[str, ...]:
        """The part of a chain that its kind may use."""
        names = tuple(leaf.value)
        kind = next(kind for kind in KINDS if kind == path[1])
        allowed = self._allowed(names, kind)
        self._report(leaf.layer.where(path), dotted(path), {kind: _without(names, allowed)})
        return allowed

    def narrowed(self, checked: CheckedRule) -> list[CheckedRule]:
        """The rule, split by what each of its kinds may use."""
        names = checked.rule.models
        groups: dict[tuple[str, ...], list[Kind]] = {}
        for kind in checked.rule.kinds or KINDS:
            groups.setdefault(self._allowed(names, kind), []).append(kind)
        refused = {kind: _without(names, allowed) for allowed, kinds in groups.items() for kind in kinds}
        self._report(checked.layer.where(checked.path), dotted((*checked.path, "models")), refused)
        return [
            CheckedRule(
                checked.rule.model_copy(update={"models": allowed, "kinds": tuple(kinds)}),
                checked.layer,
                checked.path,
            )
            for allowed, kinds in groups.items()
            if allowed
        ]

    def _allowed(self, names: Sequence[str], kind: Kind) -> tuple[str, ...]:
        return tuple(name for name in names if self._travels(name) <= self._reach[kind])

    def _travels(self, name: str) -> int:
        model = self._models.get(name)
        return reach(model) if model else 0

    def _report(self, where: str, key: str, refused: Mapping[Kind, Sequence[str]]) -> None:
        kinds = [kind for kind, names in refused.items() if names]
        if not kinds:
            return
        names = dict.fromkeys(name for kind in kinds for name in refused[kind])
        message = (
            f"{', '.join(f'`{name}`' for name in names)} ignored for {', '.join(kinds)}, which your own settings keep "
            f"nearer, until you trust this workspace: turnout trust {shlex.quote(self._workspace)}"
        )
        self.problems.append(Problem(where, key, message))


def _without(names: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in allowed)


def _own_reach(kind: Kind, own: Mapping[KeyPath, Leaf], models: Mapping[str, Model]) -> int:
    limit: LeavesMachine = own["routes", kind, "leaves_machine"].value
    if limit == "never":
        return 0
    chains = (own.get(("routes", kind, key)) for key in CHAINS)
    names = [name for leaf in chains if leaf is not None for name in leaf.value]
    return max((reach(models[name]) for name in names if name in models), default=0)
