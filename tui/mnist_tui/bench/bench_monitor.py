"""`mnist-tui bench --task monitor`: what watching a run in the app costs."""

import json
import sys

from mnist_core.backend.backend import available_cores
from mnist_tui.bench.flags import BenchOptions
from mnist_tui.bench.headless_run import TrainingFailedError
from mnist_tui.bench.monitor import Measured, Monitored, measure
from mnist_tui.bench.monitor_text import (
    NOTES,
    heading,
    measured_to_json,
    summarize,
    summary_to_json,
    table_lines,
)
from mnist_tui.bench.terminal import NotShownError
from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.commands.usage import UsageError
from mnist_tui.runtime.output import WriteLine, line_writer
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.visible_text import visible

ROUNDS = 5
"""Rounds when none are asked for; one takes about 40 seconds."""


def bench_monitor(options: BenchOptions) -> int:
    """Measure the app on a pseudo-terminal, and training without it; the exit code.

    A table goes to stdout, or with `as_json` an object for each value and one for all;
    everything else goes to stderr.

    Raises:
        UsageError: more than one preset is asked for.
    """
    if len(options.presets) > 1:
        raise UsageError("--task monitor watches one recipe; give one --preset.")
    # As many threads as the app takes by itself, so that both train with the same.
    threads = options.threads or max(1, available_cores() - 1)
    monitored = Monitored(options.presets[0], options.data, threads)
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    rounds = options.rounds or ROUNDS
    with stop_signals():
        try:
            _measure(monitored, rounds, options.as_json, write, write_error)
        except KeyboardInterrupt:
            write_error("Stopped before the benchmark was complete.")
            return EXIT_INTERRUPTED
        except (NotShownError, TrainingFailedError) as error:
            write_error(f"The benchmark could not go on. {visible(str(error))}")
            return EXIT_FAILED
    return EXIT_DONE


def _measure(
    monitored: Monitored, rounds: int, as_json: bool, write: WriteLine, write_error: WriteLine
) -> None:
    if not as_json:
        write(heading(monitored, rounds))
    measurements: list[Measured] = []
    for measured in measure(monitored, rounds):
        if not measurements or measured.round != measurements[-1].round:
            write_error(f"round {measured.round} of {rounds} is measured")
        measurements.append(measured)
        if as_json:
            write(json.dumps(measured_to_json(measured), allow_nan=False))
    summary = summarize(measurements)
    if as_json:
        write(json.dumps(summary_to_json(monitored, rounds, summary), allow_nan=False))
        return
    for line in ("", *table_lines(summary), "", *NOTES):
        write(line)
