"""The signs of the states of runs, races and the laboratory: none is told by colour alone."""

from collections.abc import Mapping

STATE_SIGNS: Mapping[str, tuple[str, str]] = {
    "running": ("●", "success"),
    "racing": ("●", "success"),
    "paused": ("‖", "warning"),
    "interrupted": ("⊘", "warning"),
    "failed": ("✗", "error"),
    "diverged": ("↯", "error"),
    "stopped": ("■", "warning"),
    "completed": ("✓", "success"),
    "stopping": ("◌", "warning"),
    "loading": ("◌", "primary"),
    "idle": ("○", "muted"),
}
"""(sign, the theme's name of its colour) by the state's word, in the order that tables sort by."""
