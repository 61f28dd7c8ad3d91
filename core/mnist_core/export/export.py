"""A run as a file that other tools read; files of weights are made here."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import TrainingState
from mnist_core.export import ExportError, Format, WeightFormat
from mnist_core.export.curves import StoredCurves, read_curves, to_csv, to_jsonl
from mnist_core.export.tensorboard import write_tensorboard
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
    arrays = _layer_arrays(state)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        ruined = f"These weights are no finite numbers: {record.name} had diverged."
        notice = f"{notice} {ruined}".strip()
    if form == "npz":
        content = _to_npz(arrays)
    else:
        content = _to_safetensors(arrays, record, state, _accuracies(store, record, state.step))
    write_output(output, content)
    return Exported(f"the weights of {_moment(state)}", notice)


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


def _layer_arrays(state: TrainingState) -> dict[str, NDArray[np.float32]]:
    """`layers.N.weight` (outputs, inputs) and `layers.N.bias` (outputs,) of each layer N from 0.

    This is the layout of `torch.nn.Linear`.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    layers = zip(state.parameters[::2], state.parameters[1::2], strict=True)
    for index, (weight, bias) in enumerate(layers):
        # safetensors takes the memory as it lies, whatever the strides say.
        arrays[f"layers.{index}.weight"] = np.ascontiguousarray(weight.T)
        arrays[f"layers.{index}.bias"] = np.ascontiguousarray(bias)
    return arrays


def _to_npz(arrays: dict[str, NDArray[np.float32]]) -> bytes:
    """A file for `numpy.load`."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # no array is allow_pickle
    return content.getvalue()


def _to_safetensors(
    arrays: dict[str, NDArray[np.float32]],
    record: RunRecord,
    state: TrainingState,
    accuracies: dict[str, float],
) -> bytes:
    """A safetensors file; its metadata say what network the arrays are of.

    `accuracies` are given by the set they were measured on, and may be empty.
    """
    from safetensors.numpy import save

    sizes = [weight.shape[0] for weight in state.parameters[::2]]
    metadata = {
        "run": record.id,
        "dataset": record.dataset,
        "layer_sizes": json.dumps([*sizes, *state.parameters[-1].shape]),
        "activation": record.hyperparameters.activation,
        "pixel_scaling": record.hyperparameters.pixel_scaling,
        "epoch": str(state.epoch),
        "step": str(state.step),
        **{f"{name}_accuracy": str(value) for name, value in accuracies.items()},
    }
    return save(arrays, metadata)


def _accuracies(store: RunStore, record: RunRecord, step: int) -> dict[str, float]:
    """Those measured after update `step`, by the set; empty where it ends no epoch."""
    for epoch in store.epochs(record.id):
        if epoch.step == step:
            found = {"validation": epoch.validation_accuracy, "test": epoch.test_accuracy}
            return {name: value for name, value in found.items() if value is not None}
    return {}


def _amount(curves: StoredCurves) -> str:
    steps, epochs = len(curves.batches), curves.record.epoch
    return f"{steps} step{'s' * (steps != 1)} in {epochs} completed epoch{'s' * (epochs != 1)}"
