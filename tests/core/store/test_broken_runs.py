"""Generated runs, stopped or killed anywhere, that go on: they end as the unbroken run does."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.blobs import blobs
from helpers.spoilt_updates import die, overflow, spoil_updates
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, EpochCompleted, Event, RunRewound, StopTraining
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.recipe.plan import OnDivergence, RunPlan
from mnist_core.store import RunRecord, RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

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
SOUND = st.lists(
    st.builds(
        lambda step, change: Change(step, *change),
        st.integers(0, 40),
        st.sampled_from(
            [
                ("learning_rate", 0.05),
                ("dropout", 0.5),
                ("weight_decay", 0.01),
                ("batch_size", 5),
                ("epochs", 1),
                ("epochs", 6),
            ]
        ),
    ),
    max_size=3,
    unique_by=lambda change: (change.step, change.field),
)
RUIN = st.lists(
    st.builds(lambda step: Change(step, "learning_rate", RUINOUS), st.integers(2, 25)), max_size=1
)


def in_order(*parts: list[Change]) -> tuple[Change, ...]:
    """As a plan has them: by step, and one for each step and field."""
    found = {(change.step, change.field): change for part in parts for change in part}
    return tuple(sorted(found.values(), key=lambda change: change.step))


BREAKS = st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=3)
"""After how many more batches the run breaks, and whether it is killed rather than stopped."""


def trained(
    store: RunStore, plan: RunPlan, breaks: Sequence[tuple[int, bool]]
) -> tuple[RunRecord, list[Event]]:
    """The run of `plan` as the store has it at its end, and all that its parts told."""
    told: list[Event] = []
    run_id, left = "", list(breaks)
    while True:
        if run_id:
            point = store.resume_point(run_id)
            plan, state = point.record.plan, point.state
            recorder = store.record_again(point, DATA, "tiny")
        else:
            state, recorder = None, store.record(DATA, "tiny")
        run_id = recorder.run_id
        recorder.start()
        events = recorded(
            train(
                plan.hyperparameters,
                DATA,
                state,
                backend=configure("cpu", 1),
                until_epoch=plan.until_epoch,
                changes=ChangeQueue(plan.changes),
                on_divergence=plan.on_divergence,
                run_id=run_id,
            ),
            recorder,
        )
        batches, killed = left.pop(0) if left else (10**9, False)
        broken = False
        for event in events:
            told.append(event)
            batches -= isinstance(event, BatchCompleted)
            if not batches:
                if not killed:
                    told.append(events.throw(StopTraining()))
                events.close()
                broken = True
                break
        if not broken:
            return store.run(run_id), told


@pytest.mark.parametrize("spoil", [overflow, die])
def test_a_run_broken_anywhere_ends_as_the_unbroken_one(
    spoil: Callable[..., None],
    repeats: Callable[[int, int], int],
    monkeypatch: pytest.MonkeyPatch,
    uncompiled: None,
) -> None:
    spoil_updates(monkeypatch, lambda _step, rate: spoil if rate >= RUINOUS / 4 else None)

    @settings(
        max_examples=repeats(50, 2500),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        recipe=RECIPES,
        changes=st.builds(in_order, SOUND, RUIN),
        policy=st.sampled_from(["halve", "continue", "stop"]),
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
            assert broken.changes == unbroken.changes
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


def epochs_of(store: RunStore, run: RunRecord) -> list[str]:
    """What was measured at the end of each; as text, since no two NaN are equal."""
    return [
        repr((each.epoch, each.step, each.train_loss, each.test_loss, each.test_accuracy))
        for each in store.epochs(run.id)
    ]


def assert_makes_changes(run: RunRecord, changes: Sequence[Change]) -> None:
    """Whatever a run goes back over, it follows in the end what was scheduled for its batches."""
    now = run.recipe.hyperparameters
    scheduled = {change.field: change.value for change in changes if change.step < run.step}
    for field in ("dropout", "weight_decay"):
        assert getattr(now, field) == scheduled.get(field, getattr(run.hyperparameters, field))


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
