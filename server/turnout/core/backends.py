"""What runs prompts on models, and what comes back while it does.

Invariant: nothing here does I/O, and every value is frozen.
"""

from asyncio import Future
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from turnout.core.models import Model, Usage
from turnout.core.prompts import Prompt, Thought, ToolCall


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds since the request was sent to the backend; None where it never came to that, or nobody told.

    `queue`, `prefill` (the prompt alone), `model` (all that the model took) and `stop` (from a cancel, or from the
    request that superseded this one, until the model was free) are the local worker's own figures.
    """

    queue: float | None = None
    first_token: float | None = None
    total: float | None = None
    prefill: float | None = None
    model: float | None = None
    stop: float | None = None


Finish = Literal["stop", "length", "cancelled", "superseded"]


@dataclass(frozen=True, slots=True)
class Delta:
    """Text as it arrives."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last item of every successful stream; `calls` are whole and among the tools that were offered."""

    finish: Finish
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing comes yet, and why: `the worker is loading the model`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Account:
    """Where it will stand what the request came to, also if its stream is closed before the end.

    None means that nobody will know. It is settled whatever happens, and soon.
    """

    settled: "Future[Done | None]"


@dataclass(frozen=True, slots=True)
class Departing:
    """Everything that a send takes is there, and `body` goes out to `url` once the next item is asked for.

    Until then nothing has left, so that whoever reads the stream can still think better of it.
    """

    url: str = ""
    body: bytes = field(default=b"", repr=False)


StreamItem: TypeAlias = Delta | Done | Waiting | Account | Departing


class Backend(Protocol):
    """Something that runs prompts: the local worker, or a remote API.

    A stream yields any number of `Delta`s and then exactly one `Done`, or raises a `BackendError`.
    One that can tell more begins with an `Account`, and has a `Waiting` ahead of the first `Delta`.
    One that has to wait for something of its own, such as a key, has a `Departing` ahead of all that it sends.
    Closing the iterator (`aclose`) cancels the request down to the model.
    """

    def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Run `prompt` on `model`."""
        ...
