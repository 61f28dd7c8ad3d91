"""The same recipe with several seeds: how much of its result is luck."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median, stdev
from typing import Any

from mnist_core.events import RunCompleted
from mnist_tui.lines import count, figure


@dataclass(frozen=True, slots=True)
class Spread:
    """Final figures over the seeds. A figure that is not finite makes mean and deviation NaN."""

    mean: float
    deviation: float
    """Sample standard deviation, over n - 1; NaN for a single run."""
    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class RepeatCompleted:
    """All seeds were trained to the end."""

    seeds: tuple[int, ...]
    test_accuracy: Spread
    test_loss: Spread
    losses_not_finite: int
    """Runs whose final test loss is infinite or not a number."""

    @property
    def figures(self) -> tuple[tuple[str, Spread], ...]:
        """The spreads by name."""
        return ("test_accuracy", self.test_accuracy), ("test_loss", self.test_loss)


def _spread(values: Sequence[float]) -> Spread:
    finite = all(map(math.isfinite, values))
    return Spread(
        mean=mean(values) if finite else math.nan,
        deviation=stdev(values) if finite and len(values) > 1 else math.nan,
        median=median(values) if finite else math.nan,
        lowest=min(values) if finite else math.nan,
        highest=max(values) if finite else math.nan,
    )


def summarize(seeds: Sequence[int], ends: Sequence[RunCompleted]) -> RepeatCompleted:
    """The spread of the final test figures; `ends` are in the order of `seeds`."""
    losses = [math.nan if end.test_loss is None else end.test_loss for end in ends]
    accuracies = [math.nan if end.test_accuracy is None else end.test_accuracy for end in ends]
    return RepeatCompleted(
        seeds=tuple(seeds),
        test_accuracy=_spread(accuracies),
        test_loss=_spread(losses),
        losses_not_finite=sum(not math.isfinite(loss) for loss in losses),
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
            out[f"{name}_{part}"] = value if math.isfinite(value) else None
    out["losses_not_finite"] = summary.losses_not_finite
    return out


def repeat_lines(summary: RepeatCompleted) -> list[str]:
    first, last = summary.seeds[0], summary.seeds[-1]
    lines = [f"{count(len(summary.seeds), 'run')}, seeds {first} to {last}"]
    for name, spread in summary.figures:
        parts = ", ".join(f"{part} {figure(value)}" for part, value in asdict(spread).items())
        lines.append(f"{name.replace('_', ' ')}: {parts}")
    if summary.losses_not_finite:
        lines.append(
            f"{summary.losses_not_finite} of {count(len(summary.seeds), 'run')} ended with a test "
            "loss that is not a finite number"
        )
    return lines
