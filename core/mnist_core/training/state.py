"""What becomes of the state of a run, its arrays apart, with a batch and with an epoch."""

import math
from dataclasses import replace

from mnist_core.events import TrainingState
from mnist_core.network.evaluation import Evaluation


def after_batch(
    state: TrainingState, loss: float, correct: int, examples: int, seconds: float
) -> TrainingState:
    """With one more batch.

    Args:
        state: before it.
        loss: the mean over the batch.
        correct: how many of its `examples` were predicted right.
        examples: in the batch.
        seconds: of training since the start of the run.
    """
    return replace(
        state,
        step=state.step + 1,
        batch=state.batch + 1,
        loss_sum=state.loss_sum + loss * examples,
        correct=state.correct + correct,
        seconds=seconds,
    )


def after_epoch(
    state: TrainingState, test: Evaluation, validation: Evaluation | None
) -> TrainingState:
    """With the epoch under way closed; before the first batch, with epoch 0 evaluated."""
    epoch = state.epoch + 1 if state.batch else state.epoch
    best_test, better = _better(test, state.best_test_accuracy)
    best_validation = None
    if validation:
        best_validation, better = _better(validation, state.best_validation_accuracy)
    return replace(
        state,
        epoch=epoch,
        batch=0,
        loss_sum=0.0,
        correct=0,
        best_test_accuracy=best_test,
        best_validation_accuracy=best_validation,
        best_epoch=epoch if better else state.best_epoch,
        epoch_began=state.seconds,
        test_loss=test.loss,
        test_accuracy=test.accuracy,
    )


def _better(found: Evaluation, best: float | None) -> tuple[float | None, bool]:
    """The best accuracy with this one, and whether this one is it.

    A model whose loss is no finite number says nothing, however often that happens to be right.
    """
    if math.isfinite(found.loss) and (best is None or found.accuracy > best):
        return found.accuracy, True
    return best, False
