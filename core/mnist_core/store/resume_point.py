"""Where a stored run can be continued."""

from dataclasses import dataclass

from mnist_core.events import TrainingState
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.records import RunRecord, RunState, StoreError


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a run can be continued."""

    record: RunRecord
    state: TrainingState | None
    """None: there is no checkpoint, so it starts again from its seed."""
    notice: str
    """What a person must know of that, as a sentence; empty: nothing."""

    @property
    def epoch(self) -> int:
        """Epochs completed there."""
        return self.state.epoch if self.state is not None else 0

    @property
    def is_complete(self) -> bool:
        """Whether all that is planned is done there, or was good enough to be left."""
        plan, examples = self.record.plan, self.record.train_examples
        if self.epoch >= plan.last_epoch(examples):
            return True
        return self.state is not None and plan.rule_met(self.state, examples) is not None

    @classmethod
    def of(cls, record: RunRecord, checkpoints: Checkpoints) -> "ResumePoint":
        """The last of its `checkpoints`, or where a run diverged the last with finite numbers."""
        has_diverged = record.state is RunState.DIVERGED
        last = checkpoints.last(up_to_step=record.step, finite=has_diverged)
        # A run that has done no update is at its seed, and begins with evaluating it.
        if last.state is not None and last.state.step:
            return cls(record, last.state, last.problem)
        why = last.problem or (
            "Its last healthy state is its start." if has_diverged else "It has no checkpoint."
        )
        notice = f"{why} {record.name} starts again from its seed." if record.step else ""
        return cls(record, None, notice)

    def check(self, now: RunRecord) -> None:
        """Raises StoreError if the run, as it is `now`, cannot go on from here any more."""
        record = self.record
        if (now.step, now.owner) != (record.step, record.owner):
            raise StoreError(f"{record.name} has been continued meanwhile. Resume it once more.")
        if self.state is not None and self.state.step > record.step:
            raise StoreError(
                f"The last part of {record.name} could not be kept, so it cannot be continued from "
                "there. Resume it from its checkpoint."
            )
