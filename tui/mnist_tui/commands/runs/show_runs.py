"""`mnist-tui runs list` and `show`: stored runs in words, and as plain JSON values."""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from mnist_core.events import json_values
from mnist_core.network.calibration import calibration
from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields, to_json
from mnist_core.store import (
    EpochRecord,
    KeptRecord,
    RecordingRecord,
    RunRecord,
    RunStore,
    Score,
)
from mnist_tui.commands.flags import UsageError
from mnist_tui.commands.runs.recordings import recording_to_json, show_recording
from mnist_tui.commands.runs.times import local_time_text, utc_text
from mnist_tui.commands.runs.with_store import found_runs, no_runs, with_store
from mnist_tui.lab.recipe_text import (
    command_line,
    difference_text,
    distinction,
    usual_values,
)
from mnist_tui.lab.stop_text import stop_text
from mnist_tui.runs.columns import RunRow, progress_text, sort_rows, sorting_by
from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.numbers import count, duration, metric, percent, rate, threads_text
from mnist_tui.text.visible_text import in_columns, visible

_HEADER = ("id", "name", "state", "epochs", "best", "started", "differs in")


@with_store
def list_runs(
    store: RunStore, text: str, sort: str | None, *, reverse: bool, as_json: bool
) -> None:
    """Print a line for each run that the filter `text` asks for, by the column `sort`; None: the
    latest first.

    A folder without runs is left as it is, and that there are none is said on stderr.

    Raises:
        UsageError: a term of the filter is not understood.
    """
    found = matching_rows(store, text)
    if sort is not None:
        sorting = sorting_by(sort)
        found = sort_rows(found, sorting.reversed if reverse else sorting)
    elif reverse:
        found.reverse()
    if as_json:
        write = line_writer(sys.stdout)
        for row in found:
            write(json.dumps(_to_json(row.record), allow_nan=False))
    elif found:
        write_table(found)


def matching_rows(store: RunStore, text: str) -> list[RunRow]:
    """The runs that the filter `text` asks for, the latest first; on stderr, why there are none.

    Raises:
        UsageError: a term of the filter is not understood.
    """
    run_filter = parse_filter(text)
    if run_filter.problem:
        raise UsageError(f"--filter: {run_filter.problem}")
    records = store.kept() if store.exists else []
    usual = usual_values(records)
    every = [RunRow.of(record, distinction(record, usual)) for record in records]
    found = list(filter(run_filter.matches, every))
    if not records:
        line_writer(sys.stderr)(visible(no_runs(store)))
    elif not found:
        line_writer(sys.stderr)(visible(f"None of {count(len(records), 'run')} matches {text!r}."))
    return found


def write_table(rows: Iterable[RunRow]) -> None:
    """Print a line for each run, cut to the width of a terminal."""
    write = line_writer(sys.stdout)
    lines = [_row(row.record, row.differs) for row in rows]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in in_columns([_HEADER, *lines], width=width):
        write(line)


def _to_json(record: KeptRecord) -> dict[str, Any]:
    if isinstance(record, RecordingRecord):
        return recording_to_json(record)
    return run_to_json(record)


def _row(record: KeptRecord, differs: str) -> tuple[str, ...]:
    return (
        record.id,
        visible(record.name),
        record.state.value,
        progress_text(record) + _rule_text(record),
        score_text(record.best),
        local_time_text(record.started),
        visible(differs),
    )


def _rule_text(record: KeptRecord) -> str:
    """What ended a run before its planned epochs."""
    rule = record.stopped_by if isinstance(record, RunRecord) else None
    return "" if rule is None else f", {rule.words}"


@with_store
def show_run(store: RunStore, run: str, *, as_json: bool) -> None:
    """Print everything about a run but its batches."""
    write = line_writer(sys.stdout)
    (record,) = found_runs(store, [run])
    if isinstance(record, RecordingRecord):
        show_recording(store, record, as_json=as_json)
        return
    epochs = store.epochs(record.id)
    errors = _calibration_errors(store, record)
    if as_json:
        write(json.dumps(details_to_json(record, epochs, errors), allow_nan=False))
        return
    write(visible(f"{record.name} ({record.id}): {record.state}"))
    for line in in_columns([(topic, visible(text)) for topic, text in _facts(record)]):
        write(line)
    write("")
    for line in _epoch_lines(record, epochs, errors):
        write(line)
    write("\nThis trains it again:")
    write(visible(command_line(record)))


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    if record.failure:
        yield "failure", record.failure
    if record.state.is_live:
        yield "trained by", f"process {record.pid} on {record.host}"
    if record.study:
        yield "sweep", f"trial {record.trial} of {record.study}"
    if record.note:
        yield "note", record.note
    if record.tags:
        yield "tags", ", ".join(record.tags)
    yield "recipe", recipe_text(record)
    examples = [count(record.train_examples, "training example")]
    if record.validation_examples:
        examples.append(count(record.validation_examples, "validation example"))
    examples.append(count(record.test_examples, "test example"))
    yield "data", f"{record.dataset}: {', '.join(examples)}; from {record.data or 'memory'}"
    yield "network", count(record.parameter_count, "parameter")
    fields = hyperparameter_fields()
    for change in record.changes:
        field = fields[change.field]
        made = "changed" if change.step <= record.step else "to change"
        words = f"{field.label.lower()} {field.format(change.value)}"
        yield made, f"after step {change.step}: {words}"
    steps = count(record.steps_per_epoch, "step")
    each = "each at first" if any(c.field == "batch_size" for c in record.changes) else "each"
    yield "epochs", f"{record.epoch} of {record.epochs}, {steps} {each}; {record.step} steps done"
    if record.stopped_by is not None:
        yield "ended", stop_text(record)
    yield "best", f"{score_text(record.best)} accuracy in epoch {record.best_epoch}"
    yield "last", f"{score_text(record.last)} accuracy"
    speed = record.examples_per_second
    seconds = record.seconds
    spent = duration(seconds) if seconds >= 60 else f"{seconds:.2f} s"
    yield "training", spent + (f" at {rate(speed)}" if speed else "")
    ended = f", ended {local_time_text(record.ended)}" if record.ended is not None else ""
    yield "started", local_time_text(record.started) + ended
    environment = record.environment
    yield (
        "machine",
        f"{environment.host}, {environment.platform}; MLX on {environment.device}; "
        f"{environment.blas}; {threads_text(environment)}",
    )
    versions = (f"{name} {version}" for name, version in environment.versions.items())
    yield "versions", ", ".join(versions)


