"""Why a model answers as it does: maps and steps against their definitions."""

from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.blobs import blobs
from mnist_core.data.dataset import Dataset
from mnist_core.network.evaluation import (
    ACTIVATIONS,
    Floats,
    layer_sums,
    logits,
    pixel_scaling,
)
from mnist_core.network.explanations import (
    Contrast,
    contrast_of,
    occlusion,
    patch_shape,
    patch_starts,
    saliency,
    smallest_flip,
)
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.pixel_function import (
    SLOPES,
    PixelFunction,
)
from mnist_core.network.shape import NetworkShape, convolution_shapes
from mnist_core.recipe.hyperparameters import Activation, make_hyperparameters

EVERY_ACTIVATION = get_args(Activation)
CONTRAST = Contrast(predicted=2, against=0)


def function_of(
    dataset: Dataset, hidden: str = "7,5", activation: str = "tanh", scaling: str = "unit"
) -> PixelFunction:
    hyperparameters = make_hyperparameters(
        {"hidden_sizes": hidden, "activation": activation, "pixel_scaling": scaling}
    )
    sizes = (dataset.input_size, *hyperparameters.hidden_sizes, dataset.class_count)
    return PixelFunction(initial_parameters(sizes, seed=5), hyperparameters, dataset)


def difference(function: PixelFunction, image: NDArray[np.float64]) -> float:
    """Of the two logits of `CONTRAST`, in float64 all the way."""
    values: Floats = image.reshape(-1)
    shift, divisor = pixel_scaling(function._hyperparameters, function._dataset)
    values = (values - float(np.float32(shift))) * float(np.float32(1 / divisor))
    *hidden, (weight, bias) = zip(
        function._parameters[::2], function._parameters[1::2], strict=True
    )
    for into, offset in hidden:
        values = ACTIVATIONS[function._hyperparameters.activation](
            values @ into.astype(np.float64) + offset
        )
    found = values @ weight.astype(np.float64) + bias
    return float(found[CONTRAST.predicted] - found[CONTRAST.against])


@pytest.mark.parametrize("scaling", ["unit", "standard", "none"])
@pytest.mark.parametrize("hidden", ["", "7,5"])
@pytest.mark.parametrize("activation", EVERY_ACTIVATION)
def test_gradients_equal_central_differences(
    activation: str, hidden: str, scaling: str, tiny: Dataset
) -> None:
    function = function_of(tiny, hidden, activation, scaling)
    image = tiny.test.images[3]
    found = saliency(function, image, CONTRAST)
    assert found.shape == image.shape
    assert np.abs(found).max() > 0
    step = 1e-4
    for place in np.ndindex(image.shape):
        there = image.astype(np.float64)
        there[place] += step
        back = image.astype(np.float64)
        back[place] -= step
        slope = (difference(function, there) - difference(function, back)) / (2 * step)
        assert found[place] == pytest.approx(slope, rel=1e-4, abs=1e-9 + 1e-5 * np.abs(found).max())


@pytest.mark.parametrize("activation", EVERY_ACTIVATION)
def test_slopes_are_those_of_the_activations(activation: Activation) -> None:
    at = np.array([-30.0, -2.0, -0.3, 0.4, 1.0, 30.0])
    step = 1e-6
    slopes = (ACTIVATIONS[activation](at + step) - ACTIVATIONS[activation](at - step)) / (2 * step)
    np.testing.assert_allclose(SLOPES[activation](at), slopes, atol=1e-8)
    assert np.isfinite(SLOPES[activation](np.zeros(2))).all()


def test_the_function_says_what_the_forward_pass_says(tiny: Dataset) -> None:
    function = function_of(tiny, "7,5", "relu")
    expected = logits(function._parameters, tiny.test.images, function._hyperparameters, tiny)
    np.testing.assert_array_equal(function.logits(tiny.test.images), expected)
    last = function.last_hidden(tiny.test.images)
    assert last.shape == (30, function.last_units) == (30, 5)
    weight, bias = function._parameters[-2:]
    np.testing.assert_allclose(last @ weight + bias, expected, atol=1e-6)


def test_without_a_hidden_layer_the_last_one_is_the_logits(tiny: Dataset) -> None:
    function = function_of(tiny, "")
    assert not function.has_hidden_layer
    assert function.last_units == 4
    np.testing.assert_array_equal(
        function.last_hidden(tiny.test.images), function.logits(tiny.test.images)
    )


@pytest.mark.parametrize("hidden", ["", "9"])
@pytest.mark.parametrize(("activation", "shape"), [("tanh", (13, 14)), ("relu", (20, 12))])
def test_lenet_is_asked_through_its_convolutions(
    activation: str, shape: tuple[int, int], hidden: str
) -> None:
    images = blobs(20, 4, shape, 1)
    dataset = Dataset("squares", images, images, ("a", "b", "c", "d"), (0, 1, 2, 3))
    recipe = make_hyperparameters(
        {"model": "lenet", "hidden_sizes": hidden, "activation": activation}
    )
    parameters = initial_parameters(NetworkShape.of(recipe, shape, 4), seed=5)
    function = PixelFunction(parameters, recipe, dataset)
    weight, bias = parameters[-2:]
    last = function.last_hidden(images.images)
    assert last.shape == (20, function.last_units)
    np.testing.assert_allclose(last @ weight + bias, function.logits(images.images), atol=1e-5)
    image, convolutions = images.images[3], convolution_shapes(recipe, shape)
    found = saliency(function, image, CONTRAST)
    doubles = [array.astype(np.float64) for array in parameters]

    def contrast(pixels: NDArray[np.float64]) -> float:
        inputs = pixels.reshape(1, -1) / 255
        sums = layer_sums(doubles, inputs, recipe.activation, convolutions)[-1][0]
        return float(sums[CONTRAST.predicted] - sums[CONTRAST.against])

    for place in np.ndindex(image.shape):
        there, back = image.astype(np.float64), image.astype(np.float64)
        there[place] += 1e-4
        back[place] -= 1e-4
        slope = (contrast(there) - contrast(back)) / 2e-4
        assert found[place] == pytest.approx(slope, abs=1e-4 * np.abs(found).max())


