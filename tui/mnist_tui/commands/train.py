"""`mnist-tui train`: training without the app."""

import os
import sys
from typing import TextIO

from mnist_core.backend import configure
from mnist_core.datasets import default_cache_folder
from mnist_core.events import RunEnded, RunFailed
from mnist_core.hyperparameters import Hyperparameters, HyperparametersError, make_hyperparameters
from mnist_core.loading import DatasetFailed, DatasetLoader, DatasetOffered
from mnist_tui.dataset_progress import wait_for_dataset
from mnist_tui.headless import Events, RunSoFar, exit_code, failure, train_in_turn
from mnist_tui.launch import LaunchOptions
from mnist_tui.log import write_log
from mnist_tui.output import WriteLine, line_writer
from mnist_tui.plain_text import visible
from mnist_tui.presenters import JsonLines, PlainLines, Presenter, TerminalLines
from mnist_tui.signals import StopSignals, stop_signals
from mnist_tui.usage import UsageError


def train_headless(
    options: LaunchOptions, *, as_json: bool = False, log_every: int | None = None, repeat: int = 1
) -> int:
    """Load the data and train once for each of `repeat` seeds; the exit code.

    Events go to stdout, everything else to stderr.

    Raises:
        UsageError: the last seed would be out of bounds.
    """
    recipes = _recipes(options.hyperparameters, repeat)
    write_error = line_writer(sys.stderr)
    presenting = _presenter(sys.stdout, write_error, as_json, log_every)
    with stop_signals() as signals, presenting as presenter:
        try:
            end = _train(options, recipes, presenter, signals, write_error)
        except KeyboardInterrupt:
            end = RunSoFar().stopped()
            presenter.show(end)
    return exit_code(end)


def _train(
    options: LaunchOptions,
    recipes: list[Hyperparameters],
    presenter: Presenter,
    signals: StopSignals,
    write_error: WriteLine,
) -> RunEnded:
    loader = DatasetLoader(options.data, default_cache_folder())
    try:
        answer = wait_for_dataset(loader, sys.stderr)
        if isinstance(answer, DatasetFailed):
            write_log(options.log_file, answer.traceback)
            return _shown(RunFailed(answer.message, answer.traceback), presenter)
        dataset = answer.dataset
        if answer.reason is not None:
            write_error(visible(answer.reason))
        try:
            backend = configure(options.device, options.threads)
            # It imports MLX, which is known to be usable only now.
            from mnist_core.training import train
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            return _shown(failure(error, options.log_file), presenter)

        if backend.advice:
            write_error(backend.advice)

        def events_of(recipe: Hyperparameters) -> Events:
            return train(recipe, dataset, backend=backend)

        end = train_in_turn(recipes, events_of, presenter, signals, options.log_file)
        if any(isinstance(event, DatasetOffered) for event in loader.drain()):
            write_error("MNIST has been downloaded meanwhile: the next run will use it.")
        return end
    finally:
        loader.cancel()


def _shown(end: RunEnded, presenter: Presenter) -> RunEnded:
    presenter.show(end)
    return end


def _recipes(first: Hyperparameters, repeat: int) -> list[Hyperparameters]:
    try:
        make_hyperparameters({"seed": first.seed + repeat - 1})
    except HyperparametersError as error:
        raise UsageError(f"--repeat {repeat} counts the seed up too far. {error}") from error
    return [first.model_copy(update={"seed": first.seed + index}) for index in range(repeat)]


def _presenter(
    stdout: TextIO, write_error: WriteLine, as_json: bool, log_every: int | None
) -> Presenter:
    if as_json:
        return JsonLines(line_writer(stdout), write_error, log_every)
    # A dumb terminal cannot redraw a line, which is what a progress bar does.
    if stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        from rich.console import Console

        return TerminalLines(Console(file=stdout), write_error, log_every)
    return PlainLines(line_writer(stdout), write_error, log_every)