def _calibration_errors(store: RunStore, record: RunRecord) -> dict[int, float]:
    """The expected calibration error on the test samples, by epoch; none where what they really
    are is not kept. It is that of the kept confidences, which have the precision of float16.
    """
    labels = store.tested_labels(record)
    if labels is None:
        return {}
    return {
        answers.epoch: calibration(answers.confidences, answers.predictions == labels.test).error
        for answers in store.all_answers(record.id)
        if len(answers.predictions) == len(labels.test)
    }


def _epoch_lines(
    record: RunRecord, epochs: list[EpochRecord], errors: Mapping[int, float]
) -> list[str]:
    sets = ["train", "test"]
    if record.validation_examples:
        sets.insert(1, "validation")
    names = [f"{part}_{metric}" for part in sets for metric in ("loss", "accuracy")]
    header = ["epoch", "step", *(name.replace("_", " ") for name in names)]
    header += [*(["calibration error"] if errors else []), "seconds"]
    rows = []
    for epoch in epochs:
        error = [metric(errors.get(epoch.epoch))] if errors else []
        figures = [metric(getattr(epoch, name)) for name in names]
        rows.append([str(epoch.epoch), str(epoch.step), *figures, *error, f"{epoch.seconds:.2f}"])
    return in_columns([header, *rows], numbers=range(len(header)))


def score_text(value: Score | None) -> str:
    """An accuracy and the set it was measured on; "-" before the first evaluation."""
    return "-" if value is None else f"{percent(value.value, 2)} {value.measured_on}"


def recipe_text(record: RunRecord) -> str:
    """What differs from the defaults."""
    defaults = Hyperparameters()
    if record.hyperparameters == defaults:
        return "the defaults"
    return f"{difference_text(record.hyperparameters, defaults)}; otherwise the defaults"


def run_to_json(record: RunRecord) -> dict[str, Any]:
    """What `mnist-tui runs list --json` writes of a run; times in UTC after ISO 8601."""
    return json_values(
        {
            "id": record.id,
            "kind": "run",
            "name": record.name,
            "state": record.state.value,
            "epochs": record.epoch,
            "planned_epochs": record.epochs,
            "stopped_by": record.stopped_by,
            "best_test_accuracy": record.best_test_accuracy,
            "best_validation_accuracy": record.best_validation_accuracy,
            "best_epoch": record.best_epoch,
            "test_accuracy": record.test_accuracy,
            "validation_accuracy": record.validation_accuracy,
            "started": utc_text(record.started),
            "seconds": record.seconds,
            "examples_per_second": record.examples_per_second,
            "dataset": record.dataset,
            "note": record.note,
            "tags": list(record.tags),
            "study": record.study or None,
            "trial": record.trial,
            "hyperparameters": to_json(record.hyperparameters),
        }
    )


def details_to_json(
    record: RunRecord, epochs: list[EpochRecord], errors: Mapping[int, float]
) -> dict[str, Any]:
    """What `mnist-tui runs show --json` writes: all that is known of a run but its batches."""
    values = to_json(record.hyperparameters)
    return run_to_json(record) | json_values(
        {
            "differs": {
                name: values[name]
                for name, field in hyperparameter_fields().items()
                if getattr(record.hyperparameters, name) != field.default
            },
            "changes": [asdict(change) for change in record.changes],
            "command": command_line(record),
            "failure": record.failure,
            "step": record.step,
            "steps_per_epoch": record.steps_per_epoch,
            "test_loss": record.test_loss,
            "validation_loss": record.validation_loss,
            "updated": utc_text(record.updated),
            "ended": None if record.ended is None else utc_text(record.ended),
            "data": record.data,
            "transposed": record.transposed,
            "fingerprint": record.fingerprint,
            "train_examples": record.train_examples,
            "validation_examples": record.validation_examples,
            "test_examples": record.test_examples,
            "parameter_count": record.parameter_count,
            "environment": asdict(record.environment),
            "pid": record.pid,
            "host": record.host,
            "epoch_figures": [
                json_values({**asdict(epoch), "calibration_error": errors.get(epoch.epoch)})
                for epoch in epochs
            ],
        }
    )
