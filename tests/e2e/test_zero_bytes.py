"""Not a byte to a server that the policy forbids: for every kind of request, on every way that a request can take.

The servers are on loopback and told to count as elsewhere: `house` as the team's own, `cloud` as a hosted API.
They count connections, so that not even the beginning of one goes unseen.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.dispatch_kit import Pauses
from support.provider import anthropic_answer, openai_answer, openai_cut
from support.scripted_server import STREAM_HEAD, Exchange, Script, answer, scripted_server
from support.secrets import TOKENS
from support.settings_kit import SettingsKit
from turnout.core.answers import Ask
from turnout.core.backends import Delta, Done, StreamItem
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, FimPrompt, Message, Prompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import COMPLETION_KINDS, KINDS, Kind, Route
from turnout.core.routing import RouteRequest, decide
from turnout.dispatch import Consent, Dispatcher, Overspend, Patience
from turnout.errors import ModelFailed, TurnoutError
from turnout.remote import RemoteBackend
from turnout.settings import Loaded

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "sk-of-the-house-0123456789"
SECRET = TOKENS["GitHub"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def remote() -> AsyncIterator[RemoteBackend]:
    """The backend of all models that are not here, with all that its first request has to wait for behind it."""
    backend = RemoteBackend(lambda _: KEY)
    async with scripted_server(openai_answer("warm")) as server:
        model = Model("warm", "openai-chat", "m", base_url=f"{server.url}/v1")
        async for _ in backend.stream(model, ChatPrompt((Message("user", "x"),))):
            pass
    yield backend
    await backend.close()


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    """A user's settings and a workspace."""
    return SettingsKit(tmp_path, monkeypatch)


def settings(kind: Kind, house: str, cloud: str, chain: str, more: str = "", route: str = "") -> str:
    """Two servers, each for chats and for holes; `chain` names `near`, `house` and `cloud` in order."""
    names = ", ".join(f'"{name}"' if name == "near" else f'"{name}", "{name}-hole"' for name in chain.split())
    common = 'leaves_machine = true\nkey = "env:KEY"\ncontext_tokens = 32000\n'
    return f"""
[models.house]
api = "openai-chat"
model = "m"
base_url = "{house}/v1"
jurisdiction = "self-hosted"
{common}
[models.house-hole]
api = "completions"
model = "qwen2.5-coder"
base_url = "{house}/v1"
jurisdiction = "self-hosted"
{common}
[models.cloud]
api = "anthropic"
model = "m"
base_url = "{cloud}"
jurisdiction = "US"
input_usd = 3
output_usd = 15
{common}
[models.cloud-hole]
api = "mistral-fim"
model = "m"
base_url = "{cloud}/v1"
jurisdiction = "US"
input_usd = 3
output_usd = 15
{common}
[routes.{kind}]
models = [{names}]
{route}
{more}
"""


@dataclass(frozen=True)
class Policy:
    """Settings that forbid something: of the user, for the route, and of the workspace; and what else happens."""

    user: str = ""
    route: str = ""
    workspace: str = ""
    agrees: bool = True
    secret: bool = False
    withheld: bool = False
    house: bool = False
    """Whether the team's own server is allowed all the same."""
    near: bool = True
    """Whether the model here is."""


ALLOW = '[privacy]\nleaves_machine = "allow"\n'
POLICIES: dict[str, Policy] = {
    "never": Policy('[privacy]\nleaves_machine = "never"'),
    "never on the route": Policy(ALLOW, 'leaves_machine = "never"'),
    "a path stays here": Policy(ALLOW + 'local_only = ["secret/"]'),
    "a path is never read": Policy(ALLOW + 'never_read = ["*.py"]', near=False),
    "an ignore file": Policy(ALLOW, withheld=True, near=False),
    "jurisdiction": Policy(ALLOW + 'jurisdictions = ["FR"]', house=True),
    "the user says no": Policy('[privacy]\nleaves_machine = "ask"', agrees=False),
    "the workspace says never": Policy(ALLOW, workspace='[privacy]\nleaves_machine = "never"'),
    "the workspace keeps a path": Policy(ALLOW, workspace='[privacy]\nlocal_only = ["secret/a.py"]'),
    "the workspace narrows jurisdictions": Policy(
        ALLOW, workspace='[privacy]\njurisdictions = ["DE"]', house=True
    ),
    "the workspace cannot be read": Policy(ALLOW, workspace="[privacy\n"),
    "secrets block": Policy(ALLOW + 'secrets = "block"', secret=True),
    "the workspace blocks secrets": Policy(ALLOW, workspace='[privacy]\nsecrets = "block"', secret=True),
    "no money": Policy(ALLOW + "[budget]\nrequest_usd = 0"),
    "a rule": Policy(ALLOW + '[[rules]]\npaths = ["secret/**"]\nmodels = ["near"]\n'),
}


