"""The models by name: the one place that lists them."""

from collections.abc import Mapping
from typing import Literal

from mnist_core.recipe.models.lenet import LENET
from mnist_core.recipe.models.mlp import MLP
from mnist_core.recipe.models.model import Model

ModelName = Literal["mlp", "lenet"]

MODELS: Mapping[ModelName, Model] = {"mlp": MLP, "lenet": LENET}
