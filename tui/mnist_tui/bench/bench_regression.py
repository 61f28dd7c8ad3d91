"""`mnist-tui bench --task linear|logistic`: forms of one regression, in turns."""

import json
import sys
from contextlib import closing

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.processes import EngineError
from mnist_core.benchmark.regression import FORMS, RegressionProblem, RegressionTask
from mnist_core.benchmark.regression_race import (
    FormDescribed,
    FormMeasured,
    RegressionRace,
    run_regression_race,
    summarize_regression,
)
from mnist_tui.bench.flags import BenchOptions
from mnist_tui.bench.progress import progress
from mnist_tui.bench.regression_text import (
    described_to_json,
    form_lines,
    heading,
    measured_to_json,
    summary_to_json,
    table_lines,
)
from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import WriteLine, line_writer
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.visible_text import visible

ROUNDS = 5
"""Rounds when none are asked for: quartiles begin to mean something."""


def bench_regression(options: BenchOptions) -> int:
    """Race the forms of the engines; the exit code.

    Tables go to stdout, or with `as_json` an object for each measurement and one for the race;
    everything else goes to stderr.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    task: RegressionTask = "linear" if options.task == "linear" else "logistic"
    race = RegressionRace(
        problem=RegressionProblem(task),
        forms=tuple(
            form
            for engine in options.engines
            for form, details in FORMS.items()
            if details.engine == engine
        ),
        rounds=options.rounds or ROUNDS,
        threads=options.threads or available_cores(),
        iterations_per_call=options.iterations_per_call,
    )
    with stop_signals():
        try:
            _measure(race, options.as_json, write)
        except KeyboardInterrupt:
            write_error("Stopped before the benchmark was complete.")
            return EXIT_INTERRUPTED
        except EngineError as error:
            write_error(f"{visible(str(error))} {write_log(options.log_file, error.details)}")
            return EXIT_FAILED
    return EXIT_DONE


def _measure(race: RegressionRace, as_json: bool, write: WriteLine) -> None:
    lines = [] if as_json else heading(race)
    measurements: list[FormMeasured] = []
    with (
        progress(race.problem.task, len(race.forms) * race.rounds, sys.stderr) as advance,
        closing(run_regression_race(race)) as events,
    ):
        for event in events:
            match event:
                case FormDescribed() if as_json:
                    lines = [json.dumps(described_to_json(race, event), allow_nan=False)]
                case FormDescribed():
                    lines += form_lines(event)
                case FormMeasured():
                    measurements.append(event)
                    advance()
                    if as_json:
                        lines = [json.dumps(measured_to_json(race, event), allow_nan=False)]
            for line in lines:
                write(line)
            lines = []
    summaries = summarize_regression(measurements)
    if as_json:
        write(json.dumps(summary_to_json(race, summaries), allow_nan=False))
        return
    for line in ("", *table_lines(race, summaries)):
        write(line)
