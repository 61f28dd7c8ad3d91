"""What models say of training examples that they were not trained on."""

from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend
from mnist_core.data.dataset import Dataset
from mnist_core.events import EpochCompleted, Event, RunDiverged
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.plan import RunPlan
from mnist_core.training.train import train


class CrossValidationError(ValueError):
    """It cannot be done; the message is a sentence for the user."""


def fold_of(labels: NDArray[np.uint16], folds: int, seed: int) -> NDArray[np.int64]:
    """(examples,) the fold of each, 0 to `folds` - 1.

    The examples of each class are shuffled by `seed` and dealt out in turn (stratified k-fold:
    Kohavi, "A Study of Cross-Validation and Bootstrap", 1995), so that the folds, and those of one
    class in them, differ by one example at most.

    Raises:
        CrossValidationError: there cannot be so many folds.
    """
    if folds < 2:
        raise CrossValidationError(
            f"Cross-validation takes 2 folds or more, not {folds}: each model is trained without "
            "one of them."
        )
    if folds > len(labels):
        raise CrossValidationError(
            f"{folds} folds are more than the {len(labels)} training examples. Choose fewer."
        )
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    found = np.empty(len(labels), np.int64)
    found[by_class] = np.arange(len(labels)) % folds
    return found


class CrossValidation:
    """Trains one model for each fold of the training examples, on all the others.

    The same plan and the same data give the same answers. Each model is trained as the run was,
    with its seed and its changes at the same steps, to the same epoch. No example is held out
    besides, and no rule ends it early, since that would look at the fold.
    """

    def __init__(
        self, plan: RunPlan, dataset: Dataset, folds: int, epochs: int, backend: Backend
    ) -> None:
        """`plan` is of a run on `dataset`; each model is trained for `epochs`.

        Raises:
            CrossValidationError: there cannot be so many folds.
        """
        alone = {"validation": "none", "patience": 0, "target_accuracy": 0.0}
        self._hyperparameters = plan.hyperparameters.model_copy(update=alone)
        # Changes of a rule that is off would turn it on again.
        self._changes = [change for change in plan.changes if change.field not in alone]
        self._on_divergence = plan.on_divergence
        self._dataset = dataset
        self._epochs = epochs
        self._backend = backend
        self.folds = folds
        self._fold_of = fold_of(dataset.train.labels, folds, plan.hyperparameters.seed)
        self.logits = np.full((len(dataset.train), dataset.class_count), np.nan, np.float32)
        """(training examples, classes), once all the events have been told; before NaN."""

    def events(self) -> Generator[tuple[int, Event], None, None]:
        """What each training tells, with the number of its fold, which counts from 0.

        Raises:
            CrossValidationError: a model diverged.
        """
        for fold in range(self.folds):
            held_out = np.flatnonzero(self._fold_of == fold)
            others = np.flatnonzero(self._fold_of != fold)
            examples = self._dataset.train
            # Each epoch evaluates the test examples, which here are the fold.
            dataset = replace(self._dataset, train=examples[others], test=examples[held_out])
            logits: NDArray[np.float32] | None = None
            for event in train(
                self._hyperparameters,
                dataset,
                backend=self._backend,
                until_epoch=self._epochs,
                changes=ChangeQueue(self._changes),
                on_divergence=self._on_divergence,
            ):
                if isinstance(event, EpochCompleted):
                    logits = event.test.answers.logits
                yield fold, event
                if isinstance(event, RunDiverged):
                    logits = None
            if logits is None or not np.isfinite(logits).all():
                raise CrossValidationError(
                    f"The model of fold {fold + 1} of {self.folds} diverged, so nothing can be "
                    "said of its examples. Name a run that learns well."
                )
            self.logits[held_out] = logits
