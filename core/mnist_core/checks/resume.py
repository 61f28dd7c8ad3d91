"""A run that was stopped in the middle of an epoch and continued, against an unbroken one."""

import math
from dataclasses import replace

from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    largest_absolute,
    parameter_names,
)
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, Event, RunCompleted, StopTraining, TrainingState
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

_TRAIN, _TEST = 1000, 200
"""Examples of the data set, at most; two epochs of them take a moment."""
_RECIPE = Hyperparameters(
    dropout=0.2, optimizer="adam", learning_rate=0.01, batch_size=64, epochs=2
)


def check_resume(context: CheckContext) -> Measurement:
    """Two epochs in one go, and two that go through a checkpoint's file."""
    dataset = replace(
        context.dataset,
        train=context.dataset.train[:_TRAIN],
        test=context.dataset.test[:_TEST],
    )
    *_, end = train(_RECIPE, dataset, backend=context.backend)
    whole = _state(end)
    resumed = _stop_and_resume(context, dataset)
    names = parameter_names(len(whole.parameters))
    found, expected = [*resumed.parameters], [*whole.parameters]
    for state, arrays in ((resumed, found), (whole, expected)):
        arrays += state.optimizer_state or ()
    names += [f"array {k + 1} of the optimizer" for k in range(len(expected) - len(names))]
    difference = largest_absolute(found, expected, names)
    return difference.within(0.0)


def _stop_and_resume(context: CheckContext, dataset: Dataset) -> TrainingState:
    """The state at the end of a run that was stopped in its first epoch."""
    stop_after = math.ceil(len(dataset.train) / _RECIPE.batch_size / 2)
    store = RunStore(context.folder / "resume")
    try:
        recorder = store.record(dataset, dataset.data, "check")
        recorder.start()
        events = recorded(
            train(_RECIPE, dataset, backend=context.backend, run_id=recorder.run_id), recorder
        )
        for event in events:
            if isinstance(event, BatchCompleted) and event.step == stop_after:
                events.throw(StopTraining())
                events.close()
        point = store.resume_point(recorder.run_id)
        if point.state is None or point.state.step != stop_after:
            why = recorder.problem or point.notice
            raise RuntimeError(f"The run cannot go on from where it was stopped. {why}".rstrip())
        recorder = store.record_again(point, dataset, dataset.data)
        recorder.start()
        training = train(_RECIPE, dataset, point.state, backend=context.backend)
        *_, end = recorded(training, recorder)
        return _state(end)
    finally:
        store.close()


def _state(end: Event) -> TrainingState:
    if not isinstance(end, RunCompleted):
        raise RuntimeError("Training did not come to its end.")
    return end.state


CHECKS = (
    Check(
        "A resumed run as an unbroken one",
        "A run that was stopped in the middle of an epoch and continued from its checkpoint ends "
        "with the same weights and optimizer state, to the bit. The figure is the largest "
        "absolute difference.",
        check_resume,
    ),
)
