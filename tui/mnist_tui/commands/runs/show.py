"""`mnist-tui runs show`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_core.store import EpochRecord, RunRecord, RunStore
from mnist_tui.commands.runs.run_text import details_to_json, local_time, recipe, score
from mnist_tui.commands.runs.with_store import stored_runs, with_store
from mnist_tui.lab.reproduce import command_line
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.numbers import count, duration, metric, rate
from mnist_tui.text.table import in_columns
from mnist_tui.text.visible_text import visible


def show_run(home: Path, run: str, *, as_json: bool = False) -> int:
    """Print everything about a run but its batches; the exit code."""
    write = line_writer(sys.stdout)

    def work(store: RunStore) -> None:
        (record,) = stored_runs(store, [run])
        epochs = store.epochs(record.id)
        if as_json:
            write(json.dumps(details_to_json(record, epochs), allow_nan=False))
            return
        write(visible(f"{record.name} ({record.id}): {record.state}"))
        for line in in_columns([(topic, visible(text)) for topic, text in _facts(record)]):
            write(line)
        write("")
        for line in _epoch_lines(record, epochs):
            write(line)
        write("\nThis trains it again:")
        write(visible(command_line(record)))

    return with_store(home, work)


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    if record.failure:
        yield "failure", record.failure
    if record.state.is_live:
        yield "trained by", f"process {record.pid} on {record.host}"
    if record.note:
        yield "note", record.note
    if record.tags:
        yield "tags", ", ".join(record.tags)
    yield "recipe", recipe(record)
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
    yield "best", f"{score(record.best)} accuracy in epoch {record.best_epoch}"
    yield "last", f"{score(record.last)} accuracy"
    speed = record.examples_per_second
    seconds = record.seconds
    spent = duration(seconds) if seconds >= 60 else f"{seconds:.2f} s"
    yield "training", spent + (f" at {rate(speed)}" if speed else "")
    ended = f", ended {local_time(record.ended)}" if record.ended is not None else ""
    yield "started", local_time(record.started) + ended
    environment = record.environment
    yield (
        "machine",
        f"{environment.host}, {environment.platform}; MLX on {environment.device}; "
        f"{environment.blas}; {count(environment.threads, 'thread')}",
    )
    versions = (f"{name} {version}" for name, version in environment.versions.items())
    yield "versions", ", ".join(versions)


def _epoch_lines(record: RunRecord, epochs: list[EpochRecord]) -> list[str]:
    sets = ["train", "test"]
    if record.validation_examples:
        sets.insert(1, "validation")
    names = [f"{part}_{metric}" for part in sets for metric in ("loss", "accuracy")]
    header = ["epoch", "step", *(name.replace("_", " ") for name in names), "seconds"]
    rows = [
        [str(epoch.epoch), str(epoch.step), *(metric(getattr(epoch, name)) for name in names),
         f"{epoch.seconds:.2f}"]
        for epoch in epochs
    ]  # fmt: skip
    return in_columns([header, *rows], numbers=range(len(header)))
