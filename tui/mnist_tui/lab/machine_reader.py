"""Asks the system how busy the machine is."""

import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mnist_core.backend.backend import Backend
from mnist_core.backend.control_groups import cpu_quota, memory_limit
from mnist_core.backend.gpu_memory import GpuMemory, gpu_memory
from mnist_tui.lab.machine_load import MachineUnreadableError, MachineWatch, Reading

if TYPE_CHECKING:
    import psutil

_COUNTED_TWICE = ("guest", "guest_nice")
"""Parts of the time of a core that are in others too."""


class MachineReader:
    """Reads it, in a millisecond. psutil is imported by the first reading."""

    def __init__(self, gpu_memory: Callable[[], GpuMemory] | None) -> None:
        """`gpu_memory`: None where the GPU does not train."""
        self._gpu_memory = gpu_memory

    @cached_property
    def _process(self) -> "psutil.Process":
        import psutil

        return psutil.Process()

    def __call__(self) -> Reading:
        """Take a reading.

        Raises:
            MachineUnreadableError: the system does not tell, as where /proc is hidden.
        """
        try:
            import psutil
        except ImportError as error:
            raise MachineUnreadableError(_why(error)) from error
        try:
            return self._read()
        # Files in /proc may be missing, empty or of another form.
        except (psutil.Error, OSError, RuntimeError, LookupError, ValueError) as error:
            raise MachineUnreadableError(_why(error)) from error

    def _read(self) -> Reading:
        import psutil

        process = self._process
        own, own_memory = process.cpu_times(), process.memory_info().rss
        memory, limit = psutil.virtual_memory(), memory_limit()
        total, used = memory.total, memory.total - memory.available
        if limit is not None and limit.total < total:
            total, used = limit.total, limit.used
        cores, capacity, busy = _cores()
        return Reading(
            cores=cores,
            capacity=capacity,
            busy=busy,
            own=own.user + own.system,
            own_memory=own_memory,
            used_memory=used,
            memory=total,
            gpu=self._gpu_memory() if self._gpu_memory is not None else None,
        )


def _cores() -> tuple[float, float, float]:
    """How many this process may use, and in seconds of one what they could have computed, and did.

    Within a quota these are the container's: what else runs on the machine does not count there.
    """
    import psutil

    times = psutil.cpu_times(percpu=True)
    if hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
        times = [each for core, each in enumerate(times) if core in allowed] or times
    quota = cpu_quota()
    if quota is not None and quota.cores < len(times):
        return quota.cores, quota.cores * time.monotonic(), quota.used
    capacity = sum(sum(each) for each in times)
    capacity -= sum(getattr(each, name, 0.0) for each in times for name in _COUNTED_TWICE)
    idle = sum(each.idle + getattr(each, "iowait", 0.0) for each in times)
    return float(len(times)), capacity, capacity - idle


def _why(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return f"The system does not say how busy it is: {words}"


def machine_watch(backend: Backend | None, read: Callable[[], Reading] | None) -> MachineWatch:
    """Watches the machine that trains with `backend`, by `read` or else by asking the system."""
    on_gpu = backend is not None and backend.device == "gpu"
    wanted = 1 if backend is None or on_gpu else max(backend.threads, backend.streams or 1)
    return MachineWatch(read or MachineReader(gpu_memory if on_gpu else None), wanted)
