"""The line on the machine, as text."""

import pytest

from helpers.scripted_machine import ScriptedMachine
from mnist_core.backend.gpu_memory import GpuMemory
from mnist_tui.lab.machine_load import MachineWatch
from mnist_tui.ui.machine_line import machine_line


@pytest.fixture
def machine() -> ScriptedMachine:
    made = ScriptedMachine()
    made.own, made.others = 1.04, 0.62
    return made


def line(machine: ScriptedMachine, width: int, looks: int = 2) -> str:
    watch = MachineWatch(machine)
    for _ in range(looks):
        watch.look()
    return machine_line(watch, width).plain


def test_it_tells_who_uses_what(machine: ScriptedMachine) -> None:
    assert line(machine, 120) == (
        " CPU 83 % of 2 cores: 52 % this process, 31 % others"
        " · memory 412 MB this process, 3.1 GB of 7.8 GB in all"
    )


def test_with_a_gpu_it_tells_of_its_memory(machine: ScriptedMachine) -> None:
    machine.gpu = GpuMemory(1_250_000_000, 139_000_000_000)
    assert line(machine, 140).endswith(" in all · GPU memory 1.2 GB of 139 GB")
    machine.gpu = GpuMemory(1_250_000_000, None)
    assert line(machine, 140).endswith(" in all · GPU memory 1.2 GB")


def test_with_less_room_it_uses_fewer_words(machine: ScriptedMachine) -> None:
    short = " CPU 83 % of 2 cores: 52 % here, 31 % others · 412 MB here, 3.1 GB of 7.8 GB"
    assert line(machine, 80) == line(machine, 100) == short
    machine.gpu = GpuMemory(1_250_000_000, 139_000_000_000)
    assert line(machine, 120) == short + " · GPU memory 1.2 GB of 139 GB"
    assert line(machine, 80) == short


def test_it_is_cut_where_nothing_fits(machine: ScriptedMachine) -> None:
    assert line(machine, 20) == " CPU 83 % of 2 core…"


def test_before_two_looks_and_without_any_it_says_so(machine: ScriptedMachine) -> None:
    assert line(machine, 80, looks=1) == " The machine is being looked at."
    machine.hidden = "The system does not say how busy it is: [Errno 13]"
    assert line(machine, 80) == " The system does not say how busy it is: [Errno 13]"
