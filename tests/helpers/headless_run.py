"""A run trained without an app, as `mnist-tui train` does: for so many batches, or to its end."""

from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, Event, StopTraining
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.plan import RunPlan
from mnist_core.store import ResumePoint, RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train


def train_headless(
    store: RunStore,
    dataset: Dataset,
    plan: RunPlan,
    point: ResumePoint | None = None,
    *,
    batches: int | None = None,
    killed: bool = False,
) -> tuple[str, list[Event], bool]:
    """Follow `plan` from `point`; its id, what it told, and whether it came to its end.

    After so many `batches` it is stopped, or is gone as after a kill that loses nothing.
    """
    if point is None:
        recorder = store.record(dataset, dataset.data)
    else:
        recorder = store.record_again(point, dataset, dataset.data)
    recorder.start()
    events = recorded(
        train(
            plan.hyperparameters,
            dataset,
            point.state if point is not None else None,
            backend=configure("cpu", 1),
            until_epoch=plan.until_epoch,
            changes=ChangeQueue(plan.changes),
            on_divergence=plan.on_divergence,
            run_id=recorder.run_id,
        ),
        recorder,
    )
    told: list[Event] = []
    left = batches
    for event in events:
        told.append(event)
        if left is not None and isinstance(event, BatchCompleted):
            left -= 1
            if not left:
                if not killed:
                    told.append(events.throw(StopTraining()))
                events.close()
                return recorder.run_id, told, False
    return recorder.run_id, told, True
