"""What a container may use of its machine, as the control groups of Linux limit it.

Both versions of them are read: `Documentation/admin-guide/cgroup-v2.rst` of the kernel, and
`cgroup-v1/cpuacct.rst`, `cgroup-v1/memory.rst` and `scheduler/sched-bwc.rst`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class CpuQuota:
    """What the processes of a group may compute together."""

    cores: float
    used: float
    """CPU seconds since the group was made."""


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """What the processes of a group may keep in memory together."""

    total: int
    """Bytes."""
    used: int
    """Bytes, without files that are there to be read again sooner."""


def cpu_quota(system: Path = _SYSTEM) -> CpuQuota | None:
    """The smallest quota that holds for this process; None: there is none, or none can be read."""
    quotas = [found for folder in _folders("cpu", system) if (found := _cpu_quota(folder))]
    return min(quotas, key=lambda quota: quota.cores, default=None)


def memory_limit(system: Path = _SYSTEM) -> MemoryLimit | None:
    """The smallest limit that holds for this process; None: there is none, or none can be read."""
    limits = [found for folder in _folders("memory", system) if (found := _memory_limit(folder))]
    return min(limits, key=lambda limit: limit.total, default=None)


def _folders(controller: str, system: Path) -> Iterator[Path]:
    """Those of the group of this process and of all around it."""
    mounted = system / "sys/fs/cgroup"
    for line in _text(system / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = mounted / controller if controllers else mounted
        # A container may be told of its place in the machine, where it sees its own group alone.
        inner = base / group.lstrip("/")
        yield from (each for each in (inner, *inner.parents) if each.is_relative_to(base))


def _cpu_quota(folder: Path) -> CpuQuota | None:
    try:
        quota, period = _text(folder / "cpu.max").split()
        used = _named(folder / "cpu.stat")["usage_usec"] / 1e6
    except (ValueError, KeyError):
        quota, period = (_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        used = float(_text(folder / "cpuacct.usage") or "nan") / 1e9
    limited = quota.strip().isdecimal() and period.strip().isdecimal() and used == used
    return CpuQuota(int(quota) / int(period), used) if limited else None


def _memory_limit(folder: Path) -> MemoryLimit | None:
    for limit, usage, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        total, used = _text(folder / limit).strip(), _text(folder / usage).strip()
        if total.isdecimal() and used.isdecimal() and int(total) < _UNLIMITED:
            files = _named(folder / "memory.stat").get(cached, 0)
            return MemoryLimit(int(total), max(0, int(used) - files))
    return None


_UNLIMITED = 1 << 60
"""Bytes; version 1 says of a group without a limit that it may have more than this."""


def _named(path: Path) -> dict[str, int]:
    """The numbers of a file that has a name and a number on each line."""
    lines = (line.split() for line in _text(path).splitlines())
    return {name: int(number) for name, number in lines}


def _text(path: Path) -> str:
    """Empty where there is no such file, or it is not for us to read."""
    try:
        return path.read_text()
    except OSError:
        return ""
