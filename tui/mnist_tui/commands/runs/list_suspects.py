"""`mnist-tui runs mistakes --suspect`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import configure
from mnist_core.backend.installation import BackendMissing
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetFailed, DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_core.events import Event, RunStarted, json_values
from mnist_core.network.evaluation import probabilities
from mnist_core.network.suspects import normalised_margins, self_confidences, suspect
from mnist_core.store import RunRecord, RunStore, StoredLabels, StoreError
from mnist_tui.commands.data import tell_of_data, wait_for_dataset
from mnist_tui.commands.runs.list_mistakes import answers_of, class_called, labels_of
from mnist_tui.commands.runs.with_store import stored_runs, with_store
from mnist_tui.runtime.output import WriteLine, line_writer
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.numbers import count, metric
from mnist_tui.text.visible_text import in_columns, visible

_HEADER = ("index", "label", "guess", "self-confidence", "margin")
Told = Callable[[int, Event], None]


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A sample whose label a model disbelieves."""

    index: int
    """Counted from 0, in the order of the file."""
    label: int
    """An index into the names of the classes, as the guess is one."""
    guess: int
    label_name: str
    """Text from outside, as is the other name."""
    guess_name: str
    self_confidence: float
    normalised_margin: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which of them, and how they are printed."""

    top: int | None
    true: str | None
    predicted: str | None
    as_json: bool


@with_store
def list_suspect_test_samples(
    store: RunStore,
    run: str,
    epoch: int | Literal["best"] | None,
    top: int | None,
    true: str | None,
    predicted: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the test samples whose label a run's model disbelieves, the most disbelieved first.

    The arguments are those of `list_mistakes`.
    """
    (record,) = stored_runs(store, [run])
    answers = answers_of(store, record, epoch)
    labels = labels_of(store, record, answers)
    if answers.logits is None:
        raise StoreError(
            f"The probabilities of epoch {answers.epoch} of {record.name} ({record.id}) are not "
            "kept, and only they tell what a model disbelieves. Those of the best and the last "
            "epoch are, unless they are too large."
        )
    about = f"{record.name} ({record.id}) after epoch {answers.epoch}"
    asked = _Asked(top, true, predicted, as_json)
    _list(about, "test sample", labels.test, answers.logits, labels, asked)


@with_store
def list_suspect_training_samples(
    store: RunStore,
    run: str,
    folds: int,
    data: str | None,
    top: int | None,
    true: str | None,
    predicted: str | None,
    *,
    as_json: bool,
) -> None:
    """The same of training samples: each is judged by a model that was not trained on it.

    Args:
        store: with the run.
        run: whose hyperparameters are taken.
        folds: how many models are trained.
        data: where its data is; None: where it was.
        top: how many to print; None for all.
        true: the name of the class that they are labelled as; None for any.
        predicted: the same of the class that they are taken for.
        as_json: print objects instead of a table.

    Raises:
        StoreError: it cannot be done.
        KeyboardInterrupt: it was stopped; nothing was printed.
    """
    write_error = line_writer(sys.stderr)
    (record,) = stored_runs(store, [run])
    if not record.epoch:
        raise StoreError(
            f"{record.name} ({record.id}) has not completed an epoch yet, so it does not say for "
            "how long its models are trained."
        )
    with stop_signals():
        try:
            dataset = _load(record, data, write_error)
            labels = StoredLabels(dataset.train.labels, dataset.class_names, dataset.class_labels)
            for name in (true, predicted):
                class_called(name, labels)  # Before the training, not after it.
            logits = _cross_validate(record, dataset, folds, write_error)
        except KeyboardInterrupt:
            write_error("Stopped before all models were trained, so nothing is said of any sample.")
            raise
    about = f"{record.name} ({record.id}), trained {folds} times for {count(record.epoch, 'epoch')}"
    asked = _Asked(top, true, predicted, as_json)
    _list(about, "training sample", dataset.train.labels, logits, labels, asked)


