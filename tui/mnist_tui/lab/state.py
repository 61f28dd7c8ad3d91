"""What the laboratory is doing, in one word."""

from enum import StrEnum


class State(StrEnum):
    """The one word that says what the laboratory is doing."""

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_active(self) -> bool:
        """Whether a run is under way."""
        return self in (State.RUNNING, State.PAUSED, State.STOPPING)
