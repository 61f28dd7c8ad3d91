"""Why a run ended before its planned epochs, in words."""

from mnist_core.events import RunCompleted
from mnist_core.recipe.early_stopping import StopRule
from mnist_core.store import RunRecord
from mnist_tui.text.numbers import count, metric


def stop_text(run: RunCompleted | RunRecord) -> str:
    """Such as "stopped by patience: no better test accuracy for 3 epochs; best epoch 7"; empty
    where no rule has ended it.
    """
    rule = run.stopped_by
    if rule is None:
        return ""
    held_out = run.best_validation_accuracy is not None
    measured_on = "validation" if held_out else "test"
    if rule is StopRule.PATIENCE:
        waited = count(run.epoch - run.best_epoch, "epoch")
        return (
            f"stopped by patience: no better {measured_on} accuracy for {waited}; "
            f"best epoch {run.best_epoch}"
        )
    reached = run.best_validation_accuracy if held_out else run.best_test_accuracy
    return (
        f"stopped at its target: {measured_on} accuracy {metric(reached)} in epoch {run.best_epoch}"
    )
