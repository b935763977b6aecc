"""What this machine has for a model: memory, cores and how fast memory is read. Under a second, without torch.

Invariant: what cannot be found out has a careful default; nothing here raises.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout import machine

_DEFAULT_RAM_BYTES = 8 << 30
_DEFAULT_BANDWIDTH = 15e9
_PROBE_BYTES = 256 << 20
"""Of both buffers together: more than the caches of all but the largest servers hold."""
_PROBE_THREADS = 4
"""As many as saturate the memory of a usual machine."""
_PROBE_S = 0.3
"""How long to go on looking for an undisturbed pass: other programs read memory too."""
_FINE_S = 1e-5

# Bytes per second of the memory of graphics cards, from their makers' data sheets; the first name that fits counts.
_CARD_BANDWIDTH: tuple[tuple[str, float], ...] = (
    ("B200", 8000e9), ("H200", 4800e9), ("GH200", 4000e9), ("H100 PCIe", 2000e9), ("H100", 3350e9),
    ("A100", 1555e9), ("L40", 864e9), ("L4", 300e9), ("A10", 600e9), ("A40", 696e9), ("T4", 320e9),
    ("V100", 900e9), ("6000 Ada", 960e9), ("RTX A6000", 768e9),
    ("5090", 1792e9), ("5080", 960e9), ("5070 Ti", 896e9), ("5070", 672e9), ("5060", 448e9),
    ("4090 Laptop", 576e9), ("4090", 1008e9), ("4080", 717e9), ("4070", 504e9), ("4060", 272e9), ("4050", 192e9),
    ("3090", 936e9), ("3080", 760e9), ("3070", 448e9), ("3060", 360e9), ("3050", 192e9),
    ("2080", 448e9), ("2070", 448e9), ("2060", 336e9),
)  # fmt: skip
_UNKNOWN_CARD_BANDWIDTH = 250e9


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card that an engine can use."""

    name: str
    memory_bytes: int

    @property
    def bandwidth(self) -> float:
        """Bytes per second that its memory is read at; careful for a card that is not known."""
        fitting = (speed for name, speed in _CARD_BANDWIDTH if name.casefold() in self.name.casefold())
        return next(fitting, _UNKNOWN_CARD_BANDWIDTH)


@dataclass(frozen=True, slots=True)
class Speed:
    """What a model was measured at here: tokens per second, medians of real requests; 0 where it was not."""

    model: str
    engine: str
    prefill: float
    decode: float


@dataclass(frozen=True, slots=True)
class Machine:
    """What a recommendation is made from; `bandwidth` is bytes per second read from main memory.

    `card` is one that an installed engine uses; `idle_card` names one that no engine here can use.
    """

    ram_bytes: int
    cores: int
    bandwidth: float
    card: Card | None = None
    idle_card: str = ""
    speeds: tuple[Speed, ...] = field(default=())


def measure(
    cards: Sequence[Card] = (),
    *,
    card_engine: bool = False,
    speeds: Sequence[Speed] = (),
    root: Path = Path("/"),
) -> Machine:
    """This machine; `card_engine` says whether an engine that uses NVIDIA cards is installed.

    `root` is where the system tells of itself.
    """
    ram_bytes, cores = machine.memory_bytes(root) or _DEFAULT_RAM_BYTES, machine.cores(root)
    best = max(cards, key=lambda card: card.memory_bytes, default=None)
    return Machine(
        ram_bytes=ram_bytes,
        cores=cores,
        bandwidth=bandwidth(cores, ram_bytes),
        card=best if card_engine else None,
        idle_card=best.name if best and not card_engine else "",
        speeds=tuple(speeds),
    )


def _c_library() -> ctypes.CDLL:
    return ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)


def bandwidth(cores: int, ram_bytes: int) -> float:
    """Bytes per second that so many cores together read from main memory: what a token of a model costs on them.

    The C library's memcmp reads two buffers at full speed, and ctypes lets go of the interpreter meanwhile.
    """
    try:
        compare = _c_library().memcmp
        compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        threads = min(cores, _PROBE_THREADS)
        size = min(_PROBE_BYTES, ram_bytes // 16) // 2 // threads
        readers = [_Reader(compare, size) for _ in range(threads)]
    except (OSError, AttributeError, MemoryError, ValueError):
        return _DEFAULT_BANDWIDTH
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return sum(2 * size / reader.fastest_s for reader in readers)


class _Reader(threading.Thread):
    """Reads two buffers again and again for a moment, beside the others, and keeps its fastest pass."""

    def __init__(self, compare: Callable[..., int], size: int) -> None:
        super().__init__(name="turnout-memory-probe", daemon=True)
        self._compare = compare
        self._size = size
        self._buffers = (ctypes.create_string_buffer(size), ctypes.create_string_buffer(size))
        for buffer in self._buffers:
            ctypes.memset(buffer, 1, size)  # or every page would be the one page of zeros
        self.fastest_s = float("inf")

    def run(self) -> None:
        # Time on the processor where the clock is fine enough: other programs then slow nothing but the memory.
        fine = time.get_clock_info("thread_time").resolution < _FINE_S
        clock = time.thread_time if fine else time.perf_counter
        end = time.monotonic() + _PROBE_S
        while self.fastest_s == float("inf") or time.monotonic() < end:
            begun = clock()
            self._compare(*self._buffers, self._size)
            self.fastest_s = min(self.fastest_s, max(clock() - begun, _FINE_S))
