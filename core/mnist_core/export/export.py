"""Exporting a run: which file it becomes, written whole or not at all."""

import os
from dataclasses import dataclass
from pathlib import Path

from mnist_core.export import ExportError, Format, WeightFormat
from mnist_core.export.curve_files import to_csv, to_jsonl
from mnist_core.export.history import History, read_history
from mnist_core.export.tensorboard import write_tensorboard
from mnist_core.export.weights import read_weights, to_npz, to_safetensors
from mnist_core.store import RunRecord, RunStore
from mnist_core.store.files import write_whole


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    what: str
    """In words, such as "the weights of epoch 3 (step 705)"."""
    notice: str = ""
    """How that differs from what was asked for, as a sentence; empty: it does not."""


def export_run(
    store: RunStore, record: RunRecord, form: Format, output: Path, *, best: bool = False
) -> Exported:
    """Write a run to the file `output`, or for tensorboard to that folder.

    What was there is replaced once the new file is whole. csv, jsonl and tensorboard hold the
    curves, safetensors and npz the weights after the last completed epoch.

    Args:
        store: where the run is.
        record: the run.
        form: the format.
        output: the file or folder; the folders above it are made.
        best: the weights of the best epoch instead; nothing else for curves.

    Raises:
        ExportError: it could not be written.
        StoreError: the run could not be read, or has no weights.
    """
    try:
        if form == "safetensors" or form == "npz":
            return _export_weights(store, record, form, output, best=best)
        history = read_history(store, record)
        if form == "tensorboard":
            write_tensorboard(history, output)
        else:
            _write(output, to_csv(history) if form == "csv" else to_jsonl(history))
        return Exported(_amount(history))
    except OSError as error:
        raise ExportError(f"{output} could not be written: {error.strerror or error}.") from error


def _export_weights(
    store: RunStore, record: RunRecord, form: WeightFormat, output: Path, *, best: bool
) -> Exported:
    weights = read_weights(store, record, best=best)
    state = weights.state
    if form == "npz":
        content = to_npz(state)
    else:
        content = to_safetensors(record, state, _accuracies(store, record, state.step))
    _write(output, content)
    return Exported(f"the weights of {weights.moment}", weights.notice)


def _accuracies(store: RunStore, record: RunRecord, step: int) -> dict[str, float]:
    """Those measured after update `step`, by the set; empty where it ends no epoch."""
    for epoch in store.epochs(record.id):
        if epoch.step == step:
            found = {"validation": epoch.validation_accuracy, "test": epoch.test_accuracy}
            return {name: value for name, value in found.items() if value is not None}
    return {}


def _amount(history: History) -> str:
    steps, epochs = len(history.batches), history.record.epoch
    return f"{steps} step{'s' * (steps != 1)} in {epochs} completed epoch{'s' * (epochs != 1)}"


def _write(path: Path, content: bytes) -> None:
    write_whole(path, content)
    # The temporary file was private, as those of checkpoints are; an export is for others too.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