def _load(record: RunRecord, data: str | None, write_error: WriteLine) -> Dataset:
    loader = DatasetLoader(data or record.data, default_cache_folder(), transpose=record.transposed)
    try:
        answer = wait_for_dataset(loader, sys.stderr)
    finally:
        loader.leave()
    if isinstance(answer, DatasetFailed):
        raise StoreError(answer.message)
    dataset = answer.dataset
    tell_of_data(answer, write_error)
    if dataset.fingerprint != record.fingerprint:
        raise StoreError(
            f"{record.name} was trained on other data than {dataset.name} from "
            f"{dataset.source or data or record.data}. It used {record.data}; say with --data "
            "where that is."
        )
    return dataset


def _cross_validate(
    record: RunRecord, dataset: Dataset, folds: int, write_error: WriteLine
) -> NDArray[np.float32]:
    """(training samples, classes), the logits of models that were not trained on the sample."""
    environment = record.environment
    device: Literal["gpu", "cpu"] = "gpu" if environment.device == "gpu" else "cpu"
    try:
        backend = configure(device, environment.threads, environment.streams)
        # It imports MLX, which is known to be usable only now.
        from mnist_core.training.cross_validation import CrossValidation, CrossValidationError
    except (BackendMissing, ValueError) as error:
        raise StoreError(str(error)) from error
    try:
        validation = CrossValidation(record.plan, dataset, folds, record.epoch, backend)
        with (
            _progress_on(sys.stderr, folds, record.epoch) as told,
            closing(validation.events()) as events,
        ):
            for fold, event in events:
                told(fold, event)
    except CrossValidationError as error:
        raise StoreError(str(error)) from error
    return validation.logits


@contextmanager
def _progress_on(stream: TextIO, folds: int, epochs: int) -> Iterator[Told]:
    """A bar on a terminal; elsewhere a line for each fold."""
    if stream.isatty():
        from mnist_tui.commands.progress_bars import fold_bar

        with fold_bar(stream, folds, epochs) as show:
            yield show
        return
    write = line_writer(stream)

    def told(fold: int, event: Event) -> None:
        if isinstance(event, RunStarted):
            write(
                f"Fold {fold + 1} of {folds}: {count(event.train_examples, 'example')} to train "
                f"on, {count(event.test_examples)} to ask about"
            )

    yield told


def _list(
    about: str,
    samples: str,
    given: NDArray[np.uint16],
    logits: NDArray[np.float32],
    labels: StoredLabels,
    asked: _Asked,
) -> None:
    """Print the suspect among the samples (samples,) that are labelled as `given`."""
    write = line_writer(sys.stdout)
    shares = probabilities(logits)
    margins, believed = normalised_margins(shares, given), self_confidences(shares, given)
    guesses = logits.argmax(axis=1)
    found = suspect(shares, given)
    total = int(found.sum())
    for name, classes in ((asked.true, given), (asked.predicted, guesses)):
        index = class_called(name, labels)
        if index is not None:
            found &= classes == index
    rows = np.flatnonzero(found)
    rows = rows[np.argsort(margins[rows], kind="stable")]
    suspects = [
        _Suspect(
            index,
            int(given[index]),
            int(guesses[index]),
            labels.name(int(given[index])),
            labels.name(int(guesses[index])),
            float(believed[index]),
            float(margins[index]),
        )
        for index in rows[: asked.top].tolist()
    ]
    if asked.as_json:
        for each in suspects:
            write(json.dumps(json_values(asdict(each)), allow_nan=False))
        return
    write(visible(f"{about}: look at {'this' if total == 1 else 'these'}"))
    shown = f"; {len(suspects)} of them here" if len(suspects) < total else ""
    write(f"{count(total, samples)} of {count(len(given))} with a label that is disbelieved{shown}")
    if suspects:
        write("")
        for line in in_columns([_HEADER, *map(_row, suspects)], numbers=(0, 3, 4)):
            write(line)


def _row(each: _Suspect) -> tuple[str, ...]:
    return (
        str(each.index),
        visible(each.label_name),
        visible(each.guess_name),
        metric(each.self_confidence),
        metric(each.normalised_margin),
    )
