"""`mnist-tui bench --task evaluations`: is `mx.eval` after every batch necessary?"""

import json
import sys
from contextlib import closing

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.evaluation_frequency import (
    SCHEDULES,
    EvaluationRace,
    run_evaluation_race,
    summarize_evaluations,
)
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.processes import EngineError
from mnist_core.recipe.presets import presets
from mnist_tui.bench.evaluations_text import heading, measured_to_json, summary_to_json, table_lines
from mnist_tui.bench.flags import BenchOptions
from mnist_tui.bench.load import load_dataset
from mnist_tui.bench.progress import progress
from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import WriteLine, line_writer
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.visible_text import visible

ROUNDS = 5
"""Rounds when none are asked for: quartiles begin to mean something."""

EPOCHS = 2
"""Epochs when none are asked for: with one, the end of it is the end."""


def bench_evaluations(options: BenchOptions) -> int:
    """Train each preset with each schedule; the exit code.

    A table for each preset goes to stdout, or with `as_json` an object for each training and one
    for each preset; everything else goes to stderr.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    with stop_signals():
        try:
            dataset = load_dataset(options, write_error)
            if dataset is None:
                return EXIT_FAILED
            for preset in options.presets:
                race = EvaluationRace(
                    recipe=preset,
                    problem=Problem(presets()[preset].hyperparameters, dataset),
                    rounds=options.rounds or ROUNDS,
                    epochs=options.epochs or EPOCHS,
                    threads=options.threads or available_cores(),
                )
                _measure(race, options.as_json, write)
        except KeyboardInterrupt:
            write_error("Stopped before the benchmark was complete.")
            return EXIT_INTERRUPTED
        except EngineError as error:
            write_error(f"{visible(str(error))} {write_log(options.log_file, error.details)}")
            return EXIT_FAILED
    return EXIT_DONE


def _measure(race: EvaluationRace, as_json: bool, write: WriteLine) -> None:
    measurements = []
    total = len(SCHEDULES) * race.rounds
    with (
        progress(race.recipe, total, sys.stderr) as advance,
        closing(run_evaluation_race(race)) as events,
    ):
        for measured in events:
            measurements.append(measured)
            advance()
            if as_json:
                write(json.dumps(measured_to_json(race, measured), allow_nan=False))
    summaries = summarize_evaluations(measurements, race.epochs)
    if as_json:
        write(json.dumps(summary_to_json(race, summaries), allow_nan=False))
        return
    description = visible(measurements[-1].description)
    for line in (*heading(race), description, "", *table_lines(race, summaries), ""):
        write(line)
