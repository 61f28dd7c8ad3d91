"""A race of regressions in words and in JSON: plain functions, no output."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_core.benchmark.quartiles import Quartiles
from mnist_core.benchmark.regression import FORMS, RegressionFigures, RegressionForm, figures
from mnist_core.benchmark.regression_race import (
    FormDescribed,
    FormMeasured,
    FormSummary,
    RegressionRace,
    references,
)
from mnist_core.events import json_values
from mnist_tui.text import numbers
from mnist_tui.text.numbers import count
from mnist_tui.text.table import aligned, spread
from mnist_tui.text.visible_text import visible


def heading(race: RegressionRace) -> list[str]:
    """What is learned, and how often it is measured."""
    problem = race.problem
    if problem.task == "linear":
        what = f"targets Xw + {problem.noise:g} noise, half the mean squared error"
        until = count(problem.iterations, "iteration")
    else:
        what = f"labels 1[Xw + {problem.noise:g} noise > 0], cross-entropy"
        until = (
            f"until more than {problem.enough_percent} % of the training examples are right, "
            "checked each iteration"
        )
    return [
        f"{problem.task}: {what}; {count(problem.examples, 'example')}, "
        f"{count(problem.features, 'feature')}",
        f"full-batch gradient descent from zeros, learning rate {problem.learning_rate:g}, {until}",
        f"{count(race.rounds, 'round')}, the forms in turn; {count(race.threads, 'thread')}; "
        f"mlx-fast does {count(race.iterations_per_call, 'iteration')} a call",
    ]


def form_lines(event: FormDescribed) -> list[str]:
    indent = " " * 15
    return [f"{event.form:<14} {FORMS[event.form].words}", indent + visible(event.description)]


def table_lines(race: RegressionRace, summaries: Sequence[FormSummary]) -> list[str]:
    """How fast each form is, then where it ended, then who wins."""
    compared = references(race.forms)
    header = ["form", "iterations/s", "quartiles", "published (M1)"]
    header += [column for name in compared for column in (f"x {name}", "quartiles")]
    rates = [header, *(_rate_row(race, summary, compared) for summary in summaries)]
    return [
        *aligned(rates),
        "",
        *aligned(_result_rows(race, summaries)),
        "",
        *_verdicts(summaries, compared),
        *_notes(race, summaries),
    ]


def _rate_row(
    race: RegressionRace, summary: FormSummary, compared: Sequence[RegressionForm]
) -> list[str]:
    rate = summary.iterations_per_second
    published = FORMS[summary.form].published.get(race.problem.task)
    cells = [
        summary.form,
        numbers.count(round(rate.median)),
        f"{numbers.count(round(rate.lower))} to {numbers.count(round(rate.upper))}",
        "" if published is None else numbers.count(published),
    ]
    for reference in compared:
        ratio = summary.ratios.get(reference)
        cells += [f"{ratio.median:.2f}", spread(ratio, 2)] if ratio else ["1", ""]
    return cells


def _result_rows(race: RegressionRace, summaries: Sequence[FormSummary]) -> list[list[str]]:
    if race.problem.task == "linear":
        rows = [["form", "iterations", "initial test error", "test error", "train loss"]]
        initial = f"{initial_figures(race).test_error:.1f}"
        return rows + [
            [
                summary.form,
                numbers.count(summary.last.iterations),
                initial,
                f"{summary.last.test_error:.3e}",
                f"{summary.last.train_loss:.3e}",
            ]
            for summary in summaries
        ]
    rows = [["form", "stopped at iteration", "loss", "training accuracy", "test accuracy"]]
    return rows + [
        [
            summary.form,
            _stop(race, summary),
            f"{summary.last.train_loss:.4f}",
            f"{summary.last.train_accuracy:.4f}",
            f"{summary.last.test_accuracy:.4f}",
        ]
        for summary in summaries
    ]


def _stop(race: RegressionRace, summary: FormSummary) -> str:
    iterations = numbers.count(summary.last.iterations)
    return iterations if _stopped(race, summary) else f"never, {iterations} done"


def _stopped(race: RegressionRace, summary: FormSummary) -> bool:
    accuracy = summary.last.train_accuracy
    right = 0 if accuracy is None else round(accuracy * race.problem.examples)
    return right >= race.problem.needed_right


def _verdicts(summaries: Sequence[FormSummary], compared: Sequence[RegressionForm]) -> list[str]:
    """Who wins; nobody does where the quartiles of the ratio hold 1 between them."""
    lines = []
    for reference in compared:
        parts = [
            f"{summary.form} {_outcome(summary.ratios[reference])} "
            f"({summary.ratios[reference].median:.2f})"
            for summary in summaries
            if reference in summary.ratios and FORMS[summary.form].engine != "numpy"
        ]
        if parts:
            lines.append(f"Against {reference}: {', '.join(parts)}.")
    return lines


def _outcome(ratio: Quartiles) -> str:
    if ratio.lower > 1:
        return "wins"
    return "loses" if ratio.upper < 1 else "is level"


def _notes(race: RegressionRace, summaries: Sequence[FormSummary]) -> list[str]:
    differences = [
        summary.last.gradient_difference
        for summary in summaries
        if summary.last.gradient_difference is not None
    ]
    notes = ["Medians; x is the rate over that of NumPy in the same round."]
    if race.problem.task == "linear":
        notes.append("Test error: mean squared error against test targets without noise.")
    if differences:
        notes.append(
            "The library's gradient and the one derived by hand differ by at most "
            f"{max(differences):.1e} of the largest component."
        )
    return notes


def initial_figures(race: RegressionRace) -> RegressionFigures:
    """Those of the weights that every form starts from."""
    return figures(race.problem, np.zeros(race.problem.features))


def described_to_json(race: RegressionRace, event: FormDescribed) -> dict[str, Any]:
    return {
        "event": "engine_described",
        "task": race.problem.task,
        "engine": FORMS[event.form].engine,
        **asdict(event),
    }


def measured_to_json(race: RegressionRace, event: FormMeasured) -> dict[str, Any]:
    """`seconds` are those of all `trainings` together; numbers that are not finite are None."""
    return {
        "event": "regression_measured",
        "task": race.problem.task,
        "engine": FORMS[event.form].engine,
        "form": event.form,
        "round": event.round,
        "iterations_per_second": event.iterations_per_second,
        **json_values(asdict(event.trained)),
    }


def summary_to_json(race: RegressionRace, summaries: Sequence[FormSummary]) -> dict[str, Any]:
    """All of a race in one object; `ratios` are a form's rate over that of each reference."""
    problem = race.problem
    return {
        "event": "race_completed",
        **asdict(problem),
        "threads": race.threads,
        "rounds": race.rounds,
        "iterations_per_call": race.iterations_per_call,
        "initial": asdict(initial_figures(race)),
        "forms": [
            {
                "form": summary.form,
                "engine": FORMS[summary.form].engine,
                "iterations_per_second": asdict(summary.iterations_per_second),
                "published": FORMS[summary.form].published.get(problem.task),
                "ratios": {name: asdict(ratio) for name, ratio in summary.ratios.items()},
                "stopped": _stopped(race, summary) if problem.task == "logistic" else None,
                **json_values(
                    {
                        name: value
                        for name, value in asdict(summary.last).items()
                        if name not in ("seconds", "trainings")
                    }
                ),
            }
            for summary in summaries
        ],
    }
