"""What a whole plan ends with, and learning rates that follow the epochs."""

import pytest

from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.recipe.plan import RunPlan

EXAMPLES = 40
"""Ten updates in an epoch."""
RECIPE = make_hyperparameters({"batch_size": 4, "epochs": 3})


@pytest.mark.parametrize(
    ("changes", "until", "last"),
    [
        ((), None, 3),
        ((), 5, 5),
        # Asked for in the second epoch, in force from its end on.
        ((Change(15, "epochs", 6),), None, 6),
        ((Change(15, "epochs", 1),), None, 2),
        # At the very end of the last epoch it still counts, later it is never reached.
        ((Change(30, "epochs", 6),), None, 6),
        ((Change(31, "epochs", 6),), None, 3),
        # So it is where one epoch was added before: that has to be said.
        ((Change(31, "epochs", 6),), 6, 6),
        # Each change counts where the one before it leads.
        ((Change(15, "epochs", 4), Change(35, "epochs", 5)), None, 5),
        ((Change(10, "batch_size", 40), Change(12, "epochs", 9)), None, 9),
        ((Change(10, "batch_size", 40), Change(13, "epochs", 9)), None, 3),
    ],
)
def test_the_last_epoch_of_a_plan(
    changes: tuple[Change, ...], until: int | None, last: int
) -> None:
    assert RunPlan(RECIPE, changes, until).last_epoch(EXAMPLES) == last


def test_another_batch_size_makes_no_jump_in_the_learning_rate() -> None:
    recipe = make_hyperparameters(
        {"batch_size": 256, "epochs": 10, "schedule": "cosine", "warmup_steps": 300}
    )
    start = EffectiveRecipe.at_start(recipe, 60_000)
    for epoch in (1, 5, 8):
        end = start.epoch_steps.end(epoch)
        changed = start.changed(Change(end, "batch_size", 32))
        # The first small update has the rate that the large one in its place would have had.
        assert changed.learning_rate(end) == start.learning_rate(end)
        whole = changed.epoch_steps.end(epoch + 1)
        assert changed.learning_rate(whole) == pytest.approx(
            start.learning_rate(start.epoch_steps.end(epoch + 1)), rel=1e-9
        )
    steps = range(0, start.epoch_steps.end(10), 97)
    untouched = [start.learning_rate(step) for step in steps]
    same = start.changed(Change(start.epoch_steps.end(5), "batch_size", 256))
    assert [same.learning_rate(step) for step in steps] == pytest.approx(untouched, rel=1e-12)
