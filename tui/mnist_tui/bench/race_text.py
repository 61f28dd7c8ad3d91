"""A race of engines in words and in JSON: plain functions, no output."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EngineDescribed, EpochMeasured, Race
from mnist_core.benchmark.summary import EngineSummary
from mnist_tui.bench.table import aligned, spread
from mnist_tui.lines import count
from mnist_tui.plain_text import visible


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
    baseline = summaries[0].engine
    rows: list[tuple[str, ...]] = [
        ("engine", "s/epoch", "quartiles", f"x {baseline}", "quartiles", "test accuracy")
    ]
    rows += [_row(summary) for summary in summaries]
    return [recipe_line(race.recipe, race.problem), "", *aligned(rows), *_notes(race, summaries)]


def recipe_line(name: str, problem: Problem) -> str:
    """The network and how it is trained."""
    recipe = problem.hyperparameters
    momentum = f", momentum {recipe.momentum:g}" if recipe.momentum else ""
    return (
        f"{name}: {'-'.join(map(str, problem.sizes))} {recipe.activation}, "
        f"{recipe.optimizer} {recipe.learning_rate:g}{momentum}, batch {recipe.batch_size}"
    )


def _row(summary: EngineSummary) -> tuple[str, ...]:
    ratio = summary.ratio
    return (
        summary.engine + ("" if summary.timed_share == 1 else "*"),
        f"{summary.seconds.median:.3f}",
        spread(summary.seconds, 3),
        f"{ratio.median:.2f}" if ratio else "1",
        spread(ratio, 2) if ratio else "",
        f"{summary.test_accuracy:.4f}",
    )


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
    return notes


def described_to_json(event: EngineDescribed) -> dict[str, Any]:
    return {"event": "engine_described", "task": "mlp", **asdict(event)}


def measured_to_json(event: EpochMeasured) -> dict[str, Any]:
    """`seconds` are those of a whole epoch; numbers that are not finite are None."""
    figures = {"seconds": event.seconds, **asdict(event)}
    return {"event": "epoch_measured", "task": "mlp", **{k: _finite(v) for k, v in figures.items()}}


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


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
