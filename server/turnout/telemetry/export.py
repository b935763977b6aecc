"""Spans and metrics in OpenTelemetry's conventions for generative AI, sent over OTLP/HTTP by threads of the SDK.

Invariant: no file name, no folder, no key and no error text is in them; prompts and answers only where asked for.
Importing this takes 0.3 s: do it on a thread.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from turnout import __version__
from turnout.core.backends import Done
from turnout.core.hosts import is_loopback
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Prompt
from turnout.core.receipts import Receipt
from turnout.errors import TurnoutError

TIMEOUT_S = 2.0
"""How long a collector has for an answer; a server that ends waits for it about that long, too."""
METRICS_EVERY_S = 60.0

_PROVIDERS = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "api.mistral.ai": "mistral_ai",
    "codestral.mistral.ai": "mistral_ai",
    "api.deepseek.com": "deepseek",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
"""Hosts whose provider has a name in the conventions; any other is called after what it speaks."""

_DURATIONS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)


class Exporter:
    """Tells one collector; `close` ends its threads."""

    def __init__(self, endpoint: str, *, prompts: bool) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        resource = Resource.create({"service.name": "turnout", "service.version": __version__})
        self._prompts = prompts
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        spans = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=TIMEOUT_S, session=_session(endpoint))
        self._traces.add_span_processor(BatchSpanProcessor(spans))
        self._tracer = self._traces.get_tracer("turnout", __version__)
        counts = OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=TIMEOUT_S, session=_session(endpoint))
        reader = PeriodicExportingMetricReader(counts, METRICS_EVERY_S * 1000, TIMEOUT_S * 1000)
        self._metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter("turnout", __version__)
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=_DURATIONS_S
        )
        self._cost = meter.create_counter(
            "turnout.request.cost", "{USD}", "Cost of requests, as far as it is known."
        )
        self._redacted = meter.create_counter(
            "turnout.secrets.redacted", "{secret}", "Secrets that were kept here."
        )

    @contextmanager
    def span(self, model: Model, prompt: Prompt) -> "Iterator[Span]":
        """A span around one request to a model."""
        operation = "chat" if isinstance(prompt, ChatPrompt) else "text_completion"
        attributes = {**_about(model, operation), "gen_ai.request.max_tokens": prompt.max_tokens}
        if isinstance(prompt, ChatPrompt):
            attributes["gen_ai.request.temperature"] = prompt.temperature
        told = self._prompts and model.leaves_machine
        with self._tracer.start_as_current_span(
            f"{operation} {model.model}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as started:
            span = Span(started, told=told)
            if told:
                started.set_attribute("gen_ai.input.messages", json.dumps(_messages(prompt)))
            try:
                yield span
            except TurnoutError as error:
                span.fail(type(error).__name__)
                raise
            except GeneratorExit:
                raise  # whoever reads has all that is wanted
            except BaseException as error:
                span.fail(type(error).__name__)
                raise
            finally:
                span.end()

    def count(self, receipt: Receipt) -> None:
        """Count one request of the user's."""
        outcome = receipt.outcome.partition(":")[0]
        about: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "text_completion" if receipt.kind in ("inline", "popup") else "chat",
            "gen_ai.request.model": receipt.model or "none",
            "turnout.request.kind": receipt.kind,
            "turnout.request.outcome": outcome,
            "turnout.request.leaves_machine": receipt.leaves_machine,
        }
        failed = {"error.type": outcome} if outcome in ("failed", "late") else {}
        self._duration.record(receipt.total_ms / 1000, {**about, **failed})
        self._tokens.record(receipt.tokens_in, {**about, "gen_ai.token.type": "input"})
        self._tokens.record(receipt.tokens_out, {**about, "gen_ai.token.type": "output"})
        if receipt.cost_usd:
            self._cost.add(receipt.cost_usd, about)
        for kind, number in receipt.redacted:
            self._redacted.add(number, {"turnout.secret.kind": kind})

    def close(self) -> None:
        """Send what is left, and end."""
        timeout_ms = int(TIMEOUT_S * 1000)
        self._traces.shutdown()
        self._metrics.shutdown(timeout_ms)


class Span:
    """One request to a model as it goes on."""

    def __init__(self, span: OtelSpan, *, told: bool) -> None:
        self._span = span
        self._told = told
        self._answer: list[str] = []

    def text(self, text: str) -> None:
        """Take a piece of the answer."""
        if self._told:
            self._answer.append(text)

    def done(self, done: Done) -> None:
        """Take the ending."""
        self._span.set_attributes(
            {
                "gen_ai.response.finish_reasons": (done.finish,),
                "gen_ai.usage.input_tokens": done.usage.input,
                "gen_ai.usage.output_tokens": done.usage.output,
                "gen_ai.usage.cache_read.input_tokens": done.usage.cached,
            }
        )
        if done.timings.first_token is not None:
            self._span.set_attribute("turnout.first_token_ms", done.timings.first_token)

    def fail(self, kind: str) -> None:
        """Say what kind of failure it was; messages may quote the user's text and stay here."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        """Tell the answer, where that is wanted."""
        if self._told:
            parts = [{"type": "text", "content": "".join(self._answer)}]
            message = [{"role": "assistant", "parts": parts}]
            self._span.set_attribute("gen_ai.output.messages", json.dumps(message))


def _session(endpoint: str) -> requests.Session:
    """Requests that no answer can send elsewhere, and to this machine no proxy of the environment either."""
    session = requests.Session()
    session.max_redirects = 0
    session.trust_env = not is_loopback(urlsplit(endpoint).hostname or "")
    return session


def _about(model: Model, operation: str) -> dict[str, AttributeValue]:
    parts = urlsplit(model.base_url or "")
    host = parts.hostname or ""
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _PROVIDERS.get(host, "turnout.local" if model.api == "local" else model.api),
        "gen_ai.request.model": model.model,
        "turnout.model": model.name,
    }
    if host:
        attributes["server.address"] = host
        attributes["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
    return attributes


def _messages(prompt: Prompt) -> list[Mapping[str, object]]:
    if isinstance(prompt, ChatPrompt):
        shown = [(message.role, message.content) for message in prompt.messages]
    else:
        shown = [("user", f"{prompt.prefix}\N{WHITE SQUARE}{prompt.suffix}")]
    return [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in shown]
