"""What a pull tells its caller, and how the caller stops it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from turnout.errors import PullCancelled

Phase = Literal["waiting", "checking", "downloading"]

# A caller may send each report to an editor; half a percent is as fine as a bar can show.
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a pull stands: `waiting` for another process, `checking` a hash, or `downloading` from `source`.

    `notice` is a sentence worth keeping on the screen, such as why a source was given up; empty otherwise.
    """

    model: str
    phase: Phase
    done_bytes: int
    total_bytes: int
    source: str = ""
    notice: str = ""


class Reporter:
    """Passes progress to the caller when it is visibly further; every call is also a chance to stop."""

    def __init__(
        self,
        model: str,
        total_bytes: int,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._model = model
        self._total_bytes = total_bytes
        self._progress = progress
        self._cancelled = cancelled
        self._last: tuple[Phase, str, int] | None = None
        self._begun_bytes = 0

    def after(self, begun_bytes: int) -> "Reporter":
        """A reporter for the next of several files: `begun_bytes` of the whole came before it."""
        other = Reporter(self._model, self._total_bytes, self._progress, self._cancelled)
        other._begun_bytes = begun_bytes
        other._last = self._last
        return other

    def report(self, phase: Phase, done_bytes: int, source: str = "") -> None:
        """Say how far a phase is; raises PullCancelled when the caller wants no more."""
        self._stop_if_cancelled()
        done_bytes += self._begun_bytes
        step = (phase, source, done_bytes * _STEPS // max(self._total_bytes, 1))
        if step != self._last:
            self._last = step
            self._send(Progress(self._model, phase, done_bytes, self._total_bytes, source))

    def notice(self, phase: Phase, done_bytes: int, text: str, source: str = "") -> None:
        """Say something that the user should read."""
        self._stop_if_cancelled()
        done_bytes += self._begun_bytes
        self._send(Progress(self._model, phase, done_bytes, self._total_bytes, source, text))

    def _send(self, progress: Progress) -> None:
        if self._progress is not None:
            self._progress(progress)

    def _stop_if_cancelled(self) -> None:
        if self._cancelled is not None and self._cancelled():
            raise PullCancelled(
                f"The download of {self._model} was stopped.",
                advice="What has arrived is kept; the next pull goes on from there.",
            )


def in_megabytes(size: int) -> str:
    """A size for people, in decimal megabytes: `491 MB`, `1.5 MB`, `0 MB`."""
    megabytes = size / 1e6
    return f"{megabytes:.0f} MB" if megabytes >= 10 or not size else f"{megabytes:.1f} MB"
