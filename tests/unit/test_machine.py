"""Cores and memory as a container's limits leave them."""

from pathlib import Path

import pytest

from turnout import machine

SIBLINGS = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
OWN = {"proc/self/cgroup": "4:memory:/x\n0::/user/app\n"}


def files(root: Path, content: dict[str, str]) -> Path:
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("siblings", "cores"),
    [({}, 4), ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, 2), ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, 2)],
)
def test_two_processors_of_one_core_count_once(tmp_path: Path, siblings: dict[int, str], cores: int) -> None:
    """Where the system does not say, every processor is taken for a core."""
    root = files(tmp_path, {SIBLINGS.format(cpu): text for cpu, text in siblings.items()})
    assert machine.physical_cores(frozenset(range(4)), root) == cores


@pytest.mark.parametrize(
    ("content", "quota"),
    [
        ({}, None),
        ({**OWN, "sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({**OWN, "sys/fs/cgroup/cpu.max": "200000 100000"}, 2.0),
        ({**OWN, "sys/fs/cgroup/user/app/cpu.max": "150000 100000"}, 1.5),
        ({**OWN, "sys/fs/cgroup/user/cpu.max": "1 2", "sys/fs/cgroup/user/app/cpu.max": "4 2"}, 0.5),
        (
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            3.0,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, None),
        ({**OWN, "sys/fs/cgroup/cpu.max": "what is this"}, None),
    ],
)
def test_the_tightest_limit_of_the_control_groups_holds(
    tmp_path: Path, content: dict[str, str], quota: float | None
) -> None:
    """Both layouts of control groups are read, from the process's own group upwards."""
    assert machine.cpu_quota(files(tmp_path, content)) == quota


def test_one_core_is_left_to_the_editor(tmp_path: Path) -> None:
    """Down to one thread, which there always is."""
    cores = len(machine.allowed_cpus())
    assert (machine.cores(tmp_path), machine.threads(tmp_path)) == (cores, max(1, cores - 1))
    limited = files(tmp_path, {**OWN, "sys/fs/cgroup/cpu.max": "50000 100000"})
    assert (machine.cores(limited), machine.threads(limited)) == (1, 1)


@pytest.mark.parametrize(
    ("content", "total"),
    [
        ({}, None),
        ({"proc/meminfo": "MemTotal:  8 kB\nMemFree: 1 kB\n"}, 8192),
        ({"proc/meminfo": "MemTotal:  8 kB\n", **OWN, "sys/fs/cgroup/user/memory.max": "4096"}, 4096),
        ({"proc/meminfo": "MemTotal:  8 kB\n", **OWN, "sys/fs/cgroup/memory.max": "max"}, 8192),
    ],
)
def test_memory_is_what_the_container_may_use(
    tmp_path: Path, content: dict[str, str], total: int | None
) -> None:
    """A limit counts where it is below what the machine has."""
    assert machine.memory_bytes(files(tmp_path, content), lambda: None) == total


def test_a_system_without_meminfo_is_asked_for_its_memory(tmp_path: Path) -> None:
    """The limit of a container counts there too."""
    assert machine.memory_bytes(tmp_path, lambda: 8192) == 8192
    assert machine.memory_bytes(files(tmp_path, {"sys/fs/cgroup/memory.max": "4096"}), lambda: 8192) == 4096
    assert machine.installed_bytes()


GROUP = {**OWN, "sys/fs/cgroup/user/memory.max": "1000", "sys/fs/cgroup/user/memory.current": "900"}
AVAILABLE = {"proc/meminfo": "MemTotal:  80 kB\nMemFree: 1 kB\nMemAvailable: 8 kB\n"}


@pytest.mark.parametrize(
    ("content", "free"),
    [
        ({}, None),
        (AVAILABLE, 8192),
        ({**AVAILABLE, **GROUP}, 100),
        (
            {
                **AVAILABLE,
                **GROUP,
                "sys/fs/cgroup/user/memory.stat": "anon 1\ninactive_file 40\nactive_file 2\n",
            },
            142,
        ),
        ({**AVAILABLE, **GROUP, "sys/fs/cgroup/user/memory.current": "2000"}, 0),
        ({**AVAILABLE, **GROUP, "sys/fs/cgroup/user/memory.max": "max"}, 8192),
    ],
)
def test_free_memory_is_what_system_and_container_leave(
    tmp_path: Path, content: dict[str, str], free: int | None
) -> None:
    """Files that lie in memory are given back when somebody needs it, so they count as free."""
    assert machine.free_bytes(files(tmp_path, content)) == free
