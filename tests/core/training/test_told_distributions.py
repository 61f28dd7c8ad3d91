"""What a run tells of its distributions: right, once an epoch, and at no cost to what it learns."""

from pathlib import Path

import numpy as np
import pytest

from helpers.counting import count_calls
from helpers.recorded_runs import (
    as_version_3,
    assert_stored,
    change,
    hyperparameters,
    record,
    resume,
)
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunCompleted,
    RunRewound,
    StopTraining,
    TrainingState,
)
from mnist_core.export.weights import layer_arrays
from mnist_core.network.distributions import EXAMPLES, Distributions, histograms
from mnist_core.network.evaluation import ACTIVATIONS, layer_sums, scaled_inputs
from mnist_core.network.learner import Learner
from mnist_core.network.parameters import batch_order
from mnist_core.store import RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import Trainer, train

pytestmark = pytest.mark.usefixtures("uncompiled")


def epochs_of(events: list[Event]) -> list[EpochCompleted]:
    return [event for event in events if isinstance(event, EpochCompleted)]


def counted(event: EpochCompleted) -> Distributions:
    assert event.distributions is not None
    return event.distributions


def end_state(events: list[Event]) -> TrainingState:
    assert isinstance(events[-1], RunCompleted)
    return events[-1].state


@pytest.mark.parametrize("hidden", ["", "8", "8,6"])
def test_each_epoch_tells_of_all_arrays(tiny: Dataset, hidden: str) -> None:
    values = hyperparameters(hidden_sizes=hidden)
    first, *others = epochs_of(list(train(values, tiny)))
    layers = range(len(first.state.parameters) // 2)
    parameters = [f"layers.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    weights = [f"weights/{name}" for name in parameters]
    activations = [f"activations/layers.{layer}" for layer in layers]
    assert list(counted(first).names) == weights + activations
    assert list(layer_arrays(first.state, values)) == parameters
    for event in others:
        gradients = [f"gradients/{name}" for name in parameters]
        assert list(counted(event).names) == weights + gradients + activations


def test_weights_and_activations_are_those_of_the_state(tiny: Dataset) -> None:
    values = hyperparameters(hidden_sizes="8,6")
    event = epochs_of(list(train(values, tiny)))[-1]
    found, state = counted(event), event.state
    for name, array in zip(layer_arrays(state, values), state.parameters, strict=True):
        row = found.get(f"weights/{name}")
        assert row is not None
        assert row.tobytes() == histograms([array])[0].tobytes()
    inputs = scaled_inputs(tiny.test.images[:EXAMPLES], values, tiny)
    *hidden, logits = layer_sums(state.parameters, inputs, values.activation)
    outputs = [*(ACTIVATIONS[values.activation](each) for each in hidden), logits]
    for layer, output in enumerate(outputs):
        row = found.get(f"activations/layers.{layer}")
        assert row is not None
        assert row["counts"].sum() == output.size
        for name in ("least", "greatest"):
            expected = histograms([output])[0][name]
            assert float(row[name]) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("values", [{}, {"hidden_sizes": ""}, {"dropout": 0.3}])
def test_gradients_are_those_of_the_last_batch(tiny: Dataset, values: dict[str, object]) -> None:
    recipe = hyperparameters(**values)
    events = list(train(recipe, tiny))
    last = epochs_of(events)[-1]
    steps = last.step // last.epoch
    order = batch_order(len(tiny.train), recipe.seed, last.epoch, shuffle=recipe.shuffle)
    rows = order[(steps - 1) * recipe.batch_size :]
    learner = Learner(recipe, tiny, tiny.train)
    learner.load(last.state.parameters, last.state.optimizer_state)
    gradients = learner.gradients(rows, last.step)
    assert [each.shape for each in gradients] == [each.shape for each in last.state.parameters]
    for name, gradient in zip(layer_arrays(last.state, recipe), gradients, strict=True):
        row = counted(last).get(f"gradients/{name}")
        assert row is not None
        assert row.tobytes() == histograms([gradient])[0].tobytes()
    # The norm that the charts draw is theirs.
    norm = float(np.sqrt(sum(np.square(each.astype(np.float64)).sum() for each in gradients)))
    assert learner.gradient_norm(rows, last.step) == pytest.approx(norm, rel=1e-5)


def test_training_is_the_same_to_the_bit_without_them(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = hyperparameters(dropout=0.2, epochs=3)
    with_them = list(train(values, tiny))
    monkeypatch.setattr(Trainer, "_last_gradients", lambda self, order: ())
    monkeypatch.setattr(Trainer, "_distributions", lambda self, parameters, gradients: None)
    without = list(train(values, tiny))
    assert epochs_of(without)[-1].distributions is None
    for one, other in zip(with_them, without, strict=True):
        if isinstance(one, BatchCompleted) and isinstance(other, BatchCompleted):
            assert (one.loss, one.gradient_norm) == (other.loss, other.gradient_norm)
    for left, right in zip(
        end_state(with_them).parameters, end_state(without).parameters, strict=True
    ):
        np.testing.assert_array_equal(left, right)


def test_they_are_counted_once_an_epoch(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = count_calls(monkeypatch, Learner, "gradients")
    activations = count_calls(monkeypatch, Learner, "activations")
    events = list(train(hyperparameters(epochs=3, batch_size=2), tiny))
    assert len([event for event in events if isinstance(event, BatchCompleted)]) > 30
    assert (gradients.total(), activations.total()) == (3, 4)


def test_weights_that_are_no_numbers_are_counted_as_such(tiny: Dataset) -> None:
    values = hyperparameters(
        pixel_scaling="none", learning_rate=100, activation="leaky_relu", epochs=2
    )
    row = counted(epochs_of(list(train(values, tiny)))[-1]).get("weights/layers.0.weight")
    assert row is not None
    assert row["not_finite"] > 0


# -- in the store --------------------------------------------------------------------------------


def test_a_run_stopped_before_its_epoch_is_told_has_the_same(tiny: Dataset, tmp_path: Path) -> None:
    """Where all batches are trained on, and the end of the epoch is left."""
    values = hyperparameters(epochs=2)
    unbroken = list(train(values, tiny))
    store = RunStore(tmp_path)
    recorder = store.record(tiny, tiny.name)
    recorder.start()
    events = recorded(train(values, tiny), recorder)
    last = epochs_of(unbroken)[1].step
    for event in events:
        if isinstance(event, BatchCompleted) and event.step == last:
            events.throw(StopTraining())
            events.close()
    assert list(store.distributions(recorder.run_id)) == [0]
    resume(store, recorder.run_id, tiny)
    assert list(store.distributions(recorder.run_id)) == [0, 1, 2]
    assert_stored(store, recorder.run_id, unbroken)


def test_they_go_and_come_back_with_their_run(tiny: Dataset, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    unbroken = list(train(hyperparameters(epochs=2), tiny))
    run_id = record(store, tiny, unbroken)
    store.deleter.delete([run_id])
    store.deleter.restore([run_id])
    assert_stored(store, run_id, unbroken)
    assert list(store.distributions(run_id, 1)) == [2]
    store.close()
    reader = RunStore(tmp_path, only_reads=True)
    assert list(reader.distributions(run_id)) == [0, 1, 2]


def test_a_run_of_an_older_version_has_those_of_its_new_epochs(
    tiny: Dataset, tmp_path: Path
) -> None:
    store = RunStore(tmp_path)
    run_id = record(store, tiny, list(train(hyperparameters(epochs=2), tiny)))
    change(tmp_path, "DELETE FROM distributions")
    assert store.distributions(run_id) == {}
    resume(store, run_id, tiny, until_epoch=4)
    assert list(store.distributions(run_id)) == [3, 4]


@pytest.mark.parametrize("only_reads", [False, True])
def test_a_database_of_an_older_version_has_none(
    tiny: Dataset, tmp_path: Path, only_reads: bool
) -> None:
    store = RunStore(tmp_path)
    run_id = record(store, tiny, list(train(hyperparameters(epochs=2), tiny)))
    store.close()
    as_version_3(tmp_path)
    old = RunStore(tmp_path, only_reads=only_reads)
    assert old.distributions(run_id) == {}
    assert [epoch.epoch for epoch in old.epochs(run_id)] == [0, 1, 2]


def test_a_copy_has_its_own(tiny: Dataset, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    unbroken = list(train(hyperparameters(epochs=2), tiny))
    run_id = record(store, tiny, unbroken)
    copy_id = store.copy(run_id, "")
    store.deleter.delete([run_id])
    store.deleter.purge([run_id])
    assert store.distributions(run_id) == {}
    assert list(store.distributions(copy_id)) == [0, 1, 2]


def test_of_a_run_that_goes_back_none_is_left_of_what_never_was(
    tiny: Dataset, tmp_path: Path
) -> None:
    """Whether its epochs were written before, or go with the rest."""
    unbroken = list(train(hyperparameters(epochs=2), tiny))
    store = RunStore(tmp_path)
    at_first = epochs_of(unbroken)[1]
    end = unbroken[-1]
    back = RunRewound(at_first.step, 1, end_state(unbroken).step, at_first.state, ())
    run_id = record(store, tiny, [*unbroken[:-1], back, end])
    assert list(store.distributions(run_id)) == [0, 1]
