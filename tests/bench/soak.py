"""`python -m bench.soak`: editors that type for a long time while their requests are cancelled and workers are killed.

Verdict: every request was answered, no process grew once it had settled, and none was left at the end.
"""

import argparse
import asyncio
import contextlib
import importlib
import inspect
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.client import Client
from bench.recording import Keystroke, Recording
from bench.report import percentile
from bench.session import fresh_environment, turnout_command
from bench.watch import Watch, all_gone

CANCELLED = 0.2
"""Share of requests that the editor takes back, at once or a little later."""

UNANSWERED_S = 30.0
"""Six times the deadline of ghost text: who waits so long is never answered."""

_SOURCES = ("argparse", "ast", "dataclasses", "inspect", "tarfile", "subprocess", "typing", "zipfile")


@dataclass(slots=True)
class Tally:
    """What became of the requests of all editors."""

    outcomes: Counter[str] = field(default_factory=Counter)
    took_ms: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def unanswered(self) -> int:
        """Requests that nobody answered."""
        return self.outcomes["unanswered"]


class Typist:
    """One editor: types a recording and asks for ghost text after every key."""

    def __init__(self, client: Client, recording: Recording, uri: str, tally: Tally, seed: int) -> None:
        self._client = client
        self._recording = recording
        self._uri = uri
        self._tally = tally
        self._random = random.Random(seed)
        self._version = 0
        self._waiting: set[asyncio.Task[None]] = set()

    async def work(self, until_s: float, pace: float) -> None:
        """Type until the clock says `until_s`, pauses times `pace`; then wait for what is unanswered."""
        item = {"uri": self._uri, "languageId": "python", "version": 0, "text": self._recording.text}
        self._client.notify("textDocument/didOpen", {"textDocument": item})
        for key in self._recording.events():
            if time.monotonic() >= until_s or self._client.ended:
                break
            await asyncio.sleep(key.pause_s * pace)
            self._press(key)
            task = asyncio.create_task(self._complete(key))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        await asyncio.gather(*self._waiting)

    def _press(self, key: Keystroke) -> None:
        if not key.text and not key.removed:
            return
        self._version += 1
        change = {
            "range": {
                "start": {"line": key.line, "character": key.character - key.removed},
                "end": {"line": key.line, "character": key.character},
            },
            "text": key.text,
        }
        document = {"uri": self._uri, "version": self._version}
        self._client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    async def _complete(self, key: Keystroke) -> None:
        at = {"line": key.line, "character": key.character - key.removed + len(key.text)}
        params = {"textDocument": {"uri": self._uri}, "position": at, "context": {"triggerKind": 2}}
        began_s = time.monotonic()
        number, answer = self._client.ask("textDocument/inlineCompletion", params)
        if self._random.random() < CANCELLED:
            await asyncio.sleep(self._random.choice((0.0, self._random.uniform(0.0, 1.0))))
            self._client.notify("$/cancelRequest", {"id": number})
        try:
            async with asyncio.timeout(UNANSWERED_S):
                message = await answer
        except (TimeoutError, ConnectionError):
            self._tally.outcomes["unanswered"] += 1
            return
        self._tally.took_ms.append((time.monotonic() - began_s) * 1000)
        self._tally.outcomes[_outcome(message)] += 1
        if _outcome(message) == "empty":
            await self._ask_why(at)

    async def _ask_why(self, at: dict[str, int]) -> None:
        params = {"textDocument": {"uri": self._uri}, "position": at}
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(UNANSWERED_S):
                message = await self._client.ask("turnout/why", params)[1]
            reason = str(message["result"]["reason"]) if "result" in message else str(message["error"])
            moved_on = reason.startswith(("no completion was asked", "there is a completion"))
            self._tally.reasons["the cursor had moved on" if moved_on else reason[:100]] += 1


def _outcome(message: dict[str, Any]) -> str:
    if "error" in message:
        code = message["error"].get("code")
        return "cancelled" if code == -32800 else f"error {code}"
    result = message["result"]
    items = result["items"] if isinstance(result, dict) else result
    return "shown" if items else "empty"


