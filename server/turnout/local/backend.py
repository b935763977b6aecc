"""The local models as a `Backend`: finds or starts the worker of a model and streams from it.

Invariant: a stream yields text and then one `Done`, or raises a BackendError or ModelMissing; closing it
cancels the request down to the model. Nothing survives `close`.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, cast

from turnout.core.backends import Account, Delta, Done, StreamItem, Timings, Waiting
from turnout.core.models import Model, Usage
from turnout.core.prompts import ChatPrompt, Message, Prompt
from turnout.errors import (
    ModelFailed,
    ProtocolViolation,
    RequestRejected,
    WorkerUnavailable,
)
from turnout.local import spawn as spawning
from turnout.local.address import Transport, WorkerSpec
from turnout.local.call import Call
from turnout.local.choosing import Weights, choose
from turnout.local.station import Station
from turnout.worker import wire

OnProgress = Callable[[str, Literal["loading", "prefill"], int, int], None]
WAITS_FOR: dict[wire.Phase, str] = {
    "loading": "the worker is loading the model",
    "prefill": "the model is reading the prompt",
}

Spawn = Callable[[WorkerSpec, Path, Transport], Awaitable[None]]


class LocalBackend:
    """Runs prompts on the models of this machine; one connection per model, opened when it is first needed."""

    def __init__(
        self,
        locate: Callable[[str], Path],
        *,
        folder: Callable[[str], Path | None] = lambda _model: None,
        gpu_needs: Callable[[int], tuple[tuple[str, int], ...]] = lambda _context_tokens: (),
        spawn: Spawn = spawning.spawn,
        on_progress: OnProgress | None = None,
        idle_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`locate` turns a model's name into its weights, or raises ModelMissing; `folder` into a directory for a GPU.

        `gpu_needs` says what each model of the catalogue takes of a card with so many tokens of context.

        `on_progress(model, phase, done, of)` hears what requests wait for; `of` is 0 where the end is unknown.
        """
        self._weights = Weights(locate, folder)
        self._gpu_needs = gpu_needs
        self._spawn = spawn
        self._on_progress = on_progress
        self._idle_s = idle_s
        self._clock = clock
        self._stations: dict[WorkerSpec, Station] = {}
        self._by_model: dict[Model, Station] = {}
        self._closed = False

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Run `prompt`; see `core.backends.Backend`."""
        meter = _Meter(self._clock)
        call: Call | None = None
        try:
            yield Account(meter.settled)
            call = Call(await self._station(model), _complete_frame(prompt))
            while (answer := await call.next())["t"] != "done":
                if answer["t"] == "chunk":
                    meter.text_came()
                    yield Delta(answer["text"])
                else:
                    yield Waiting(_waits_for(self._tell(model, answer), answer))
            yield meter.done(_checked(model, answer))
        finally:
            if call is None:
                meter.settle(None)
            else:
                call.release(meter.settle)

    async def warm(self, model: Model, prompt: Prompt) -> None:
        """Evaluate `prompt` ahead of a request that begins like it; returns when that is done."""
        frame = {"t": "warm", "document": prompt.document, "parts": _parts(prompt), **_how(prompt)}
        call = Call(await self._station(model), frame)
        try:
            while (answer := await call.next())["t"] != "done":
                self._tell(model, answer)
        finally:
            call.release()

    async def status(self, model: Model) -> wire.StatusFrame:
        """What the worker of `model` says of itself; starts it where there is none."""
        call = Call(await self._station(model), {"t": "status"})
        try:
            while (answer := await call.next())["t"] != "status":
                self._tell(model, answer)
            return cast("wire.StatusFrame", answer)
        finally:
            call.release()

    def runs(self, name: str) -> tuple[str, str] | None:
        """The model and the engine behind a name of the settings; None where it was not asked yet."""
        found = (station.spec for model, station in self._by_model.items() if model.name == name)
        return next(((spec.model, spec.engine) for spec in found), None)

    async def close(self) -> None:
        """End every connection; the workers leave by themselves when nobody else uses them."""
        self._closed = True
        for station in self._stations.values():
            await station.close()
        await asyncio.sleep(0)  # whoever waits for the account of a request has heard it when this returns

    async def _station(self, model: Model) -> Station:
        station = self._by_model.get(model)
        if station is None:
            # On a thread: a file that was never checked is hashed now, which takes about a second.
            spec = await asyncio.to_thread(self._spec, model)
            if self._closed:
                raise WorkerUnavailable("Turnout is leaving.")
            station = self._stations.get(spec) or Station(spec, self._spawn, self._clock)
            self._stations[spec] = self._by_model[model] = station
        return station

    def _spec(self, model: Model) -> WorkerSpec:
        wanted = os.environ.get("TURNOUT_ENGINE") or model.engine
        if wanted == "fake":
            return WorkerSpec(model.model, wanted, None, self._idle_s, model.context_tokens)
        choice = choose(wanted, model, self._weights)
        smaller = () if choice.engine == "llamacpp" else self._gpu_needs(model.context_tokens)
        return WorkerSpec(
            model.model, choice.engine, choice.path, self._idle_s, model.context_tokens, smaller
        )

    def _tell(self, model: Model, answer: wire.Frame) -> wire.Phase:
        """Pass on what a request waits for."""
        if answer["t"] != "progress":
            raise ProtocolViolation(f"The worker of {model.name} answered with {answer['t']!r}.")
        if self._on_progress is not None:
            self._on_progress(model.name, answer["phase"], answer["done"], answer["of"])
        return cast("wire.Phase", answer["phase"])


def _waits_for(phase: wire.Phase, answer: wire.Frame) -> str:
    """What a request waits for, in words, with how far along that is where somebody knows."""
    share = f", {answer['done'] * 100 // answer['of']} %" if answer["of"] else ""
    return WAITS_FOR[phase] + share


def _complete_frame(prompt: Prompt) -> dict[str, Any]:
    return {
        "t": "complete",
        "kind": "chat" if isinstance(prompt, ChatPrompt) else prompt.kind,
        "document": prompt.document,
        "parts": _parts(prompt),
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature if isinstance(prompt, ChatPrompt) else 0.0,
        "stop": list(prompt.stop) if isinstance(prompt, ChatPrompt) else [],
        "shape": "block" if isinstance(prompt, ChatPrompt) else prompt.shape,
        **_how(prompt),
    }


def _how(prompt: Prompt) -> dict[str, Any]:
    """How a hole is to be laid out, where that is not the worker's to decide."""
    if isinstance(prompt, ChatPrompt):
        return {}
    window = prompt.window
    told = (
        {} if window is None else {"window": [window.prefix_chars, window.suffix_chars, window.chunk_chars]}
    )
    return {**told, "plain": True} if prompt.plain else dict(told)


