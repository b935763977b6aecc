"""The local models as a `Backend`: finds or starts the worker of a model and streams from it.

Invariant: a stream yields text and then one `Done`, or raises a BackendError or ModelMissing; closing it
cancels the request down to the model. Nothing survives `close`.
"""

import asyncio
import importlib.util
import os
import shlex
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, cast

from turnout.core.requests import (
    ChatPrompt,
    Delta,
    Done,
    Model,
    Prompt,
    StreamItem,
    Timings,
    Usage,
)
from turnout.errors import (
    EngineMissing,
    ModelError,
    ProtocolViolation,
    RequestRejected,
    WorkerCrashed,
    WorkerUnavailable,
)
from turnout.local import spawn as spawning
from turnout.local.address import Transport, WorkerSpec
from turnout.local.link import Exchange, Link, LinkLostError
from turnout.local.station import Station
from turnout.worker import wire

OnProgress = Callable[[str, Literal["loading", "prefill"], int, int], None]
Spawn = Callable[[WorkerSpec, Path, Transport], Awaitable[None]]


class LocalBackend:
    """Runs prompts on the models of this machine; one connection per model, opened when it is first needed."""

    def __init__(
        self,
        locate: Callable[[str], Path],
        *,
        spawn: Spawn = spawning.spawn,
        on_progress: OnProgress | None = None,
        idle_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`locate` turns a model's name into its weights, or raises ModelMissing.

        `on_progress(model, phase, done, of)` hears what requests wait for; `of` is 0 where the end is unknown.
        """
        self._locate = locate
        self._spawn = spawn
        self._on_progress = on_progress
        self._idle_s = idle_s
        self._clock = clock
        self._stations: dict[WorkerSpec, Station] = {}
        self._by_model: dict[Model, Station] = {}

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Run `prompt`; see `core.requests.Backend`."""
        started_s = self._clock()
        first_s: float | None = None
        call = _Call(await self._station(model), _complete_frame(prompt))
        try:
            while True:
                answer = await call.next()
                if answer["t"] == "chunk":
                    first_s = first_s or self._clock()
                    yield Delta(answer["text"])
                elif answer["t"] == "done":
                    yield _done(answer, started_s, first_s, self._clock())
                    return
                else:
                    self._tell(model, answer)
        finally:
            call.release()

    async def warm(self, model: Model, prompt: Prompt) -> None:
        """Evaluate `prompt` ahead of a request that begins like it; returns when that is done."""
        frame = {"t": "warm", "document": prompt.document, "parts": _parts(prompt)}
        call = _Call(await self._station(model), frame)
        try:
            while (answer := await call.next())["t"] != "done":
                self._tell(model, answer)
        finally:
            call.release()

    async def status(self, model: Model) -> wire.StatusFrame:
        """What the worker of `model` says of itself; starts it where there is none."""
        call = _Call(await self._station(model), {"t": "status"})
        try:
            return cast("wire.StatusFrame", await call.next())
        finally:
            call.release()

    async def close(self) -> None:
        """End every connection; the workers leave by themselves when nobody else uses them."""
        stations = list(self._stations.values())
        self._stations.clear()
        self._by_model.clear()
        for station in stations:
            await station.close()

    async def _station(self, model: Model) -> Station:
        station = self._by_model.get(model)
        if station is None:
            # On a thread: a file that was never checked is hashed now, which takes about a second.
            spec = await asyncio.to_thread(self._spec, model)
            station = self._stations.get(spec) or Station(spec, self._spawn, self._clock)
            self._stations[spec] = self._by_model[model] = station
        return station

    def _spec(self, model: Model) -> WorkerSpec:
        engine = os.environ.get("TURNOUT_ENGINE") or ("llamacpp" if model.engine == "auto" else model.engine)
        if engine == "fake":
            return WorkerSpec(model.model, engine, None, self._idle_s, model.context_tokens)
        if engine != "llamacpp":
            raise EngineMissing(
                f"{model.name} asks for the engine {engine}, which this version does not have.",
                advice=f'Set models.{model.name}.engine to "auto".',
            )
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineMissing(
                f"The engine that runs {model.name} on this machine is not installed.",
                advice=f"Install it with: {shlex.quote(sys.executable)} -m pip install xllamacpp",
            )
        path = Path(model.path).expanduser() if model.path else self._locate(model.model)
        if not path.is_file():
            raise ModelError(
                f"There is no file {path}.",
                advice=f"Correct models.{model.name}.path in your config.toml, or take it out.",
            )
        return WorkerSpec(model.model, engine, path, self._idle_s, model.context_tokens)

    def _tell(self, model: Model, answer: wire.Frame) -> None:
        if answer["t"] != "progress":
            raise ProtocolViolation(f"The worker of {model.name} answered with {answer['t']!r}.")
        if self._on_progress is not None:
            self._on_progress(model.name, answer["phase"], answer["done"], answer["of"])


class _Call:
    """One request and its answers, sent once more where the worker was lost before it said a word."""

    def __init__(self, station: Station, frame: dict[str, Any]) -> None:
        self._station = station
        self._frame = frame
        self._link: Link | None = None
        self._exchange: Exchange | None = None
        self._losses = 0

    async def next(self) -> wire.Frame:
        """The next answer; raises WorkerUnavailable or WorkerCrashed."""
        while True:
            try:
                if self._exchange is None:
                    self._link = await self._station.link()
                    self._exchange = self._link.open(self._frame)
                answer = await self._exchange.next()
            except LinkLostError as lost:
                self._recover(lost)
                continue
            if self._exchange.finished:
                self._station.answered()
            return answer

    def release(self) -> None:
        """Cancel what is still under way."""
        if self._exchange is not None:
            self._exchange.release()

    def _recover(self, lost: LinkLostError) -> None:
        self._losses += 1
        self._exchange = None
        if self._losses == 1 and not lost.heard:
            self._station.lost(self._link)
            return
        self._station.crashed(self._link)
        raise WorkerCrashed(
            f"The model process of {self._station.spec.model} died while it answered.",
            advice=self._station.log_advice(),
        ) from lost


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
    }


def _parts(prompt: Prompt) -> list[wire.Part]:
    if isinstance(prompt, ChatPrompt):
        return [{"role": message.role, "text": message.content} for message in prompt.messages]
    parts: list[wire.Part] = [{"role": "chunk", "text": c.text, "path": c.path} for c in prompt.context]
    parts.append({"role": "prefix", "text": prompt.prefix, "path": prompt.path})
    parts.append({"role": "suffix", "text": prompt.suffix})
    return parts


def _done(answer: wire.Frame, started_s: float, first_s: float | None, ended_s: float) -> Done:
    if answer["reason"] == "error":
        raise RequestRejected(str(answer.get("error") or "The model failed and did not say why."))
    if answer["reason"] == "cancelled":
        raise WorkerUnavailable("The model process was told to end while it answered.")
    figures = cast("wire.Figures", answer["figures"])
    return Done(
        finish=answer["reason"],
        usage=Usage(
            input=figures["evaluated"] + figures["reused"],
            output=figures["generated"],
            cached=figures["reused"],
        ),
        timings=Timings(
            queue=figures["queue_ms"],
            first_token=None if first_s is None else (first_s - started_s) * 1000,
            total=(ended_s - started_s) * 1000,
        ),
    )
