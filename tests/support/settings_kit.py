"""Loads settings from texts, the way the server loads them from files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from turnout.core.requests import KINDS
from turnout.settings import Loaded, load
from turnout.settings.approvals import Approve


class SettingsKit:
    """One user's configuration directory and one workspace."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.user_file = root / "config" / "config.toml"
        self.workspace = root / "workspace"
        self.workspace_file = self.workspace / ".turnout.toml"
        self.user_file.parent.mkdir()
        self.workspace.mkdir()
        monkeypatch.setenv("TURNOUT_CONFIG_DIR", str(self.user_file.parent))
        monkeypatch.setenv("TURNOUT_STATE_DIR", str(root / "state"))

    def load(
        self,
        user: str | bytes | None = None,
        workspace: str | bytes | None = None,
        editor: Mapping[str, object] | None = None,
        *,
        trusted: bool = False,
        beside: Sequence[Mapping[str, object]] = (),
        approve: Approve = lambda bindings: bindings,
    ) -> Loaded:
        """Write the files that are given, and load."""
        for file, content in ((self.user_file, user), (self.workspace_file, workspace)):
            if content is not None:
                file.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(self.workspace, editor, trusted=trusted, editor_workspace=beside, approve=approve)


def exposure(loaded: Loaded) -> dict[str, object]:
    """Everything about settings that decides where text can go, what runs and what it costs, to be compared."""
    policy = loaded.policy
    return {
        "models": {model.name: model for model in policy.models},
        "reach": {
            kind: {
                model.name
                for models in (
                    policy.routes[kind].models,
                    *(tier.models for tier in policy.routes[kind].tiers.values()),
                )
                for model in models
                if model.leaves_machine
            }
            for kind in KINDS
        },
        "leaves_machine": policy.privacy.leaves_machine,
        "secrets": policy.privacy.secrets,
        "route_limits": {kind: policy.routes[kind].leaves_machine for kind in KINDS},
        "jurisdictions": policy.privacy.jurisdictions,
        "local_only": {pattern.text for pattern in policy.privacy.local_only.patterns},
        "never_read": {pattern.text for pattern in policy.privacy.never_read.patterns},
        "when_spent": policy.budget.when_spent,
        "budget": (
            policy.budget.day_usd,
            policy.budget.request_usd,
            policy.budget.month_usd,
            policy.budget.workspace_day_usd,
            policy.budget.workspace_month_usd,
        ),
        "checks": loaded.settings.routes.refactor.checks,
        "rules": {
            (rule.paths, rule.kinds, tuple(model.name for model in rule.models))
            for rule in policy.rules.rules
        },
    }
