"""Why a run ended before its planned epochs, as it is told everywhere."""

from dataclasses import replace

import pytest

from mnist_core.events import RunCompleted, TrainingState
from mnist_core.recipe.early_stopping import StopRule
from mnist_tui.lab.stop_text import stop_text

ENDED = RunCompleted("id", 10, 700, 0.9, 0.95, 7, 0.3, 5.0, 1000.0, TrainingState((), None))


@pytest.mark.parametrize(
    ("rule", "validation", "words"),
    [
        (None, None, ""),
        (
            StopRule.PATIENCE,
            None,
            "stopped by patience: no better test accuracy for 3 epochs; best epoch 7",
        ),
        (
            StopRule.PATIENCE,
            0.97,
            "stopped by patience: no better validation accuracy for 3 epochs; best epoch 7",
        ),
        (
            StopRule.TARGET_ACCURACY,
            None,
            "stopped at its target: test accuracy 0.9500 in epoch 7",
        ),
        (
            StopRule.TARGET_ACCURACY,
            0.97,
            "stopped at its target: validation accuracy 0.9700 in epoch 7",
        ),
    ],
)
def test_the_words(rule: StopRule | None, validation: float | None, words: str) -> None:
    ended = replace(ENDED, stopped_by=rule, best_validation_accuracy=validation)
    assert stop_text(ended) == words


def test_one_epoch_is_one() -> None:
    ended = replace(ENDED, epoch=8, stopped_by=StopRule.PATIENCE)
    assert "for 1 epoch;" in stop_text(ended)
