"""A state that a run can go back to when it diverges."""

from dataclasses import dataclass, replace
from functools import cached_property

from mnist_core.events import TrainingState
from mnist_core.network.learner import WeightsSnapshot


@dataclass(frozen=True)
class HealthyState:
    """A state to go back to."""

    state: TrainingState
    """Its arrays are in `weights`, not here."""
    weights: WeightsSnapshot
    examples: int

    @cached_property
    def whole(self) -> TrainingState:
        """The state with its arrays, and without the guard: whoever goes back takes its own."""
        parameters, optimizer_state = self.weights.arrays()
        return replace(
            self.state, parameters=parameters, optimizer_state=optimizer_state, guard=None
        )
