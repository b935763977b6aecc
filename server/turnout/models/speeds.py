"""What models were measured at here: a small file in the state directory, fed by real requests.

Invariant: it holds figures and names of models only, nothing of any text; a file that cannot be read is no figures.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turnout import paths
from turnout.models.hardware import Speed

_KEPT = 25
"""Figures per model and engine: enough for a median that one busy minute does not move."""

_MIN_PREFILL_TOKENS = 48
"""Fewer are over before the speed of evaluating shows."""

_MIN_DECODED_TOKENS = 6
_WRITE_EVERY_S = 120.0

_Figures = dict[str, dict[str, list[float]]]


class Keeper:
    """Collects figures and writes them now and then; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._fresh: _Figures = {}
        self._written_s: float | None = None

    def heard(
        self, model: str, engine: str, *, evaluated: int, prefill_ms: float, generated: int, decode_ms: float
    ) -> bool:
        """Take in what one request measured; True when `write` is due."""
        with self._lock:
            kinds = self._fresh.setdefault(f"{engine} {model}", {})
            if evaluated >= _MIN_PREFILL_TOKENS and prefill_ms > 0:
                kinds.setdefault("prefill", []).append(evaluated / prefill_ms * 1000)
            if generated >= _MIN_DECODED_TOKENS and decode_ms > 0:
                kinds.setdefault("decode", []).append(generated / decode_ms * 1000)
            due = self._written_s is None or self._clock() - self._written_s >= _WRITE_EVERY_S
            return due and any(kinds.values())

    def write(self) -> None:
        """Add the collected figures to the file. Blocks; a disk that refuses costs the figures and nothing else."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
            self._written_s = self._clock()
        if not any(kind for kinds in fresh.values() for kind in kinds.values()):
            return
        try:
            _write(_merged(_load(), fresh))
        except OSError:
            return


def read() -> tuple[Speed, ...]:
    """The medians of every model and engine that was measured here."""
    speeds = []
    for key, kinds in _load().items():
        engine, _, model = key.partition(" ")
        speeds.append(Speed(model, engine, _median(kinds.get("prefill")), _median(kinds.get("decode"))))
    return tuple(speeds)


def _median(figures: list[float] | None) -> float:
    return statistics.median(figures) if figures else 0.0


def _merged(before: _Figures, fresh: _Figures) -> _Figures:
    keys = {*before, *fresh}
    return {
        key: {
            kind: [*before.get(key, {}).get(kind, []), *fresh.get(key, {}).get(kind, [])][-_KEPT:]
            for kind in ("prefill", "decode")
        }
        for key in sorted(keys)
    }


def _path() -> Path:
    return paths.state_dir() / "speeds.json"


def _load() -> _Figures:
    try:
        return _checked(json.loads(_path().read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def _checked(data: Any) -> _Figures:
    """Only what has the form that `_write` gives it."""
    figures: _Figures = {}
    for key, kinds in data.items() if isinstance(data, dict) else ():
        if isinstance(kinds, dict):
            figures[key] = {kind: _numbers(kinds.get(kind)) for kind in ("prefill", "decode")}
    return figures


def _numbers(values: Any) -> list[float]:
    found = values if isinstance(values, list) else []
    return [float(v) for v in found if type(v) in (int, float) and 0 < v < 1e9][-_KEPT:]


def _write(figures: _Figures) -> None:
    rounded = {
        key: {kind: [round(value, 2) for value in values] for kind, values in kinds.items()}
        for key, kinds in figures.items()
    }
    path = _path()
    draft = path.with_name(f"{path.name}.{threading.get_ident()}.tmp")
    draft.write_text(json.dumps(rounded), encoding="utf-8")
    draft.replace(path)
