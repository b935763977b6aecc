"""What this process may use of the machine: cores and memory, inside containers too.

Invariant: the answers err on the small side, because a thread too many costs more than one too few.
"""

import math
import os
from pathlib import Path

_ROOT = Path("/")


def threads(root: Path = _ROOT) -> int:
    """Threads for an engine: one core is left to the editor wherever there is more than one."""
    cores = physical_cores(allowed_cpus(), root)
    quota = cpu_quota(root)
    if quota is not None:
        cores = min(cores, max(1, math.floor(quota)))
    return max(1, cores - 1)


def allowed_cpus() -> frozenset[int]:
    """Numbers of the processors that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return frozenset(affinity(0)) if affinity is not None else frozenset(range(os.cpu_count() or 1))


def physical_cores(cpus: frozenset[int], root: Path = _ROOT) -> int:
    """Cores among the processors `cpus`: two that share one core compute no faster than one."""
    cores = {_siblings(cpu, root) for cpu in cpus}
    return max(1, len(cores))


def cpu_quota(root: Path = _ROOT) -> float | None:
    """How many processors' time a container may use; None without a limit."""
    older = root / "sys/fs/cgroup/cpu"
    told = [_read(folder / "cpu.max") for folder in _cgroups(root)]
    told.append(f"{_read(older / 'cpu.cfs_quota_us')} {_read(older / 'cpu.cfs_period_us')}")
    limits = [_share(text) for text in told]
    return min((limit for limit in limits if limit is not None), default=None)


def memory_bytes(root: Path = _ROOT) -> int | None:
    """Memory that this process may use at most; None where the system does not say."""
    totals = (line.split() for line in _read(root / "proc/meminfo").splitlines())
    limits = [int(words[1]) * 1024 for words in totals if words[:1] == ["MemTotal:"]]
    files = [folder / "memory.max" for folder in _cgroups(root)]
    files.append(root / "sys/fs/cgroup/memory/memory.limit_in_bytes")
    limits += [int(text) for text in map(_read, files) if text.isdigit()]
    return min(limits, default=None)


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
