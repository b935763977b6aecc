"""The engine's thread: takes jobs from the queue, runs them step by step and reports each step to the loop.

As many run at once as the engine has lanes.
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
from typing import Literal, cast

from turnout.worker.engines.base import BatchEngine, Ending, Engine, EngineError, EngineLost, Work, in_lanes
from turnout.worker.schedule import Job, Queue
from turnout.worker.wire import Reason

log = logging.getLogger(__name__)

_WORTH_TELLING_TOKENS = 64
_TELL_EVERY_S = 0.1

State = Literal["loading", "idle", "busy", "failed"]
Report = tuple[Literal["chunk", "prefill", "loading", "finished", "loaded", "lost"], Job | None, object]
"""What happened, to which job, and its text, (done, of), (reason, error) or None.

After `lost` the engine can do nothing more.
"""


class Runner:
    """Owns the engine and its thread; `report` is called on the loop, with everything that has happened since."""

    def __init__(
        self,
        engine: Engine | BatchEngine,
        report: Callable[[list[Report]], None],
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = in_lanes(engine)
        self._lanes = 1
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
        self.running: tuple[Job, ...] = ()
        self.on_load: Callable[[bool], None] = lambda _going: None
        """Called on the engine's thread: with True as a load begins and goes on, with False when it is over."""

    def start(self) -> None:
        """Begin to load the model, unless that has begun already."""
        if self._thread.ident is None:
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue `job`; older jobs that it supersedes are stopped, and after `close` it is cancelled itself."""
        with self._wake:
            gone = self._queue.push(job)
            late = self._queue.drain() if self._closing else []
            for running in self.running:
                if running.superseded_by(job):
                    self._stop(running, "superseded")
            self._wake.notify()
        for other in gone:
            self._finish(other, "superseded")
        for other in late:
            self._finish(other, "cancelled")

    def cancel(self, client: int, job_id: int | None = None) -> None:
        """Stop job `job_id` of `client`, or all of them."""
        with self._wake:
            gone = self._queue.remove(client, job_id)
            for running in self.running:
                if running.client == client and job_id in (None, running.id):
                    self._stop(running, "cancelled")
        for job in gone:
            self._finish(job, "cancelled")

    def wants_turn(self, job: Job) -> bool:
        """Whether the running `job` should make room for one that waits."""
        with self._wake:
            return self._queue.wants_turn(job, self.running, self._lanes)

    @property
    def queued(self) -> int:
        """Jobs that wait."""
        return len(self._queue)

    def close(self, timeout_s: float) -> bool:
        """Stop what runs and end the thread; False where the engine did not come back in time."""
        with self._wake:
            self._closing = True
            gone = self._queue.drain()
            for running in self.running:
                self._stop(running, "cancelled")
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
            while self._fill():
                self._step()
            if self.state != "failed":  # one that was lost may hang in its own end
                self._engine.close()
        while (job := self._take()) is not None:
            self._drop(job)
            self._finish(job, "error", self.error)

    def _load(self) -> bool:
        try:
            self.on_load(True)
            self._engine.load(_Loading(self).tell)
            self._lanes = self._engine.lanes
        except Exception as exc:  # the engine's boundary: whatever failed, requests are answered with it
            log.exception("the model could not be loaded")
            self.error = str(exc) if isinstance(exc, EngineError) else f"{type(exc).__name__}: {exc}"
            self.state = "failed"
        else:
            self.state = "idle"
            self.tell_waiting("prefill", 0, 0)  # or they would go on as waiting for the model
        finally:
            self.on_load(False)
        self.post(("loaded", None, None))
        return self.state != "failed"

    def _fill(self) -> bool:
        """Begin what there is room for; False where nothing runs then."""
        while self.state != "failed" and (job := self._take()) is not None:
            self._begin(job)
        return bool(self.running)

    def _take(self) -> Job | None:
        """The next job, now running; waits for one where nothing runs, and None where nothing can begin."""
        with self._wake:
            while not self._closing:
                job = self._queue.take(self.running) if len(self.running) < self._lanes else None
                if job is not None:
                    self.running += (job,)
                    self._set_state("busy")
                    return job
                if self.running:
                    return None
                self._set_state("idle")
                self._wake.wait()
            return None

    def _set_state(self, state: State) -> None:
        if self.state != "failed":
            self.state = state

    def _begin(self, job: Job) -> None:
        if job.started_s is None:
            job.started_s = self.clock()
        try:
            self._engine.begin(_remaining(job), _Run(self, job))
        except Exception as exc:  # the engine's boundary: one broken request must not end the others
            self._fail(job, exc)

    def _step(self) -> None:
        try:
            ended = self._engine.step()
        except Exception as exc:  # the engine's boundary, as above
            for job in self.running:
                self._fail(job, exc)
            return
        for sink, ending in ended:
            self._settle(cast("_Run", sink), ending)

    def _settle(self, run: "_Run", ending: Ending) -> None:
        run.count()
        job = run.job
        with (
            self._wake
        ):  # held throughout: between running and queued, neither a cancel nor a close would find the job
            self._drop(job)
            if job.stop is None and ending == "interrupted" and not run.cut:
                self._queue.put_back(job)
                return
        self._finish(job, job.stop or ("length" if ending == "length" else "stop"))

    def _fail(self, job: Job, exc: Exception) -> None:
        self._drop(job)
        if isinstance(exc, EngineLost) and self.state != "failed":
            log.error("the engine is lost: %s", exc, exc_info=exc)
            self.error = str(exc)
            self.state = "failed"
            self.post(("lost", None, None))
        elif not isinstance(exc, EngineError):
            log.error("request %d failed in the engine", job.id, exc_info=exc)
        told = (
            str(exc) if isinstance(exc, EngineError) else f"The engine failed: {type(exc).__name__}: {exc}."
        )
        self._finish(job, "error", told)

    def _drop(self, job: Job) -> None:
        with self._wake:
            self.running = tuple(other for other in self.running if other is not job)

    def tell_waiting(self, phase: Literal["loading", "prefill"], done: int, of: int) -> None:
        """Report to every job that waits what it waits for, and how much of that is done; `of` 0: unknown."""
        with self._wake:
            waiting = tuple(self._queue)
        for job in waiting:
            self.post((phase, job, (done, of)))

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


class _Loading:
    """Passes progress on, as often as somebody can read it."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._told_s = runner.clock()

    def tell(self, done: int, of: int) -> None:
        now_s = self._runner.clock()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            self._runner.on_load(True)
            self._runner.tell_waiting("loading", done, of)


class _Run:
    """The sink of one run: passes text on, counts, and tells the engine when to stop."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self._runner = runner
        self.job = job
        self._evaluated = 0
        self._reused = 0
        self._told_s = runner.clock()
        self._has_text = any(text.strip() for text in job.emitted)
        self.cut = False

    def prefill(self, reused: int, done: int, of: int) -> bool:
        self._reused, self._evaluated = reused, max(0, done - reused)
        now_s = self._runner.clock()
        if done >= of and self.job.prefilled_s is None:
            self.job.prefilled_s = now_s
        elif of - done > _WORTH_TELLING_TOKENS and now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            self._runner.post(("prefill", self.job, (done, of)))
        return self._goes_on()

    def token(self, text: str) -> bool:
        job = self.job
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
        job = self.job
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
        job = self.job
        if job.grace > 0:
            job.grace -= 1
        return job.stop is None and not self._runner.wants_turn(job)


def _remaining(job: Job) -> Work:
    if not job.emitted:
        return job.work
    left = max(1, job.work.max_tokens - job.generated)
    return replace(job.work, already="".join(job.emitted), max_tokens=left)
