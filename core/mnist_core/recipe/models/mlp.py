"""The multi-layer perceptron: dense layers alone."""

from mnist_core.recipe.models.model import Model

MLP = Model()
