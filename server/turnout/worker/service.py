"""The worker's side of every connection: frames in, jobs to the runner, frames out.

The model is loaded for the first request and not before: while llama.cpp loads it holds the interpreter, so
whatever is to be said about it has to be said first.
Invariant: each `complete` and `warm` that was read gets exactly one `done`, unless its client is gone;
a client that stops reading is dropped and never holds up another.
"""

import asyncio
import hmac
import logging
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from turnout import __version__
from turnout.core.fim.layout import Window
from turnout.errors import ProtocolViolation
from turnout.worker import listener, wire
from turnout.worker.engines.base import BatchEngine, Engine, Work
from turnout.worker.runner import Report, Runner
from turnout.worker.schedule import Job

log = logging.getLogger(__name__)

MAX_UNREAD_BYTES = 1024 * 1024
"""How far a client may fall behind before it is dropped."""

_CHAT_ROLES = frozenset({"system", "user", "assistant"})


@dataclass(frozen=True, slots=True)
class Identity:
    """What this worker runs, as `hello` and `status` tell it."""

    engine: str
    model: str


class Service:
    """All connections and the runner.

    `changed` is called whenever there is more or less to do, `loaded` once the model is in memory or has failed.
    """

    def __init__(
        self, engine: Engine | BatchEngine, identity: Identity, hang_s: float, token: str = ""
    ) -> None:
        """A stopped request that keeps the engine for `hang_s` ends the process; `token` is the listener's."""
        self._loop = asyncio.get_running_loop()
        self._identity = identity
        self._hang_s = hang_s
        self._token = token
        self._connections: dict[int, Connection] = {}
        self._accepted = 0
        self._open: set[tuple[int, int]] = set()
        """Client and id of each request that has not had its `done`."""
        self._ended = False
        self.changed: Callable[[], None] = lambda: None
        self.loaded: Callable[[], None] = lambda: None
        self.leaving = False
        self.retired = False
        """Whether a newer worker has taken this one's place: it leaves with its last client."""
        self.runner = Runner(engine, self._deliver, self._loop)

    def connection(self) -> "Connection":
        """The protocol object of a new connection."""
        self._accepted += 1
        return Connection(self, self._accepted)

    @property
    def clients(self) -> int:
        """Open connections."""
        return len(self._connections)

    @property
    def busy(self) -> bool:
        """Whether a request waits or runs."""
        return bool(self._open)

    def hello(self) -> wire.Hello:
        """The worker's `hello`."""
        return {
            "t": "hello",
            "protocol": wire.PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
            "engine": self._identity.engine,
            "model": self._identity.model,
            "state": self.runner.state,
        }

    def token_fits(self, frame: wire.Frame) -> bool:
        """Whether a client's `hello` carries the token of this listener."""
        return hmac.compare_digest(str(frame.get("token", "")).encode(), self._token.encode())

    def opened(self, connection: "Connection") -> None:
        """Remember `connection`."""
        self._connections[connection.client] = connection
        if self._ended:
            connection.stop_reading()
        self.changed()

    def closed(self, connection: "Connection") -> None:
        """Forget `connection` and cancel everything it asked for."""
        if self._connections.pop(connection.client, None) is not None:
            self._cancel(connection.client, None)
            self.changed()

    def stop_reading(self) -> None:
        """Leave what clients send from now on unread: they ask it of the next worker."""
        self._ended = True
        for connection in self._connections.values():
            connection.stop_reading()

    def close(self) -> None:
        """Close every connection once its answers are written."""
        for connection in list(self._connections.values()):
            connection.close()

    def handle(self, connection: "Connection", frame: wire.Frame) -> None:
        """Act on one frame after `hello`; raises ProtocolViolation for one that only a worker sends."""
        match frame["t"]:
            case "complete" | "warm":
                self._submit(connection, frame)
            case "cancel":
                self._cancel(connection.client, frame["id"])
            case "status":
                connection.send([self._status(frame["id"])])
                self.runner.start()
            case "unload":
                if frame.get("when_alone"):
                    self.retired = True
                else:
                    self.leaving = True
                self.changed()
            case other:
                raise ProtocolViolation(f"a client does not send {other!r}")

    def _submit(self, connection: "Connection", frame: wire.Frame) -> None:
        work = _work(frame)
        kind = "warm" if frame["t"] == "warm" else str(frame["kind"])
        job = Job(connection.client, frame["id"], kind, work, self.runner.clock())
        if (job.client, job.id) in self._open:
            raise ProtocolViolation(
                f"request {job.id} is still open: an id may be used again only after its end"
            )
        self._open.add((job.client, job.id))
        if self.runner.state == "loading":
            connection.send([{"t": "progress", "id": job.id, "phase": "loading", "done": 0, "of": 0}])
        stopped = self.runner.running
        self.runner.submit(job)
        self.runner.start()
        self._watch(stopped)
        self.changed()

    def _cancel(self, client: int, job_id: int | None) -> None:
        stopped = self.runner.running
        self.runner.cancel(client, job_id)
        self._watch(stopped)

    def _watch(self, jobs: tuple[Job, ...]) -> None:
        for job in jobs:
            if job.stop is not None:
                self._loop.call_later(self._hang_s, self._end_if_hung, job)

    def _end_if_hung(self, job: Job) -> None:
        if job in self.runner.running:
            log.critical("the engine did not stop within %g s: this worker ends itself", self._hang_s)
            os._exit(70)

    def _status(self, status_id: int) -> wire.StatusFrame:
        frame: wire.StatusFrame = {
            "t": "status",
            "id": status_id,
            "engine": self._identity.engine,
            "model": self._identity.model,
            "state": self.runner.state,
            "queued": self.runner.queued,
            "rss_bytes": resident_bytes(),
            "clients": self.clients,
        }
        if self.runner.error:
            frame["error"] = self.runner.error
        return frame

    def _deliver(self, reports: list[Report]) -> None:
        frames: dict[int, list[Any]] = defaultdict(list)
        for what, job, detail in reports:
            if job is not None and job.client in self._connections:
                frames[job.client].append(_frame(what, job, detail, self.runner.clock()))
            if what == "finished" and job is not None:
                self._open.discard((job.client, job.id))
            elif what == "loaded":
                self.loaded()
            elif what == "lost":
                self.leaving = True
        for client, batch in frames.items():
            if (connection := self._connections.get(client)) is not None:
                connection.send(batch)
        self.changed()


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, service: Service, client: int) -> None:
        self._service = service
        self._decoder = wire.FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._greeted = False
        self._reading = True
        self.client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("socket")
        if peer is not None and not listener.may_connect(peer):
            log.warning("a connection of another user was refused")
            self._transport.abort()
            return
        self._service.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                if self._reading:
                    self._receive(frame)
        except ProtocolViolation as exc:
            log.warning("client %d is dropped: %s", self.client, exc)
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._service.closed(self)

    def send(self, frames: list[Any]) -> None:
        """Write `frames` at once, or drop a client that has stopped reading."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join(map(wire.encode, frames)))
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            log.warning("client %d is dropped: it does not read its answers", self.client)
            self.drop()

    def stop_reading(self) -> None:
        """Take no more frames, not even those that have arrived."""
        self._reading = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def close(self) -> None:
        """End the connection once what was sent is written."""
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """End the connection without waiting for what is unsent."""
        if self._transport is not None:
            self._transport.abort()

    def _receive(self, frame: wire.Frame) -> None:
        if self._greeted:
            self._service.handle(self, frame)
            return
        if frame["t"] != "hello" or not self._service.token_fits(frame):
            raise ProtocolViolation("the first frame is not a valid hello")
        self.send([self._service.hello()])
        self._greeted = True
        if frame["protocol"] != wire.PROTOCOL and self._transport is not None:
            log.warning("client %d speaks protocol %s", self.client, frame["protocol"])
            self._transport.close()


def resident_bytes() -> int:
    """Memory of this process that is in RAM; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (0.1 ms less than Path on each status)
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def _work(frame: wire.Frame) -> Work:
    parts = cast("list[wire.Part]", frame["parts"])
    chat = any(part["role"] in _CHAT_ROLES for part in parts)
    window = Window(*frame["window"]) if "window" in frame else None
    plain = frame.get("plain", False)
    if frame["t"] == "warm":
        return Work(frame["document"], tuple(parts), chat, generate=False, window=window, plain=plain)
    return Work(
        document=frame["document"],
        parts=tuple(parts),
        chat=chat,
        shape="block" if frame["shape"] == "block" else "line",
        max_tokens=max(1, frame["max_tokens"]),
        temperature=float(frame["temperature"]),
        stop=tuple(stop for stop in frame["stop"] if stop),
        window=window,
        plain=plain,
    )


def _frame(what: str, job: Job, detail: Any, now_s: float) -> Any:
    if what == "chunk":
        return {"t": "chunk", "id": job.id, "text": detail}
    if what in ("prefill", "loading"):
        return {"t": "progress", "id": job.id, "phase": what, "done": detail[0], "of": detail[1]}
    reason, error = detail
    done: wire.DoneFrame = {"t": "done", "id": job.id, "reason": reason, "figures": _figures(job, now_s)}
    if reason in ("cancelled", "superseded") and job.stop_s is None:
        done["figures"]["stop_ms"] = 0.0  # it had only waited: the engine had nothing to stop
    if error:
        done["error"] = error
    return done


def _figures(job: Job, now_s: float) -> wire.Figures:
    def since(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else round((end - start) * 1000, 3)

    return {
        "evaluated": job.evaluated,
        "reused": job.reused,
        "generated": job.generated,
        "queue_ms": since(job.arrived_s, job.started_s),
        "prefill_ms": since(job.started_s, job.prefilled_s),
        "first_token_ms": since(job.arrived_s, job.first_token_s),
        "stop_ms": since(job.stop_s, now_s),
        "total_ms": round((now_s - job.arrived_s) * 1000, 3),
    }