def redirect(status: int, location: str) -> bytes:
    """An answer that points elsewhere."""
    return answer(status, b"", "text/plain", f"location: {location}/v1/chat/completions")


async def stall(exchange: Exchange) -> None:
    """Begin an answer and say nothing more."""
    await exchange.send(STREAM_HEAD)
    await exchange.hung_up()


def faults(cloud: str) -> dict[str, Script | bytes]:
    """What can be wrong with a server that may be asked."""
    error = json.dumps({"error": {"message": "no"}}).encode()
    codes = (400, 401, 402, 403, 404, 408, 413, 429, 500, 503, 529)
    return {
        **{str(code): answer(code, error, "application/json", "retry-after: 0") for code in codes},
        **{f"{code} to the cloud": redirect(code, cloud) for code in (301, 302, 303, 307, 308)},
        "html": answer(200, b"<html>sign in</html>", "text/html"),
        "cut": openai_cut("some ", "text"),
        "empty": b"",
        "garbage": b"\0\1\2\r\n\r\n",
        "silent": stall,
    }


@dataclass
class Near:
    """The model on this machine, which fails in a way of its own."""

    fault: str
    asked: int = 0

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Fail, or be silent, or end without an end."""
        self.asked += 1
        if self.fault == "fails":
            raise ModelFailed("It does not load.", model="near")
        if self.fault == "silent":
            await asyncio.Event().wait()
        yield Delta("text")
        if self.fault != "cut":
            yield Done("stop")


@dataclass
class World:
    """Everything around a dispatcher."""

    loaded: Loaded
    policy: Policy
    kind: Kind
    receipts: list[Receipt] = field(default_factory=list)

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        """The decision by the settings."""
        withheld = ("secret/a.py is kept", ".cursorignore:1") if self.policy.withheld else None
        keys = frozenset(model.name for model in self.loaded.policy.models)
        return decide(
            RouteRequest(kind, ("secret/a.py",), "python", keys, input_tokens, 100, withheld=withheld),
            self.loaded.policy,
        )

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        """Nothing yet."""
        return None

    async def may_leave(self, question: Consent) -> bool:
        """The user's answer."""
        return self.policy.agrees

    async def may_overspend(self, question: Overspend) -> bool:
        """There is no limit here."""
        raise AssertionError

    def record(self, receipt: Receipt) -> None:
        """Keep it."""
        self.receipts.append(receipt)

    def prompt(self, model: Model) -> Prompt:
        """A prompt of the kind's form, with a secret where the policy is about those."""
        text = f"key = '{SECRET}'\n" if self.policy.secret else "x = 1\n"
        if self.kind in COMPLETION_KINDS:
            return FimPrompt("file:///a.py", "secret/a.py", text, "\n", kind="inline")
        return ChatPrompt((Message("user", text),), max_tokens=100)

    async def run(self, near: Near, remote: RemoteBackend) -> str:
        """One request to its end; the text, or why there is none."""
        backends: Mapping[Any, Any] = {
            "local": near,
            **dict.fromkeys(("anthropic", "openai-chat", "completions", "mistral-fim"), remote),
        }
        dispatcher = Dispatcher(self, backends, self, self, patience=Patience(Pauses().sleep, lambda: 0.5))
        try:
            ask = Ask(self.kind, (SentFile("file:///secret/a.py", 6),), self.prompt, input_tokens=10)
            return (await dispatcher.run(ask)).text
        except TurnoutError as error:
            return str(error)


CHAINS = ("house cloud near", "near house cloud", "cloud near house", "house near cloud")
HURRY = "deadline_ms = 80\nhedge_ms = 10\n"
PATIENT = "deadline_ms = 20000\nhedge_ms = 5000\n"


def world(
    kit: SettingsKit, kind: Kind, policy: Policy, house: str, cloud: str, turn: int, pace: str
) -> World:
    """The settings of one case; cases take turns at the order of the models."""
    chain = CHAINS[turn % len(CHAINS)]
    user = settings(kind, house, cloud, chain, policy.user, pace + policy.route)
    return World(kit.load(user, policy.workspace), policy, kind)


@dataclass
class Faulty:
    """A server whose fault can be changed."""

    script: Script | bytes = b""

    async def __call__(self, exchange: Exchange) -> None:
        """Play the fault."""
        if isinstance(self.script, bytes):
            await exchange.send(self.script)
        else:
            await self.script(exchange)


