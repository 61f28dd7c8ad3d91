"""Readings of the real machine, and of one that tells nothing."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from mnist_core.backend.backend import Backend
from mnist_core.backend.control_groups import CpuQuota, MemoryLimit
from mnist_core.backend.gpu_memory import GpuMemory
from mnist_tui.lab import machine_reader
from mnist_tui.lab.machine_load import MachineUnreadableError, Reading
from mnist_tui.lab.machine_reader import MachineReader, machine_watch


def test_a_reading_tells_of_this_process_and_of_the_machine() -> None:
    read = MachineReader(None)
    before = read()
    busy_until = time.process_time() + 0.1
    while time.process_time() < busy_until:
        pass
    after = read()
    assert after.own - before.own >= 0.09
    assert after.busy >= before.busy
    assert after.capacity > before.capacity
    assert 0 < after.cores <= (os.cpu_count() or 1)
    assert 1e6 < after.own_memory <= after.memory
    assert 0 < after.used_memory <= after.memory
    assert after.gpu is None


def test_a_quota_and_a_limit_take_the_place_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_reader, "cpu_quota", lambda: CpuQuota(0.5, 12.0))
    monkeypatch.setattr(machine_reader, "memory_limit", lambda: MemoryLimit(10_000, 4_000))
    reading = MachineReader(None)()
    assert (reading.cores, reading.busy) == (0.5, 12.0)
    assert (reading.memory, reading.used_memory) == (10_000, 4_000)


def test_a_quota_larger_than_the_machine_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_reader, "cpu_quota", lambda: CpuQuota(10_000.0, -1.0))
    assert MachineReader(None)().busy > 0


def test_a_system_that_hides_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/nowhere")
    if sys.platform != "linux":
        monkeypatch.setattr(psutil, "cpu_times", lambda **_: [][0])
    with pytest.raises(MachineUnreadableError, match=r"^The system does not say how busy it is: "):
        MachineReader(None)()


def test_a_missing_psutil_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(MachineUnreadableError, match="psutil"):
        MachineReader(None)()


def test_only_a_gpu_that_trains_is_asked_for_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_reader, "gpu_memory", lambda: GpuMemory(1, 2))

    def reading(backend: Backend | None) -> Reading:
        watch = machine_watch(backend, None)
        while watch.load is None:
            watch.look()
        return watch.load.reading

    cpu = Backend("cpu", "a CPU", "OpenBLAS", 1, "0.32")
    assert reading(None).gpu is None
    assert reading(cpu).gpu is None
    assert reading(Backend("gpu", "a GPU", "cuBLAS", 1, "0.32")).gpu == GpuMemory(1, 2)


def test_the_app_is_imported_without_psutil() -> None:
    code = "import sys, mnist_tui.app; sys.exit('psutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
