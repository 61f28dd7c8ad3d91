"""The sign of each state of a stored run: never colour alone."""

from collections.abc import Mapping

from mnist_core.store import RunState

STATE_SIGNS: Mapping[RunState, tuple[str, str]] = {
    RunState.RUNNING: ("●", "good"),
    RunState.PAUSED: ("‖", "warning"),
    RunState.INTERRUPTED: ("⊘", "warning"),
    RunState.FAILED: ("✗", "bad"),
    RunState.DIVERGED: ("↯", "bad"),
    RunState.STOPPED: ("■", "warning"),
    RunState.COMPLETED: ("✓", "good"),
}
"""(sign, tone), in the order in which a table is sorted by state."""
