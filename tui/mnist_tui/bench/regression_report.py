"""A race of the forms of a regression in words and in JSON: no output here."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_core.benchmark.race import EntrantReady, Lap, Quartiles, RaceScore
from mnist_core.benchmark.regression import FORMS, RegressionMetrics, metrics
from mnist_core.benchmark.regression_task import (
    RegressionTask,
    RegressionTrained,
    references,
)
from mnist_core.events import json_values
from mnist_tui.bench.race_reports import (
    RaceReport,
    column,
    columns_in_lines,
    last_laps,
    quartiles_json,
)
from mnist_tui.race.race_text import (
    Column,
    pace_columns,
    published_column,
    published_pace,
    ratio_columns,
)
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible


class RegressionReport(RaceReport):
    """Of forms of a regression, each compared with the `references`."""

    task: RegressionTask

    def heading(self) -> list[str]:
        problem, race = self.task.problem, self.race
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
            "full-batch gradient descent from zeros, learning rate "
            f"{problem.learning_rate:g}, {until}",
            f"{count(race.rounds, 'round')}, the forms in turn; {count(race.threads, 'thread')}; "
            f"mlx-fast does {count(self.task.iterations_per_call, 'iteration')} a call",
        ]

    def ready_lines(self, event: EntrantReady) -> list[str]:
        return [
            f"{event.entrant:<14} {FORMS[event.entrant].words}",
            " " * 15 + visible(event.description),
        ]

    def table(self, score: RaceScore) -> list[str]:
        """How fast each form is, then where it ended, then who wins."""
        forms = Column("name", "form", self.race.entrants)
        compared = references(self.race.entrants)
        return [
            "",
            *columns_in_lines(
                forms,
                *pace_columns(score, "iterations/s"),
                published_column(score, "published (M1)"),
                *(one for name in compared for one in ratio_columns(score, f"x {name}", name)),
            ),
            "",
            *columns_in_lines(forms, *self._results(score)),
            "",
            *self._verdicts(score, compared),
            *self._notes(score),
        ]

    def _results(self, score: RaceScore) -> list[Column]:
        ends: list[RegressionTrained] = [lap.metrics for lap in last_laps(score)]
        if self.task.problem.task == "linear":
            initial = f"{self._initial.test_error:.1f}"
            return [
                column("iterations", [count(end.iterations) for end in ends]),
                column("initial test error", [initial] * len(ends)),
                column("test error", [f"{end.test_error:.3e}" for end in ends]),
                column("train loss", [f"{end.train_loss:.3e}" for end in ends]),
            ]
        return [
            column("stopped at iteration", [
                count(end.iterations) if self._stopped(end)
                else f"never, {count(end.iterations)} done"
                for end in ends
            ]),
            column("loss", [f"{end.train_loss:.4f}" for end in ends]),
            column("training accuracy", [f"{end.train_accuracy:.4f}" for end in ends]),
            column("test accuracy", [f"{end.test_accuracy:.4f}" for end in ends]),
        ]  # fmt: skip

    def _stopped(self, end: RegressionTrained) -> bool:
        accuracy = end.train_accuracy
        right = 0 if accuracy is None else round(accuracy * self.task.problem.examples)
        return right >= self.task.problem.needed_right

    @property
    def _initial(self) -> RegressionMetrics:
        """Those of the weights that every form starts from."""
        return metrics(self.task.problem, np.zeros(self.task.problem.features))

    def _verdicts(self, score: RaceScore, compared: Sequence[str]) -> list[str]:
        """Who wins; nobody does where the quartiles of the ratio hold 1 between them."""
        lines = []
        for reference in compared:
            parts = [
                f"{name} {_outcome(ratio)} ({ratio.median:.2f})"
                for name in self.race.entrants
                if FORMS[name].engine != "numpy" and (ratio := score.ratio(name, reference))
            ]
            if parts:
                lines.append(f"Against {reference}: {', '.join(parts)}.")
        return lines

    def _notes(self, score: RaceScore) -> list[str]:
        differences = [
            lap.metrics.gradient_difference
            for lap in last_laps(score)
            if lap.metrics.gradient_difference is not None
        ]
        notes = ["Medians; x is the rate over that of NumPy in the same round."]
        if self.task.problem.task == "linear":
            notes.append("Test error: mean squared error against test targets without noise.")
        if differences:
            notes.append(
                "The library's gradient and the one derived by hand differ by at most "
                f"{max(differences):.1e} of the largest component."
            )
        return notes

    def ready_json(self, event: EntrantReady) -> dict[str, Any]:
        return {
            "event": "engine_described",
            "task": self.task.problem.task,
            "engine": FORMS[event.entrant].engine,
            "form": event.entrant,
            "description": event.description,
        }

    def lap_json(self, lap: Lap, score: RaceScore) -> dict[str, Any]:
        """`seconds` are those of all `trainings` together."""
        return {
            "event": "regression_measured",
            "task": self.task.problem.task,
            "engine": FORMS[lap.entrant].engine,
            "form": lap.entrant,
            "round": lap.round,
            "iterations_per_second": lap.pace,
            **json_values(asdict(lap.metrics)),
        }

    def score_json(self, score: RaceScore) -> dict[str, Any]:
        """`ratios` are a form's rate over that of each reference."""
        return {
            "event": "race_completed",
            **asdict(self.task.problem),
            "threads": self.race.threads,
            "rounds": self.race.rounds,
            "iterations_per_call": self.task.iterations_per_call,
            "initial": asdict(self._initial),
            "forms": [self._form_json(lap, score) for lap in last_laps(score)],
        }

    def _form_json(self, lap: Lap, score: RaceScore) -> dict[str, Any]:
        name, end = lap.entrant, asdict(lap.metrics)
        ratios = {other: score.ratio(name, other) for other in references(self.race.entrants)}
        return {
            "form": name,
            "engine": FORMS[name].engine,
            "iterations_per_second": quartiles_json(score.pace(name)),
            "published": published_pace(self.race, name),
            "ratios": {other: asdict(ratio) for other, ratio in ratios.items() if ratio},
            "stopped": self._stopped(lap.metrics) if self.task.problem.task == "logistic" else None,
            **json_values({key: end[key] for key in end if key not in ("seconds", "trainings")}),
        }


def _outcome(ratio: Quartiles) -> str:
    if ratio.lower > 1:
        return "wins"
    return "loses" if ratio.upper < 1 else "is level"
