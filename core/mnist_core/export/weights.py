"""A network in a file that can be used alone: its weights, and what they are to be given."""

import io
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import TrainingState
from mnist_core.network.evaluation import pixel_scaling
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.models.table import MODELS
from mnist_core.store import RunRecord, RunStore, StoredPixels
from mnist_core.store.files import safetensors_bytes
from mnist_core.store.records import storable

NEEDED = frozenset({"pixel_shift", "pixel_divisor", "class_labels", "class_names"})
"""What of `about_model` the weights are of little use without; an earlier version kept less."""

Arrays = Mapping[str, NDArray[np.float32]]
About = Mapping[str, Any]
"""By name a text, a number, or a list of texts or numbers."""


def layer_arrays(state: TrainingState, hyperparameters: Hyperparameters) -> Arrays:
    """`layers.N.weight` (outputs, inputs) and `layers.N.bias` (outputs,) of each layer N from 0.

    This is the layout of `torch.nn.Linear`; that of a convolution, (outputs, inputs, height,
    width), the one of `torch.nn.Conv2d`.
    """
    convolutions = MODELS[hyperparameters.model].convolutions
    arrays: dict[str, NDArray[np.float32]] = {}
    layers = zip(state.parameters[::2], state.parameters[1::2], strict=True)
    for index, (weight, bias) in enumerate(layers):
        # safetensors takes the memory as it lies, whatever the strides say.
        outputs_first = np.ascontiguousarray(weight.T)
        if index < len(convolutions):
            kernel = convolutions[index].kernel
            outputs_first = outputs_first.reshape(len(bias), -1, kernel, kernel)
        arrays[f"layers.{index}.weight"] = outputs_first
        arrays[f"layers.{index}.bias"] = np.ascontiguousarray(bias)
    return arrays


def about_model(store: RunStore, record: RunRecord, state: TrainingState) -> About:
    """What is to be known to use the weights of `state`, and where they come from.

    The inputs are (pixels - pixel_shift) / pixel_divisor, output k is the class with the label
    class_labels[k] and the name class_names[k]. `layer_sizes` are those of the dense layers, and
    `convolutions` before them have (channels, kernel, padding) each. What the store does not know
    of a run of an earlier version is left out, and so are accuracies in the middle of an epoch.
    """
    convolutions = MODELS[record.hyperparameters.model].convolutions
    sizes = [weight.shape[0] for weight in state.parameters[2 * len(convolutions) :: 2]]
    about: dict[str, Any] = {
        "run": record.id,
        "name": record.name,
        "note": record.note,
        "tags": list(record.tags),
        "dataset": storable(record.dataset),
        "model": record.hyperparameters.model,
        "layer_sizes": [*sizes, *state.parameters[-1].shape],
        "activation": record.hyperparameters.activation,
        "pixel_scaling": record.hyperparameters.pixel_scaling,
        "epoch": state.epoch,
        "step": state.step,
    }
    if convolutions:
        about["convolutions"] = [list(each) for each in convolutions]
    pixels = store.pixels(record.fingerprint)
    if pixels is not None:
        about |= {
            "image_size": list(pixels.image_shape),
            "pixel_mean": pixels.pixel_mean,
            "pixel_deviation": pixels.pixel_deviation,
        }
    if pixels is not None or record.hyperparameters.pixel_scaling != "standard":
        # Only the standard scaling looks at the pixels.
        unknown = StoredPixels((0, 0), math.nan, math.nan)
        shift, divisor = pixel_scaling(record.hyperparameters, pixels or unknown)
        about |= {"pixel_shift": shift, "pixel_divisor": divisor}
    labels = store.labels(record.fingerprint)
    if labels is not None:
        about |= {
            "class_labels": list(labels.class_labels),
            "class_names": list(labels.class_names),
        }
    for epoch in store.epochs(record.id):
        if epoch.step == state.step:
            found = {"validation": epoch.validation_accuracy, "test": epoch.test_accuracy}
            about |= {f"{name}_accuracy": each for name, each in found.items() if each is not None}
    return about


def to_npz(arrays: Arrays, about: About) -> bytes:
    """A file for `numpy.load`, without pickles: what is told of the weights is arrays too."""
    content = io.BytesIO()
    told = {name: _array(value) for name, value in about.items()}
    np.savez(content, **arrays, **told)  # type: ignore[arg-type]  # no array is allow_pickle
    return content.getvalue()


def _array(value: Any) -> NDArray[Any]:
    # An empty list would be one of numbers.
    return np.array(value, np.str_ if value == [] else None)


def to_safetensors(arrays: Arrays, about: About) -> bytes:
    """A safetensors file; its metadata, all texts, tell of the weights: JSON but for plain text."""
    told = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in about.items()
    }
    return safetensors_bytes(arrays, told)
