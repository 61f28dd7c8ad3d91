"""Time in which the process was halted, by ctrl+z or SIGSTOP, is no time of training."""

_LEAST = 1.0
"""Seconds without the CPU that are taken for a halt: a busy machine gives a turn far sooner."""
_TIMES = 10.0
"""Times as long as a step takes as a rule, which one in which it was halted takes at least."""


def seconds_at_work(wall: float, cpu: float, usual: float) -> float:
    """Of a step: how long it took without a halt.

    Args:
        wall: seconds on the clock.
        cpu: seconds that all threads of the process computed; a halted one does not.
        usual: seconds that a step of the run takes as a rule; 0 while nobody knows.
    """
    halted = wall - cpu > _LEAST and wall > _TIMES * usual > 0
    return min(wall, max(cpu, usual)) if halted else wall
