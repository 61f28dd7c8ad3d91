"""The weights of a run, in the layout of `torch.nn.Linear`."""

import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import TrainingState
from mnist_core.store import RunRecord, RunStore, StoreError


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights to export."""

    state: TrainingState
    notice: str = ""
    """What they are, as a sentence, where they are not those that were asked for."""

    @property
    def moment(self) -> str:
        """When in the run the network had these weights, in words."""
        state = self.state
        if state.batch == 0:
            return f"epoch {state.epoch} (step {state.step})"
        return f"step {state.step} (batch {state.batch} of epoch {state.epoch + 1})"


def read_weights(store: RunStore, record: RunRecord, *, best: bool = False) -> Weights:
    """The weights after the last completed epoch of `record`, or after its best one.

    Where those of the last epoch are not kept, as after a stop in the middle of an epoch, they are
    those of the last checkpoint.

    Raises:
        StoreError: there are none, or those of the best epoch are not kept.
    """
    if best:
        return Weights(store.model(record.id, record.best_epoch))
    try:
        return Weights(store.model(record.id, record.epoch))
    except StoreError:
        weights = Weights(store.model(record.id))
    return Weights(
        weights.state,
        f"The weights after epoch {record.epoch} of {record.name} are not kept, so these are "
        f"those of {weights.moment}.",
    )


def to_safetensors(record: RunRecord, state: TrainingState, accuracies: dict[str, float]) -> bytes:
    """A safetensors file of `layer_arrays`; its metadata say what network they are of.

    Args:
        record: the run.
        state: where in the run they are from.
        accuracies: by the set they were measured on; may be empty.
    """
    from safetensors.numpy import save

    arrays = layer_arrays(state)
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


def to_npz(state: TrainingState) -> bytes:
    """A file for `numpy.load` with `layer_arrays`."""
    content = io.BytesIO()
    np.savez(content, **layer_arrays(state))  # type: ignore[arg-type]  # no array is allow_pickle
    return content.getvalue()


def layer_arrays(state: TrainingState) -> dict[str, NDArray[np.float32]]:
    """`layers.N.weight` (outputs, inputs) and `layers.N.bias` (outputs,) of each layer N from 0."""
    arrays: dict[str, NDArray[np.float32]] = {}
    layers = zip(state.parameters[::2], state.parameters[1::2], strict=True)
    for index, (weight, bias) in enumerate(layers):
        # safetensors takes the memory as it lies, whatever the strides say.
        arrays[f"layers.{index}.weight"] = np.ascontiguousarray(weight.T)
        arrays[f"layers.{index}.bias"] = np.ascontiguousarray(bias)
    return arrays
