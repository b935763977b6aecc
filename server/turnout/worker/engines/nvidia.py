"""What the NVIDIA driver says of the graphics cards here, asked without torch.

Through NVML, which comes with the driver: a few milliseconds, no CUDA context, no memory on the card.
Invariant: a machine without a driver or a card is an answer with a `problem`, never an exception.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_NAMES = ("nvml.dll",) if sys.platform == "win32" else ("libnvidia-ml.so.1", "libnvidia-ml.so")
_TEXT_BYTES = 96


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card; `capability` is its CUDA architecture, such as (9, 0)."""

    name: str
    capability: tuple[int, int]
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards that programs may use (`CUDA_VISIBLE_DEVICES`); `problem` says why there are none."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    problem: str = ""


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def cards(load: Callable[[str], Any] = ctypes.CDLL, visible: str | None = None) -> Cards:
    """What is here now; `visible` stands for `CUDA_VISIBLE_DEVICES`, whose value is taken where it is None."""
    nvml = _library(load)
    if nvml is None or nvml.nvmlInit_v2() != 0:
        return Cards(problem="no NVIDIA driver answers on this machine")
    try:
        found = tuple(_gpu(nvml, index) for index in range(_count(nvml)))
        driver = _text(nvml.nvmlSystemGetDriverVersion)
    finally:
        nvml.nvmlShutdown()
    gpus = _visible(found, os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible)
    return Cards(gpus, driver, "" if gpus else "the NVIDIA driver shows no card to this program")


def architectures(gpus: tuple[Gpu, ...]) -> str:
    """The CUDA architectures of `gpus` as compilers take them, such as `8.6;9.0`."""
    return ";".join(f"{major}.{minor}" for major, minor in sorted({gpu.capability for gpu in gpus}))


def _library(load: Callable[[str], Any]) -> Any:
    for name in _NAMES:
        try:
            return load(name)
        except OSError:
            continue
    return None


def _visible(found: tuple[Gpu | None, ...], chosen: str | None) -> tuple[Gpu, ...]:
    """Those of `chosen`, which counts the cards that did not answer too."""
    gpus = tuple(gpu for gpu in found if gpu is not None)
    if chosen is None:
        return gpus
    entries = [entry.strip() for entry in chosen.split(",")]
    if not all(entry.lstrip("-").isdigit() for entry in entries if entry):
        return gpus  # cards chosen by their UUID: which one it is does not matter for what is asked here
    indexes = [int(entry) for entry in entries if entry]
    named = (found[index] for index in indexes if 0 <= index < len(found))
    return tuple(gpu for gpu in named if gpu is not None)


def _count(nvml: Any) -> int:
    count = ctypes.c_uint()
    return count.value if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0 else 0


def _gpu(nvml: Any, index: int) -> Gpu | None:
    """A card; None for one that does not answer, such as one that has fallen off its bus."""
    device = ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) != 0:
        return None
    major, minor, memory = ctypes.c_int(), ctypes.c_int(), _Memory()
    if nvml.nvmlDeviceGetCudaComputeCapability(device, ctypes.byref(major), ctypes.byref(minor)) != 0:
        return None
    if nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) != 0:
        return None
    name = _text(nvml.nvmlDeviceGetName, device)
    return Gpu(name, (major.value, minor.value), memory.total, memory.free)


def _text(ask: Callable[..., int], *arguments: Any) -> str:
    buffer = ctypes.create_string_buffer(_TEXT_BYTES)
    ask(*arguments, buffer, ctypes.c_uint(_TEXT_BYTES))
    return buffer.value.decode("utf-8", "replace")
