"""`mnist-tui bench --task mlp`: engines training the same recipe on the same data, in turns."""

import json
import sys
from contextlib import closing
from typing import Any, Protocol

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.processes import EngineError
from mnist_core.benchmark.race import EngineDescribed, EpochMeasured, Race, run_race
from mnist_core.benchmark.summary import EngineSummary, summarize
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.presets import presets
from mnist_tui.bench.flags import BenchOptions
from mnist_tui.bench.load import load_dataset
from mnist_tui.bench.progress import progress
from mnist_tui.bench.race_text import (
    described_to_json,
    engine_line,
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


def bench_mlp(options: BenchOptions) -> int:
    """Race the engines on each preset; the exit code.

    A table for each preset goes to stdout, or with `as_json` an object for each epoch and one for
    each preset; everything else goes to stderr.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    presenter: _Presenter = _JsonLines(write) if options.as_json else _Tables(write)
    with stop_signals():
        try:
            dataset = load_dataset(options, write_error)
            if dataset is None:
                return EXIT_FAILED
            for preset in options.presets:
                _measure(_race(preset, dataset, options), presenter)
        except KeyboardInterrupt:
            write_error("Stopped before the benchmark was complete.")
            return EXIT_INTERRUPTED
        except EngineError as error:
            write_error(f"{visible(str(error))} {write_log(options.log_file, error.details)}")
            return EXIT_FAILED
    return EXIT_DONE


def _race(preset: str, dataset: Dataset, options: BenchOptions) -> Race:
    return Race(
        recipe=preset,
        problem=Problem(presets()[preset].hyperparameters, dataset),
        engines=options.engines,
        rounds=options.rounds or ROUNDS,
        epochs=options.epochs or 1,
        threads=options.threads or available_cores(),
        stock_batches=options.stock_batches,
    )


def _measure(race: Race, presenter: "_Presenter") -> None:
    measurements = []
    presenter.begin(race)
    total = len(race.engines) * race.rounds * race.epochs
    with (
        progress(race.recipe, total, sys.stderr) as advance,
        closing(run_race(race)) as events,
    ):
        for event in events:
            match event:
                case EngineDescribed():
                    presenter.described(event)
                case EpochMeasured():
                    measurements.append(event)
                    presenter.measured(event)
                    advance()
    presenter.summarized(race, summarize(measurements))


class _Presenter(Protocol):
    def begin(self, race: Race) -> None: ...
    def described(self, event: EngineDescribed) -> None: ...
    def measured(self, event: EpochMeasured) -> None: ...
    def summarized(self, race: Race, summaries: tuple[EngineSummary, ...]) -> None: ...


class _Tables:
    """Says once what is compared, then draws a table for each race."""

    def __init__(self, write: WriteLine) -> None:
        self._write = write
        self._begun = False
        self._described: set[str] = set()

    def begin(self, race: Race) -> None:
        if not self._begun:
            self._write_all(heading(race))
            self._begun = True

    def described(self, event: EngineDescribed) -> None:
        if event.engine not in self._described:
            self._write(engine_line(event))
            self._described.add(event.engine)

    def measured(self, event: EpochMeasured) -> None:
        pass

    def summarized(self, race: Race, summaries: tuple[EngineSummary, ...]) -> None:
        self._write_all(["", *table_lines(race, summaries)])

    def _write_all(self, lines: list[str]) -> None:
        for line in lines:
            self._write(line)


class _JsonLines:
    """An object a line."""

    def __init__(self, write: WriteLine) -> None:
        self._write = write

    def begin(self, race: Race) -> None:
        pass

    def described(self, event: EngineDescribed) -> None:
        self._write_object(described_to_json(event))

    def measured(self, event: EpochMeasured) -> None:
        self._write_object(measured_to_json(event))

    def summarized(self, race: Race, summaries: tuple[EngineSummary, ...]) -> None:
        self._write_object(summary_to_json(race, summaries))

    def _write_object(self, values: dict[str, Any]) -> None:
        self._write(json.dumps(values, allow_nan=False))
