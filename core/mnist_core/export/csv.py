"""A run as comma-separated values: a row for each step."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import fields

from mnist_core.events import EpochMetrics
from mnist_core.export.history import History
from mnist_core.store import EpochRecord

_BATCH_COLUMNS = ("seconds", "learning_rate", "batch_loss", "batch_accuracy", "gradient_norm")
_EPOCH_COLUMNS = tuple(
    each.name for each in fields(EpochMetrics) if each.name not in ("epoch", "step", "seconds")
)
COLUMNS = ("step", "epoch", *_BATCH_COLUMNS, *_EPOCH_COLUMNS)


def to_csv(history: History) -> bytes:
    """A header and a row for each step, step 0 being the evaluation before any update.

    Accuracies are fractions, losses nats; `seconds` is the training time up to the step. The
    metrics of an epoch stand in the row of its last step, and are empty in all others. Numbers
    that are not finite are written inf, -inf and nan.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(history))
    return text.getvalue().encode()


def _rows(history: History) -> Iterator[Sequence[object]]:
    ends = history.epoch_ends
    if 0 in ends:
        yield 0, 0, ends[0].run_seconds, "", "", "", "", *_metrics(ends[0])
    for batch in history.batches:
        yield (
            batch.step,
            batch.epoch,
            batch.seconds,
            batch.learning_rate,
            batch.loss,
            batch.accuracy,
            "" if batch.gradient_norm is None else batch.gradient_norm,
            *_metrics(ends.get(batch.step)),
        )


def _metrics(epoch: EpochRecord | None) -> list[object]:
    values = [getattr(epoch, name) if epoch else None for name in _EPOCH_COLUMNS]
    return ["" if value is None else value for value in values]
