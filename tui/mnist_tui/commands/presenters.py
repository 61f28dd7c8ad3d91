"""What headless training prints: its events and the spread over seeds, as JSON or plain lines."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median, stdev
from typing import Any, NamedTuple, Protocol

from mnist_core.events import (
    BatchCompleted,
    CompilationFailed,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunFailed,
    RunPruned,
    RunRewound,
    RunStarted,
    RunStopped,
    StepsStalled,
    event_to_json,
    json_number,
)
from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields, to_json
from mnist_core.recipe.lists import varied_fields
from mnist_tui.lab.recipe_text import change_flags, recipe_flags
from mnist_tui.lab.stop_text import stop_text
from mnist_tui.runtime.output import WriteLine
from mnist_tui.text.numbers import count, metric, threads_text
from mnist_tui.text.visible_text import visible


@dataclass(frozen=True, slots=True)
class Spread:
    """A final metric over seeds; all are NaN where there are none."""

    mean: float
    deviation: float
    """Sample standard deviation, over n - 1; NaN for a single value."""
    median: float
    lowest: float
    highest: float


class FinalFigures(NamedTuple):
    """What the spread over seeds needs of a run: its end would keep all its weights in memory."""

    seed: int
    test_accuracy: float | None
    test_loss: float | None

    @classmethod
    def of(cls, seed: int, end: RunCompleted | RunDiverged) -> "FinalFigures":
        return cls(seed, end.test_accuracy, end.test_loss)


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


class Presenter(Protocol):
    """Shows one run after the other."""

    def show(self, event: Event) -> None: ...

    def show_repeat(self, summary: RepeatCompleted) -> None: ...

    def show_comparison(self, summaries: Mapping[Hyperparameters, RepeatCompleted]) -> None:
        """Show what several recipes reached, each over its seeds."""

    def close(self) -> None:
        """Leave the terminal in order."""
        return  # lines alone have nothing to put back


class JsonLines(Presenter):
    """One JSON object a line."""

    def __init__(self, write: WriteLine, write_error: WriteLine, log_every: int | None) -> None:
        self._write = write
        self._write_error = write_error
        self._log_every = log_every

    def show(self, event: Event) -> None:
        if isinstance(event, BatchCompleted) and not _is_logged(event, self._log_every):
            return
        self._write(json.dumps(event_to_json(event), allow_nan=False))
        if isinstance(event, RunFailed | CompilationFailed | StepsStalled):
            self._write_error(visible(event.message))

    def show_repeat(self, summary: RepeatCompleted) -> None:
        self._write(json.dumps(repeat_to_json(summary), allow_nan=False))

    def show_comparison(self, summaries: Mapping[Hyperparameters, RepeatCompleted]) -> None:
        self._write(json.dumps(comparison_to_json(summaries), allow_nan=False))


class PlainLines(Presenter):
    """A line an epoch, without colours or cursor movements."""

    def __init__(
        self,
        write: WriteLine,
        write_error: WriteLine,
        log_every: int | None,
    ) -> None:
        self._write = write
        self._write_error = write_error
        self._log_every = log_every
        self._goes_on = False
        """Whether the run goes on after it has diverged, as the recipe says."""
        self._epochs = 0

    def show(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._epochs = event.epochs
                self._goes_on = event.on_divergence in (None, "continue")
                for line in started_lines(event):
                    self._write(line)
            case BatchCompleted() if _is_logged(event, self._log_every):
                self._write(batch_line(event))
            case EpochCompleted():
                self._write(epoch_line(event, self._epochs))
            case DivergenceDetected():
                self._write(divergence_line(event, goes_on=self._goes_on))
            case RunRewound():
                self._write(rewound_line(event))
            case HyperparameterChanged():
                self._epochs = event.epochs
                self._write(change_line(event))
            case RunCompleted() | RunStopped() | RunPruned() | RunDiverged():
                self._write(ended_line(event))
                if isinstance(event, RunCompleted) and event.stopped_by is not None:
                    self._write(stop_text(event))
            case RunFailed() | CompilationFailed() | StepsStalled():
                self._write_error(visible(event.message))

    def show_repeat(self, summary: RepeatCompleted) -> None:
        for line in repeat_lines(summary):
            self._write(line)

    def show_comparison(self, summaries: Mapping[Hyperparameters, RepeatCompleted]) -> None:
        for line in comparison_lines(summaries):
            self._write(line)


def _is_logged(event: BatchCompleted, log_every: int | None) -> bool:
    return log_every is not None and event.step % log_every == 0


def started_lines(event: RunStarted) -> list[str]:
    """What is about to be trained, on what."""
    examples = count(event.train_examples, "training example")
    if event.validation_examples:
        examples += f", {count(event.validation_examples, 'validation example')}"
    examples += f", {count(event.test_examples, 'test example')}"
    batches = count(event.steps_per_epoch, "batch", "batches")
    lines = [
        f"{visible(event.dataset)}: {examples}; {count(event.parameter_count, 'parameter')}; "
        f"{count(event.epochs, 'epoch')} of {batches}; seed {event.hyperparameters.seed}",
        f"MLX on {event.device}; {event.blas}; {threads_text(event)}",
    ]
    flags = [*recipe_flags(event.hyperparameters), *change_flags(event.changes)]
    lines.append(f"flags: {shlex.join(flags)}")
    return lines


def batch_line(event: BatchCompleted) -> str:
    return (
        f"step {event.step}  epoch {event.epoch}  loss {metric(event.loss)}  "
        f"acc {metric(event.accuracy)}  lr {event.learning_rate:.4g}"
    )


def epoch_line(event: EpochCompleted, epochs: int) -> str:
    """One epoch of `epochs`; at most 80 columns while the values are ordinary."""
    parts = [f"epoch {event.epoch:>{len(str(epochs))}}/{epochs}"]
    if event.train_loss is not None:
        parts.append(f"train loss {metric(event.train_loss)} acc {metric(event.train_accuracy)}")
    if event.validation_loss is not None:
        parts.append(
            f"validation loss {metric(event.validation_loss)} "
            f"acc {metric(event.validation_accuracy)}"
        )
    parts.append(f"test loss {metric(event.test_loss)} acc {metric(event.test_accuracy)}")
    if event.epoch > 0:
        parts.append(f"{event.seconds:.2f} s")
    return "  ".join(parts)


def change_line(event: HyperparameterChanged) -> str:
    field = hyperparameter_fields()[event.field]
    return (
        f"changed after step {event.step}: {field.label.lower()} {field.format(event.value)}, "
        f"was {field.format(event.previous)}"
    )


def divergence_line(event: DivergenceDetected, *, goes_on: bool) -> str:
    """What happened, the likely cause, and where the recipe goes on, what could be done."""
    match event.reason:
        case DivergenceReason.LOSS_NOT_FINITE:
            what = f"the loss became {event.loss} in epoch {event.epoch}, step {event.step}"
        case DivergenceReason.ACCURACY_AT_CHANCE:
            what = (
                f"epoch {event.epoch} ended at step {event.step} with an accuracy as by chance, "
                "after a huge loss"
            )
    line = f"diverged: {what}. {event.cause}"
    if goes_on:
        line += (
            " The run goes on to its end as the recipe says; --on-divergence halve would go back "
            f"to step {event.healthy_step} with half the learning rate."
        )
    return line


def rewound_line(event: RunRewound) -> str:
    return f"went back from step {event.diverged_step} to step {event.step}, which was healthy"


def ended_line(event: RunCompleted | RunStopped | RunPruned | RunDiverged) -> str:
    """How a run ended, and what it reached."""
    match event:
        case RunCompleted():
            word = "completed"
        case RunStopped():
            word = "stopped"
        case RunPruned():
            word = "pruned"
        case RunDiverged():
            word = "diverged"
    if event.test_accuracy is None:
        return f"{word} before the first evaluation"
    line = f"{word} after {count(event.epoch, 'epoch')}"
    line += f": test accuracy {metric(event.test_accuracy)}"
    validation = event.best_validation_accuracy
    if validation is not None:
        line += f" (best validation accuracy {metric(validation)} in epoch {event.best_epoch})"
    elif event.best_test_accuracy is not None:
        line += f" (best {metric(event.best_test_accuracy)} in epoch {event.best_epoch})"
    return (
        f"{line}, test loss {metric(event.test_loss)}, {event.seconds:.2f} s, "
        f"{count(round(event.examples_per_second), 'example')}/s"
    )


def _spread(values: Sequence[float]) -> Spread:
    # The mean of values some of which are no numbers would be none.
    if not values or not all(map(math.isfinite, values)):
        return Spread(math.nan, math.nan, math.nan, math.nan, math.nan)
    return Spread(
        mean=mean(values),
        deviation=stdev(values) if len(values) > 1 else math.nan,
        median=median(values),
        lowest=min(values),
        highest=max(values),
    )


def summarize(runs: Sequence[FinalFigures]) -> RepeatCompleted:
    """The spread of the final test metrics over runs that differ in the seed alone."""
    losses = [math.nan if run.test_loss is None else run.test_loss for run in runs]
    accuracies = [math.nan if run.test_accuracy is None else run.test_accuracy for run in runs]
    finite = [index for index, loss in enumerate(losses) if math.isfinite(loss)]
    return RepeatCompleted(
        seeds=tuple(run.seed for run in runs),
        test_accuracy=_spread(accuracies),
        test_loss=_spread([losses[index] for index in finite]),
        test_accuracy_of_finite=_spread([accuracies[index] for index in finite]),
        losses_not_finite=len(losses) - len(finite),
    )


def repeat_to_json(summary: RepeatCompleted) -> dict[str, Any]:
    """One flat object, `test_accuracy_mean` and so on; numbers that are not finite are None."""
    return {"event": "repeat_completed", **_spreads_to_json(summary)}


def _spreads_to_json(summary: RepeatCompleted) -> dict[str, Any]:
    out: dict[str, Any] = {"runs": len(summary.seeds), "seeds": list(summary.seeds)}
    for name in ("test_accuracy", "test_loss", "test_accuracy_of_finite"):
        for part, value in asdict(getattr(summary, name)).items():
            out[f"{name}_{part}"] = json_number(value)
    out["losses_not_finite"] = summary.losses_not_finite
    return out


def repeat_lines(summary: RepeatCompleted) -> list[str]:
    """The metrics over all runs, and over those with a finite loss where some have none."""
    runs, failed = len(summary.seeds), summary.losses_not_finite
    lines = [f"{count(runs, 'run')}, {_seeds(summary.seeds)}"]
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


def _seeds(seeds: Sequence[int]) -> str:
    first, last = seeds[0], seeds[-1]
    in_a_row = len(seeds) > 1 and tuple(seeds) == tuple(range(first, last + 1))
    return f"seeds {first} to {last}" if in_a_row else f"seeds {', '.join(map(str, seeds))}"


def comparison_to_json(summaries: Mapping[Hyperparameters, RepeatCompleted]) -> dict[str, Any]:
    """One object; each recipe with the values that set it apart, its seeds and its spreads."""
    varied = varied_fields([*summaries])
    return {
        "event": "recipes_compared",
        "recipes": [
            {
                "hyperparameters": {
                    name: value for name, value in to_json(recipe).items() if name in varied
                },
                **_spreads_to_json(summary),
            }
            for recipe, summary in summaries.items()
        ],
    }


def comparison_lines(summaries: Mapping[Hyperparameters, RepeatCompleted]) -> list[str]:
    """A heading, and a line for each recipe: its final figures, their deviation over its seeds, and
    the values that set it apart.
    """
    varied = varied_fields([*summaries])
    fields = [field for field in hyperparameter_fields().values() if field.name in varied]
    lines = [f"{count(len(summaries), 'recipe')}, in the order of their values:"]
    for recipe, summary in summaries.items():
        values = ", ".join(
            f"{field.label.lower()} {field.format(getattr(recipe, field.name)) or 'none'}"
            for field in fields
        )
        figures = [f"test accuracy {_mean(summary.test_accuracy)}"]
        figures.append(f"test loss {_mean(summary.test_loss)}")
        lines.append(f"{'  '.join(figures)}  {values}")
    return lines


def _mean(spread: Spread) -> str:
    deviation = f" ± {metric(spread.deviation)}" if math.isfinite(spread.deviation) else ""
    return f"{metric(spread.mean)}{deviation}"


def _words(spread: Spread) -> str:
    parts = asdict(spread).items()
    return ", ".join(f"{part} {metric(value)}" for part, value in parts if math.isfinite(value))
