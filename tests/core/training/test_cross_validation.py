"""Cross-validation: folds, what the models were trained on, and labels that were flipped."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.blobs import blobs
from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.events import EpochCompleted, RunStarted
from mnist_core.network.evaluation import probabilities
from mnist_core.network.suspects import normalised_margins, suspect
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.recipe.plan import RunPlan
from mnist_core.training.cross_validation import CrossValidation, CrossValidationError, fold_of
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")

FLIPPED = [3, 40, 77, 101, 150, 199]
PLAN = RunPlan(make_hyperparameters({"hidden_sizes": "12", "batch_size": 10, "epochs": 6}))


@pytest.fixture
def backend() -> Backend:
    return configure("cpu", 1)


@pytest.fixture
def flipped() -> Dataset:
    """Easy images, a few of which have the label of the next class."""
    examples = blobs(200, 4, (6, 6), 0)
    labels = examples.labels.copy()
    labels[FLIPPED] = (labels[FLIPPED] + 1) % 4
    train = Examples(examples.images, labels)
    return Dataset("flipped", train, blobs(20, 4, (6, 6), 1), tuple("abcd"), (0, 1, 2, 3))


def logits_of(validation: CrossValidation) -> np.ndarray:
    for _ in validation.events():
        pass
    return validation.logits


def test_folds_are_even_in_each_class_and_follow_the_seed() -> None:
    labels = (np.arange(103) % 4).astype(np.uint16)
    folds = fold_of(labels, 5, 3)
    sizes = np.bincount(folds)
    assert len(sizes) == 5
    assert np.ptp(sizes) <= 1
    for label in range(4):
        assert np.ptp(np.bincount(folds[labels == label], minlength=5)) <= 1
    np.testing.assert_array_equal(folds, fold_of(labels, 5, 3))
    assert (folds != fold_of(labels, 5, 4)).any()


@pytest.mark.parametrize(
    ("folds", "words"), [(1, "takes 2 folds or more, not 1"), (11, "11 folds are more than the 10")]
)
def test_folds_that_cannot_be_are_refused(folds: int, words: str) -> None:
    with pytest.raises(CrossValidationError, match=words):
        fold_of(np.zeros(10, np.uint16), folds, 0)


def test_flipped_labels_are_found(flipped: Dataset, backend: Backend) -> None:
    logits = logits_of(CrossValidation(PLAN, flipped, 5, 15, backend))
    shares, labels = probabilities(logits), flipped.train.labels
    worst = np.argsort(normalised_margins(shares, labels), kind="stable")[: len(FLIPPED)]
    assert sorted(worst.tolist()) == FLIPPED
    assert suspect(shares, labels)[FLIPPED].all()


def test_each_example_is_answered_by_a_model_that_never_saw_it(
    flipped: Dataset, backend: Backend
) -> None:
    validation = CrossValidation(PLAN, flipped, 3, 2, backend)
    assert np.isnan(validation.logits).all()
    told = list(validation.events())
    starts = [(fold, event) for fold, event in told if isinstance(event, RunStarted)]
    assert [fold for fold, _ in starts] == [0, 1, 2]
    assert [(each.train_examples, each.test_examples) for _, each in starts] == [
        (133, 67), (133, 67), (134, 66)
    ]  # fmt: skip
    # The second fold by hand: what its model says of it, trained on the others alone.
    folds = fold_of(flipped.train.labels, 3, PLAN.hyperparameters.seed)
    inside, outside = np.flatnonzero(folds == 1), np.flatnonzero(folds != 1)
    alone = replace(flipped, train=flipped.train[outside], test=flipped.train[inside])
    events = list(train(PLAN.hyperparameters, alone, backend=backend, until_epoch=2))
    last = [event for event in events if isinstance(event, EpochCompleted)][-1]
    np.testing.assert_array_equal(validation.logits[inside], last.test.answers.logits)
    again = logits_of(CrossValidation(PLAN, flipped, 3, 2, backend))
    np.testing.assert_array_equal(again, validation.logits)


def test_rules_and_validation_of_the_run_are_off_and_its_changes_are_made(
    flipped: Dataset, backend: Backend
) -> None:
    asked = {"validation": "50", "patience": 1, "target_accuracy": 0.3}
    hyperparameters = PLAN.hyperparameters.model_copy(
        update=make_hyperparameters(asked).model_dump(include=set(asked))
    )
    changes = (Change(5, "learning_rate", 0.001), Change(5, "patience", 1))
    plan = replace(PLAN, hyperparameters=hyperparameters, changes=changes)
    told = [event for _, event in CrossValidation(plan, flipped, 2, 4, backend).events()]
    epochs = [event.epoch for event in told if isinstance(event, EpochCompleted)]
    assert epochs == [0, 1, 2, 3, 4] * 2
    starts = [event for event in told if isinstance(event, RunStarted)]
    assert [each.train_examples for each in starts] == [100, 100]
    assert [each.validation_examples for each in starts] == [0, 0]
    assert all(each.changes == (changes[0],) for each in starts)


def test_a_model_that_diverges_ends_it_with_a_sentence(flipped: Dataset, backend: Backend) -> None:
    wild = PLAN.hyperparameters.model_copy(update={"learning_rate": 1e30})
    validation = CrossValidation(replace(PLAN, hyperparameters=wild), flipped, 2, 2, backend)
    with pytest.raises(CrossValidationError, match="model of fold 1 of 2 diverged"):
        logits_of(validation)
