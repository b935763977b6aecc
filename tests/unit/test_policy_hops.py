"""The policy is asked before every send: settings may change while a request is under way."""

from pathlib import Path
from typing import Any

import pytest

from support.dispatch_kit import DONE, NEAR, OPUS, Around, Pauses, Scripted, ask, hang, route, says
from support.settings_kit import SettingsKit
from turnout.core.objections import RouteRequest, forbidden
from turnout.core.requests import Delta, Model
from turnout.dispatch import Dispatcher, Patience
from turnout.errors import Overloaded, RouteError

OTHER = Model("other", "anthropic", "other", leaves_machine=True, input_usd=1.0, output_usd=1.0)


class Changing:
    """Settings that forbid everything elsewhere once something has happened."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, kind: Any, uris: Any, model: Model) -> str | None:
        self.left -= 1
        return "nothing may leave this machine" if self.left < 0 and model.leaves_machine else None


def dispatcher(around: Around, backend: Scripted, forbids: Any) -> Dispatcher:
    """A dispatcher whose settings change."""
    backends: Any = dict.fromkeys(("local", "anthropic"), backend)
    patience = Patience(Pauses().sleep, lambda: 0.5)
    return Dispatcher(around, backends, around, around, patience=patience, forbids=forbids)


BUSY = Overloaded("busy", remedy="retry", retry_after_s=0.0)


@pytest.mark.parametrize(
    ("models", "scripts", "kind", "asked"),
    [
        ((OPUS,), {"opus": [[BUSY], says("x")]}, "refactor", ["opus"]),
        ((OPUS, OTHER), {"opus": [[BUSY]] * 9, "other": [says("x")]}, "refactor", ["opus"]),
        (
            (NEAR, OPUS),
            {"near": [[Overloaded("broken", remedy="fall_back")]], "opus": [says("x")]},
            "refactor",
            ["near"],
        ),
        ((OPUS, OTHER), {"opus": [[hang]], "other": [says("x")]}, "explain", ["opus"]),
    ],
    ids=["retry", "fallback", "fallback from here", "hedge"],
)
async def test_every_hop(models: Any, scripts: Any, kind: str, asked: list[str]) -> None:
    """What is forbidden after the first send is sent nowhere else: no retry, no fallback, no hedge."""
    around = Around(route(*models, kind=kind, hedge_ms=10, deadline_ms=2000 if kind == "refactor" else 80))
    backend = Scripted({}, turns=scripts)
    with pytest.raises(Exception, match=r"settings changed meanwhile|80 ms"):
        await dispatcher(around, backend, Changing(after=1)).run(ask(kind=kind))
    assert backend.asked == asked
    assert len(around.receipts) == 1


async def test_while_the_user_was_asked() -> None:
    """A yes to a question that was asked under other settings sends nothing."""
    around = Around(route(OPUS, ask=True))
    backend = Scripted({"opus": [Delta("x"), DONE]})
    with pytest.raises(RouteError, match="settings changed meanwhile: nothing may leave"):
        await dispatcher(around, backend, Changing(after=0)).run(ask())
    assert len(around.questions) == 1
    assert backend.asked == []
    assert around.receipts[0].bytes_sent == 0


FAR = '[models.far]\napi = "openai-chat"\nmodel = "m"\nbase_url = "https://far.example/v1"\njurisdiction = "US"\n'
ALLOW = '[privacy]\nleaves_machine = "allow"\n'


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (FAR + ALLOW, None),
        (FAR + ALLOW + '[budget]\nday_usd = 0\n[routes.explain]\nmodels = ["near"]\n', None),
        (FAR + '[privacy]\nleaves_machine = "never"\n', "nothing may leave"),
        (FAR + ALLOW + '[routes.explain]\nleaves_machine = "never"\n', "explain requests may not leave"),
        (FAR + ALLOW + 'local_only = ["a.py"]\n', "may not leave"),
        (FAR + ALLOW + 'never_read = ["a.py"]\n', "never read"),
        (FAR + ALLOW + 'jurisdictions = ["DE"]\n', "not among those allowed"),
        (FAR.replace("far.example", "moved.example") + ALLOW, "not set up like that any more"),
        (ALLOW, "not set up like that any more"),
    ],
)
def test_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str, reason: str | None) -> None:
    """Later settings forbid what they would not have chosen for the text's sake, and nothing for the money's."""
    kit = SettingsKit(tmp_path, monkeypatch)
    far = next(model for model in kit.load(FAR + ALLOW).policy.models if model.name == "far")
    against = forbidden(far, RouteRequest("explain", ("a.py",)), kit.load(later).policy)
    assert (against is None) is (reason is None)
    assert against is None or reason in against[0]  # type: ignore[operator]
