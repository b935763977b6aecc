"""The model process: whether it starts, and how fast the model is against what this machine should give."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from turnout import models
from turnout.core.backends import Done
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.doctor.findings import Case, Finding
from turnout.errors import ModelError, ModelMissing, TurnoutError
from turnout.local import LocalBackend
from turnout.models import on_gpu, recommend
from turnout.models.hardware import Machine, Speed
from turnout.models.speeds import Keeper

_TIMEOUT_S = 180.0
"""A large model is read from a slow disk first."""

_IDLE_S = 20.0
"""A worker that was started to be looked at need not stay as long as one that somebody types with."""

_FUNCTIONS = 12
"""Of the prompt: about 400 tokens, which two cores read in three seconds."""

_SLOW_SHARE = 0.4
"""Of the estimate; less is worth a word."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one request measured."""

    engine: str
    evaluated: int
    prefill_ms: float
    generated: int
    decode_ms: float

    @property
    def prefill(self) -> float:
        """Tokens per second of prompt."""
        return self.evaluated / self.prefill_ms * 1000 if self.prefill_ms else 0.0

    @property
    def decode(self) -> float:
        """Tokens per second generated."""
        return self.generated / self.decode_ms * 1000 if self.decode_ms else 0.0


def speed(case: Case) -> Iterator[Finding]:
    """Start the worker of the model that completions go to, and time one request."""
    chain = case.loaded.policy.routes["inline"].models
    model = next((model for model in chain if model.api == "local"), None)
    if model is None:
        yield Finding("worker", "ok", "completions go to no local model, so no worker is needed")
        return
    case.say(f"starting {model.model} and timing one request")
    try:
        run = asyncio.run(asyncio.wait_for(_measured(model), _TIMEOUT_S))
    except ModelMissing as exc:
        yield Finding(
            "worker", "note", f"Not measured: {exc.message}", exc.advice, {"skipped": "model missing"}
        )
    except ModelError as exc:
        yield Finding("worker", "problem", f"Not measured: {exc.message}", exc.advice)
    except TurnoutError as exc:
        advice = exc.advice or "The worker's log in the state directory, logs/, says more."
        yield Finding("worker", "problem", f"The worker did not answer: {exc.message}", advice)
    except TimeoutError:
        advice = "Look at what else runs on this machine, and at the worker's log."
        yield Finding("worker", "problem", f"The worker did not answer within {_TIMEOUT_S:g} s.", advice)
    else:
        yield Finding(
            "worker", "ok", f"reachable; it runs {model.model} on {run.engine}", facts={"engine": run.engine}
        )
        if run.engine != "fake":
            finding = judged(case.machine, model, run)
            if finding.level == "ok":  # what a busy minute gives says nothing of the machine
                _keep(model.model, run)
            yield finding


async def _measured(model: Model) -> Run:
    backend = LocalBackend(models.locate, folder=on_gpu.folder, gpu_needs=on_gpu.needs, idle_s=_IDLE_S)
    try:
        status = await backend.status(model)
        # Once to load the model and the code for every shape, then for the figures.
        await _request(backend, model, str(status["engine"]), functions=1)
        return await _request(backend, model, str(status["engine"]), functions=_FUNCTIONS)
    finally:
        await backend.close()


async def _request(backend: LocalBackend, model: Model, engine: str, functions: int) -> Run:
    done: Done | None = None
    async for item in backend.stream(model, _prompt(functions)):
        if isinstance(item, Done):
            done = item
    if done is None:
        raise TurnoutError("Its answer has no end.")
    timings = done.timings
    prefill_ms = timings.prefill or 0.0
    decode_ms = (timings.model or 0.0) - (timings.queue or 0.0) - prefill_ms
    evaluated = done.usage.input - done.usage.cached
    return Run(engine, evaluated, prefill_ms, done.usage.output, decode_ms)


def _prompt(functions: int) -> FimPrompt:
    """A prompt that no cache knows, because of the names in it."""
    name = f"part_{secrets.token_hex(3)}"
    lines = [
        f"def {name}_{n}(left, right):\n    return left * {n} + right - {name}_{n - 1}(left, 1)\n"
        for n in range(1, functions + 1)
    ]
    prefix = "\n".join(lines) + f"\n\ndef all_of_{name}(values):\n    return ["
    return FimPrompt(f"doctor:{name}", f"{name}.py", prefix, "\n", shape="block", max_tokens=32)


def _keep(model: str, run: Run) -> None:
    keeper = Keeper()
    keeper.heard(
        model,
        run.engine,
        evaluated=run.evaluated,
        prefill_ms=run.prefill_ms,
        generated=run.generated,
        decode_ms=run.decode_ms,
    )
    keeper.write()


def judged(machine: Machine, model: Model, run: Run) -> Finding:
    """What was measured, beside what the machine should give by the formula of recommendations."""
    text = f"{model.model}: {run.prefill:.0f} tokens/s of prompt, {run.decode:.0f} tokens/s generated"
    facts: dict[str, object] = {
        "model": model.model,
        "engine": run.engine,
        "prefill_tokens_per_s": round(run.prefill, 1),
        "decode_tokens_per_s": round(run.decode, 1),
    }
    expected = _expected(machine, model.model, run.engine)
    if expected is None:
        return Finding("speed", "ok", text, facts=facts)
    facts |= {
        "expected_prefill_tokens_per_s": round(expected.prefill, 1),
        "expected_decode_tokens_per_s": round(expected.decode, 1),
    }
    text += f"; about {expected.prefill:.0f} and {expected.decode:.0f} are to be expected here"
    if run.prefill >= _SLOW_SHARE * expected.prefill and run.decode >= _SLOW_SHARE * expected.decode:
        return Finding("speed", "ok", text, facts=facts)
    load = f" (load {os.getloadavg()[0]:.1f} on {machine.cores} cores)" if hasattr(os, "getloadavg") else ""
    advice = f"Look at what else runs{load}, and at power saving; then run this again."
    return Finding("speed", "note", f"{text}.", advice, facts)


def _expected(machine: Machine, name: str, engine: str) -> Speed | None:
    """The estimate for a model as if nothing had been measured."""
    if name not in models.known():
        return None
    bare = Machine(machine.ram_bytes, machine.cores, machine.bandwidth, machine.card)
    estimate = recommend.estimate(bare, models.entry(name), engine)
    if estimate is None:
        return None
    return Speed(name, engine, 1000 / estimate.prefill_ms, 1000 / estimate.decode_ms)
