"""Busy loops take the processor while they turn, and only then."""

import sys
import time
from pathlib import Path

import pytest

from mnist_core.benchmark.busy_loops import BusyLoops
from mnist_core.benchmark.worker import ProcessGroup


def processor_seconds(pid: int) -> float:
    """What a process has used so far, from proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has proc(5)")
def test_they_turn_only_where_they_are_to() -> None:
    with BusyLoops(1, ProcessGroup()) as loops:
        (process,) = loops._processes
        with loops.turning():
            until = time.monotonic() + 60
            while processor_seconds(process.pid) < 0.3 and time.monotonic() < until:
                time.sleep(0.01)
            assert processor_seconds(process.pid) >= 0.3
        time.sleep(0.1)
        rested = processor_seconds(process.pid)
        time.sleep(0.3)
        assert processor_seconds(process.pid) == rested
        assert process.poll() is None
    assert process.poll() is not None


def test_a_group_that_is_killed_ends_them() -> None:
    group = ProcessGroup()
    with BusyLoops(2, group) as loops:
        group.kill()
        with loops.turning():
            assert all(process.wait(60) for process in loops._processes)
