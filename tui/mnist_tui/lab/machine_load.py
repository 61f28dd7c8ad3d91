"""How busy the machine is, and whether others hold training up: pure functions of readings."""

from collections.abc import Callable
from dataclasses import dataclass

from mnist_core.backend.gpu_memory import GpuMemory


class MachineUnreadableError(Exception):
    """The system does not tell; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the system told at a moment. CPU is in seconds of one core, since any beginning."""

    cores: float
    """That this process may use: all, those that it is bound to, or the quota of a container."""
    capacity: float
    """What they could have computed."""
    busy: float
    """What they have computed, for whomever."""
    own: float
    """What they have computed for this process."""
    own_memory: int
    """Bytes, as the three below."""
    used_memory: int
    memory: int
    gpu: GpuMemory | None = None
    """None: the GPU does not train."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine was between two readings; shares are of all `reading.cores`."""

    own: float
    others: float
    reading: Reading
    """The second one."""

    @property
    def total(self) -> float:
        return self.own + self.others


def load_between(before: Reading, after: Reading) -> Load | None:
    """None: no time has passed, or the cores are others by now."""
    capacity = after.capacity - before.capacity
    if capacity <= 0 or before.cores != after.cores:
        return None
    own = min(1.0, max(0.0, (after.own - before.own) / capacity))
    busy = min(1.0, (after.busy - before.busy) / capacity)
    return Load(own, max(0.0, busy - own), after)


_LOOKS_IN, _LOOKS_OUT = 3, 5
"""So many in a row decide, so that words do not come and go."""
_ENOUGH, _PLENTY = 0.8, 0.9
"""Shares of the cores that training wants: left with less than the first, others hold it up; with
more than the second, they do not."""


class Contention:
    """Whether others leave training fewer cores than it wants, judged calmly."""

    def __init__(self, wanted_cores: int) -> None:
        self._wanted = wanted_cores
        self._against = 0
        """Looks in a row that say otherwise than `is_high`."""
        self.is_high = False

    def take(self, load: Load) -> None:
        """Judge by one more look."""
        cores = load.reading.cores
        left = cores * (1 - load.others) / min(self._wanted, cores)
        against = left > _PLENTY if self.is_high else left < _ENOUGH
        self._against = self._against + 1 if against else 0
        if self._against >= (_LOOKS_OUT if self.is_high else _LOOKS_IN):
            self.is_high, self._against = not self.is_high, 0


class MachineWatch:
    """What the last looks at the machine have shown."""

    def __init__(self, read: Callable[[], Reading], wanted_cores: int = 1) -> None:
        """`read` may raise MachineUnreadableError; `wanted_cores` are those that training uses."""
        self._read = read
        self._wanted = wanted_cores
        self._before: Reading | None = None
        self._contention = Contention(wanted_cores)
        self.load: Load | None = None
        """Between the last two readings; None: there were none."""
        self.problem = ""
        """Why the last look showed nothing, as a sentence."""

    @property
    def is_crowded(self) -> bool:
        """Whether others hold training up."""
        return self._contention.is_high

    def look(self) -> None:
        """Take a reading, a moment after the last one."""
        try:
            reading = self._read()
        except MachineUnreadableError as error:
            self.forget()
            self.problem = str(error)
            return
        self.problem = ""
        load = load_between(self._before, reading) if self._before is not None else None
        self._before = reading
        if load is not None:
            self.load = load
            self._contention.take(load)

    def forget(self) -> None:
        """Begin anew, since nobody has looked for a while."""
        self._before = self.load = None
        self._contention = Contention(self._wanted)
