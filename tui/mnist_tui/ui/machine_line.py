"""One line on the machine: who uses its cores and its memory."""

from collections.abc import Iterator

from rich.cells import cell_len
from textual.content import Content

from mnist_core.backend.gpu_memory import GpuMemory
from mnist_tui.lab.machine_load import Load, MachineWatch
from mnist_tui.text.numbers import gigabytes, percent
from mnist_tui.text.visible_text import visible


def machine_line(machine: MachineWatch, width: int) -> Content:
    """All that is known of the machine, in fewer words where `width` is short."""
    if machine.problem:
        line = Content.styled(f" {visible(machine.problem)}", "$text-warning")
    elif machine.load is None:
        line = Content.styled(" The machine is being looked at.", "$text-muted")
    else:
        forms = list(_forms(machine.load))
        line = Content(next((each for each in forms if cell_len(each) <= width), forms[-1]))
    return line.truncate(width, ellipsis=True)


def _forms(load: Load) -> Iterator[str]:
    """The line in full, then shorter."""
    reading = load.reading
    cores = f"{reading.cores:.3g} core{'s' if reading.cores != 1 else ''}"
    total, own, others = map(percent, (load.total, load.own, load.others))
    mine, used, memory = map(gigabytes, (reading.own_memory, reading.used_memory, reading.memory))
    gpu = _gpu(reading.gpu) if reading.gpu is not None else ""
    yield (
        f" CPU {total} of {cores}: {own} this process, {others} others"
        f" · memory {mine} this process, {used} of {memory} in all{gpu}"
    )
    short = (
        f" CPU {total} of {cores}: {own} here, {others} others · {mine} here, {used} of {memory}"
    )
    yield short + gpu
    yield short


def _gpu(memory: GpuMemory) -> str:
    total = f" of {gigabytes(memory.total)}" if memory.total is not None else ""
    return f" · GPU memory {gigabytes(memory.used)}{total}"