def silent(kind: Kind) -> tuple[str, ...]:
    """Whether the model here is tried silent, too, which takes a while: for one kind of each form of prompt."""
    return ("silent",) if kind in ("inline", "explain") else ()


@pytest.mark.parametrize("name", POLICIES)
async def test_nothing_leaves(kit: SettingsKit, remote: RemoteBackend, name: str) -> None:
    """Whatever fails here and at the servers that may be asked, a forbidden server is not even connected to."""
    policy, faulty = POLICIES[name], Faulty()
    async with scripted_server(anthropic_answer("far away")) as cloud, scripted_server(faulty) as house:
        wrong = faults(cloud.url) if policy.house else {"500": faults(cloud.url)["500"]}
        for turn, kind in enumerate(KINDS):
            patient, hurried = (
                world(kit, kind, policy, house.url, cloud.url, turn, pace) for pace in (PATIENT, HURRY)
            )
            for wire, faulty.script in wrong.items():
                for fault in ("fails",) if policy.house else ("fails", "cut", *silent(kind)):
                    case = hurried if "silent" in (fault, wire) else patient
                    before, near = house.connections, Near(fault)
                    await case.run(near, remote)
                    assert cloud.connections == 0, (kind, wire, fault)
                    assert policy.house or house.connections == 0, (kind, fault)
                    assert policy.near or near.asked == 0, (kind, fault)
                    assert case.receipts[-1].leaves_machine is (house.connections > before)
            asked = len(wrong) * (1 if policy.house else 2 + len(silent(kind)))
            assert len(patient.receipts) + len(hurried.receipts) == asked


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_policy(kit: SettingsKit, remote: RemoteBackend, kind: Kind) -> None:
    """The same ways do lead to the cloud where nothing forbids it, so that the test above would see it."""
    policy = Policy(ALLOW)
    async with scripted_server(anthropic_answer("far away")) as cloud:
        reached = 0
        for name in ("500", "307 to the cloud", "cut"):
            script = faults(cloud.url)[name]
            async with scripted_server(script) as house:
                text = await world(kit, kind, policy, house.url, cloud.url, 0, PATIENT).run(
                    Near("fails"), remote
                )
            assert len(cloud.requests) > reached, text
            reached = len(cloud.requests)


@pytest.mark.parametrize("policy", [Policy(ALLOW), POLICIES["jurisdiction"]])
@pytest.mark.parametrize("kind", ["explain", "inline"])
async def test_hedges(kit: SettingsKit, remote: RemoteBackend, kind: Kind, policy: Policy) -> None:
    """No hosted API is asked beside the team's silent server, also where it might be asked after it."""
    async with scripted_server(anthropic_answer("far away")) as cloud, scripted_server(stall) as house:
        user = settings(kind, house.url, cloud.url, "house cloud", policy.user, HURRY)
        await World(kit.load(user, ""), policy, kind).run(Near("fails"), remote)
        assert cloud.connections == 0


REDIRECTS = (301, 302, 303, 307, 308)


@pytest.mark.parametrize(
    "api", ["openai-chat", "anthropic", "openai-responses", "completions", "mistral-fim", "llama-infill"]
)
async def test_redirects_are_not_followed(api: str) -> None:
    """No answer that points elsewhere is followed, neither with the key nor without: relative, absolute, or odd."""
    prompt: Prompt = ChatPrompt((Message("user", "x"),))
    if api in ("completions", "mistral-fim", "llama-infill"):
        prompt = FimPrompt("d", "a.py", "x", "y")
    backend = RemoteBackend(lambda _: KEY)
    async with scripted_server(openai_answer("stolen")) as elsewhere:
        bare = elsewhere.url.removeprefix("http:")
        for place in (elsewhere.url, f"{elsewhere.url}/v1/chat/completions", bare, f"http://user@{bare[2:]}"):
            scripts = [
                answer(code, b"", "text/plain", f"location: {place}", f"refresh: 0; url={place}")
                for code in REDIRECTS
            ]
            async with scripted_server(*scripts) as pointing:
                model: Any = Model("m", api, "qwen2.5-coder", base_url=f"{pointing.url}/v1", key="env:K")  # type: ignore[arg-type]
                for _ in REDIRECTS:
                    with pytest.raises(TurnoutError) as caught:
                        async for _item in backend.stream(model, prompt):
                            pass
                    assert KEY not in str(caught.value)
                assert len(pointing.requests) == len(REDIRECTS)
        assert elsewhere.connections == 0
    await backend.close()
