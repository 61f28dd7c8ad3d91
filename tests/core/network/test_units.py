"""What units have learned and what excites them, against a recount one example at a time."""

import math
import warnings
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.blobs import blobs
from mnist_core.checks.convolutions import convolution
from mnist_core.checks.reference_network import doubles
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network import units
from mnist_core.network.evaluation import ACTIVATIONS, pixel_scaling
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.shape import NetworkShape
from mnist_core.network.units import (
    UnitActivity,
    class_weights,
    feature_maps,
    has_hidden_units,
    shown_layers,
    unit_pictures,
    weight_norms,
    weights_onward,
)
from mnist_core.recipe.hyperparameters import Activation, Hyperparameters, make_hyperparameters

EVERY_ACTIVATION = get_args(Activation)


def recipe(activation: str = "relu", scaling: str = "unit") -> Hyperparameters:
    return make_hyperparameters(
        {"hidden_sizes": "7,5", "activation": activation, "pixel_scaling": scaling}
    )


def whole(
    parameters: tuple[NDArray[np.float32], ...],
    layer: int,
    dataset: Dataset,
    hyperparameters: Hyperparameters,
) -> UnitActivity:
    activity = UnitActivity(parameters, layer, dataset.test, hyperparameters, dataset)
    while not activity.is_whole:
        activity.take_part()
    return activity


def recounted(
    parameters: tuple[NDArray[np.float32], ...],
    layer: int,
    dataset: Dataset,
    hyperparameters: Hyperparameters,
) -> NDArray[np.float64]:
    """(examples, units) sums, one product of two numbers after the other."""
    shift, divisor = pixel_scaling(hyperparameters, dataset)
    found = []
    for image in dataset.test.images:
        values = [(float(pixel) - shift) / divisor for pixel in image.reshape(-1)]
        for at in range(layer + 1):
            weight, bias = parameters[2 * at : 2 * at + 2]
            sums = [
                math.fsum(
                    value * float(w) for value, w in zip(values, weight[:, unit], strict=True)
                )
                + float(bias[unit])
                for unit in range(len(bias))
            ]
            values = ACTIVATIONS[hyperparameters.activation](np.array(sums)).tolist()
        found.append(sums)
    return np.array(found)


SIZES = (30, 7, 5, 4)


@pytest.mark.parametrize("scaling", ["unit", "standard"])
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("activation", EVERY_ACTIVATION)
def test_activity_equals_a_recount(
    activation: str, layer: int, scaling: str, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "_PART", 7 * 30 * (7 + 50))  # several parts, the last one smaller
    hyperparameters, parameters = recipe(activation, scaling), initial_parameters(SIZES, 5)
    sums = recounted(parameters, layer, tiny, hyperparameters)
    values = ACTIVATIONS[hyperparameters.activation](sums)
    found = whole(parameters, layer, tiny, hyperparameters)
    np.testing.assert_allclose(found.sums, sums, atol=1e-5)
    means = found.class_means(6)
    assert means.shape == (SIZES[layer + 1], 6)
    for label in range(4):
        of_class = values[tiny.test.labels == label]
        np.testing.assert_allclose(means[:, label], of_class.mean(axis=0), atol=1e-5)
    assert np.isnan(means[:, 4:]).all()
    for unit in range(SIZES[layer + 1]):
        ranked = sorted(range(30), key=lambda row: sums[row, unit])
        assert found.least_excited(unit, 4).tolist() == ranked[:4]
        assert found.most_excited(unit, 4).tolist() == ranked[:-5:-1]
        if found.off_shares is not None:
            assert found.off_shares[unit] == sum(sums[:, unit] <= 0) / 30
    assert (found.off_shares is None) == (activation in ("sigmoid", "tanh"))
    assert found.dead.tolist() == (np.ptp(values, axis=0) == 0).tolist()


@pytest.mark.parametrize(
    ("activation", "dead"),
    [("relu", True), ("gelu", True), ("silu", True), ("sigmoid", True), ("tanh", True),
     ("leaky_relu", False)],
)  # fmt: skip
def test_a_unit_that_says_the_same_of_all_is_dead(
    activation: str, dead: bool, tiny: Dataset
) -> None:
    parameters = initial_parameters(SIZES, 5)
    parameters[1][:] = 1
    parameters[1][2] = -50
    found = whole(parameters, 0, tiny, recipe(activation))
    assert found.dead.tolist() == [unit == 2 and dead for unit in range(7)]
    if found.off_shares is not None:
        assert found.off_shares[2] == 1
    assert len(found) == 30


def test_classes_are_never_off_and_never_dead(tiny: Dataset) -> None:
    weight, bias = np.zeros((30, 4), np.float32), np.arange(4, dtype=np.float32)
    found = whole((weight, bias), 0, tiny, recipe())
    assert found.off_shares is None
    assert not found.dead.any()
    np.testing.assert_array_equal(found.class_means(4), np.tile(bias[:, None], 4))
    assert found.most_excited(0, 3).tolist() == found.least_excited(0, 3).tolist() == [0, 1, 2]