def _parts(prompt: Prompt) -> list[wire.Part]:
    if isinstance(prompt, ChatPrompt):
        return [{"role": _role(prompt, message), "text": message.content} for message in prompt.messages]
    parts: list[wire.Part] = [{"role": "chunk", "text": c.text, "path": c.path} for c in prompt.context]
    parts.append({"role": "prefix", "text": prompt.prefix, "path": prompt.path})
    parts.append({"role": "suffix", "text": prompt.suffix})
    return parts


def _role(prompt: ChatPrompt, message: Message) -> Literal["system", "user", "assistant"]:
    if prompt.tools or message.role == "tool":
        raise RequestRejected(
            "Models on this machine are given no tools.", advice="Name a remote model first."
        )
    return message.role


def _checked(model: Model, answer: wire.Frame) -> wire.Frame:
    """`answer`, a `done`, unless it says that the request failed."""
    if answer["reason"] == "error":
        told = str(answer.get("error") or "The model failed and did not say why.")
        raise ModelFailed(told, model=model.name)
    if answer["reason"] == "cancelled":
        raise WorkerUnavailable("The model process was told to end while it answered.")
    return answer


class _Meter:
    """What one request takes, and the future that is told."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_s = clock()
        self._first_ms: float | None = None
        self.settled: asyncio.Future[Done | None] = asyncio.get_running_loop().create_future()

    def text_came(self) -> None:
        """Note when the first text came."""
        if self._first_ms is None:
            self._first_ms = self._since_start_ms()

    def settle(self, answer: wire.Frame | None) -> None:
        """Tell what the request came to, if the worker said it."""
        told = answer if answer is not None and answer.get("reason", "error") != "error" else None
        self.settled.set_result(None if told is None else self.done(told))

    def done(self, answer: wire.Frame) -> Done:
        """A worker's `done`, with the times as they were here."""
        figures = cast("wire.Figures", answer["figures"])
        usage = Usage(
            input=figures["evaluated"] + figures["reused"],
            output=figures["generated"],
            cached=figures["reused"],
        )
        timings = Timings(
            queue=figures["queue_ms"],
            prefill=figures["prefill_ms"],
            first_token=figures["first_token_ms"] if self._first_ms is None else self._first_ms,
            total=self._since_start_ms(),
            model=figures["total_ms"],
            stop=figures["stop_ms"],
        )
        return Done(answer["reason"], usage, timings)

    def _since_start_ms(self) -> float:
        return (self._clock() - self._started_s) * 1000