def test_fewer_images_are_asked_about_at_once_where_filters_copy_them(tiny: Dataset) -> None:
    dense = PixelFunction((), make_hyperparameters({}), tiny)
    filters = PixelFunction((), make_hyperparameters({"model": "lenet"}), tiny)
    assert dense.together(784) // 25 == filters.together(784) > 50


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ([0.1, 0.9, 0.5], 0, (1, 0)),
        ([0.1, 0.9, 0.5], 1, (1, 2)),
        ([0.9], 0, None),
        ([np.nan, 1.0], 0, None),
        ([np.inf, 1.0], 1, None),
    ],
)
def test_two_classes_are_compared(
    said: list[float], true: int, expected: tuple[int, int] | None
) -> None:
    assert contrast_of(np.array(said, np.float32), true) == expected


@pytest.mark.parametrize(
    ("shape", "patch"), [((28, 28), (4, 4)), ((5, 9), (1, 2)), ((1, 1), (1, 1))]
)
def test_patches_cover_every_pixel(shape: tuple[int, int], patch: tuple[int, int]) -> None:
    assert patch_shape(shape) == patch
    for length, side in zip(shape, patch, strict=True):
        starts = patch_starts(length, side)
        covered = {start + offset for start in starts for offset in range(side)}
        assert covered == set(range(length))
    assert patch_starts(28, 4) == list(range(0, 25, 2))


@pytest.mark.parametrize("blank", [0, 255])
@pytest.mark.parametrize("hidden", ["", "7,5"])
def test_occlusion_equals_its_definition(hidden: str, blank: int, tiny: Dataset) -> None:
    function = function_of(tiny, hidden)
    image = tiny.test.images[4]
    height, width = image.shape
    down, across = patch_shape((height, width))
    found = occlusion(function, image, CONTRAST, blank)
    whole = difference(function, image.astype(np.float64))
    for row, column in np.ndindex(image.shape):
        falls = []
        for top, left in product(patch_starts(height, down), patch_starts(width, across)):
            if top <= row < top + down and left <= column < left + across:
                covered = image.astype(np.float64)
                covered[top : top + down, left : left + across] = blank
                falls.append(whole - difference(function, covered))
        assert found[row, column] == pytest.approx(np.mean(falls), abs=1e-5)


def changed(
    image: NDArray[np.uint8], gradient: NDArray[np.float64], step: float
) -> NDArray[np.float32]:
    """By the definition: each pixel against its slope, the steepest by `step` grey levels."""
    pixels = [
        min(255.0, max(0.0, float(pixel) - step * slope / np.abs(gradient).max()))
        for pixel, slope in zip(image.reshape(-1), gradient.reshape(-1), strict=True)
    ]
    return np.array(pixels, np.float32).reshape(image.shape)


@pytest.mark.parametrize("hidden", ["", "7,5"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_the_flip_changes_the_answer_and_a_smaller_step_does_not(
    activation: str, hidden: str, tiny: Dataset
) -> None:
    function = function_of(tiny, hidden, activation)
    for weight in function._parameters[::2]:
        weight *= 4  # more than one class is said
    flipped = 0
    for image, true in zip(tiny.test.images, tiny.test.labels, strict=True):
        contrast = contrast_of(function.logits(image[None])[0], int(true))
        assert contrast is not None
        flip = smallest_flip(function, image, contrast)
        if flip is None:
            continue
        flipped += 1
        gradient = saliency(function, image, contrast)
        np.testing.assert_allclose(flip.image, changed(image, gradient, flip.step), atol=1e-3)
        after = int(function.logits(flip.image[None])[0].argmax())
        assert after == flip.predicted != contrast.predicted
        for share in (0.1, 0.5, 0.9, 0.99, 0.9999):
            less = changed(image, gradient, share * flip.step)
            assert int(function.logits(less[None])[0].argmax()) == contrast.predicted
    assert flipped > 5


def test_a_model_that_sees_nothing_flips_never(tiny: Dataset) -> None:
    function = function_of(tiny)
    for weight in function._parameters[::2]:
        weight[:] = 0
    assert smallest_flip(function, tiny.test.images[0], CONTRAST) is None
    function._parameters[0][:] = np.nan
    assert smallest_flip(function, tiny.test.images[0], CONTRAST) is None


def test_a_blank_set_can_be_asked(tiny: Dataset) -> None:
    blank = np.zeros_like(tiny.train.images)
    dataset = replace(tiny, train=replace(tiny.train, images=blank))
    function = function_of(dataset, scaling="standard")
    assert np.isfinite(saliency(function, blank[0], CONTRAST)).all()
    assert not occlusion(function, blank[0], CONTRAST, 0).any()