def test_a_network_that_changes_is_asked_about_fewer(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters, many = initial_parameters(SIZES, 5), blobs(400, 4, (6, 5), 1)

    def asked(*, brief: bool) -> int:
        return len(UnitActivity(parameters, 0, many, recipe(), tiny, brief=brief))

    assert asked(brief=True) == asked(brief=False) == 400
    monkeypatch.setattr(units, "_BRIEF", 30 * (7 + 50) * 50)
    assert (asked(brief=True), asked(brief=False)) == (50, 400)
    monkeypatch.setattr(units, "_MOST_SUMS", 7 * 120)
    assert (asked(brief=True), asked(brief=False)) == (50, 120)


def test_pictures_are_the_weights_to_each_unit() -> None:
    parameters = initial_parameters(SIZES, 1)
    for unit in range(7):
        (picture,) = unit_pictures(parameters, np.array([unit]), (6, 5))
        assert picture.shape == (6, 5)
        for row in range(6):
            for column in range(5):
                assert picture[row, column] == parameters[0][5 * row + column, unit]


@pytest.mark.parametrize("layer", [0, 1])
def test_norms_are_those_of_the_weights_into_a_unit(layer: int) -> None:
    parameters = initial_parameters(SIZES, 1)
    expected = [math.hypot(*map(float, column)) for column in parameters[2 * layer].T]
    np.testing.assert_allclose(weight_norms(parameters, layer), expected, rtol=1e-6)


def test_a_class_uses_a_unit_by_all_paths_from_it() -> None:
    parameters = initial_parameters((30, 7, 5, 3, 4), 1)
    np.testing.assert_array_equal(class_weights(parameters, 2), parameters[6])
    second, third, last = parameters[2], parameters[4], parameters[6]
    expected = np.zeros((7, 4))
    for unit, a, b, label in np.ndindex(7, 5, 3, 4):
        expected[unit, label] += float(second[unit, a]) * float(third[a, b]) * last[b, label]
    np.testing.assert_allclose(class_weights(parameters, 0), expected, atol=1e-6)


def test_the_layers_are_the_hidden_ones_or_the_output() -> None:
    counts = [shown_layers(initial_parameters(sizes, 0)) for sizes in (SIZES, (3, 2, 2), (3, 2))]
    assert counts == [2, 1, 1]
    assert [has_hidden_units(initial_parameters(s, 0)) for s in ((3, 2, 2), (3, 2))] == [
        True,
        False,
    ]


def test_weights_that_are_not_finite_give_no_warning(tiny: Dataset) -> None:
    parameters = initial_parameters(SIZES, 1)
    parameters[0][:, 0] = np.nan
    parameters[0][:, 1] = 3e38
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = whole(parameters, 1, tiny, recipe())
        assert np.isnan(found.class_means(4)).all()
        assert not found.dead.any()
        assert len(found.most_excited(0, 5)) == 5
        weight_norms(parameters, 0)
        class_weights(parameters, 0)


def test_of_no_examples_nothing_is_dead(tiny: Dataset) -> None:
    none = Examples(tiny.test.images[:0], tiny.test.labels[:0])
    found = UnitActivity(initial_parameters(SIZES, 1), 0, none, recipe(), tiny)
    assert found.is_whole
    assert not found.dead.any()
    assert found.off_shares is not None
    assert found.off_shares.tolist() == [0] * 7
    assert np.isnan(found.class_means(2)).all()


def test_a_filter_is_asked_for_the_largest_sum_of_its_map() -> None:
    shape, kept = (13, 12), Hyperparameters(model="lenet", hidden_sizes=(120, 84))
    images = blobs(40, 10, shape, 3)
    dataset = Dataset("blobs", images, images, tuple("0123456789"), tuple(range(10)))
    network = NetworkShape.of(kept, shape, 10)
    parameters = initial_parameters(network, 4)
    parameters[3][:] = 1
    parameters[3][5] = -50
    assert shown_layers(parameters) == 4

    activity = whole(parameters, 1, dataset, kept)

    inputs = images.images[:, None].astype(np.float64) / 255
    exact = doubles(parameters)
    sums = convolution(inputs, exact[0], exact[1], network.convolutions[0].convolution.padding)
    pooled = np.maximum(sums[:, :, :12].reshape(40, 6, 6, 2, 6, 2).max(axis=(3, 5)), 0)
    sums = convolution(pooled, exact[2], exact[3], 0)
    np.testing.assert_allclose(activity.sums, sums.max(axis=(2, 3)), atol=1e-5)
    assert np.flatnonzero(activity.dead).tolist() == [5]
    assert activity.off_shares is not None
    assert activity.off_shares[5] == 1
    # The largest sum of a filter may be the same in all images, and the places around it are not.
    spots = np.zeros((9, *shape), np.uint8)
    for index in range(9):
        spots[index, 5 + index // 3, 5 + index % 3] = 255
    spotted = replace(dataset, test=Examples(spots, np.zeros(9, np.uint16)))
    alike = whole(parameters, 0, spotted, kept)
    assert np.ptp(alike.sums, axis=0).max() < 1e-6
    assert not alike.dead.any()
    maps = feature_maps(parameters, 1, 2, images.images, kept, dataset)
    largest = sums[:, 2].max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(maps, np.maximum(largest, 0), atol=1e-5)


def test_the_weights_of_a_filter_are_added_over_its_places() -> None:
    kept = Hyperparameters(model="lenet", hidden_sizes=(120, 84))
    parameters = initial_parameters(NetworkShape.of(kept, (28, 28), 10), 5)
    onward = weights_onward(parameters, 1)
    assert onward.shape == (16, 120)
    # A map of 5x5 follows another one in what the first dense layer is given.
    np.testing.assert_allclose(onward[3], parameters[4][75:100].sum(axis=0), rtol=1e-5)
    used = onward @ parameters[6] @ parameters[8]
    np.testing.assert_allclose(class_weights(parameters, 1), used, atol=1e-5)
    assert class_weights(parameters, 0).shape == (6, 10)
    filter_ = parameters[0][:, 3].reshape(5, 5)
    np.testing.assert_array_equal(unit_pictures(parameters, np.array([3]), (5, 5))[0], filter_)
