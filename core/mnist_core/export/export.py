"""A run as a file that other tools read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_core.events import TrainingState
from mnist_core.export import ExportError, Format, WeightFormat
from mnist_core.export.curves import StoredCurves, read_curves, to_csv, to_jsonl
from mnist_core.export.tensorboard import write_tensorboard
from mnist_core.export.weights import (
    NEEDED,
    about_model,
    layer_arrays,
    to_npz,
    to_safetensors,
)
from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_core.store.files import output_name, write_output


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

    A file that was there is replaced once the new one is whole; what is no file, such as a pipe, is
    written through (`mnist_core.store.files.write_output`). csv, jsonl and tensorboard hold the
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
        curves = read_curves(store, record)
        if form == "tensorboard":
            write_tensorboard(curves, output)
        else:
            write_output(output, to_csv(curves) if form == "csv" else to_jsonl(curves))
        return Exported(_amount(curves))
    except OSError as error:
        raise not_written(output, error) from error


def not_written(output: Path, error: OSError) -> ExportError:
    """That `output` could not be written, and why."""
    return ExportError(f"{output_name(output)} could not be written: {error.strerror or error}.")


def _export_weights(
    store: RunStore, record: RunRecord, form: WeightFormat, output: Path, *, best: bool
) -> Exported:
    state, notice = _read_weights(store, record, best=best)
    arrays = layer_arrays(state, record.hyperparameters)
    about = about_model(store, record, state)
    notices = [notice]
    if not all(np.isfinite(array).all() for array in arrays.values()):
        notices.append(f"These weights are no finite numbers: {record.name} had diverged.")
    missing = sorted(NEEDED - about.keys())
    if missing:
        notices.append(
            f"{', '.join(missing)} are not in it: {record.name} is of an earlier version of "
            f"mnist-tui, which did not keep them. Any new run on {record.data or record.dataset} "
            "adds them."
        )
    write_output(output, to_npz(arrays, about) if form == "npz" else to_safetensors(arrays, about))
    return Exported(f"the weights of {_moment(state)}", " ".join(filter(None, notices)))


def _read_weights(store: RunStore, record: RunRecord, *, best: bool) -> tuple[TrainingState, str]:
    """The state after the last completed epoch of `record`, or after its best one.

    Where that of the last epoch is not kept, as after a stop in the middle of an epoch, it is that
    of the last checkpoint, and a sentence says so.

    Raises:
        StoreError: there is none, or that of the best epoch is not kept.
    """
    if best:
        return store.model(record.id, record.best_epoch), ""
    try:
        return store.model(record.id, record.epoch), ""
    except StoreError:
        state = store.model(record.id)
    return state, (
        f"The weights after epoch {record.epoch} of {record.name} are not kept, so these are "
        f"those of {_moment(state)}."
    )


def _moment(state: TrainingState) -> str:
    """When in the run the network had these weights, in words."""
    if state.batch == 0:
        return f"epoch {state.epoch} (step {state.step})"
    return f"step {state.step} (batch {state.batch} of epoch {state.epoch + 1})"


def _amount(curves: StoredCurves) -> str:
    steps, epochs = len(curves.batches), curves.record.epoch
    return f"{steps} step{'s' * (steps != 1)} in {epochs} completed epoch{'s' * (epochs != 1)}"
