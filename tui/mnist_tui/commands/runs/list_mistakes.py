"""`mnist-tui runs mistakes`."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mnist_core.events import json_number, json_values
from mnist_core.network.evaluation import probabilities
from mnist_core.network.mistakes import mistakes
from mnist_core.store import RunRecord, RunStore, StoredAnswers, StoredLabels, StoreError
from mnist_core.store.answers import measured
from mnist_tui.commands.runs.with_store import stored_runs, with_store
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.numbers import count, metric, percent
from mnist_tui.text.visible_text import in_columns, visible

_HEADER = ("index", "true", "predicted", "confidence", "loss")


@dataclass(frozen=True, slots=True)
class _Mistake:
    """A test sample that the model takes for another class."""

    index: int
    """Counted from 0 in the samples that the run was tested on, in the order of their file."""
    true: int
    predicted: int
    true_label: int
    """As the files have it; both classes above are counted from 0, labels may have gaps."""
    predicted_label: int
    true_name: str
    """Text from outside, as is the other name."""
    predicted_name: str
    confidence: float
    loss: float
    probabilities: list[float] | None
    """One for each class; None where they are not kept."""


@with_store
def list_mistakes(
    store: RunStore,
    run: str,
    epoch: int | Literal["best"] | None,
    top: int | None,
    true: str | None,
    predicted: str | None,
    *,
    as_json: bool,
) -> None:
    """Print a line for each mistake of a run's model, the largest loss first.

    Args:
        store: with the runs.
        run: an id, the beginning of one, or a name.
        epoch: of the model; None for the last completed one.
        top: how many to print; None for all.
        true: the name of the class that they are of; None for any.
        predicted: the same of the class that they are taken for.
        as_json: print objects instead of a table.
    """
    write = line_writer(sys.stdout)
    (record,) = stored_runs(store, [run])
    answers = answers_of(store, record, epoch)
    labels = labels_of(store, record, answers)
    of, taken_for = class_called(true, labels), class_called(predicted, labels)
    wrong, matching, shown = _worst(answers, labels, top, of, taken_for)
    if as_json:
        for mistake in shown:
            write(json.dumps(_to_json(mistake), allow_nan=False))
        return
    asked = f"; {matching} of them {_pair(true, predicted)}" if matching < wrong else ""
    for line in _about(record, answers, wrong, asked, matching, len(shown)):
        write(visible(line))
    if shown:
        write("")
        for line in in_columns([_HEADER, *map(_row, shown)], numbers=(0, 3, 4)):
            write(line)


def answers_of(
    store: RunStore, record: RunRecord, epoch: int | Literal["best"] | None
) -> StoredAnswers:
    """Raises StoreError when those of the epoch are not kept."""
    wanted = record.epoch if epoch is None else record.best_epoch if epoch == "best" else epoch
    found = store.answers(record.id, wanted) if wanted <= record.epoch else None
    if found is not None:
        return found
    kept = [answers.epoch for answers in store.all_answers(record.id)]
    if not kept:
        raise StoreError(
            f"{record.name} ({record.id}) has not completed an evaluation yet, so nothing is known "
            "of its mistakes."
        )
    raise StoreError(
        f"The answers of epoch {wanted} of {record.name} ({record.id}) are not kept; those of "
        f"{_epochs_in_words(kept)} are."
    )


def labels_of(store: RunStore, record: RunRecord, answers: StoredAnswers) -> StoredLabels:
    """Raises StoreError when they are not kept, or do not fit the answers."""
    labels = store.tested_labels(record)
    if labels is None:
        raise StoreError(
            f"{record.name} ({record.id}) is of an earlier version of mnist-tui, which did not "
            f"keep the true labels. Any new run on {record.data or record.dataset} adds them."
        )
    if len(labels.test) != len(answers.predictions):
        raise StoreError(
            f"The labels that are kept for {record.name} ({record.id}) do not fit its answers: "
            f"{len(labels.test)} and {len(answers.predictions)} samples. The database is damaged."
        )
    return labels


def class_called(name: str | None, labels: StoredLabels) -> int | None:
    """Raises StoreError where there is none."""
    if name is None:
        return None
    classes = max(len(labels.class_names), 1 + max(labels.test.tolist(), default=-1))
    names = [labels.name(index) for index in range(classes)]
    for index, known in enumerate(names):
        if known.casefold() == name.strip().casefold():
            return index
    raise StoreError(f"There is no class {name!r}; those of this run are {', '.join(names)}.")


def _pair(true: str | None, predicted: str | None) -> str:
    """What was asked for, in words; empty: all of them."""
    parts = [true and f"of {true}", predicted and f"taken for {predicted}"]
    return " ".join(part for part in parts if part)


def _worst(
    answers: StoredAnswers,
    labels: StoredLabels,
    top: int | None,
    true: int | None,
    predicted: int | None,
) -> tuple[int, int, list[_Mistake]]:
    """How many mistakes there are, how many of them are asked for, and `top` of these, the largest
    loss first. None asks for all.
    """
    losses, confidences = measured(answers, labels.test)
    found = mistakes(labels.test, answers.predictions, losses)
    asked = found
    if true is not None:
        asked = asked[labels.test[asked] == true]
    if predicted is not None:
        asked = asked[answers.predictions[asked] == predicted]
    shown = asked[:top]
    shares = None if answers.logits is None else probabilities(answers.logits[shown]).tolist()
    listed = []
    for row, index in enumerate(shown.tolist()):
        true, predicted = int(labels.test[index]), int(answers.predictions[index])
        listed.append(
            _Mistake(
                index=index,
                true=true,
                predicted=predicted,
                true_label=labels.label(true),
                predicted_label=labels.label(predicted),
                true_name=labels.name(true),
                predicted_name=labels.name(predicted),
                confidence=float(confidences[index]),
                loss=float(losses[index]),
                probabilities=None if shares is None else shares[row],
            )
        )
    return len(found), len(asked), listed


def _about(
    record: RunRecord, answers: StoredAnswers, wrong: int, asked: str, matching: int, shown: int
) -> Iterator[str]:
    samples = len(answers.predictions)
    right = percent((samples - wrong) / samples, 2)
    line = (
        f"{record.name} ({record.id}) after epoch {answers.epoch}: "
        f"{count(wrong, 'mistake')} in {count(samples, 'test sample')}, {right} right"
    )
    largest = "the largest loss" if shown == 1 else f"the {shown} largest losses"
    yield f"{line}{asked}; {largest}" if shown < matching else f"{line}{asked}"
    if record.hyperparameters.validation == "published":
        yield (
            f"It was tested on the last {samples} test images of {record.dataset}; index 0 is the "
            "first of them."
        )
    if wrong and answers.logits is None and answers.epoch in (record.best_epoch, record.epoch):
        yield (
            "The probabilities of this run are too large to be kept, so confidence and loss are "
            "rounded to three digits."
        )
    elif wrong and answers.logits is None:
        yield (
            "Probabilities are kept for the best and the last epoch only; here confidence and loss "
            "are rounded to three digits."
        )


def _row(mistake: _Mistake) -> tuple[str, ...]:
    return (
        str(mistake.index),
        visible(mistake.true_name),
        visible(mistake.predicted_name),
        metric(mistake.confidence),
        metric(mistake.loss),
    )


def _to_json(mistake: _Mistake) -> dict[str, Any]:
    shares = mistake.probabilities
    return json_values(asdict(mistake)) | {
        "probabilities": None if shares is None else [json_number(share) for share in shares]
    }


def _epochs_in_words(epochs: Sequence[int]) -> str:
    """[0, 1, 2, 5] as "epochs 0 to 2 and 5"; ascending, at least one."""
    spans: list[list[int]] = []
    for epoch in epochs:
        if spans and epoch == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], epoch]
        else:
            spans.append([epoch])
    words = [" to ".join(map(str, span)) for span in spans]
    listed = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    return f"epoch{'s' * (len(epochs) > 1)} {listed}"
