"""What this process may use of the machine: cores and memory, inside containers too.

Invariant: the answers err on the small side, because a thread too many costs more than one too few. Whoever
recommends a model and whoever runs it ask here, so that they speak of the same machine.
"""

import ctypes
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

_ROOT = Path("/")


def threads(root: Path = _ROOT) -> int:
    """Threads for an engine: one core is left to the editor wherever there is more than one."""
    return max(1, cores(root) - 1)


def cores(root: Path = _ROOT) -> int:
    """Cores that this process may use, and has the time of."""
    found, quota = physical_cores(allowed_cpus(), root), cpu_quota(root)
    return found if quota is None else min(found, max(1, math.floor(quota)))


def allowed_cpus() -> frozenset[int]:
    """Numbers of the processors that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return frozenset(affinity(0)) if affinity is not None else frozenset(range(os.cpu_count() or 1))


def physical_cores(cpus: frozenset[int], root: Path = _ROOT) -> int:
    """Cores among the processors `cpus`: two that share one core compute no faster than one."""
    return max(1, len({_siblings(cpu, root) for cpu in cpus}))


def cpu_quota(root: Path = _ROOT) -> float | None:
    """How many processors' time a container may use; None without a limit."""
    older = root / "sys/fs/cgroup/cpu"
    told = [_read(folder / "cpu.max") for folder in _cgroups(root)]
    told.append(f"{_read(older / 'cpu.cfs_quota_us')} {_read(older / 'cpu.cfs_period_us')}")
    limits = [_share(text) for text in told]
    return min((limit for limit in limits if limit is not None), default=None)


def installed_bytes() -> int | None:
    """Memory of the machine, as systems without `/proc` tell it; None where this one does not."""
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        return (
            int(status.total) if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None
        )
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def memory_bytes(root: Path = _ROOT, installed: Callable[[], int | None] = installed_bytes) -> int | None:
    """Memory that this process may use at most; None where the system does not say."""
    limits = [int(words[1]) * 1024 for words in _meminfo(root) if words[:1] == ["MemTotal:"]]
    if not limits and (told := installed()) is not None:
        limits.append(told)
    files = [folder / "memory.max" for folder in _cgroups(root)]
    files.append(root / "sys/fs/cgroup/memory/memory.limit_in_bytes")
    limits += [int(text) for text in map(_read, files) if text.isdigit()]
    return min(limits, default=None)


def free_bytes(root: Path = _ROOT) -> int | None:
    """Memory that this process could still take without others being pushed out; None where the system does not say.

    What files take is free: it is given back when somebody needs it.
    """
    known = {
        words[0]: int(words[1]) * 1024 for words in _meminfo(root) if len(words) > 1 and words[1].isdigit()
    }
    free = [known["MemAvailable:"]] if "MemAvailable:" in known else []
    free += [left for folder in _cgroups(root) if (left := _left_in(folder)) is not None]
    return min(free, default=None)


class _MemoryStatus(ctypes.Structure):
    """What Windows fills in when it is asked for its memory."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 6),
    )


def _meminfo(root: Path) -> list[list[str]]:
    return [line.split() for line in _read(root / "proc/meminfo").splitlines()]


def _left_in(folder: Path) -> int | None:
    """What a control group may still take; None without a limit."""
    limit, used = _read(folder / "memory.max"), _read(folder / "memory.current")
    if not limit.isdigit() or not used.isdigit():
        return None
    told = dict(line.split(maxsplit=1) for line in _read(folder / "memory.stat").splitlines() if " " in line)
    files = sum(int(told[name]) for name in ("inactive_file", "active_file") if told.get(name, "").isdigit())
    return max(0, int(limit) - int(used) + files)


def _share(text: str) -> float | None:
    """Processors in a limit that is told as microseconds of each period; None where it is no limit."""
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def _siblings(cpu: int, root: Path) -> str:
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    return _read(topology / "thread_siblings_list") or str(cpu)


def _cgroups(root: Path) -> list[Path]:
    """The folders of this process's control groups, from its own up to the top."""
    top = root / "sys/fs/cgroup"
    own = _read(root / "proc/self/cgroup").rpartition("::")[2].splitlines()
    inner = top / own[0].strip().lstrip("/") if own else top
    return [inner, *(parent for parent in inner.parents if parent.is_relative_to(top))]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
