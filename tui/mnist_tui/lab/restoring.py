"""A run as the screen shows it: a new one, or one that is in the store."""

from mnist_core.data.dataset import Dataset, shown_samples, split
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_core.store.answers import AnswerHistory
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.settings.key_hints import key_hint

SAMPLES = 60
"""Test samples that each run predicts while it trains; the grid shows those that fit."""


def progress_for(hyperparameters: Hyperparameters, dataset: Dataset) -> RunProgress:
    """A run that has not begun."""
    try:
        test = split(dataset, hyperparameters.validation).test
    except ValueError:
        # The run itself says what does not fit, as its failure.
        test = dataset.test
    rows = shown_samples(test.labels, dataset.class_count, SAMPLES)
    return RunProgress(hyperparameters, dataset, test, rows)


def check_data(record: RunRecord, dataset: Dataset | None) -> Dataset:
    """The data that are loaded, which must be those of the run.

    Raises:
        StoreError: they are others, or there are none.
    """
    if dataset is None:
        raise StoreError(
            f"There are no data yet. Press {key_hint('run')} to try to get them again."
        )
    if dataset.fingerprint != record.fingerprint:
        raise StoreError(
            f"{record.name} was trained on {record.dataset}, and {dataset.name} is loaded now. "
            f"Start again with --data {record.data}."
        )
    return dataset


def restored(store: RunStore, record: RunRecord, dataset: Dataset, steps: int) -> RunProgress:
    """A stored run as it was after `steps` updates."""
    progress = progress_for(record.hyperparameters, dataset)
    epochs = [epoch for epoch in store.epochs(record.id) if epoch.step <= steps]
    batches = store.batches(record.id)[:steps]
    norms = store.gradient_norms(record.id)
    norms = norms[norms["step"] <= len(batches)]
    progress.restore(record, batches, epochs if steps else [], norms)
    if steps:
        progress.restore_answers(AnswerHistory.stored(store, record, epochs[-1].epoch))
    return progress
