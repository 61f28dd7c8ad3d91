"""How often to evaluate, in words and in JSON: plain functions, no output."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mnist_core.benchmark.evaluation_frequency import (
    EvaluationRace,
    Schedule,
    ScheduleMeasured,
    ScheduleSummary,
)
from mnist_tui.bench.race_text import recipe_line
from mnist_tui.text.numbers import count
from mnist_tui.text.table import aligned, spread
from mnist_tui.text.visible_text import visible

_WORDS: dict[Schedule, str] = {
    "batch": "after every batch",
    "epoch": "after every epoch",
    "end": "once, at the end",
}


def heading(race: EvaluationRace) -> list[str]:
    dataset = race.problem.dataset
    kind = ", drawn here and easier than MNIST" if dataset.synthetic else ""
    return [
        f"{visible(dataset.name)}{kind}: "
        f"{count(len(race.problem.split.train), 'training example')}; "
        f"{count(race.rounds, 'round')} of {count(race.epochs, 'epoch')}, "
        "each in a process of its own",
        recipe_line(race.recipe, race.problem),
    ]


def table_lines(race: EvaluationRace, summaries: Sequence[ScheduleSummary]) -> list[str]:
    rows = [
        (
            "mx.eval", "s/epoch", "quartiles", "x batch", "quartiles",
            "memory growth", "MLX arrays", "test accuracy",
        )
    ]  # fmt: skip
    rows += [
        (
            _WORDS[summary.schedule],
            f"{summary.seconds.median:.3f}",
            spread(summary.seconds, 3),
            f"{summary.ratio.median:.2f}" if summary.ratio else "1",
            spread(summary.ratio, 2) if summary.ratio else "",
            f"{summary.peak_growth.median / 1e6:.0f} MB",
            f"{summary.mlx_peak.median / 1e6:.0f} MB",
            f"{summary.test_accuracy:.4f}",
        )
        for summary in summaries
    ]
    batches = -(-len(race.problem.split.train) // race.problem.hyperparameters.batch_size)
    return [
        *aligned(rows),
        f"Medians, over all {count(batches, 'batch', 'batches')} of each epoch. Memory growth: how "
        "far the process grew while it trained.",
        "MLX arrays: the most that they took at once, those of the data set included.",
    ]


def measured_to_json(race: EvaluationRace, measured: ScheduleMeasured) -> dict[str, Any]:
    """Memory in bytes; `seconds` of all epochs together."""
    figures = asdict(measured)
    trained = figures.pop("trained")
    return {
        "event": "evaluations_measured",
        "task": "evaluations",
        "recipe": race.recipe,
        **figures,
        "epochs": race.epochs,
        **trained,
    }


def summary_to_json(race: EvaluationRace, summaries: Sequence[ScheduleSummary]) -> dict[str, Any]:
    """All of a race in one object; `seconds` of an epoch, memory in bytes."""
    return {
        "event": "race_completed",
        "task": "evaluations",
        "recipe": race.recipe,
        "dataset": race.problem.dataset.name,
        "synthetic": race.problem.dataset.synthetic,
        "threads": race.threads,
        "rounds": race.rounds,
        "epochs": race.epochs,
        "schedules": [asdict(summary) for summary in summaries],
    }