async def soak(options: argparse.Namespace) -> bool:
    """Run it, print what happened, and say whether all went well."""
    tally = Tally()
    with fresh_environment() as environment, tempfile.TemporaryDirectory(prefix="turnout-soak-") as work:
        root = Path(environment["TURNOUT_CONFIG_DIR"]).parent
        if options.engine == "llamacpp":
            environment = _real_model(root, environment, options.model)
        clients = [await Client.start(turnout_command(), environment) for _ in range(options.editors)]
        for client in clients:
            await _shake_hands(client, Path(work))
        watch = Watch(root, [client.pid for client in clients], options.settle_s)
        await _type(options, clients, Path(work), watch, tally)
        died = sum(client.ended for client in clients)
        statuses = [await client.leave() for client in clients]
        left = await all_gone(root)
    faults = [*_faults(tally, watch, died, statuses), *(f"left over: {command}" for command in left)]
    _report(tally, watch)
    print("\n".join(["", *(faults or ["all well"])]))
    return not faults


async def _type(
    options: argparse.Namespace, clients: Sequence[Client], work: Path, watch: Watch, tally: Tally
) -> None:
    """Let everybody type for as long as the options say, with the workers being killed meanwhile."""
    until_s = time.monotonic() + options.minutes * 60
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(watch.look(options.kill_every_s, random.Random(options.seed)))
        typing = []
        for number, client in enumerate(clients):
            seed = options.seed + number
            uri = (work / f"typed{number}.py").as_uri()
            typist = Typist(client, _recording(seed), uri, tally, seed)
            typing.append(group.create_task(typist.work(until_s, options.pace)))
        await asyncio.wait(typing)
        looking.cancel()


def _real_model(root: Path, environment: dict[str, str], weights: Path | None) -> dict[str, str]:
    """The environment of a user whose `near` is the default model, which lies where it was downloaded to."""
    from turnout import models

    path = weights or models.locate(models.DEFAULT_MODEL)
    config = root / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[models.near]\nmodel = "{models.DEFAULT_MODEL}"\npath = "{path}"\n', encoding="utf-8")
    return {**environment, "TURNOUT_ENGINE": "llamacpp"}


async def _shake_hands(client: Client, work: Path) -> None:
    params: dict[str, Any] = {
        "processId": None,
        "rootUri": work.as_uri(),
        "capabilities": {"textDocument": {"inlineCompletion": {}}},
        "initializationOptions": {"client": {"name": "soak", "version": "1"}},
    }
    await client.ask("initialize", params)[1]
    client.notify("initialized", {})


def _recording(seed: int) -> Recording:
    module = importlib.import_module(_SOURCES[seed % len(_SOURCES)])
    return Recording(inspect.getsource(module), seed)


def _faults(tally: Tally, watch: Watch, died: int, statuses: Sequence[int]) -> list[str]:
    return [
        *([f"{tally.unanswered} requests were never answered"] if tally.unanswered else []),
        *([] if tally.outcomes["shown"] else ["no completion was ever shown"]),
        *(f"answered with {outcome}" for outcome in tally.outcomes if outcome.startswith("error")),
        *([f"{died} servers died"] if died else []),
        *(f"a server left with status {status}" for status in statuses if status != 0),
        *(f"memory grows: {name}" for name, memory in watch.memory.items() if memory.grows),
    ]


def _report(tally: Tally, watch: Watch) -> None:
    rows: list[tuple[str, object]] = [("requests", sum(tally.outcomes.values()))]
    rows += [(f"  {outcome}", count) for outcome, count in tally.outcomes.most_common()]
    rows += [(f"    empty: {reason}", count) for reason, count in tally.reasons.most_common(8)]
    if tally.took_ms:
        shares = (0.5, 0.95, 1.0)
        rows += [
            (f"answered after, p{share:.0%}, ms", round(percentile(tally.took_ms, share))) for share in shares
        ]
    rows += [("workers killed", watch.killed), ("workers seen", len(watch.workers))]
    rows += [(f"memory, {name}", memory) for name, memory in watch.memory.items()]
    for name, value in rows:
        print(f"{name:<48} {value}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--editors", type=int, default=6)
    parser.add_argument("--engine", choices=("llamacpp", "fake"), default="llamacpp")
    parser.add_argument("--model", type=Path, help="weights; default: those already downloaded")
    parser.add_argument("--kill-every-s", type=float, default=60.0, help="kill -9 of the worker, on average")
    parser.add_argument("--settle-s", type=float, default=300.0, help="growth counts from then on")
    parser.add_argument("--pace", type=float, default=1.0, help="all pauses of the typing times this")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    return parser


def main() -> int:
    """Run it as the command line says; 1 where something is wrong."""
    options = _parser().parse_args()
    print(
        f"seed {options.seed}, {options.editors} editors, {options.minutes:g} minutes, {options.engine}",
        flush=True,
    )
    return 0 if asyncio.run(soak(options)) else 1


if __name__ == "__main__":
    sys.exit(main())
