"""Events as plain lines for people: text in, text out, no colours."""

import shlex
from typing import TYPE_CHECKING

from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunRewound,
    RunStarted,
    RunStopped,
)
from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_tui.lab.reproduce import change_flags, recipe_flags
from mnist_tui.text.numbers import count, metric
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.training.divergence import OnDivergence


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
        f"MLX on {event.device}; {event.blas}; {count(event.threads, 'thread')}",
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
    """One epoch of `epochs`; at most 80 columns while the metrics are ordinary."""
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


def divergence_line(event: DivergenceDetected, on_divergence: "OnDivergence") -> str:
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
    if on_divergence == "continue":
        line += (
            " The run goes on to its end as the recipe says; --on-divergence halve would go back "
            f"to step {event.healthy_step} with half the learning rate."
        )
    return line


def rewound_line(event: RunRewound) -> str:
    return f"went back from step {event.diverged_step} to step {event.step}, which was healthy"


def ended_line(event: RunCompleted | RunStopped | RunDiverged) -> str:
    """How a run ended, and what it reached."""
    match event:
        case RunCompleted():
            word = "completed"
        case RunStopped():
            word = "stopped"
        case RunDiverged():
            word = "diverged"
    if event.test_accuracy is None:
        return f"{word} before the first evaluation"
    line = (
        f"{word} after {count(event.epoch, 'epoch')}: test accuracy {metric(event.test_accuracy)}"
    )
    if event.best_test_accuracy is not None:
        line += f" (best {metric(event.best_test_accuracy)} in epoch {event.best_epoch})"
    return (
        f"{line}, test loss {metric(event.test_loss)}, {event.seconds:.2f} s, "
        f"{count(round(event.examples_per_second), 'example')}/s"
    )
