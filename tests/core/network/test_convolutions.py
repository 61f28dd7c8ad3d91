"""A network with convolutions: its gradients, its two forward passes, and what it refuses."""

from itertools import product

import numpy as np
import pytest

from helpers.blobs import blobs
from mnist_core.backend.mlx import mx
from mnist_core.checks.convolutions import convolution
from mnist_core.data.dataset import Dataset
from mnist_core.events import RunStarted
from mnist_core.network.convolutions import convolve, gradients_of_convolutions
from mnist_core.network.evaluation import logits
from mnist_core.network.halves import to_mlx
from mnist_core.network.learner import Learner
from mnist_core.network.parameters import check_parameters, initial_parameters, parameter_count
from mnist_core.network.shape import ConvolutionShape, NetworkShape, convolution_shapes
from mnist_core.recipe.hyperparameters import Activation, Hyperparameters, unused_fields
from mnist_core.recipe.models.model import Convolution, Model
from mnist_core.recipe.models.table import MODELS, ModelName
from mnist_core.recipe.presets import presets
from mnist_core.training.train import train

RECIPE = presets()["lenet"].hyperparameters
SHAPES = [(12, 12), (13, 17), (28, 28)]


def dataset(shape: tuple[int, int]) -> Dataset:
    names = tuple("0123456789")
    train_, test = blobs(40, 10, shape, 1), blobs(20, 10, shape, 2)
    return Dataset("blobs", train_, test, names, tuple(range(10)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_mlx_and_numpy_give_the_same_logits(shape: tuple[int, int], activation: Activation) -> None:
    data = dataset(shape)
    recipe = RECIPE.model_copy(update={"activation": activation})
    parameters = initial_parameters(NetworkShape.of(recipe, shape, 10), 3)
    learner = Learner(recipe, data, data.train)
    learner.load(parameters, None)
    np.testing.assert_allclose(
        learner.logits(data.test.images),
        logits(parameters, data.test.images, recipe, data),
        atol=1e-6,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_conv2d(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    shapes = convolution_shapes(RECIPE, shape)
    arrays = to_mlx(initial_parameters(NetworkShape.of(RECIPE, shape, 10), 1)[:4])
    images = random.uniform(0, 1, (6, *shape)).astype(np.float32)
    # Where there is no row of blank pixels, no two places of a pool are equal.
    pixels = mx.array(images.reshape(6, -1))
    convolved = convolve(shapes, arrays, pixels, "relu")
    weighing = mx.array(random.normal(0, 1, convolved.features.shape).astype(np.float32))

    def weighed(*parameters: mx.array) -> mx.array:
        maps = mx.array(images)[..., None]
        for each, weight, bias in zip(shapes, parameters[::2], parameters[1::2], strict=True):
            kernel = each.convolution.kernel
            filters = weight.reshape(each.inputs, kernel, kernel, -1).transpose(3, 1, 2, 0)
            sums = mx.conv2d(maps, filters, padding=each.convolution.padding) + bias
            rows, columns = each.pooled
            sums = sums[:, : 2 * rows, : 2 * columns].reshape(6, rows, 2, columns, 2, -1)
            maps = mx.maximum(mx.max(sums, axis=(2, 4)), 0)
        return mx.sum(maps.transpose(0, 3, 1, 2).reshape(6, -1) * weighing)

    expected = mx.grad(weighed, argnums=(0, 1, 2, 3))(*arrays)
    found = gradients_of_convolutions(shapes, arrays, convolved, weighing)
    for ours, theirs in zip(found, expected, strict=True):
        value = np.array(theirs)
        np.testing.assert_allclose(
            np.array(ours.value()), value, rtol=0, atol=1e-5 * np.abs(value).max()
        )


def test_equal_places_of_a_pool_share_a_gradient() -> None:
    shape = ConvolutionShape(1, 4, 2, Convolution(1, kernel=1, padding=0))
    arrays = (mx.array([[1.0]]), mx.array([[0.5]]))
    # In the first pool all four are equal, in the second the two above.
    pixels = mx.array([[1.0, 1, 1, 1, 3, 3, 2, 1]])
    convolved = convolve((shape,), arrays, pixels, "relu")
    assert np.array(convolved.features).tolist() == [[1.5, 3.5]]
    shares = np.array(convolved.passed[0].shares)[0]
    assert shares.T.tolist() == [[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]
    weight, bias = gradients_of_convolutions((shape,), arrays, convolved, mx.array([[10.0, 100]]))
    assert (weight.value().item(), bias.value().item()) == (10 * 1 + 100 * 3, 110)


def test_the_reference_convolution_is_the_definition() -> None:
    random = np.random.default_rng(2)
    maps, weight = random.normal(size=(2, 3, 6, 5)), random.normal(size=(3 * 9, 4))
    bias = random.normal(size=4)
    found = convolution(maps, weight, bias, padding=1)
    assert found.shape == (2, 4, 6, 5)
    filters = weight.reshape(3, 3, 3, 4)
    for example, channel, y, x in product(range(2), range(4), range(6), range(5)):
        total = bias[channel]
        for each, down, right in product(range(3), range(3), range(3)):
            row, column = y + down - 1, x + right - 1
            if 0 <= row < 6 and 0 <= column < 5:
                total += maps[example, each, row, column] * filters[each, down, right, channel]
        assert found[example, channel, y, x] == pytest.approx(total)


def test_lenet_has_the_published_shape() -> None:
    shape = NetworkShape.of(RECIPE, (28, 28), 10)
    assert str(shape) == "6@5x5-16@5x5-400-120-84-10"
    assert parameter_count(shape) == 61_706
    assert [array.shape for array in initial_parameters(shape, 0)[::2]] == [
        (25, 6), (150, 16), (400, 120), (120, 84), (84, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(11, 28), (12, 11)])
def test_images_that_are_too_small_are_refused_in_a_sentence(shape: tuple[int, int]) -> None:
    height, width = shape
    with pytest.raises(ValueError, match=r"^The model lenet needs images of 12x12 ") as refused:
        next(train(RECIPE, dataset(shape)))
    assert f"these have {height}x{width}. Choose the model mlp" in str(refused.value)


def test_the_smallest_image_leaves_one_place() -> None:
    assert MODELS["lenet"].smallest_side == 12
    assert convolution_shapes(RECIPE, (12, 12))[-1].pooled == (1, 1)
    assert MODELS["mlp"].smallest_side == 1


def test_weights_of_another_model_are_refused() -> None:
    lenet = initial_parameters(NetworkShape.of(RECIPE, (28, 28), 10), 0)
    dense = NetworkShape.of(Hyperparameters(hidden_sizes=(120, 84)), (28, 28), 10)
    with pytest.raises(ValueError, match="784-120-84-10"):
        check_parameters(lenet, dense)


def test_without_hidden_layers_an_activation_still_follows_the_filters() -> None:
    plain = RECIPE.model_copy(update={"hidden_sizes": ()})
    assert unused_fields(plain).keys() == {"dropout"}


def test_the_table_has_a_row_for_every_name_and_each_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert set(MODELS) == set(ModelName.__args__)  # type: ignore[attr-defined]
    # What CONTRIBUTING says of a third model: a description and its row are all it takes.
    third = Model((Convolution(3, kernel=3, padding=1),))
    monkeypatch.setattr("mnist_core.network.shape.MODELS", {**MODELS, "lenet": third})
    recipe = RECIPE.model_copy(update={"hidden_sizes": (), "epochs": 1})
    events = list(train(recipe, dataset((7, 6))))
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.parameter_count == (9 + 1) * 3 + (3 * 3 * 3 + 1) * 10
