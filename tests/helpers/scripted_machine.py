"""A machine whose load a test decides."""

from dataclasses import replace

from mnist_core.backend.gpu_memory import GpuMemory
from mnist_tui.lab.machine_load import MachineUnreadableError, Reading

IDLE = Reading(
    cores=2.0, capacity=0.0, busy=0.0, own=0.0,
    own_memory=412_000_000, used_memory=3_100_000_000, memory=7_800_000_000,
)  # fmt: skip


class ScriptedMachine:
    """A second passes between two readings; at first nobody computes."""

    def __init__(self) -> None:
        self.own = 0.0
        """Cores that this process computes with."""
        self.others = 0.0
        self.gpu: GpuMemory | None = None
        self.hidden = ""
        """Why nothing can be read, where it is so."""
        self.readings = 0
        self._last = IDLE

    def __call__(self) -> Reading:
        self.readings += 1
        if self.hidden:
            raise MachineUnreadableError(self.hidden)
        last = self._last
        self._last = replace(
            last,
            capacity=last.capacity + last.cores,
            busy=last.busy + self.own + self.others,
            own=last.own + self.own,
            gpu=self.gpu,
        )
        return self._last
