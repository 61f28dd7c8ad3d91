"""`mnist-tui train`: training without the app."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from mnist_core.backend.backend import DeviceChoice, configure
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetFailed, DatasetLoader, DatasetOffered
from mnist_core.data.registry import default_cache_folder
from mnist_core.events import RunCompleted, RunEnded, RunFailed, TrainingState
from mnist_core.recipe.changes import Change, ChangeError, ChangeQueue, parse_change
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    HyperparametersError,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.presets import DEFAULT_PRESET
from mnist_core.store import ResumePoint, RunRecord, RunStore, StoreError
from mnist_core.store.recorder import RunRecorder, recorded
from mnist_tui.commands.dataset_progress import wait_for_dataset
from mnist_tui.commands.headless import Events, RunSoFar, exit_code, failure, train_in_turn
from mnist_tui.commands.presenters import JsonLines, PlainLines, Presenter, TerminalLines
from mnist_tui.commands.usage import UsageError
from mnist_tui.runtime.launch_options import LaunchOptions
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import EXIT_FAILED, WriteLine, line_writer
from mnist_tui.runtime.signals import StopSignals, stop_signals
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.training.divergence import OnDivergence


@dataclass(frozen=True, slots=True)
class _Work:
    """What to train, on what data, with what machine."""

    data: str | None
    recipes: list[Hyperparameters]
    device: DeviceChoice
    threads: int | None
    until_epoch: int | None = None
    """The last epoch, where that is not the one the recipe plans."""
    changes: tuple[Change, ...] = ()
    """Those to make on the way; of a run that goes on, also those made before."""
    point: ResumePoint | None = None
    """Where the only recipe is continued; None: all start from their seeds."""


def train_headless(
    options: LaunchOptions,
    *,
    as_json: bool = False,
    log_every: int | None = None,
    repeat: int = 1,
    resume: str | None = None,
    until_epoch: int | None = None,
    changes: Sequence[str] = (),
    on_divergence: "OnDivergence" = "continue",
) -> int:
    """Load the data and train once for each of `repeat` seeds; the exit code.

    With `resume`, continue that run instead, to `until_epoch` if that is given. Events go to
    stdout, everything else to stderr.

    Args:
        options: the flags that the app has too.
        as_json: write a JSON object for each event instead of lines for people.
        log_every: tell of every batch whose number this divides; None: of no batch.
        repeat: how many seeds.
        resume: the run to continue; None: train from the seed.
        until_epoch: the epoch to end with; None: the recipe's.
        changes: what to change on the way, each as STEP:FIELD=VALUE.
        on_divergence: see `mnist_core.training.train.train`.

    Raises:
        UsageError: the last seed would be out of bounds, flags that do not go together, or a change
            that cannot be made.
    """
    write_error = line_writer(sys.stderr)
    store = RunStore(options.home)
    try:
        if resume is None:
            recipes = _recipes(options.hyperparameters, repeat)
            asked = _changes(changes, options.hyperparameters)
            work = _Work(options.data, recipes, options.device, options.threads, until_epoch, asked)
        else:
            work = _resumed_work(store, options, resume, repeat, until_epoch, changes)
    except StoreError as error:
        write_error(visible(str(error)))
        return EXIT_FAILED
    presenting = _presenter(sys.stdout, write_error, as_json, log_every, on_divergence)
    with stop_signals() as signals, presenting as presenter:
        try:
            end = _train(options, work, store, presenter, signals, write_error, on_divergence)
        except KeyboardInterrupt:
            end = RunSoFar().stopped()
            presenter.show(end)
    return exit_code(end)


def _resumed_work(
    store: RunStore,
    options: LaunchOptions,
    run: str,
    repeat: int,
    until_epoch: int | None,
    changes: Sequence[str],
) -> _Work:
    """How to continue `run`: as it was, but for the place of its data and the number of epochs."""
    what = [f"--{name.replace('_', '-')}" for name in sorted(options.given - {"epochs"})]
    what += ["--repeat"] * (repeat > 1) + ["--device"] * (options.device != "auto")
    what += ["--threads"] * (options.threads is not None)
    what += ["--preset"] * (options.preset != DEFAULT_PRESET)
    if what:
        raise UsageError(
            f"--resume takes everything from the run, so it cannot be given with "
            f"{', '.join(what)}. Only --epochs, --data, --home and the output may be chosen."
        )
    point = store.resume_point(run)
    record = point.record
    until = until_epoch or record.epochs
    if "epochs" in options.given:
        until = options.hyperparameters.epochs
    done = point.state.epoch if point.state is not None else 0
    if until <= done:
        raise UsageError(
            f"{record.name} has {done} epochs already. Say with --epochs how many it is to have, "
            f"such as --epochs {done + 1}."
        )
    environment = record.environment
    return _Work(
        options.data or record.data,
        [record.hyperparameters],
        "gpu" if environment.device == "gpu" else "cpu",
        environment.threads,
        until,
        (*record.changes, *_changes_from(changes, record, point.state)),
        point,
    )


def _train(
    options: LaunchOptions,
    work: _Work,
    store: RunStore,
    presenter: Presenter,
    signals: StopSignals,
    write_error: WriteLine,
    on_divergence: "OnDivergence",
) -> RunEnded:
    loader = DatasetLoader(work.data, default_cache_folder())
    try:
        answer = wait_for_dataset(loader, sys.stderr)
        if isinstance(answer, DatasetFailed):
            write_log(options.log_file, answer.traceback)
            return _shown(RunFailed(answer.message, answer.traceback), presenter)
        dataset = answer.dataset
        if answer.reason is not None:
            write_error(visible(answer.reason))
        if work.point is not None and work.point.notice:
            write_error(visible(work.point.notice))
        try:
            backend = configure(work.device, work.threads)
            # It imports MLX, which is known to be usable only now.
            from mnist_core.training.train import train
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            return _shown(failure(error, options.log_file), presenter)

        if backend.advice:
            write_error(backend.advice)

        recorders = _Recorders(store, dataset, work.point, write_error)

        def events_of(recipe: Hyperparameters) -> Events:
            recorder = recorders.next()
            return recorded(
                train(
                    recipe,
                    dataset,
                    work.point.state if work.point is not None else None,
                    backend=backend,
                    until_epoch=work.until_epoch,
                    changes=ChangeQueue(work.changes),
                    on_divergence=on_divergence,
                    run_id=recorder.run_id if recorder is not None else None,
                ),
                recorder,
            )

        try:
            end = train_in_turn(work.recipes, events_of, presenter, signals, options.log_file)
        except _NotResumedError as error:
            return _shown(RunFailed(str(error), ""), presenter)
        finally:
            recorders.finish(lambda text: write_log(options.log_file, text))
        if any(isinstance(event, DatasetOffered) for event in loader.drain()):
            write_error("MNIST has been downloaded meanwhile: the next run will use it.")
        if isinstance(end, RunCompleted):
            _tell_unreached(work.changes, end.step, write_error)
        return end
    finally:
        loader.cancel()


class _NotResumedError(Exception):
    """A run cannot be continued; the message is a sentence for the user."""


class _Recorders:
    """A recorder for each run in turn; what each could not do is said after it."""

    def __init__(
        self,
        store: RunStore,
        dataset: Dataset,
        point: ResumePoint | None,
        write_error: WriteLine,
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._point = point
        self._write_error = write_error
        self._told: set[str] = set()
        self._all: list[RunRecorder] = []

    def next(self) -> RunRecorder | None:
        """A started recorder; None where runs cannot be kept.

        Raises:
            _NotResumedError: the run to be continued cannot be.
        """
        recorder, notice = self._store.begin_recording(self._dataset, self._point)
        if recorder is None and self._point is not None:
            raise _NotResumedError(notice.removeprefix("This run is not kept. "))
        if recorder is not None:
            self._all.append(recorder)
        self._tell(notice)
        return recorder

    def finish(self, log: Callable[[str], str]) -> None:
        """Wait for what is still to be written, and tell of what could not be."""
        for recorder in self._all:
            recorder.finish()
            if recorder.problem:
                where = log(recorder.details) if recorder.details else ""
                self._tell(f"{recorder.problem} {where}")

    def _tell(self, sentence: str) -> None:
        if sentence and sentence not in self._told:
            self._told.add(sentence)
            self._write_error(visible(sentence))


def _tell_unreached(changes: Sequence[Change], steps: int, write_error: WriteLine) -> None:
    late = " ".join(f"--change {change}" for change in changes if change.step >= steps)
    if late:
        write_error(f"The run ended after {steps} updates, so nothing came of {late}.")


def _shown(end: RunEnded, presenter: Presenter) -> RunEnded:
    presenter.show(end)
    return end


def _recipes(first: Hyperparameters, repeat: int) -> list[Hyperparameters]:
    try:
        make_hyperparameters({"seed": first.seed + repeat - 1})
    except HyperparametersError as error:
        raise UsageError(f"--repeat {repeat} counts the seed up too far. {error}") from error
    return [first.model_copy(update={"seed": first.seed + index}) for index in range(repeat)]


def _changes(texts: Sequence[str], recipe: Hyperparameters) -> tuple[Change, ...]:
    """The changes that `texts` ask for, all of which have an effect on `recipe`."""
    unused = unused_fields(recipe)
    found = []
    for text in texts:
        try:
            change = parse_change(text)
        except ChangeError as error:
            raise UsageError(f"--change: {error}") from error
        if change.field in unused:
            raise UsageError(f"--change {change} has no effect here: {unused[change.field]}")
        found.append(change)
    return tuple(found)


def _changes_from(
    texts: Sequence[str], record: RunRecord, state: TrainingState | None
) -> tuple[Change, ...]:
    """The changes that `texts` ask for, none of which comes before `state`."""
    found = _changes(texts, record.hyperparameters)
    step = state.step if state is not None else 0
    for change in found:
        if change.step < step:
            raise UsageError(
                f"--change {change} comes too late: {record.name} goes on from step {step}."
            )
    return found


def _presenter(
    stdout: TextIO,
    write_error: WriteLine,
    as_json: bool,
    log_every: int | None,
    on_divergence: "OnDivergence",
) -> Presenter:
    if as_json:
        return JsonLines(line_writer(stdout), write_error, log_every)
    # A dumb terminal cannot redraw a line, which is what a progress bar does.
    if stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        from rich.console import Console

        return TerminalLines(Console(file=stdout), write_error, log_every, on_divergence)
    return PlainLines(line_writer(stdout), write_error, log_every, on_divergence)
