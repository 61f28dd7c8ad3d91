"""Keeping a run where that is possible, and saying why where it is not."""

from mnist_core.data.dataset import Dataset
from mnist_core.store import ResumePoint, RunStore, StoreError
from mnist_core.store.recorder import RunRecorder


def begin_recording(
    store: RunStore, dataset: Dataset, point: ResumePoint | None = None
) -> tuple[RunRecorder | None, str]:
    """A started recorder of a new run, or of the run at `point`; with what a person must know.

    None: the run cannot be kept, for the reason given. Training does not depend on it.
    """
    try:
        if point is None:
            recorder = store.record(dataset, dataset.data)
        else:
            recorder = store.record_again(point, dataset, dataset.data)
    except StoreError as error:
        return None, f"This run is not kept. {error}"
    recorder.start()
    return recorder, store.notice
