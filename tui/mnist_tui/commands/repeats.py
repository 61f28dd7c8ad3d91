"""The same recipe with several seeds: how much of its result is luck."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median, stdev
from typing import Any

from mnist_core.events import RunCompleted, json_number
from mnist_tui.text.numbers import count, metric


@dataclass(frozen=True, slots=True)
class Spread:
    """Final figures over seeds; all are NaN where there are none."""

    mean: float
    deviation: float
    """Sample standard deviation, over n - 1; NaN for a single figure."""
    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class RepeatCompleted:
    """All seeds were trained to the end."""

    seeds: tuple[int, ...]
    test_accuracy: Spread
    test_loss: Spread
    """Over the runs whose final test loss is finite."""
    test_accuracy_of_finite: Spread
    """Over the same runs: how good the recipe is where it does not fail."""
    losses_not_finite: int
    """Runs whose final test loss is infinite or not a number."""

    @property
    def figures(self) -> tuple[tuple[str, Spread], ...]:
        """The spreads by name."""
        return (
            ("test_accuracy", self.test_accuracy),
            ("test_loss", self.test_loss),
            ("test_accuracy_of_finite", self.test_accuracy_of_finite),
        )


def _spread(values: Sequence[float]) -> Spread:
    # The mean of figures some of which are no numbers would be none.
    if not values or not all(map(math.isfinite, values)):
        return Spread(math.nan, math.nan, math.nan, math.nan, math.nan)
    return Spread(
        mean=mean(values),
        deviation=stdev(values) if len(values) > 1 else math.nan,
        median=median(values),
        lowest=min(values),
        highest=max(values),
    )


def summarize(seeds: Sequence[int], ends: Sequence[RunCompleted]) -> RepeatCompleted:
    """The spread of the final test figures; `ends` are in the order of `seeds`."""
    losses = [math.nan if end.test_loss is None else end.test_loss for end in ends]
    accuracies = [math.nan if end.test_accuracy is None else end.test_accuracy for end in ends]
    finite = [index for index, loss in enumerate(losses) if math.isfinite(loss)]
    return RepeatCompleted(
        seeds=tuple(seeds),
        test_accuracy=_spread(accuracies),
        test_loss=_spread([losses[index] for index in finite]),
        test_accuracy_of_finite=_spread([accuracies[index] for index in finite]),
        losses_not_finite=len(losses) - len(finite),
    )


def repeat_to_json(summary: RepeatCompleted) -> dict[str, Any]:
    """One flat object, `test_accuracy_mean` and so on; numbers that are not finite are None."""
    out: dict[str, Any] = {
        "event": "repeat_completed",
        "runs": len(summary.seeds),
        "seeds": list(summary.seeds),
    }
    for name, spread in summary.figures:
        for part, value in asdict(spread).items():
            out[f"{name}_{part}"] = json_number(value)
    out["losses_not_finite"] = summary.losses_not_finite
    return out


def repeat_lines(summary: RepeatCompleted) -> list[str]:
    """The figures over all runs, and over those with a finite loss where some have none."""
    first, last = summary.seeds[0], summary.seeds[-1]
    runs, failed = len(summary.seeds), summary.losses_not_finite
    lines = [f"{count(runs, 'run')}, seeds {first} to {last}"]
    lines.append(f"test accuracy: {_words(summary.test_accuracy)}")
    if not failed:
        return [*lines, f"test loss: {_words(summary.test_loss)}"]
    lines.append(
        f"{failed} of {count(runs, 'run')} ended with a test loss that is not a finite number"
    )
    if failed < runs:
        lines.append(f"test accuracy without them: {_words(summary.test_accuracy_of_finite)}")
        lines.append(f"test loss without them: {_words(summary.test_loss)}")
    return lines


def _words(spread: Spread) -> str:
    parts = asdict(spread).items()
    return ", ".join(f"{part} {metric(value)}" for part, value in parts if math.isfinite(value))
