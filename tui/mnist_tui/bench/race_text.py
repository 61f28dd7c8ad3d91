"""A race of engines in words and in JSON: plain functions, no output."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mnist_core.benchmark.engines import published_seconds
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EngineDescribed, EpochMeasured, Race
from mnist_core.benchmark.summary import EngineSummary
from mnist_core.events import json_values
from mnist_tui.text.numbers import count
from mnist_tui.text.table import aligned, spread
from mnist_tui.text.visible_text import visible

_EPOCH_COLUMNS = 11
"""Epochs that a table shows: with the names of the engines they take 98 columns of a terminal."""


def heading(race: Race) -> list[str]:
    """On what data, and how often."""
    dataset = race.problem.dataset
    train, test = race.problem.split.train, race.problem.split.test
    kind = ", drawn here and easier than MNIST" if dataset.synthetic else ""
    rounds = f"{count(race.rounds, 'round')} of {count(race.epochs, 'epoch')}"
    return [
        f"{visible(dataset.name)}{kind}: {count(len(train), 'training example')}, "
        f"{count(len(test), 'test example')}",
        f"{rounds}, the engines in turn; {count(race.threads, 'thread')}; evaluation is not timed",
    ]


def engine_line(event: EngineDescribed) -> str:
    return f"{event.engine:<10} {visible(event.description)}"


def table_lines(race: Race, summaries: Sequence[EngineSummary]) -> list[str]:
    """What was measured, a line an engine; the first engine is what the others are compared to."""
    return [
        recipe_line(race.recipe, race.problem),
        "",
        *aligned(_time_rows(race, summaries)),
        *_notes(race, summaries),
        "",
        *_accuracy_lines(summaries),
    ]


def recipe_line(name: str, problem: Problem) -> str:
    """The network and how it is trained."""
    recipe = problem.hyperparameters
    momentum = f", momentum {recipe.momentum:g}" if recipe.momentum else ""
    return (
        f"{name}: {'-'.join(map(str, problem.sizes))} {recipe.activation}, "
        f"{recipe.optimizer} {recipe.learning_rate:g}{momentum}, batch {recipe.batch_size}"
    )


def _time_rows(race: Race, summaries: Sequence[EngineSummary]) -> list[tuple[str, ...]]:
    """With a column of published times where there are any for the recipe."""
    published = published_seconds(race.recipe, len(race.problem.split.train))
    heads = ["engine", "s/epoch", "quartiles", f"x {summaries[0].engine}", "quartiles"]
    rows = [(*heads, *(["published (M1)"] if published else []), "test accuracy")]
    for summary in summaries:
        cells = [_name(summary), f"{summary.seconds.median:.3f}", spread(summary.seconds, 3)]
        ratio = summary.ratio
        cells += [f"{ratio.median:.2f}", spread(ratio, 2)] if ratio else ["1", ""]
        if published:
            cells.append("" if summary.published is None else f"{summary.published:.2f}")
        rows.append((*cells, f"{summary.test_accuracy:.4f}"))
    return rows


def _name(summary: EngineSummary) -> str:
    return summary.engine + ("" if summary.timed_share == 1 else "*")


def _accuracy_lines(summaries: Sequence[EngineSummary]) -> list[str]:
    """Test accuracies, a line an engine and a column an epoch, the first and the last included."""
    epochs = summaries[0].epochs
    shown = _spaced(epochs, _EPOCH_COLUMNS)
    which = "each epoch" if len(shown) == epochs else f"{len(shown)} of the {epochs} epochs"
    rows = [("epoch", *(str(epoch) for epoch in shown))]
    rows += [
        (_name(summary), *(f"{summary.test_accuracies[epoch - 1]:.4f}" for epoch in shown))
        for summary in summaries
    ]
    return [f"test accuracy after {which}", "", *aligned(rows)]


def _spaced(last: int, most: int) -> list[int]:
    """1 to `last`, or `most` of these numbers at about equal distances."""
    if last <= most:
        return list(range(1, last + 1))
    return [1 + round(index * (last - 1) / (most - 1)) for index in range(most)]


def _notes(race: Race, summaries: Sequence[EngineSummary]) -> list[str]:
    epochs = count(summaries[0].epochs, "epoch")
    notes = [f"Medians. Test accuracy is that after {epochs}."]
    examples = len(race.problem.split.train)
    notes += [
        f"* {summary.engine} trained on {count(round(summary.timed_share * examples), 'example')} "
        f"of each epoch only: its seconds are scaled up to all {count(examples, 'example')}, its "
        "accuracy is what so little training gives."
        for summary in summaries
        if summary.timed_share < 1
    ]
    absent = [
        f"{engine} {seconds:.2f}"
        for engine, seconds in published_seconds(race.recipe, examples).items()
        if engine not in race.engines
    ]
    if absent:
        notes.append(f"Published for engines that are not in this race: {', '.join(absent)}.")
    if any(engine.startswith("mlx") for engine in race.engines):
        notes += [
            "MLX takes the GPU where it has one, Apple's or NVIDIA's; what it took here stands "
            "above, at its engine.",
            "mx.eval after every batch, every epoch or at the end: "
            f"mnist-tui bench --task evaluations --preset {race.recipe}",
        ]
    return notes


def described_to_json(event: EngineDescribed) -> dict[str, Any]:
    return {"event": "engine_described", "task": "mlp", **asdict(event)}


def measured_to_json(event: EpochMeasured) -> dict[str, Any]:
    """`seconds` are those of a whole epoch; numbers that are not finite are None."""
    metrics = {"seconds": event.seconds, **asdict(event)}
    return {"event": "epoch_measured", "task": "mlp", **json_values(metrics)}


def summary_to_json(race: Race, summaries: Sequence[EngineSummary]) -> dict[str, Any]:
    """All of a race in one object; `ratio` is an engine's time over that of the baseline."""
    return {
        "event": "race_completed",
        "task": "mlp",
        "recipe": race.recipe,
        "dataset": race.problem.dataset.name,
        "synthetic": race.problem.dataset.synthetic,
        "threads": race.threads,
        "rounds": race.rounds,
        "epochs": race.epochs,
        "baseline": summaries[0].engine,
        "engines": [asdict(summary) for summary in summaries],
    }
