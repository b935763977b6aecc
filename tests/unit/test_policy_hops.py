"""The policy is asked before every send: settings may change while a request is under way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.dispatch_kit import DONE, NEAR, OPUS, Around, Scripted, ask, hang, route, says, setup
from support.settings_kit import SettingsKit
from turnout.core.backends import Delta
from turnout.core.models import Model
from turnout.core.objections import RouteRequest, withdrawn
from turnout.core.requests import Elimination, Route
from turnout.core.routing import decide
from turnout.dispatch import Dispatcher
from turnout.errors import Overloaded, RouteError

OTHER = Model("other", "anthropic", "other", leaves_machine=True, input_usd=1.0, output_usd=1.0)


class Changing:
    """Settings that forbid everything elsewhere once something has happened."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, before: Route) -> Route:
        self.left -= 1
        if self.left >= 0:
            return before
        kept = tuple(model for model in before.candidates if not model.leaves_machine)
        lost = [model.name for model in before.candidates if model.leaves_machine]
        return replace(
            before,
            candidates=kept,
            eliminated=tuple(Elimination(name, "nothing may leave this machine", "here") for name in lost),
        )


def dispatcher(around: Around, backend: Scripted, changing: Changing) -> Dispatcher:
    """A dispatcher whose settings change."""
    return setup(around, backend, permits=lambda *_: changing(around.route))


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


FAR = (
    '[models.far]\napi = "openai-chat"\nmodel = "m"\nbase_url = "https://far.example/v1"\njurisdiction = "US"\n'
    "input_usd = 1\noutput_usd = 1\n"
)
ALLOW = '[privacy]\nleaves_machine = "allow"\n'


ASK = '[privacy]\nleaves_machine = "ask"\n'


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (FAR + ALLOW, None),
        (FAR + ALLOW + 'secrets = "off"\n[budget]\nmonth_usd = 5\n', None),
        (FAR + '[privacy]\nleaves_machine = "never"\n', "nothing may leave"),
        (FAR + ASK, "you have to be asked"),
        (FAR + ALLOW + 'secrets = "block"\n', "secrets are handled as `block`"),
        (
            FAR + ALLOW + '[routes.explain]\nmodels = ["far"]\nleaves_machine = "never"\n',
            "explain requests may not leave",
        ),
        (FAR + ALLOW + '[routes.explain]\nmodels = ["near"]\n', "not in the chain"),
        (FAR + ALLOW + '[[rules]]\npaths = ["*.py"]\nmodels = ["near"]\n', "not in the chain"),
        (FAR + ALLOW + "[budget]\nrequest_usd = 0.000001\n", "over $0.000001 per request"),
        (FAR + ALLOW + 'local_only = ["a.py"]\n', "may not leave"),
        (FAR + ALLOW + 'never_read = ["a.py"]\n', "never read"),
        (FAR + ALLOW + 'jurisdictions = ["DE"]\n', "not among those allowed"),
        (FAR.replace("far.example", "moved.example") + ALLOW, "not set up like that any more"),
        (ALLOW, "there is no such model"),
    ],
)
def test_what_settings_take_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str, reason: str | None
) -> None:
    """Everything that would have decided otherwise holds for a request under way, and what is only laxer does not."""
    kit = SettingsKit(tmp_path, monkeypatch)
    request = RouteRequest("explain", ("a.py",), keys_present=frozenset({"far"}), output_tokens=100)
    chosen = '[routes.explain]\nmodels = ["far"]\n'
    before = decide(request, kit.load(FAR + ALLOW + chosen).policy)
    [far] = before.candidates
    now = decide(request, kit.load(later if "routes.explain" in later else later + chosen).policy)
    against = withdrawn(far, before, now)
    assert (against is None) is (reason is None)
    assert against is None or reason in against  # type: ignore[operator]


def test_a_model_on_this_machine_only_loses_what_nobody_may_read() -> None:
    """What becomes of its settings sends no text anywhere."""
    before = route(NEAR)
    assert withdrawn(NEAR, before, route(replace(NEAR, context_tokens=1), ask=True, secrets="block")) is None
    assert withdrawn(NEAR, before, route()) is not None
    assert withdrawn(NEAR, before, route(replace(OPUS, name="near"))) is not None


async def test_files_are_looked_at_anew_before_every_send() -> None:
    """On a thread, right before the settings are asked: a link can be moved between a failure and the next try."""
    around = Around(route(OPUS, kind="refactor"))
    said: list[str] = []

    async def ready(_kind: str, _uris: tuple[str, ...]) -> None:
        said.append("ready")

    def permits(*_: object) -> Route:
        said.append("permits")
        return around.route

    backend = Scripted({}, turns={"opus": [[BUSY], says("x")]})
    await setup(around, backend, permits=permits, ready=ready).run(ask(kind="refactor"))
    assert backend.asked == ["opus", "opus"]
    assert said[0] == "ready"  # for the route
    asked = [at for at, each in enumerate(said) if each == "permits"]
    assert len(asked) >= 2
    assert all(said[at - 1] == "ready" for at in asked)
