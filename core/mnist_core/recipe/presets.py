"""The presets: published examples, each a recipe that people want to reproduce."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from mnist_core.recipe.hyperparameters import Hyperparameters, differing_fields, unused_fields


@dataclass(frozen=True, slots=True)
class Preset:
    """A published example that people want to reproduce."""

    name: str
    source: str
    hyperparameters: Hyperparameters


DEFAULT_PRESET = "mlx-docs"


@cache
def presets() -> Mapping[str, Preset]:
    """The presets by name. All start from weights and biases uniform in ±1/sqrt(fan_in)."""
    mlx_docs = Hyperparameters()
    mlx_wide = mlx_docs.model_copy(update={"hidden_sizes": (256, 256), "learning_rate": 0.01})
    every = (
        Preset("mlx-docs", "MLX documentation, multi-layer perceptron example", mlx_docs),
        Preset("mlx-wide", "blog post “MLX 03 Multi-Layer Perceptron”", mlx_wide),
        Preset(
            "mlx-raw-pixels",
            "the same post as written: pixels 0 to 255, many seeds fail",
            mlx_wide.model_copy(update={"pixel_scaling": "none"}),
        ),
        Preset(
            "torch-sigmoid",
            "blog post “MLP with MNIST” (PyTorch)",
            Hyperparameters(
                hidden_sizes=(512, 256),
                activation="sigmoid",
                learning_rate=0.01,
                momentum=0.5,
                batch_size=32,
            ),
        ),
        Preset(
            "mlx-unit-rate",
            "“MLX-project NN model with mnist”, with a learning rate of 1",
            mlx_docs.model_copy(update={"learning_rate": 1.0}),
        ),
        Preset(
            "lenet",
            "LeNet-5's shape (LeCun et al. 1998) with relu and max pooling",
            mlx_docs.model_copy(
                update={
                    "model": "lenet",
                    "hidden_sizes": (120, 84),
                    "batch_size": 64,
                    "epochs": 5,
                    "schedule": "cosine",
                    "pixel_scaling": "standard",
                }
            ),
        ),
    )
    return {preset.name: preset for preset in every}


def nearest_preset(hyperparameters: Hyperparameters) -> Preset:
    """The preset that fewest values have to be changed of; of equals the first.

    One that differs in a value without effect comes last, since flags cannot change that.
    """
    unused = unused_fields(hyperparameters)

    def distance(preset: Preset) -> tuple[int, int]:
        differing = differing_fields(hyperparameters, preset.hyperparameters)
        unsaid = sum(name in unused for name in differing)
        return unsaid, len(differing)

    return min(presets().values(), key=distance)
