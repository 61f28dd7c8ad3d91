"""The forward pass in NumPy gives what the learner gives in MLX."""

import warnings
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from mnist_core.data.dataset import Dataset
from mnist_core.network.evaluation import logits, pixel_scaling
from mnist_core.network.learner import Learner
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Activation, make_hyperparameters

ACTIVATIONS: tuple[str, ...] = get_args(Activation)


@pytest.mark.parametrize("scaling", ["unit", "standard", "none"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_equals_the_learners_logits(activation: str, scaling: str, tiny: Dataset) -> None:
    hyperparameters = make_hyperparameters(
        {"hidden_sizes": "16,8", "activation": activation, "pixel_scaling": scaling}
    )
    sizes = layer_sizes(tiny.input_size, hyperparameters.hidden_sizes, tiny.class_count)
    parameters = initial_parameters(sizes, seed=3)
    learner = Learner(hyperparameters, tiny, tiny.train)
    learner.load(parameters, None)
    ours = logits(parameters, tiny.test.images, hyperparameters, tiny)
    assert ours.shape == (30, 4)
    assert ours.dtype == np.float32
    # Unscaled pixels give logits of up to a hundred, whose last digit is that much larger.
    np.testing.assert_allclose(
        ours, learner.logits(tiny.test.images), rtol=1e-5 if scaling == "none" else 0, atol=1e-5
    )


def test_all_activations_are_tried() -> None:
    assert len(ACTIVATIONS) == 6


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_weights_that_are_not_finite_give_such_logits_and_no_warning(
    activation: str, tiny: Dataset
) -> None:
    hyperparameters = make_hyperparameters({"hidden_sizes": "8", "activation": activation})
    parameters = initial_parameters(layer_sizes(tiny.input_size, [8], tiny.class_count), seed=3)
    parameters[0][:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(logits(parameters, tiny.test.images, hyperparameters, tiny)).all()
        parameters[0][:] = 3e38
        logits(parameters, tiny.test.images, hyperparameters, tiny)


def test_blank_images_have_no_deviation_to_divide_by(tiny: Dataset) -> None:
    train = replace(tiny.train, images=np.full_like(tiny.train.images, 7))
    standard = make_hyperparameters({"pixel_scaling": "standard"})
    assert pixel_scaling(standard, replace(tiny, train=train)) == (7.0, 1.0)
