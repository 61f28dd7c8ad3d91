"""The divergence guard: when it fires, what it keeps, and that a run is rescued with it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.spoilt_updates import die, overflow, spoil_updates
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.folder import read_folder
from mnist_core.data.synthetic import draw_digits
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    GiveUp,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunRewound,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.recipe.presets import presets
from mnist_core.training.divergence import (
    DivergenceGuard,
    chance_accuracy,
    likely_cause,
)
from mnist_core.training.train import train

CHANCE = 0.25


class Watched:
    """A guard fed with made-up figures, and told to let be what it fires on."""

    def __init__(self) -> None:
        self.guard = DivergenceGuard(CHANCE)
        self.step = self.healthy_step = 0

    def batches(self, *losses: float) -> list[DivergenceReason]:
        """Feed with these; why it fired."""
        fired = []
        for loss in losses:
            self.step += 1
            reason = self._told(*self.guard.after_batch(loss))
            fired += [] if reason is None else [reason]
        return fired

    def epoch(self, accuracy: float, loss: float = math.inf) -> DivergenceReason | None:
        """Feed with the end of an epoch, of a `loss` that says nothing good if none is given."""
        return self._told(*self.guard.after_epoch(loss, accuracy))

    def _told(self, reason: DivergenceReason | None, healthy: bool) -> DivergenceReason | None:
        if reason is not None:
            self.guard.ignore()
        if healthy:
            self.healthy_step = self.step
        return reason


@pytest.fixture
def watched() -> Watched:
    return Watched()


# -- when it fires -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_it_fires_once_on_a_loss_that_is_not_finite(watched: Watched, loss: float) -> None:
    assert watched.batches(2.3, 2.0) == []
    assert watched.batches(loss, loss, 2.0, loss) == [DivergenceReason.LOSS_NOT_FINITE]
    assert watched.healthy_step == 0


def test_it_fires_on_chance_after_a_huge_loss_only(watched: Watched) -> None:
    watched.batches(2.3, 22.9)
    assert watched.epoch(CHANCE) is None
    watched.batches(23.1, 2.3)
    assert watched.epoch(0.3) is None
    assert watched.epoch(CHANCE + 0.004) is DivergenceReason.ACCURACY_AT_CHANCE
    assert watched.epoch(CHANCE) is None


def test_a_network_that_has_recovered_may_be_as_bad_as_chance_later(watched: Watched) -> None:
    watched.batches(2.3, 100.0, 1.0)
    assert watched.epoch(0.9) is None
    assert watched.epoch(CHANCE) is None


# -- what it keeps -------------------------------------------------------------------------------


def test_every_50_batches_a_healthy_state_is_kept(watched: Watched) -> None:
    watched.batches(*[2.0] * 49)
    assert watched.healthy_step == 0
    watched.batches(2.0)
    assert watched.healthy_step == 50
    watched.batches(*[1.0] * 120)
    assert watched.healthy_step == 150


def test_the_end_of_an_epoch_of_few_batches_is_healthy_too(watched: Watched) -> None:
    for epoch in range(1, 5):
        watched.batches(*[2.0 / epoch] * 10)
        assert watched.epoch(0.9, loss=2.0 / epoch) is None
        assert watched.healthy_step == 10 * epoch
    # Not where the network says the same of all, or the epoch was twice as bad as the best window.
    watched.batches(*[0.5] * 10)
    watched.epoch(CHANCE, loss=0.5)
    watched.epoch(0.9, loss=4.1)
    assert watched.healthy_step == 50
    watched.batches(*[0.5] * 10)
    watched.epoch(0.9, loss=4.1)
    assert watched.healthy_step == 50


def test_it_fires_until_it_is_told_to_let_be() -> None:
    guard = DivergenceGuard(CHANCE)
    guard.after_batch(2.3)
    assert [guard.after_batch(math.nan)[0] for _ in range(2)] == 2 * [
        DivergenceReason.LOSS_NOT_FINITE
    ]
    guard.ignore()
    assert guard.after_batch(math.nan) == (None, False)


def test_a_guard_goes_on_from_what_another_has_seen(watched: Watched) -> None:
    watched.batches(2.0, *[1.0] * 60, 30.0)
    other = DivergenceGuard(CHANCE, watched.guard.state)
    assert other.state == watched.guard.state
    for loss in [0.5] * 49:
        assert other.after_batch(loss) == watched.guard.after_batch(loss)
    assert other.after_epoch(1.0, CHANCE) == (DivergenceReason.ACCURACY_AT_CHANCE, False)


def test_a_loss_above_twice_the_lowest_is_not_healthy(watched: Watched) -> None:
    watched.batches(*[1.0] * 50, *[2.1] * 50)
    assert watched.healthy_step == 50
    # Twice the lowest is still well; the mean counts, not a single batch.
    watched.batches(*[2.0] * 49, 2.0)
    assert watched.healthy_step == 150
    watched.batches(9.0, *[1.5] * 49)
    assert watched.healthy_step == 200


def test_a_first_batch_that_was_lucky_holds_up_only_the_first_window(watched: Watched) -> None:
    watched.batches(0.01, *[0.09] * 49)
    assert watched.healthy_step == 0
    watched.batches(*[0.09] * 50)
    assert watched.healthy_step == 100


def test_after_a_huge_loss_nothing_is_healthy_until_it_has_learned(watched: Watched) -> None:
    watched.batches(*[2.0] * 50, 21.0, *[0.5] * 149)
    assert watched.healthy_step == 50
    watched.epoch((1 + CHANCE) / 2)
    assert watched.healthy_step == 50
    watched.epoch((1 + CHANCE) / 2 + 0.01)
    assert watched.healthy_step == 200
    watched.batches(*[0.5] * 50)
    assert watched.healthy_step == 250


def test_gone_back_it_watches_as_it_did_there(watched: Watched) -> None:
    watched.batches(*[2.0] * 50, *[1.0] * 50, *[30.0] * 10, math.nan)
    assert watched.healthy_step == 100
    watched.guard.go_back()
    watched.step = 100
    # The windows begin anew, the lowest mean is that of the state.
    watched.batches(*[2.1] * 50)
    assert watched.healthy_step == 100
    watched.batches(*[1.9] * 50)
    assert watched.healthy_step == 200
    assert watched.batches(math.nan) == [DivergenceReason.LOSS_NOT_FINITE]


def test_what_follows_a_divergence_that_is_let_be_is_not_kept(watched: Watched) -> None:
    watched.batches(*[2.0] * 50, math.nan, *[1.0] * 100)
    assert watched.healthy_step == 50


def test_chance_is_the_most_common_class() -> None:
    assert chance_accuracy(np.array([0, 1, 1, 3], np.uint16)) == 0.5
    assert chance_accuracy(np.array([], np.uint16)) == 0.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"pixel_scaling": "none", "learning_rate": 0.01}, "learning rate of 0.01 the first"),
        ({"momentum": 0.95}, "A momentum of 0.95 makes steps 20 times as long"),
        ({"optimizer": "adam", "learning_rate": 3}, "A learning rate of 3 is too high for adam"),
    ],
)
def test_the_likely_cause_is_said(values: dict[str, Any], words: str) -> None:
    recipe = make_hyperparameters(values)
    assert words in likely_cause(recipe, recipe)


# -- in training ---------------------------------------------------------------------------------


def wild(**values: Any) -> Hyperparameters:
    """A recipe that diverges within an epoch on the data set `tiny`, whatever the last digits.

    Each update multiplies the weights of all five layers by 1 - 100 * 10: the third one overflows.
    """
    return make_hyperparameters(
        {"hidden_sizes": "8, 8, 8, 8", "batch_size": 16, "epochs": 6, "activation": "leaky_relu",
         "learning_rate": 100.0, "weight_decay": 10.0, **values}
    )  # fmt: skip


def of(kind: type[Any], events: Sequence[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def answered(chosen: Hyperparameters, dataset: Dataset, *answers: Exception | None) -> list[Event]:
    """The events of a run in which each divergence is answered in turn."""
    training, left = train(chosen, dataset), list(answers)
    events = [next(training)]
    try:
        while True:
            answer = left.pop(0) if isinstance(events[-1], DivergenceDetected) else None
            events.append(next(training) if answer is None else training.throw(answer))
    except StopIteration:
        return events


def assert_same_end(found: TrainingState, expected: TrainingState) -> None:
    assert (found.step, found.epoch, found.best_epoch) == (
        expected.step, expected.epoch, expected.best_epoch,
    )  # fmt: skip
    for left, right in zip(found.parameters, expected.parameters, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_divergence_names_the_batch_and_a_way_back(tiny: Dataset) -> None:
    events = list(train(wild(pixel_scaling="none"), tiny))
    (told,) = of(DivergenceDetected, events)
    assert told.reason is DivergenceReason.LOSS_NOT_FINITE
    assert (told.epoch, told.healthy_step) == (1, 0)
    assert "Pixels of 0 to 255" in told.cause


def test_a_run_that_never_learns_again_ends_as_diverged_and_what_is_nan_is_never_best(
    tiny: Dataset,
) -> None:
    # A ruined model takes everything for the first class, which some untrained ones do worse than.
    for seed in range(20):
        events = list(train(wild(pixel_scaling="none", seed=seed), tiny))
        evaluated = of(EpochCompleted, events)
        ruined = [epoch for epoch in evaluated if not math.isfinite(epoch.test_loss)]
        if max(epoch.test_accuracy for epoch in ruined) > evaluated[0].test_accuracy:
            break
    else:
        pytest.fail("no ruined model was right more often than the untrained one")
    assert evaluated[-1].epoch == wild().epochs
    end = events[-1]
    assert isinstance(end, RunDiverged)
    assert end.best_epoch == 0
    assert end.best_test_accuracy == evaluated[0].test_accuracy
    assert all(np.isfinite(array).all() for array in end.state.parameters)


def test_a_run_that_learns_again_by_itself_is_complete() -> None:
    guard = DivergenceGuard(0.1)
    guard.after_batch(1.0)
    guard.after_batch(1000.0)
    reason, _ = guard.after_epoch(2.3, 0.1)
    assert reason is DivergenceReason.ACCURACY_AT_CHANCE
    assert not guard.is_lost(2.3, 0.1), "nobody has decided"
    guard.ignore()
    assert guard.is_lost(2.3, 0.1)
    assert guard.is_lost(math.nan, 0.9)
    assert not guard.is_lost(0.3, 0.9)


def test_a_run_that_is_given_up_ends_as_diverged(tiny: Dataset) -> None:
    events = answered(wild(), tiny, GiveUp())
    assert isinstance(events[-2], DivergenceDetected)
    assert isinstance(events[-1], RunDiverged)
    assert isinstance(list(train(wild(), tiny, on_divergence="stop"))[-1], RunDiverged)


def test_given_up_a_run_that_was_continued_keeps_the_last_healthy_state_not_an_old_one(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = make_hyperparameters({"epochs": 9, "batch_size": 8, "learning_rate": 0.2})
    events = train(chosen, tiny, backend=configure("cpu", 1))
    batches = (event for event in events if isinstance(event, BatchCompleted))
    next(each for each in batches if each.batch == 2)
    stopped = events.throw(StopTraining())
    assert isinstance(stopped, RunStopped)
    assert stopped.state.guard is not None
    assert stopped.state.guard.healthy is not None
    epoch_end = 0
    spoil_updates(monkeypatch, lambda step, _: overflow if epoch_end and step > epoch_end else None)
    for event in train(
        chosen, tiny, stopped.state, backend=configure("cpu", 1), on_divergence="stop"
    ):
        if isinstance(event, EpochCompleted) and event.epoch == 6:
            epoch_end = event.step
    assert isinstance(event, RunDiverged)
    assert event.state.step == epoch_end > stopped.step
    assert event.state.guard is not None
    assert event.state.guard.healthy is None, "it would go back to before it was continued"


def test_a_change_that_ruined_it_is_the_cause(tiny: Dataset) -> None:
    chosen = make_hyperparameters(
        {"epochs": 4, "batch_size": 8, "learning_rate": 0.1, "activation": "tanh"}
    )
    steps = -(-len(tiny.train) // 8)
    late = ChangeQueue((Change(2 * steps, "learning_rate", 1e38),))
    (told,) = of(DivergenceDetected, list(train(chosen, tiny, changes=late)))
    assert told.healthy_step == 2 * steps
    assert told.cause.startswith("The learning rate was raised from 0.1 to 1e+38 after the last")


def test_a_run_can_be_stopped_where_it_diverged(tiny: Dataset) -> None:
    assert isinstance(answered(wild(), tiny, StopTraining())[-1], RunStopped)


def test_stopped_where_a_person_was_to_be_asked_it_ends_as_diverged(tiny: Dataset) -> None:
    events = train(wild(), tiny, on_divergence=None)
    told = next(event for event in events if isinstance(event, DivergenceDetected))
    ended = events.throw(StopTraining())
    assert isinstance(ended, RunDiverged)
    assert ended.state.step == told.healthy_step
    again = train(wild(), tiny, ended.state, on_divergence=None)
    assert of(DivergenceDetected, list(again)), "what it goes on from decides as the first time"


def test_a_run_that_goes_back_to_before_it_was_continued_tells_a_speed_that_can_be(
    tiny: Dataset,
) -> None:
    stopped = answered(wild(), tiny, StopTraining())[-1]
    assert isinstance(stopped, RunStopped)
    slow = replace(stopped.state, seconds=1000.0)
    events = train(wild(), tiny, slow, on_divergence="halve")
    rewound = next(event for event in events if isinstance(event, RunRewound))
    assert rewound.step < stopped.step
    next(event for event in events if isinstance(event, BatchCompleted))
    again = events.throw(StopTraining())
    assert isinstance(again, RunStopped)
    assert again.examples_per_second > 0


def test_halving_goes_back_and_on_with_half_the_rate(tiny: Dataset) -> None:
    events = list(train(wild(), tiny, on_divergence="halve"))
    places = [k for k, event in enumerate(events) if isinstance(event, RunRewound)]
    assert places
    rate = 100.0
    for place in places:
        diverged, rewound, changed = events[place - 1 : place + 2]
        assert isinstance(diverged, DivergenceDetected)
        assert isinstance(rewound, RunRewound)
        assert isinstance(changed, HyperparameterChanged)
        assert (rewound.step, rewound.diverged_step) == (diverged.healthy_step, diverged.step)
        assert (changed.step, changed.field) == (rewound.step, "learning_rate")
        assert (changed.value, changed.previous) == (rate / 2, rate)
        rate /= 2
        after = next(e for e in events[place:] if isinstance(e, BatchCompleted))
        assert (after.step, after.learning_rate) == (rewound.step + 1, rate)
    end = events[-1]
    assert isinstance(end, RunCompleted)
    assert np.isfinite(end.state.parameters[0]).all()
    assert (end.epoch, end.step) == (6, 30)


@pytest.mark.parametrize("values", [{}, {"optimizer": "adamw"}, {"dropout": 0.3, "momentum": 0.9}])
def test_the_rescued_run_is_repeated_to_the_bit_by_its_changes(
    tiny: Dataset, values: dict[str, Any]
) -> None:
    rescued = list(train(wild(**values), tiny, on_divergence="halve"))
    changes = of(HyperparameterChanged, rescued)[-1].changes
    again = list(train(wild(**values), tiny, changes=ChangeQueue(changes)))
    assert of(RunRewound, again) == []
    assert isinstance(rescued[-1], RunCompleted)
    assert isinstance(again[-1], RunCompleted)
    assert_same_end(again[-1].state, rescued[-1].state)
    last = max(k for k, event in enumerate(rescued) if isinstance(event, RunRewound))
    went_on = of(BatchCompleted, rescued[last:])
    assert of(BatchCompleted, again)[-len(went_on) :] == went_on


def test_it_goes_back_into_the_middle_of_a_run(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 8 epochs of 6 batches and 2 more learn well; then somebody asks for far too much.
    chosen = make_hyperparameters({"hidden_sizes": "8", "batch_size": 12, "epochs": 16})
    asked = [Change(51, "momentum", 0.5), Change(51, "learning_rate", 1e2),
             Change(52, "weight_decay", 0.1), Change(75, "batch_size", 35)]  # fmt: skip
    spoil_updates(monkeypatch, lambda _step, rate: overflow if rate > 0.1 else None)
    events = list(train(chosen, tiny, changes=ChangeQueue(asked), on_divergence="halve"))
    first = of(RunRewound, events)[0]
    assert (first.step, first.epoch, first.state.batch) == (50, 8, 2)
    assert first.state.step == 50
    # What was asked for after that state comes again, but for the learning rate that was too much.
    assert first.changes == (asked[0], asked[2], asked[3])
    changes = of(HyperparameterChanged, events)[-1].changes
    assert len(of(RunRewound, events)) == 10
    assert changes[0] == Change(50, "learning_rate", 100.0 / 2**10)
    assert changes[1:3] == (asked[0], asked[2])
    assert changes[3] == Change(78, "batch_size", 35)
    end = list(train(chosen, tiny, changes=ChangeQueue(changes)))[-1]
    assert isinstance(end, RunCompleted)
    assert isinstance(events[-1], RunCompleted)
    assert_same_end(events[-1].state, end.state)


def test_halving_ends_where_it_does_not_help(tiny: Dataset) -> None:
    # These weights say nothing, at any learning rate.
    spoilt = next(iter(of(EpochCompleted, list(train(wild(), tiny))))).state
    nothing = tuple(np.full_like(array, np.nan) for array in spoilt.parameters)
    state = TrainingState(nothing, None, step=5, epoch=1)
    events = list(train(wild(), tiny, state, on_divergence="halve"))
    assert isinstance(events[-1], RunDiverged)
    assert len(of(RunRewound, events)) == 20


def test_it_does_not_fire_where_a_run_learns(tiny: Dataset) -> None:
    values: list[dict[str, Any]] = [
        {"batch_size": 1}, {"batch_size": 70}, {"dropout": 0.5}, {"label_smoothing": 0.3},
        {"optimizer": "adam", "learning_rate": 0.05}, {"momentum": 0.9}, {"hidden_sizes": ""},
        {"activation": "sigmoid", "learning_rate": 1e-4},
    ]  # fmt: skip
    for each in values:
        chosen = make_hyperparameters({"hidden_sizes": "8", "batch_size": 16, "epochs": 8, **each})
        assert of(DivergenceDetected, list(train(chosen, tiny))) == [], each


# -- on digits -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(real_mnist: Path | None) -> Dataset:
    """The first tenth of MNIST."""
    if real_mnist is None:
        pytest.skip("MNIST is not here")
    whole = read_folder(real_mnist)
    return replace(whole, train=whole.train[:6_000], test=whole.test[:1_000])


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    """6 000 synthetic digits."""

    def examples(count: int, seed: int) -> Examples:
        labels = np.random.default_rng(seed).permutation(np.arange(count) % 10).astype(np.uint16)
        return Examples(draw_digits(labels, seed), labels)

    names = tuple("0123456789")
    return Dataset("drawn", examples(6000, 1), examples(1000, 2), names, tuple(range(10)))


@pytest.mark.parametrize("data", ["real", "drawn"])
def test_raw_pixels_that_die_are_rescued(
    data: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset: Dataset = request.getfixturevalue(data)
    backend = configure(threads=1)
    published = presets()["mlx-raw-pixels"].hyperparameters
    recipe = make_hyperparameters({"momentum": 0.9}, published)
    # Raw pixels ruin about half of the seeds: here, each at more than a rate that is low enough.
    sound = recipe.learning_rate / 8
    spoil_updates(monkeypatch, lambda _step, rate: die if rate > sound else None)
    events = list(train(recipe, dataset, backend=backend, until_epoch=3))
    (told,) = of(DivergenceDetected, events)
    assert (told.reason, told.epoch) == (DivergenceReason.ACCURACY_AT_CHANCE, 1)
    end = events[-1]
    assert isinstance(end, RunDiverged)
    assert end.test_accuracy is not None
    assert end.test_accuracy < 0.2

    events = list(train(recipe, dataset, backend=backend, on_divergence="halve"))
    assert len(of(RunRewound, events)) == 3
    rescued = events[-1]
    assert isinstance(rescued, RunCompleted)
    assert rescued.test_accuracy is not None
    assert rescued.test_accuracy >= 0.9
