"""Training without the app, timed by the lines it writes."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.bench.app_on_terminal import MNIST_TUI


class TrainingFailedError(Exception):
    """`mnist-tui train` ended early; the message is its own."""


@dataclass(frozen=True, slots=True)
class HeadlessRun:
    """What one run showed."""

    steps_per_second: float
    """From the end of epoch 1 to the end of the run, evaluation included."""
    seconds_per_epoch: float
    """Over the same stretch."""


def train_headless(flags: Sequence[str]) -> HeadlessRun:
    """Train with `flags`, two epochs or more.

    Raises:
        TrainingFailedError: the run did not complete.
    """
    epochs: list[tuple[float, int]] = []
    completed = False
    command = [*MNIST_TUI, "train", "--json", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "epoch_completed" and event["epoch"] > 0:
                    epochs.append((time.perf_counter(), event["step"]))
                completed = event["event"] == "run_completed"
            words = process.stderr.read().decode(errors="replace")
        finally:
            process.kill()
    if not completed:
        raise TrainingFailedError(
            f"Training without the app did not complete. It said: {words.strip()}"
        )
    (began, first), (ended, last) = epochs[0], epochs[-1]
    seconds = ended - began
    return HeadlessRun((last - first) / seconds, seconds / (len(epochs) - 1))
