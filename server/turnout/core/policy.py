"""What the user's settings allow, compiled for decisions: models, chains, rules, privacy and budget.

Invariant: nothing here can be changed after it is made, and every part names the setting it came from,
as `FILE:LINE key`, `built-in defaults: key` or `editor settings: key`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from turnout.core.globs import PathSet, Pattern
from turnout.core.requests import Elimination, Kind, LeavesMachine, Model

SELF_HOSTED = "self-hosted"
"""Jurisdiction of a model that the user or their team runs; no list of jurisdictions excludes it."""

_STRICTNESS: tuple[LeavesMachine, ...] = ("never", "ask", "allow")


def stricter(one: LeavesMachine, other: LeavesMachine) -> LeavesMachine:
    """The one that lets less text out."""
    return min(one, other, key=_STRICTNESS.index)


def reach(model: Model) -> int:
    """How far text sent to `model` travels: 0 this machine, 1 a machine of the user or team, 2 a hosted API."""
    if not model.leaves_machine:
        return 0
    return 1 if model.jurisdiction == SELF_HOSTED else 2


@dataclass(frozen=True, slots=True)
class Chain:
    """The models of a route in order of preference.

    `unusable` are names in the chain that are no model; `leaves_machine` is the route's own limit, if any.
    """

    models: tuple[Model, ...]
    source: str
    unusable: tuple[Elimination, ...] = ()
    deadline_ms: int | None = None
    leaves_machine: LeavesMachine = "allow"
    leaves_machine_source: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A chain for some paths, kinds and languages; an empty field stands for all."""

    models: tuple[Model, ...]
    source: str
    paths: tuple[str, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    languages: frozenset[str] = frozenset()
    unusable: tuple[Elimination, ...] = ()


@dataclass(frozen=True, slots=True)
class Privacy:
    """What may leave the machine; `jurisdictions` is None where any will do."""

    leaves_machine: LeavesMachine = "ask"
    leaves_machine_source: str = ""
    jurisdictions: frozenset[str] | None = None
    jurisdictions_source: str = ""
    local_only: PathSet = field(default_factory=PathSet)
    never_read: PathSet = field(default_factory=PathSet)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits in US dollars, None where there is none."""

    day_usd: float | None = None
    day_source: str = ""
    request_usd: float | None = None
    request_source: str = ""


@dataclass(frozen=True)
class Policy:
    """Everything that a decision depends on besides the request."""

    models: tuple[Model, ...]
    model_sources: Mapping[str, str]
    routes: Mapping[Kind, Chain]
    rules: tuple[Rule, ...] = ()
    privacy: Privacy = field(default_factory=Privacy)
    budget: Budget = field(default_factory=Budget)

    @cached_property
    def rule_index(self) -> Mapping[Kind, "RuleIndex"]:
        """The rules of each kind, ready to be matched."""
        return {kind: RuleIndex.of_kind(self.rules, kind) for kind in self.routes}


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """The rules that can apply to one kind, in order, and their paths as one expression per language filter."""

    rules: tuple[Rule, ...]
    paths: Mapping[str, tuple[PathSet, tuple[int, ...]]]

    @classmethod
    def of_kind(cls, rules: Sequence[Rule], kind: Kind) -> "RuleIndex":
        """Index the rules that name `kind` or no kind."""
        applicable = tuple(rule for rule in rules if not rule.kinds or kind in rule.kinds)
        languages = {"", *chain.from_iterable(rule.languages for rule in applicable)}
        return cls(applicable, {language: _index(applicable, language) for language in languages})

    def first(self, folded: str, language: str) -> int | None:
        """Index of the first rule for a path (as `fold_path` returns it) and language, or None."""
        paths, owners = self.paths.get(language) or self.paths[""]
        found = paths.first(folded)
        return None if found is None else owners[found]


def _index(rules: Sequence[Rule], language: str) -> tuple[PathSet, tuple[int, ...]]:
    patterns: list[Pattern] = []
    owners: list[int] = []
    for index, rule in enumerate(rules):
        if rule.languages and language not in rule.languages:
            continue
        for text in rule.paths or ("**",):
            patterns.append(Pattern(text, rule.source))
            owners.append(index)
    return PathSet(patterns), tuple(owners)
