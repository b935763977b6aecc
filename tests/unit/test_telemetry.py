"""Telemetry: nothing unless the user named a collector, and then no text unless they asked for that, too."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.collector import Collector, collector
from support.settings_kit import SettingsKit
from turnout.core.backends import Delta, Done, StreamItem, Timings
from turnout.core.models import Model, Usage
from turnout.core.prompts import ChatPrompt, FimPrompt, Message, Prompt
from turnout.core.receipts import Receipt, SentFile
from turnout.errors import Overloaded
from turnout.telemetry import MISSING, Telemetry, Watched

FAR = Model(
    "far", "anthropic", "claude", base_url="https://api.anthropic.com", key="env:K", leaves_machine=True
)
NEAR = Model("near", "local", "tiny")
CHAT = ChatPrompt((Message("system", "be brief"), Message("user", "the question")), max_tokens=50)
HOLE = FimPrompt("file:///secret/name.py", "secret/name.py", "before ", " after")
RECEIPT = Receipt(
    "1", "explain", "far", ("far",), "why", True, (SentFile("file:///secret/name.py", 3),), 3, 100, 20, 0, 0.25, None,
    None, 5.0, 1500.0, "answered", redacted=(("GitHub token", 2),),
)  # fmt: skip


class Answering:
    """A backend that answers, or fails after some text."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.closed = 0

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Play it."""
        try:
            yield Delta("the ")
            if self.fails:
                raise Overloaded("It said: the question")
            yield Delta("answer")
            yield Done("stop", Usage(100, 20, 40), Timings(first_token=7.0))
        finally:
            self.closed += 1


async def ask(telemetry: Telemetry, model: Model, prompt: Prompt, backend: Any = None) -> str:
    """One request; its text."""
    text = ""
    async for item in Watched(backend or Answering(), telemetry).stream(model, prompt):
        text += item.text if isinstance(item, Delta) else ""
    return text


def told(found: Collector, *, prompts: bool = False) -> Telemetry:
    """Telemetry for a collector."""
    telemetry = Telemetry(lambda _: None, lambda text: pytest.fail(text))
    telemetry.configure(found.url, prompts=prompts)
    return telemetry


async def test_spans() -> None:
    """Every request to a model is a span by the conventions, without text, file names and keys."""
    with collector() as found:
        telemetry = told(found)
        assert await ask(telemetry, FAR, CHAT) == "the answer"
        await ask(telemetry, NEAR, HOLE)
        with pytest.raises(Overloaded):
            await ask(telemetry, FAR, CHAT, Answering(fails=True))
        telemetry.close()
    far, near, failed = found.spans
    assert far["name"] == "chat claude"
    assert near["name"] == "text_completion tiny"
    assert far["gen_ai.provider.name"] == "anthropic"
    assert far["gen_ai.request.model"] == "claude"
    assert far["server.address"] == "api.anthropic.com"
    assert (far["gen_ai.usage.input_tokens"], far["gen_ai.usage.output_tokens"]) == (100, 20)
    assert far["gen_ai.response.finish_reasons"] == ["stop"]
    assert not far["error"]
    assert (failed["error"], failed["error.type"]) == (True, "Overloaded")
    for text in (b"question", b"answer", b"before", b"name.py", b"env:K"):
        assert not any(text in body for body in found.bodies), text


async def test_metrics() -> None:
    """Requests are counted by kind, model and outcome: tokens, seconds, dollars, and secrets that were kept here."""
    passed: list[Receipt] = []
    with collector() as found:
        telemetry = Telemetry(passed.append, lambda _: None)
        telemetry.configure(found.url, prompts=False)
        telemetry.record(RECEIPT)
        telemetry.record(replace(RECEIPT, cost_usd=None, outcome="failed: the question"))
        telemetry.close()
    assert len(passed) == 2
    [cost] = found.metrics["turnout.request.cost"]
    assert (cost["value"], cost["turnout.request.kind"], cost["gen_ai.request.model"]) == (
        0.25,
        "explain",
        "far",
    )
    usage = found.metrics["gen_ai.client.token.usage"]
    assert {(point["gen_ai.token.type"], point["value"]) for point in usage} == {
        ("input", 100.0),
        ("output", 20.0),
    }
    durations = found.metrics["gen_ai.client.operation.duration"]
    assert {(point.get("error.type"), point["value"]) for point in durations} == {
        (None, 1.5),
        ("failed", 1.5),
    }
    [redacted] = found.metrics["turnout.secrets.redacted"]
    assert redacted["turnout.secret.kind"] == "GitHub token"
    for text in (b"question", b"name.py", b"secret/"):
        assert not any(text in body for body in found.bodies), text


async def test_prompts() -> None:
    """Text is told where the user asked for it, and only what left the machine anyway."""
    with collector() as found:
        telemetry = told(found, prompts=True)
        await ask(telemetry, FAR, CHAT)
        await ask(telemetry, NEAR, CHAT)
        telemetry.close()
    far, near = found.spans
    assert [message["role"] for message in json.loads(far["gen_ai.input.messages"])] == ["system", "user"]
    assert json.loads(far["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "text", "content": "the answer"}
    ]
    assert not any("messages" in name for name in near)


async def test_a_stream_that_is_closed() -> None:
    """Whoever has enough closes the stream down to the model, and that is no failure."""
    backend = Answering()
    with collector() as found:
        telemetry = told(found)
        async with aclosing(Watched(backend, telemetry).stream(FAR, CHAT)) as items:
            async for _ in items:
                break
        telemetry.close()
    assert backend.closed == 1
    assert [span["error"] for span in found.spans] == [False]


async def test_no_collector_there() -> None:
    """A collector that is not there or points elsewhere disturbs nobody, and nobody else is told."""
    with collector() as elsewhere:
        with collector(location=elsewhere.url + "/v1/traces") as found:
            telemetry = told(found, prompts=True)
            assert await ask(telemetry, FAR, CHAT) == "the answer"
            telemetry.close()
        assert found.bodies
        assert elsewhere.bodies == []


async def test_no_proxy_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector on this machine is told directly, whatever proxy the environment names."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with collector() as proxy, collector() as found:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        telemetry = told(found, prompts=True)
        assert await ask(telemetry, FAR, CHAT) == "the answer"
        telemetry.record(RECEIPT)
        telemetry.close()
    assert proxy.bodies == []
    assert found.spans
    assert found.metrics


async def test_off() -> None:
    """Without an endpoint everything is passed on as it is."""
    passed: list[Receipt] = []
    telemetry = Telemetry(passed.append, lambda _: None)
    telemetry.configure(None, prompts=True)
    telemetry.record(RECEIPT)
    assert await ask(telemetry, FAR, CHAT) == "the answer"
    telemetry.close()
    assert passed == [RECEIPT]


def test_nothing_is_imported() -> None:
    """Without an endpoint, nothing of OpenTelemetry is imported."""
    code = (
        "import sys; from turnout import telemetry as t; t.Telemetry(print, print).configure(None, prompts=True); "
        "sys.exit(any(name.startswith(('opentelemetry', 'requests')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenTelemetry is not installed the user is told once how to get it, and everything else goes on."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delitem(sys.modules, "turnout.telemetry.export", raising=False)
    said: list[str] = []
    telemetry = Telemetry(lambda _: None, said.append)
    for _ in range(2):
        telemetry.configure("http://127.0.0.1:9", prompts=False)
        telemetry.record(RECEIPT)
    assert said == [MISSING]


@pytest.mark.parametrize("trusted", [True, False])
def test_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
    """No workspace names a collector or has text told, trusted or not; the user's own settings do."""
    kit = SettingsKit(tmp_path, monkeypatch)
    mine = '[telemetry]\nendpoint = "http://localhost:4318"\n'
    theirs = '[telemetry]\nendpoint = "http://evil.example"\nprompts = true\n'
    loaded = kit.load(mine, theirs, trusted=trusted, beside=[{"telemetry": {"prompts": True}}])
    assert loaded.settings.telemetry.endpoint == "http://localhost:4318"
    assert loaded.settings.telemetry.prompts is False
    assert [problem.key for problem in loaded.problems if "your own settings" in problem.message] == [
        "telemetry.endpoint", "telemetry.prompts", "telemetry.prompts",
    ]  # fmt: skip
