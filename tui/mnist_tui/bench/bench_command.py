"""`mnist-tui bench`: a race for each recipe or regression, or the monitor."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TextIO

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.network_task import EvaluationTask, NetworkTask
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
from mnist_tui.bench.bench_flags import BenchOptions
from mnist_tui.bench.race_reports import EvaluationReport, NetworkReport, RaceReport
from mnist_tui.bench.regression_report import RegressionReport
from mnist_tui.commands.dataset_progress import wait_for_dataset
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

    Tables go to stdout, or with `as_json` an object for each measurement and one for each race;
    everything else goes to stderr.

    Raises:
        UsageError: the task cannot use an option.
    """
    if options.task == "monitor":
        from mnist_tui.bench.bench_monitor import bench_monitor

        return bench_monitor(options)
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    printer = _JsonLines(write) if options.as_json else _Tables(write)
    with stop_signals():
        try:
            dataset = None
            if options.task in ("mlp", "evaluations"):
                dataset = _load_dataset(options, write_error)
                if dataset is None:
                    return EXIT_FAILED
            for report in _reports(options, dataset):
                _measure(report, printer)
        except KeyboardInterrupt:
            write_error("Stopped before the benchmark was complete.")
            return EXIT_INTERRUPTED
        except EngineError as error:
            write_error(f"{visible(str(error))} {write_log(options.log_file, error.details)}")
            return EXIT_FAILED
    return EXIT_DONE


def _load_dataset(options: BenchOptions, write_error: WriteLine) -> Dataset | None:
    """The data set to train on; None when there is none, which is said then."""
    loader = DatasetLoader(options.data, default_cache_folder())
    try:
        answer = wait_for_dataset(loader, sys.stderr)
    finally:
        loader.cancel()
    if isinstance(answer, DatasetFailed):
        write_log(options.log_file, answer.traceback)
        write_error(visible(answer.message))
        return None
    if answer.reason is not None:
        write_error(visible(answer.reason))
    return answer.dataset


def _reports(options: BenchOptions, dataset: Dataset | None) -> Iterator[RaceReport]:
    """The race of each recipe, or of the regression; `dataset` is what networks train on."""
    rounds, threads = options.rounds or ROUNDS, options.threads or available_cores()
    if options.task == "linear" or options.task == "logistic":
        forms = tuple(
            name
            for engine in options.engines
            for name, form in FORMS.items()
            if form.engine == engine
        )
        problem = RegressionProblem(options.task)
        yield RegressionReport(
            RegressionTask(problem, threads, options.iterations_per_call), forms, rounds
        )
        return
    assert dataset is not None, "a network is trained on data"
    for recipe in options.presets:
        network = Problem(presets()[recipe].hyperparameters, dataset)
        if options.task == "mlp":
            task = NetworkTask(recipe, network, threads, options.epochs or 1, options.stock_batches)
            yield NetworkReport(task, options.engines, rounds)
        else:
            epochs = options.epochs or EVALUATION_EPOCHS
            yield EvaluationReport(EvaluationTask(recipe, network, threads, epochs), rounds)


def _measure(report: RaceReport, printer: "_Tables | _JsonLines") -> None:
    score = RaceScore(report.race)
    laps = len(score.race.entrants) * score.race.rounds * report.task.laps_per_turn
    printer.begin(report)
    with (
        _progress(report.name, laps, sys.stderr) as advance,
        closing(run_race(report.task, report.race)) as events,
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


class _Tables:
    """Says once what is compared, then draws a table for each race."""

    def __init__(self, write: WriteLine) -> None:
        self._write = write
        self._begun = False
        self._ready: set[str] = set()

    def begin(self, report: RaceReport) -> None:
        if not self._begun:
            self._write_all(report.heading())
            self._begun = True

    def ready(self, report: RaceReport, event: EntrantReady) -> None:
        if event.entrant not in self._ready:
            self._write_all(report.ready_lines(event))
            self._ready.add(event.entrant)

    def lap(self, report: RaceReport, lap: Lap, score: RaceScore) -> None:
        pass

    def end(self, report: RaceReport, score: RaceScore) -> None:
        self._write_all(report.table(score))

    def _write_all(self, lines: list[str]) -> None:
        for line in lines:
            self._write(line)


class _JsonLines:
    """An object a line."""

    def __init__(self, write: WriteLine) -> None:
        self._write = write

    def begin(self, report: RaceReport) -> None:
        pass

    def ready(self, report: RaceReport, event: EntrantReady) -> None:
        values = report.ready_json(event)
        if values:
            self._write_object(values)

    def lap(self, report: RaceReport, lap: Lap, score: RaceScore) -> None:
        self._write_object(report.lap_json(lap, score))

    def end(self, report: RaceReport, score: RaceScore) -> None:
        self._write_object(report.score_json(score))

    def _write_object(self, values: dict[str, Any]) -> None:
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
