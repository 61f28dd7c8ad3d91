"""The NumPy network, held against definitions: what it confirms elsewhere must be right here."""

from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.benchmark.engines.numpy_engine import NumpyEngine, NumpyNetwork, Sgd
from mnist_core.benchmark.problem import Problem
from mnist_core.data.dataset import Dataset
from mnist_core.network.evaluation import evaluate
from mnist_core.recipe.hyperparameters import make_hyperparameters

SIZES = (12, 7, 5, 4)
EXAMPLES = 9


def parameters() -> list[NDArray[np.float64]]:
    random = np.random.default_rng(0)
    shapes = [shape for inputs, out in pairwise(SIZES) for shape in ((inputs, out), (out,))]
    return [random.normal(scale=0.5, size=shape) for shape in shapes]


def batch() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    random = np.random.default_rng(1)
    return random.normal(size=(EXAMPLES, SIZES[0])), random.integers(0, SIZES[-1], EXAMPLES)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_the_gradients_are_the_central_differences_of_the_loss(activation: Any) -> None:
    inputs, labels = batch()
    network = NumpyNetwork(parameters(), activation, EXAMPLES)
    network.loss_and_gradients(inputs, labels)
    gradients = network.flat_gradients.copy()

    step = 1e-6
    differences = np.empty_like(gradients)
    for index in range(len(gradients)):
        losses = []
        for direction in (step, -step):
            moved = NumpyNetwork(parameters(), activation, EXAMPLES)
            moved.flat_parameters[index] += direction
            losses.append(moved.loss_and_gradients(inputs, labels)[0])
        differences[index] = (losses[0] - losses[1]) / (2 * step)

    np.testing.assert_allclose(gradients, differences, atol=1e-8)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_the_loss_is_that_of_the_logits(activation: Any) -> None:
    inputs, labels = batch()
    network = NumpyNetwork(parameters(), activation, EXAMPLES)
    evaluation = evaluate(network.logits(inputs).astype(np.float32), labels.astype(np.uint16))

    loss, correct = network.loss_and_gradients(inputs, labels)

    assert loss == pytest.approx(evaluation.loss, abs=1e-6)
    assert correct == round(evaluation.accuracy * EXAMPLES)


def test_the_sigmoid_does_not_overflow() -> None:
    weights = [np.full((1, 1), 1000.0), np.zeros(1), np.eye(1, 2), np.zeros(2)]
    network = NumpyNetwork(weights, "sigmoid", 2)
    with np.errstate(all="raise", under="ignore"):
        logits = network.logits(np.array([[-1.0], [1.0]]))
    np.testing.assert_array_equal(logits, [[0, 0], [1, 0]])


def test_a_smaller_batch_leaves_no_trace_of_a_larger_one() -> None:
    inputs, labels = batch()
    used = NumpyNetwork(parameters(), "sigmoid", EXAMPLES)
    used.loss_and_gradients(inputs, labels)
    fresh = NumpyNetwork(parameters(), "sigmoid", 4)

    assert used.loss_and_gradients(inputs[:4], labels[:4]) == fresh.loss_and_gradients(
        inputs[:4], labels[:4]
    )
    np.testing.assert_array_equal(used.flat_gradients, fresh.flat_gradients)


def test_the_views_and_the_flat_arrays_are_the_same_memory() -> None:
    network = NumpyNetwork(parameters(), "relu", EXAMPLES)
    network.flat_parameters[:] = 3
    network.flat_gradients[:] = 4
    assert all((view == 3).all() for view in network.parameters)
    assert all((view == 4).all() for view in network.gradients)
    assert [view.shape for view in network.parameters] == [array.shape for array in parameters()]


@pytest.mark.parametrize(("momentum", "decay"), [(0, 0), (0.9, 0), (0, 0.1), (0.5, 0.01)])
@pytest.mark.parametrize("size", [10, 200_000])
def test_sgd_follows_the_textbook(size: int, momentum: float, decay: float) -> None:
    random = np.random.default_rng(2)
    weights = random.normal(size=size)
    expected, velocity = weights.copy(), np.zeros(size)
    sgd = Sgd(0.1, momentum, decay)
    for _ in range(3):
        gradient = random.normal(size=size)
        velocity = momentum * velocity + gradient + decay * expected
        expected = expected - 0.1 * velocity
        sgd.update(weights, gradient.copy())
    np.testing.assert_allclose(weights, expected, atol=1e-12)


def test_batch_losses_go_on_over_epochs_and_always_start_anew(tiny: Dataset) -> None:
    recipe = make_hyperparameters({"hidden_sizes": "8", "batch_size": 32})
    engine = NumpyEngine(Problem(recipe, tiny), threads=1)
    first = list(islice(engine.batch_losses(), 6))
    trained = engine.train_epoch()

    assert list(islice(engine.batch_losses(), 6)) == first
    assert len(set(first)) == 6

    fresh = NumpyEngine(Problem(recipe, tiny), threads=1)
    means = [fresh.train_epoch().train_loss for _ in range(2)]
    sizes = np.array([32, 32, 6])
    assert means[0] == pytest.approx(np.dot(sizes, first[:3]) / 70)
    assert means[1] == pytest.approx(np.dot(sizes, first[3:]) / 70)
    assert trained.examples == 70


@pytest.mark.parametrize("scaling", ["unit", "standard", "none"])
def test_pixels_are_scaled_as_the_problem_says(tiny: Dataset, scaling: str) -> None:
    recipe = make_hyperparameters(
        {"hidden_sizes": "", "batch_size": 70, "pixel_scaling": scaling, "shuffle": "no"}
    )
    problem = Problem(recipe, tiny)
    weight, bias = problem.initial_parameters()
    expected = evaluate(problem.inputs(tiny.train.images) @ weight + bias, tiny.train.labels)

    (loss,) = islice(NumpyEngine(problem, threads=1).batch_losses(), 1)

    assert loss == pytest.approx(expected.loss, rel=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        {"activation": "tanh"},
        {"optimizer": "adam"},
        {"warmup_steps": 5},
        {"dropout": 0.5},
        {"label_smoothing": 0.1},
    ],
)
def test_a_recipe_that_not_every_engine_knows_is_refused(
    tiny: Dataset, values: dict[str, Any]
) -> None:
    (name,) = values
    with pytest.raises(ValueError, match=f"cannot be compared with {name}"):
        Problem(make_hyperparameters(values), tiny)
