"""`mnist-tui bench`: a race for each recipe or regression, or the monitor."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TextIO

from mnist_core.backend.backend import DEFAULT_THREADS
from mnist_core.benchmark.engines.engine_registry import ITERATIONS_PER_CALL
from mnist_core.benchmark.network_task import (
    EVALUATION_TIMES,
    EvaluationTask,
    NetworkTask,
)
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EntrantReady, Lap, RaceScore
from mnist_core.benchmark.regression import FORMS, RegressionProblem
from mnist_core.benchmark.regression_task import RegressionTask
from mnist_core.benchmark.runner import run_race
from mnist_core.benchmark.worker import EngineError
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetFailed, DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_core.recipe.presets import presets
from mnist_tui.bench.app_processes import TrainingFailedError
from mnist_tui.bench.bench_flags import BenchOptions
from mnist_tui.bench.pseudo_terminal import NotShownError
from mnist_tui.bench.race_reports import EvaluationReport, NetworkReport, RaceReport
from mnist_tui.bench.regression_report import RegressionReport
from mnist_tui.commands.data import tell_of_data, wait_for_dataset
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    WriteLine,
    line_writer,
)
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.visible_text import visible

ROUNDS = 5
"""Rounds when none are asked for: quartiles begin to mean something."""

EVALUATION_EPOCHS = 2
"""Epochs of `evaluations` when none are asked for: with one, the end of it is the end."""


def run_benchmark(options: BenchOptions) -> int:
    """Measure what `options` ask for; the exit code.

    Tables go to stdout, or with --json an object for each measurement and one for each race;
    everything else goes to stderr.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    with stop_signals():
        try:
            if options.flags.task == "monitor":
                from mnist_tui.bench.monitor_report import report_monitor

                report_monitor(options, write, write_error)
                return EXIT_DONE
            dataset = None
            if options.flags.task in ("mlp", "evaluations"):
                dataset = _load_dataset(options, write_error)
                if dataset is None:
                    return EXIT_FAILED
            printer = _Printer(write, as_json=options.flags.json)
            for report in _reports(options, dataset):
                _measure(report, printer)
        except KeyboardInterrupt:
            write_error("Stopped before the benchmark was complete.")
            return EXIT_INTERRUPTED
        except EngineError as error:
            write_error(f"{visible(str(error))} {write_log(options.log_file, error.details)}")
            return EXIT_FAILED
        except (NotShownError, TrainingFailedError) as error:
            write_error(f"The benchmark could not go on. {visible(str(error))}")
            return EXIT_FAILED
    return EXIT_DONE


def _load_dataset(options: BenchOptions, write_error: WriteLine) -> Dataset | None:
    """The data set to train on; None when there is none, which is said then."""
    loader = DatasetLoader(options.flags.data, default_cache_folder())
    try:
        answer = wait_for_dataset(loader, sys.stderr)
    finally:
        loader.leave()
    if isinstance(answer, DatasetFailed):
        write_log(options.log_file, answer.traceback)
        write_error(visible(answer.message))
        return None
    tell_of_data(answer, write_error)
    return answer.dataset


def _reports(options: BenchOptions, dataset: Dataset | None) -> Iterator[RaceReport]:
    """The race of each recipe, or of the regression; `dataset` is what networks train on."""
    flags = options.flags
    rounds, threads = flags.rounds or ROUNDS, flags.threads or DEFAULT_THREADS
    if flags.task == "linear" or flags.task == "logistic":
        forms = tuple(
            name
            for contestant in options.contestants
            for name, form in FORMS.items()
            if form.engine == contestant.engine
        )
        per_call = flags.iterations_per_call or ITERATIONS_PER_CALL
        regression = RegressionTask(RegressionProblem(flags.task), threads, per_call)
        yield RegressionReport(regression, forms, rounds)
        return
    assert dataset is not None, "a network is trained on data"
    for recipe in options.presets:
        problem = Problem(presets()[recipe].hyperparameters, dataset)
        if flags.task == "mlp":
            task = NetworkTask(
                recipe, problem, threads, flags.epochs or 1, flags.stock_batches, flags.busy or 0
            )
            yield NetworkReport(task, tuple(map(str, options.contestants)), rounds)
        else:
            epochs = flags.epochs or EVALUATION_EPOCHS
            evaluations = EvaluationTask(recipe, problem, threads, epochs)
            yield EvaluationReport(evaluations, EVALUATION_TIMES, rounds)


def _measure(report: RaceReport, printer: "_Printer") -> None:
    race = report.race
    score = RaceScore(race)
    laps = len(race.entrants) * race.rounds * report.task.laps_per_turn
    printer.begin(report)
    with (
        _progress(race.recipe or race.task, laps, sys.stderr) as advance,
        closing(run_race(report.task, race)) as events,
    ):
        for event in events:
            score.apply(event)
            match event:
                case EntrantReady():
                    printer.ready(report, event)
                case Lap():
                    printer.lap(report, event, score)
                    advance()
    printer.end(report, score)


class _Printer:
    """A table for each race, before them once what is compared; or an object a line."""

    def __init__(self, write: WriteLine, *, as_json: bool) -> None:
        self._write = write
        self._as_json = as_json
        self._begun = False
        self._ready: set[str] = set()

    def begin(self, report: RaceReport) -> None:
        if not self._as_json and not self._begun:
            self._write_lines(report.heading())
        self._begun = True

    def ready(self, report: RaceReport, event: EntrantReady) -> None:
        if self._as_json:
            self._write_object(report.ready_json(event))
        elif event.entrant not in self._ready:
            self._write_lines(report.ready_lines(event))
        self._ready.add(event.entrant)

    def lap(self, report: RaceReport, lap: Lap, score: RaceScore) -> None:
        if self._as_json:
            self._write_object(report.lap_json(lap, score))

    def end(self, report: RaceReport, score: RaceScore) -> None:
        if self._as_json:
            self._write_object(report.score_json(score))
        else:
            self._write_lines(report.table(score))

    def _write_lines(self, lines: list[str]) -> None:
        for line in lines:
            self._write(line)

    def _write_object(self, values: dict[str, Any]) -> None:
        if values:
            self._write(json.dumps(values, allow_nan=False))


@contextmanager
def _progress(description: str, total: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    """Shows on a terminal how many of `total` are measured; gives the function that counts one."""
    if not stream.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    from mnist_tui.commands.progress_bars import ProgressBars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with ProgressBars(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)
