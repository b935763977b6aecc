"""Which request the engine runs next: a pure queue, without threads, clocks or sockets.

Order: inline, then popup, then ahead, then warm, then chat; within a class the newest first. Where an engine has
several lanes, completions of several editors run side by side; what is read in the background never begins beside
them, as its prompt would hold up their every step.
Invariant: nobody starves. A job passed over `PATIENCE` times is next whatever its class, and then makes
`GRACE_STEPS` steps before it yields again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from turnout.worker.engines.base import Work
from turnout.worker.wire import Reason

PATIENCE = 8
GRACE_STEPS = 8

_RANKS = {"inline": 0, "popup": 1, "ahead": 2, "warm": 3}
_CHAT_RANK = 4


@dataclass(slots=True, eq=False)
class Job:
    """One request on its way; `stop` is set from outside and read by the engine at every step.

    Times are of one monotonic clock, in seconds.
    """

    client: int
    id: int
    kind: str
    work: Work
    arrived_s: float
    order: int = 0
    passed_over: int = 0
    grace: int = 0
    stop: Reason | None = None
    stop_s: float | None = None
    started_s: float | None = None
    prefilled_s: float | None = None
    first_token_s: float | None = None
    runs: int = 0
    evaluated: int = 0
    reused: int = 0
    generated: int = 0
    emitted: list[str] = field(default_factory=list)

    @property
    def rank(self) -> int:
        """Class of the job; lower goes first."""
        return _RANKS.get(self.kind, _CHAT_RANK)

    @property
    def waited_for(self) -> bool:
        """Whether somebody who types waits for it."""
        return self.rank < _RANKS["ahead"]

    def superseded_by(self, newer: "Job") -> bool:
        """Whether `newer` makes this job pointless."""
        if (self.client, self.work.document) != (newer.client, newer.work.document):
            return False
        if self.work.chat or newer.work.chat:
            return False
        if newer.waited_for:
            return self.kind in (newer.kind, "ahead", "warm")
        return self.kind == newer.kind


class Queue:
    """Jobs that wait, and the rule of who is next."""

    def __init__(self) -> None:
        self._waiting: list[Job] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._waiting)

    def push(self, job: Job) -> list[Job]:
        """Add a new `job`; the waiting jobs that it supersedes leave the queue and are returned."""
        self._pushed += 1
        job.order = self._pushed
        gone = [other for other in self._waiting if other.superseded_by(job)]
        self._waiting = [other for other in self._waiting if other not in gone]
        self._waiting.append(job)
        return gone

    def put_back(self, job: Job) -> None:
        """Let an interrupted `job` wait again, in its old place."""
        self._waiting.append(job)

    def take(self, running: Sequence[Job] = ()) -> Job | None:
        """The next job to begin beside those that are `running`, or None."""
        if not self._waiting:
            return None
        job = min(self._waiting, key=_precedence)
        patient = job.passed_over >= PATIENCE
        if not patient and not job.waited_for and any(other.waited_for for other in running):
            return None
        self._waiting.remove(job)
        for other in self._waiting:
            other.passed_over += 1
        job.grace = GRACE_STEPS if patient else 0
        job.passed_over = 0
        return job

    def remove(self, client: int, job_id: int | None = None) -> list[Job]:
        """Take out the waiting jobs of `client`, or the one with `job_id`, and return them."""
        gone = [j for j in self._waiting if j.client == client and job_id in (None, j.id)]
        self._waiting = [j for j in self._waiting if j not in gone]
        return gone

    def drain(self) -> list[Job]:
        """Take out everything."""
        gone, self._waiting = self._waiting, []
        return gone

    def wants_turn(self, job: Job, running: Sequence[Job] = (), lanes: int = 1) -> bool:
        """Whether `job`, one of the `running`, should yield to jobs of classes ahead of it, its grace used up.

        Where a lane is free for them it goes on beside them, unless it is still reading its prompt.
        """
        ahead = [waiting for waiting in self._waiting if waiting.rank < job.rank]
        if job.grace > 0 or not ahead:
            return False
        staying = [other for other in running or (job,) if other.stop is None]
        short_of = len(ahead) - (lanes - len(staying))
        if short_of > 0:
            return job in sorted(staying, key=_precedence)[-short_of:]
        reading = job.prefilled_s is None and not job.waited_for
        return reading and any(waiting.waited_for for waiting in ahead)


def _precedence(job: Job) -> tuple[int, int]:
    """Jobs that waited too long first, the oldest ahead; then by class, the newest ahead."""
    return (-1, job.order) if job.passed_over >= PATIENCE else (job.rank, -job.order)
