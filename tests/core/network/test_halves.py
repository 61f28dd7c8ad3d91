"""A network in halves: the same network, the same training, and another thread's worth of speed."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, configure
from mnist_core.backend.mlx import mx
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunStarted,
    RunStopped,
    StopTraining,
)
from mnist_core.network import halves
from mnist_core.network.halves import layers_of, stream_count, stream_of, to_mlx, to_numpy
from mnist_core.network.learner import Learner
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.recipe.presets import presets
from mnist_core.training.train import train

STEPS = 5


def recipe(**values: Any) -> Hyperparameters:
    return make_hyperparameters({"hidden_sizes": "21, 9, 7", "batch_size": 16, **values})


def learn(
    dataset: Dataset, hyperparameters: Hyperparameters, *, halved: bool, compiled: bool = False
) -> tuple[list[float], Learner]:
    """The losses of some batches, and who learned from them."""
    learner = Learner(hyperparameters, dataset, dataset.train, compiled=compiled, halved=halved)
    sizes = layer_sizes(dataset.input_size, hyperparameters.hidden_sizes, dataset.class_count)
    learner.load(initial_parameters(sizes, 3), None)
    losses = [
        learner.update(np.arange(16, dtype=np.int32) + step, step, hyperparameters.learning_rate)[0]
        for step in range(STEPS)
    ]
    return losses, learner


@given(sizes=st.lists(st.integers(2, 9), min_size=2, max_size=7), slots=st.integers(1, 2))
def test_a_network_is_whole_again_after_it_was_halved(sizes: list[int], slots: int) -> None:
    whole: list[NDArray[np.float32]] = []
    for inputs, outputs in pairwise(sizes):
        for shape in ((inputs, outputs), (outputs,)):
            for _ in range(slots):
                count = int(np.prod(shape))
                whole.append(np.arange(count, dtype=np.float32).reshape(shape) + 100 * len(whole))
    parts = to_mlx(whole, slots, halved=True)
    assert sum(part.size for part in parts) == sum(array.size for array in whole)
    for left, right in zip(to_numpy(parts, slots, halved=True), whole, strict=True):
        np.testing.assert_array_equal(left, right)
    if slots == 1:
        layers = layers_of(parts, halved=True)
        assert len(layers) == len(sizes) - 1
        for place, (layer, (inputs, outputs)) in enumerate(
            zip(layers, pairwise(sizes), strict=True)
        ):
            axis = place % 2
            joined = list(layer.weights[0].shape)
            if len(layer.weights) == 2:
                joined[1 - axis] += layer.weights[1].shape[1 - axis]
            assert joined == [inputs, outputs]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"hidden_sizes": "8"},
        {"hidden_sizes": "13, 6"},
        {"dropout": 0.3, "label_smoothing": 0.1},
        {"activation": "gelu", "momentum": 0.9, "weight_decay": 0.01},
        *(
            {"optimizer": name, "learning_rate": 0.001}
            for name in ("adam", "adamw", "rmsprop", "adagrad", "lion")
        ),
    ],
    ids=str,
)
def test_halves_learn_what_the_whole_learns(
    tiny: Dataset, uncompiled: None, values: dict[str, Any]
) -> None:
    whole, one = learn(tiny, recipe(**values), halved=False)
    halved, other = learn(tiny, recipe(**values), halved=True)
    np.testing.assert_allclose(halved, whole, rtol=1e-5)
    np.testing.assert_allclose(
        other.logits(tiny.test.images), one.logits(tiny.test.images), rtol=1e-3, atol=1e-4
    )
    rows = np.arange(16, dtype=np.int32)
    assert other.gradient_norm(rows, STEPS) == pytest.approx(one.gradient_norm(rows, STEPS), 1e-3)
    for left, right in zip(other.parameters(), one.parameters(), strict=True):
        assert left.shape == right.shape
        # Where a gradient is about 0, its sign, and with it a step of Adam or Lion, is luck.
        assert np.mean(np.abs(left - right)) < 1e-4


def test_compiled_halves_give_the_bits_of_uncompiled_ones(tiny: Dataset) -> None:
    values = {"momentum": 0.9, "dropout": 0.3}
    plain, uncompiled = learn(tiny, recipe(**values), halved=True)
    fast, compiled = learn(tiny, recipe(**values), halved=True, compiled=True)
    assert fast == plain
    assert compiled.take_compile_failure() is None
    for left, right in zip(compiled.parameters(), uncompiled.parameters(), strict=True):
        np.testing.assert_array_equal(left, right)


def cpu(**values: Any) -> Backend:
    made = Backend("cpu", "a CPU", "OpenBLAS 0.3.34", 1, "0.32.4")
    return replace(made, **values)


def streams(
    hyperparameters: Hyperparameters, backend: Backend | None = None, examples: int = 60_000
) -> int:
    sizes = layer_sizes(784, hyperparameters.hidden_sizes, 10)
    return stream_count(hyperparameters, sizes, examples, backend or cpu())


def test_wide_networks_are_halved_on_several_cores_of_a_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(halves, "available_cores", lambda: 2)
    found = {name: streams(preset.hyperparameters) for name, preset in presets().items()}
    assert found == {
        "mlx-docs": 1, "mlx-wide": 2, "mlx-raw-pixels": 2, "torch-sigmoid": 1, "mlx-unit-rate": 1,
        "lenet": 1,
    }  # fmt: skip
    wide = presets()["mlx-wide"].hyperparameters
    assert streams(wide, examples=100) == 1
    assert streams(wide.model_copy(update={"optimizer": "muon"})) == 1
    assert streams(make_hyperparameters({"hidden_sizes": "", "batch_size": 65536})) == 1
    for other in (cpu(threads=2), cpu(device="gpu"), cpu(blas="Accelerate"), cpu(streams=1)):
        assert streams(wide, other) == 1
    narrow = presets()["mlx-docs"].hyperparameters
    assert streams(narrow, cpu(streams=2)) == 2
    assert streams(narrow.model_copy(update={"optimizer": "muon"}), cpu(streams=2)) == 1
    assert streams(narrow, cpu(streams=2, device="gpu")) == 1
    monkeypatch.setattr(halves, "available_cores", lambda: 1)
    assert streams(wide) == 1


def test_a_thread_has_one_second_stream() -> None:
    found = []
    for _ in range(3):
        with stream_of(1):
            found.append(mx.default_stream(mx.Device(mx.cpu)))
    assert found[0] == found[1] == found[2]
    assert found[0] != mx.default_stream(mx.Device(mx.cpu))


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, BatchCompleted)]


def test_a_halved_run_that_was_stopped_goes_on_to_the_bit(tiny: Dataset, uncompiled: None) -> None:
    hyperparameters, backend = recipe(epochs=3, momentum=0.9), configure("cpu", 1, 2)
    whole = list(train(hyperparameters, tiny, backend=backend))
    assert isinstance(whole[0], RunStarted)
    assert whole[0].streams == 2
    first: list[Event] = []
    events = train(hyperparameters, tiny, backend=backend)
    for event in events:
        first.append(event)
        if isinstance(event, BatchCompleted) and event.step == 7:
            first.append(events.throw(StopTraining()))
            break
    stopped = first[-1]
    assert isinstance(stopped, RunStopped)
    assert all(array.ndim in (1, 2) for array in stopped.state.parameters)
    second = list(train(hyperparameters, tiny, stopped.state, backend=backend))
    assert losses(first) + losses(second) == losses(whole)
    last, same = whole[-2], second[-2]
    assert isinstance(last, EpochCompleted)
    assert isinstance(same, EpochCompleted)
    for left, right in zip(last.state.parameters, same.state.parameters, strict=True):
        np.testing.assert_array_equal(left, right)
