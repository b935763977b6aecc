"""The engine's thread: takes jobs from the queue, runs them step by step and reports each step to the loop.

Invariant: every submitted job gets exactly one `finished` report, whatever the engine does.
Reports are handed over in batches: while the loop has not yet picked up earlier ones, no new wake-up is sent.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from turnout.worker.engines.base import Engine, EngineError, Work
from turnout.worker.schedule import Job, Queue
from turnout.worker.wire import Reason

log = logging.getLogger(__name__)

_WORTH_TELLING_TOKENS = 64
_TELL_EVERY_S = 0.1

State = Literal["loading", "idle", "busy", "failed"]
Report = tuple[Literal["chunk", "prefill", "finished", "loaded"], Job | None, object]
"""What happened, to which job, and its text, (done, of), (reason, error) or None."""


class Runner:
    """Owns the engine and its thread; `report` is called on the loop, with everything that has happened since."""

    def __init__(
        self,
        engine: Engine,
        report: Callable[[list[Report]], None],
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._report = report
        self._loop = loop
        self.clock = clock
        self._queue = Queue()
        self._wake = threading.Condition()
        self._reports: deque[Report] = deque()
        self._scheduled = False
        self._closing = False
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self.state: State = "loading"
        self.error = ""
        self.running: Job | None = None

    def start(self) -> None:
        """Begin to load the model, unless that has begun already."""
        if self._thread.ident is None:
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue `job`; older jobs that it supersedes are stopped."""
        with self._wake:
            gone = self._queue.push(job)
            running = self.running
            if running is not None and running.superseded_by(job):
                self._stop(running, "superseded")
            self._wake.notify()
        for other in gone:
            self._finish(other, "superseded")

    def cancel(self, client: int, job_id: int | None = None) -> None:
        """Stop job `job_id` of `client`, or all of them."""
        with self._wake:
            gone = self._queue.remove(client, job_id)
            running = self.running
            if running is not None and running.client == client and job_id in (None, running.id):
                self._stop(running, "cancelled")
        for job in gone:
            self._finish(job, "cancelled")

    def wants_turn(self, job: Job) -> bool:
        """Whether the running `job` should make room for one that waits."""
        with self._wake:
            return self._queue.wants_turn(job)

    @property
    def queued(self) -> int:
        """Jobs that wait."""
        return len(self._queue)

    def close(self, timeout_s: float) -> bool:
        """Stop what runs and end the thread; False where the engine did not come back in time."""
        with self._wake:
            self._closing = True
            gone = self._queue.drain()
            if self.running is not None:
                self._stop(self.running, "cancelled")
            self._wake.notify()
        for job in gone:
            self._finish(job, "cancelled")
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _stop(self, job: Job, reason: Reason) -> None:
        if job.stop is None:
            job.stop_s = self.clock()
            job.stop = reason

    def _main(self) -> None:
        if self._load():
            while (job := self._next()) is not None:
                self._run(job)
            self._engine.close()
        else:
            while (job := self._next()) is not None:
                self._finish(job, "error", self.error)

    def _load(self) -> bool:
        try:
            self._engine.load()
        except Exception as exc:  # the engine's boundary: whatever failed, requests are answered with it
            log.exception("the model could not be loaded")
            self.error = str(exc) if isinstance(exc, EngineError) else f"{type(exc).__name__}: {exc}"
            self.state = "failed"
        else:
            self.state = "idle"
        self.post(("loaded", None, None))
        return self.state != "failed"

    def _next(self) -> Job | None:
        with self._wake:
            self.running = None
            if self.state == "busy":
                self.state = "idle"
            while not self._closing:
                job = self._queue.take()
                if job is not None:
                    if self.state == "idle":
                        self.state = "busy"
                    self.running = job
                    return job
                self._wake.wait()
            return None

    def _run(self, job: Job) -> None:
        if job.started_s is None:
            job.started_s = self.clock()
        run = _Run(self, job)
        try:
            ending = self._engine.run(_remaining(job), run)
        except EngineError as exc:
            self._finish(job, "error", str(exc))
            return
        except Exception as exc:  # the engine's boundary: one broken request must not end the others
            log.exception("request %d failed in the engine", job.id)
            self._finish(job, "error", f"The engine failed: {type(exc).__name__}: {exc}.")
            return
        finally:
            run.count()
        if job.stop is not None:
            self._finish(job, job.stop)
        elif ending != "interrupted" or run.cut:
            self._finish(job, "length" if ending == "length" else "stop")
        else:
            with self._wake:
                self._queue.put_back(job)

    def _finish(self, job: Job, reason: Reason, error: str = "") -> None:
        self.post(("finished", job, (reason, error)))

    def post(self, report: Report) -> None:
        """Hand `report` to the loop; from any thread."""
        self._reports.append(report)
        if not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: the process is on its way out
                log.debug("a report came after the end")

    def _deliver(self) -> None:
        self._scheduled = False  # before the queue is emptied: a report appended meanwhile schedules anew
        reports: list[Report] = []
        while self._reports:
            reports.append(self._reports.popleft())
        self._report(reports)


class _Run:
    """The sink of one run: passes text on, counts, and tells the engine when to stop."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self._runner = runner
        self._job = job
        self._evaluated = 0
        self._reused = 0
        self._told_s = runner.clock()
        self._has_text = any(text.strip() for text in job.emitted)
        self.cut = False

    def prefill(self, reused: int, done: int, of: int) -> bool:
        self._reused, self._evaluated = reused, max(0, done - reused)
        now_s = self._runner.clock()
        if done >= of and self._job.prefilled_s is None:
            self._job.prefilled_s = now_s
        elif of - done > _WORTH_TELLING_TOKENS and now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            self._runner.post(("prefill", self._job, (done, of)))
        return self._goes_on()

    def token(self, text: str) -> bool:
        job = self._job
        job.generated += 1
        if job.work.shape == "line" and not job.work.chat:
            text = self._until_line_end(text)
        if text:
            if job.first_token_s is None:
                job.first_token_s = self._runner.clock()
            job.emitted.append(text)
            self._runner.post(("chunk", job, text))
        return not self.cut and self._goes_on()

    def count(self) -> None:
        """Add this run's prompt tokens to the job's; what a later run reuses, an earlier one has counted."""
        job = self._job
        if job.runs == 0:
            job.evaluated, job.reused = self._evaluated, self._reused
        else:
            job.evaluated = max(job.evaluated, self._reused + self._evaluated - job.reused - job.generated)
        job.runs += 1

    def _until_line_end(self, text: str) -> str:
        start = 0
        if not self._has_text:
            start = len(text) - len(text.lstrip())
            self._has_text = start < len(text)
        end = text.find("\n", start)
        self.cut = self._has_text and end >= 0
        return text[:end] if self.cut else text

    def _goes_on(self) -> bool:
        job = self._job
        if job.grace > 0:
            job.grace -= 1
        return job.stop is None and not self._runner.wants_turn(job)


def _remaining(job: Job) -> Work:
    if not job.emitted:
        return job.work
    left = max(1, job.work.max_tokens - job.generated)
    return replace(job.work, already="".join(job.emitted), max_tokens=left)
