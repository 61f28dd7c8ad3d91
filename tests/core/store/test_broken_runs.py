"""Generated runs, stopped or killed anywhere, that go on: they end as the unbroken run does."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from helpers.blobs import blobs
from helpers.headless_run import train_headless
from helpers.spoilt_updates import die, overflow, spoil_updates
from mnist_core.data.dataset import Dataset
from mnist_core.events import EpochCompleted, Event, RunRewound
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.recipe.plan import OnDivergence, RunPlan
from mnist_core.store import RunRecord, RunStore

RUINOUS = 40.0
"""A learning rate of which an update ruins the network for certain."""
DATA = Dataset(
    "tiny",
    blobs(40, 4, (4, 3), 1),
    blobs(12, 4, (4, 3), 2),
    ("zero", "one", "two", "three"),
    (0, 1, 2, 3),
    data="tiny",
)
RECIPES = st.fixed_dictionaries(
    {
        "hidden_sizes": st.just("8"),
        "optimizer": st.sampled_from(["sgd", "adam"]),
        "learning_rate": st.sampled_from([0.2, 0.02]),
        "schedule": st.sampled_from(["constant", "cosine"]),
        "warmup_steps": st.sampled_from([0, 3]),
        "dropout": st.sampled_from([0.0, 0.3]),
        "validation": st.sampled_from(["none", "5"]),
        "batch_size": st.sampled_from([3, 8, 40]),
        "epochs": st.integers(2, 8),
        "seed": st.integers(0, 2),
    }
)
PLAIN: dict[str, object] = {
    "hidden_sizes": "8",
    "learning_rate": 0.2,
    "batch_size": 3,
    "epochs": 2,
}
SOUND = st.sampled_from(
    [
        ("learning_rate", 0.05),
        ("dropout", 0.5),
        ("weight_decay", 0.01),
        ("batch_size", 5),
        ("epochs", 1),
        ("epochs", 6),
    ]
)


@st.composite
def scheduled(draw: st.DrawFn) -> tuple[Change, ...]:
    """Changes anywhere, perhaps a ruinous one, and others where the run will go back over them."""
    drawn = [(step, *draw(SOUND)) for step in draw(st.lists(st.integers(0, 40), max_size=3))]
    if draw(st.booleans()):
        step = draw(st.integers(2, 25))
        drawn.append((step, "learning_rate", RUINOUS))
        drawn += [(step + later, "dropout", 0.2) for later in (0, 1) if draw(st.booleans())]
    # One for each step and field.
    found = {(step, field): Change(step, field, value) for step, field, value in drawn}
    return tuple(sorted(found.values(), key=lambda change: change.step))


BREAKS = st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=3)
"""After how many more batches the run breaks, and whether it is killed rather than stopped."""


def trained(
    store: RunStore, plan: RunPlan, breaks: Sequence[tuple[int, bool]]
) -> tuple[RunRecord, list[Event]]:
    """The run of `plan` as the store has it at its end, and all that its parts told."""
    told: list[Event] = []
    point, left = None, list(breaks)
    while True:
        batches, killed = left.pop(0) if left else (None, False)
        run_id, part, over = train_headless(
            store, DATA, plan, point, batches=batches, killed=killed
        )
        told += part
        if over:
            return store.run(run_id), told
        point = store.resume_point(run_id)
        plan = point.record.plan


@pytest.mark.parametrize("spoil", [overflow, die])
def test_a_run_broken_anywhere_ends_as_the_unbroken_one(
    spoil: Callable[..., None],
    repeats: Callable[[int, int], int],
    monkeypatch: pytest.MonkeyPatch,
    uncompiled: None,
    varied: None,
) -> None:
    spoil_updates(monkeypatch, lambda _step, rate: spoil if rate >= RUINOUS / 4 else None)

    @settings(
        max_examples=repeats(25, 2500),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @example(  # A change for the very step at which the run stops.
        PLAIN | {"validation": "5"},
        (Change(2, "learning_rate", RUINOUS), Change(12, "learning_rate", 0.05)),
        "halve",
        [(12, False)],
    )
    @example(  # Stopped at the batch that shows the divergence.
        PLAIN, (Change(17, "learning_rate", RUINOUS),), "stop", [(1, False), (18, False)]
    )
    @given(
        recipe=RECIPES,
        changes=scheduled(),
        policy=st.sampled_from(["halve", "continue", "halve", "stop"]),
        breaks=BREAKS,
    )
    def lives(
        recipe: dict[str, object],
        changes: tuple[Change, ...],
        policy: OnDivergence,
        breaks: list[tuple[int, bool]],
    ) -> None:
        plan = RunPlan(make_hyperparameters(recipe), changes, None, policy)
        with TemporaryDirectory() as folder, closing(RunStore(Path(folder))) as store:
            unbroken, told = trained(store, plan, [])
            assert_keeps_healthy_epochs(told)
            assert_makes_changes(unbroken, changes)
            broken, _ = trained(store, plan, breaks)
            assert broken.state is unbroken.state
            assert made(broken) == made(unbroken)
            assert (broken.step, broken.epoch, broken.epochs) == (
                unbroken.step, unbroken.epoch, unbroken.epochs,
            )  # fmt: skip
            for name in ("loss", "accuracy", "learning_rate"):
                ours, theirs = (store.batches(run.id)[name] for run in (broken, unbroken))
                np.testing.assert_array_equal(ours, theirs, err_msg=name)
            assert epochs_of(store, broken) == epochs_of(store, unbroken)
            # Its plan, followed from the seed, gives the same once more.
            again, _ = trained(store, unbroken.plan, [])
            np.testing.assert_array_equal(
                store.batches(again.id)["loss"], store.batches(unbroken.id)["loss"]
            )

    lives()


def made(run: RunRecord) -> list[Change]:
    """The changes that some batch shows; two of the same step have no order."""
    found = [change for change in run.changes if change.step < run.step]
    return sorted(found, key=lambda change: (change.step, change.field))


def epochs_of(store: RunStore, run: RunRecord) -> list[str]:
    """What was measured at the end of each; as text, since no two NaN are equal."""
    return [
        repr((each.epoch, each.step, each.train_loss, each.test_loss, each.test_accuracy))
        for each in store.epochs(run.id)
    ]


def assert_makes_changes(run: RunRecord, changes: Sequence[Change]) -> None:
    """Whatever a run goes back over, it follows in the end what was scheduled for its batches."""
    now = run.recipe.hyperparameters
    for field in ("dropout", "weight_decay"):
        found = [change for change in changes if change.field == field]
        if any(change.step == run.step for change in found):
            continue  # It came with the end, and no batch shows whether it was made.
        due = [change.value for change in found if change.step < run.step]
        assert getattr(now, field) == [getattr(run.hyperparameters, field), *due][-1]


def assert_keeps_healthy_epochs(told: Sequence[Event]) -> None:
    """A run that goes back keeps each epoch that ended well before the first ruinous update."""
    ends = [0]
    for event in told:
        match event:
            case EpochCompleted() if event.train_loss is not None and event.train_loss < 1.5:
                # Its weights were sound at the end, too.
                ends += [event.step] if event.test_accuracy > 0.3 and event.test_loss < 2 else []
            case RunRewound():
                assert event.step >= max(end for end in ends if end < event.diverged_step)
                ends = [end for end in ends if end <= event.step]
