"""What the user's settings allow, compiled for decisions: models, chains, rules, privacy and budget.

Invariant: nothing here can be changed after it is made, and every part names the setting it came from,
as `FILE:LINE key`, `built-in defaults: key` or `editor settings: key`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from turnout.core.globs import Alternatives, PathSet, glob_to_regex, spelled_out_regex
from turnout.core.limits import WhenSpent
from turnout.core.models import Model
from turnout.core.requests import Elimination, Kind, LeavesMachine, SecretsMode, Strategy, Tier

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


def is_served_here(model: Model) -> bool:
    """Whether a llama-server on this machine answers, which costs nobody anything and keeps what it has read."""
    return model.api == "completions" and model.server == "llama-server" and reach(model) == 0


@dataclass(frozen=True, slots=True)
class Ordering:
    """How the models of a route are put in order; `weights` by name, for the strategy `weighted` alone."""

    strategy: Strategy = "order"
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TierChain:
    """The models of one tier of a route, as in a `Chain`."""

    models: tuple[Model, ...]
    source: str
    unusable: tuple[Elimination, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """The models of a route, as they are written: in order of preference.

    `unusable` are names in the chain that are no model; `leaves_machine` is the route's own limit, if any.
    `tiers` holds the tiers that have a chain of their own.
    """

    models: tuple[Model, ...]
    source: str
    unusable: tuple[Elimination, ...] = ()
    deadline_ms: int | None = None
    leaves_machine: LeavesMachine = "allow"
    leaves_machine_source: str = ""
    first_token_ms: int | None = None
    hedge_ms: int | None = None
    deadline_source: str = ""
    first_token_source: str = ""
    ordering: Ordering = field(default_factory=Ordering)
    tiers: Mapping[Tier, TierChain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A chain for some paths, kinds and languages; an empty field stands for all."""

    models: tuple[Model, ...]
    source: str
    paths: tuple[str, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    languages: frozenset[str] = frozenset()
    unusable: tuple[Elimination, ...] = ()


class RuleSet:
    """Rules in order; it cannot be changed."""

    __slots__ = ("_alternatives", "_owners", "rules")

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Compile `rules`; raises ValueError for a path pattern that `globs.check_pattern` objects to."""
        self.rules = tuple(rules)
        owned = [
            (index, _rule_to_regex(rule, glob_to_regex(text)), _rule_to_regex(rule, spelled_out_regex(text)))
            for index, rule in enumerate(self.rules)
            for text in rule.paths or ("**",)
        ]
        self._owners = tuple(index for index, _, _ in owned)
        self._alternatives = Alternatives(
            (written for _, written, _ in owned), (spelled for _, _, spelled in owned)
        )

    def first(self, kind: Kind, language: str, folded: str) -> int | None:
        """Index of the first rule for a kind, a language and a path as `globs.fold_path` returns it, or None."""
        language = "" if "\n" in language else language
        index = self._alternatives.first(f"{kind}\n{language}\n{folded}")
        return None if index is None else self._owners[index]


@dataclass(frozen=True, slots=True)
class Privacy:
    """What may leave the machine; `jurisdictions` is None where any will do."""

    leaves_machine: LeavesMachine = "ask"
    leaves_machine_source: str = ""
    jurisdictions: frozenset[str] | None = None
    jurisdictions_source: str = ""
    local_only: PathSet = field(default_factory=PathSet)
    never_read: PathSet = field(default_factory=PathSet)
    secrets: SecretsMode = "redact"
    secrets_source: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits in US dollars, None where there is none; day and month are over all workspaces unless named otherwise."""

    day_usd: float | None = None
    day_source: str = ""
    request_usd: float | None = None
    request_source: str = ""
    month_usd: float | None = None
    month_source: str = ""
    workspace_day_usd: float | None = None
    workspace_day_source: str = ""
    workspace_month_usd: float | None = None
    workspace_month_source: str = ""
    when_spent: WhenSpent = "degrade"


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a decision depends on besides the request."""

    models: tuple[Model, ...]
    model_sources: Mapping[str, str]
    routes: Mapping[Kind, Chain]
    rules: RuleSet = field(default_factory=RuleSet)
    privacy: Privacy = field(default_factory=Privacy)
    budget: Budget = field(default_factory=Budget)


def _rule_to_regex(rule: Rule, path: str) -> str:
    """An expression for `KIND\\nLANGUAGE\\nPATH`, from one for the path."""
    return f"{_any_of(rule.kinds)}\n{_any_of(rule.languages)}\n{path}"


def _any_of(words: Iterable[str]) -> str:
    """An expression for one of `words`, or for any word where there are none."""
    return f"(?:{'|'.join(re.escape(word) for word in sorted(words))})" if words else "[^\n]*+"
