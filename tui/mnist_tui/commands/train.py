"""`mnist-tui train`: training without the app."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from mnist_core.backend.backend import DeviceChoice, configure
from mnist_core.backend.installation import BackendMissing
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetFailed, DatasetLoader, DatasetOffered
from mnist_core.data.registry import default_cache_folder
from mnist_core.distributed.environment import StartedAs
from mnist_core.distributed.errors import RanksError
from mnist_core.events import RunCompleted, RunEnded, RunFailed, RunStopped
from mnist_core.recipe.changes import Change, ChangeError, ChangeQueue, parse_change
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    HyperparametersError,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.lists import varied_fields
from mnist_core.recipe.plan import OnDivergence
from mnist_core.recipe.presets import DEFAULT_PRESET
from mnist_core.store import ResumePoint, RunStore, StoreError
from mnist_core.store.recorder import RunRecorder, recorded
from mnist_tui.commands.data import tell_of_data, wait_for_dataset
from mnist_tui.commands.flags import TrainFlags, UsageError
from mnist_tui.commands.headless import Events, RunSoFar, exit_code, failure, train_in_turn
from mnist_tui.commands.presenters import JsonLines, PlainLines, Presenter, ended_line
from mnist_tui.commands.ranks import (
    RanksWork,
    Team,
    become_rank,
    follow,
    join_ranks,
    leave_ranks,
    rank_of_this,
    start_ranks,
)
from mnist_tui.runtime.done_signal import WhenDone, done_signal
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import EXIT_FAILED, WriteLine, line_writer
from mnist_tui.runtime.signals import StopSignals, stop_signals
from mnist_tui.runtime.startup import LaunchOptions
from mnist_tui.text.visible_text import visible


@dataclass(frozen=True, slots=True)
class _Work:
    """What to train, on what data, with what machine."""

    data: str | None
    transpose: bool
    recipes: list[Hyperparameters]
    device: DeviceChoice
    threads: int | None
    streams: int | None
    on_divergence: OnDivergence
    until_epoch: int | None
    """The last epoch, where that is not the one the recipe plans."""
    changes: tuple[Change, ...]
    """Those to make on the way; of a run that goes on, also those made before."""
    point: ResumePoint | None = None
    """Where the only recipe is continued; None: all start from their seeds."""


def train_headless(options: LaunchOptions, flags: TrainFlags) -> int:
    """Load the data and train each recipe once for each of `flags.repeat` seeds; the exit code.

    With `flags.resume`, continue that run instead. Events go to stdout, everything else to stderr.

    Raises:
        UsageError: the last seed would be out of bounds, flags that do not go together, or a change
            that cannot be made.
    """
    rank = rank_of_this(flags)
    if rank is not None:
        become_rank(rank, options)
        return leave_ranks(_train_as(rank, options, flags))
    if (flags.ranks or 1) > 1:
        return start_ranks(flags, line_writer(sys.stderr))
    return _train_as(None, options, flags)


def _train_as(rank: StartedAs | None, options: LaunchOptions, flags: TrainFlags) -> int:
    """Train alone, or as this rank; the exit code."""
    write_error = line_writer(sys.stderr)
    if rank is not None and rank.rank > 0:
        return follow(rank, options, flags, write_error)
    store = RunStore(options.home)
    store.tidy()
    try:
        work = _work(store, options, flags)
    except StoreError as error:
        write_error(visible(str(error)))
        return EXIT_FAILED
    team = None
    if rank is not None:
        work = replace(work, streams=work.streams or 1)
        try:
            team = join_ranks(rank, options, flags, write_error)
            team.tell_work(_ranks_work(work))
        except (RanksError, BackendMissing) as error:
            write_error(visible(str(error)))
            return EXIT_FAILED
    presenter = _presenter(sys.stdout, write_error, flags)
    with stop_signals() as signals, closing(presenter):
        try:
            return _train(
                options.log_file,
                options.when_done,
                work,
                store,
                presenter,
                signals,
                write_error,
                team,
            )
        except KeyboardInterrupt:
            return _shown(RunSoFar().stopped(), presenter)


def _ranks_work(work: _Work) -> RanksWork:
    return RanksWork(
        work.data,
        work.transpose,
        work.recipes,
        work.threads,
        work.streams,
        work.on_divergence,
        work.until_epoch,
        work.changes,
        work.point.state if work.point is not None else None,
    )


def _work(store: RunStore, options: LaunchOptions, flags: TrainFlags) -> _Work:
    if flags.resume is not None:
        return _resumed_work(store, options, flags, flags.resume)
    return _Work(
        options.data,
        options.transpose,
        _repeated(options.recipes, flags.repeat),
        options.device,
        options.threads,
        options.streams,
        flags.on_divergence or "continue",
        flags.until_epoch,
        _changes(flags.change or (), options.recipes),
    )


def _resumed_work(store: RunStore, options: LaunchOptions, flags: TrainFlags, run: str) -> _Work:
    """How to continue `run`: as it was, but for the place of its data and the number of epochs."""
    what = [f"--{name.replace('_', '-')}" for name in sorted(options.given - {"epochs"})]
    what += ["--transpose"] * options.transpose
    what += ["--repeat"] * (flags.repeat > 1) + ["--device"] * (options.device != "auto")
    what += ["--threads"] * (options.threads is not None)
    what += ["--streams"] * (options.streams is not None)
    what += ["--preset"] * (options.preset != DEFAULT_PRESET)
    if what:
        raise UsageError(
            f"--resume takes everything from the run, so it cannot be given with "
            f"{', '.join(what)}. Only --epochs, --until-epoch, --change, --on-divergence, --data, "
            "--home, --ranks and the output may be chosen."
        )
    point = store.resume_point(run)
    record = point.record
    plan = record.plan
    if flags.until_epoch is not None:
        plan = plan.until(flags.until_epoch)
    if "epochs" in options.given:
        if len(options.recipes) > 1:
            raise UsageError("--epochs takes one number beside --resume.")
        plan = plan.until(options.recipes[0].epochs)
    examples, state = record.train_examples, point.state
    done, step = (state.epoch, state.step) if state is not None else (0, 0)
    more = _changes(flags.change or (), [record.hyperparameters], step, record.name)
    plan = replace(plan, changes=(*plan.changes, *more))
    if state is not None and (flags.until_epoch is not None or "epochs" in options.given):
        plan = plan.past_rules(state, examples)
    rule = plan.rule_met(state, examples) if state is not None else None
    if plan.last_epoch(examples) <= done or rule is not None:
        flag = "--epochs" if flags.until_epoch is None else "--until-epoch"
        why = f", and its {rule.words} ended it there" if rule is not None else ""
        raise UsageError(
            f"{record.name} has {done} epochs already{why}. Say with {flag} how many it is to "
            f"have, such as {flag} {done + 1}."
        )
    environment = record.environment
    return _Work(
        options.data or record.data,
        record.transposed,
        [record.hyperparameters],
        "gpu" if environment.device == "gpu" else "cpu",
        environment.threads,
        environment.streams,
        flags.on_divergence or plan.on_divergence,
        plan.until_epoch,
        plan.changes,
        point,
    )


def _train(
    log_file: Path,
    when_done: WhenDone,
    work: _Work,
    store: RunStore,
    presenter: Presenter,
    signals: StopSignals,
    write_error: WriteLine,
    team: Team | None,
) -> int:
    """Train all that `work` says; the exit code."""
    loader = DatasetLoader(work.data, default_cache_folder(), transpose=work.transpose)
    try:
        answer = wait_for_dataset(loader, sys.stderr)
        if isinstance(answer, DatasetFailed):
            write_log(log_file, answer.traceback)
            return _shown(RunFailed(answer.message, answer.traceback), presenter)
        dataset = answer.dataset
        tell_of_data(answer, write_error, work.recipes[0].validation)
        if work.point is not None and work.point.notice:
            write_error(visible(work.point.notice))
        try:
            if team is not None:
                team.compare_data(dataset.fingerprint)
            backend = configure(work.device, work.threads, work.streams)
            # It imports MLX, which is known to be usable only now.
            from mnist_core.training.train import train
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            return _shown(failure(error, log_file), presenter)

        if backend.advice:
            write_error(backend.advice)

        recorders = _Recorders(
            store, dataset, work.point, write_error, lambda text: write_log(log_file, text)
        )

        def lost(sentence: str) -> None:
            end = RunFailed(sentence, "")
            presenter.show(end)
            recorders.fail(end)

        if team is not None:
            team.before_lost(lost)

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
                    on_divergence=work.on_divergence,
                    run_id=recorder.run_id if recorder is not None else None,
                    group=team.group if team is not None else None,
                ),
                recorder,
            )

        try:
            end = train_in_turn(
                work.recipes, events_of, presenter, signals, log_file, recorders.look
            )
        except _NotResumedError as error:
            return _shown(RunFailed(str(error), ""), presenter)
        finally:
            recorders.finish()
        if any(isinstance(event, DatasetOffered) for event in loader.drain()):
            write_error("MNIST has been downloaded meanwhile: the next run will use it.")
        if isinstance(end, RunCompleted):
            _tell_unreached(work.changes, end.step, write_error)
        _signal(end, when_done)
        return EXIT_FAILED if recorders.lost else exit_code(end)
    finally:
        loader.leave()


class _NotResumedError(Exception):
    """A run cannot be continued; the message is a sentence for the user."""


class _Recorders:
    """A recorder for each run in turn; what one cannot do is said when it happens."""

    def __init__(
        self,
        store: RunStore,
        dataset: Dataset,
        point: ResumePoint | None,
        write_error: WriteLine,
        log: Callable[[str], str],
    ) -> None:
        """`log` keeps a traceback, and says in a sentence where."""
        self._store = store
        self._dataset = dataset
        self._point = point
        self._write_error = write_error
        self._log = log
        self._told: set[str] = set()
        self._current: RunRecorder | None = None
        self.lost = False
        """Whether a part of a run that was to be kept is lost."""

    def next(self) -> RunRecorder | None:
        """A started recorder, after the one before is done; None where runs cannot be kept.

        Raises:
            _NotResumedError: the run to be continued cannot be.
        """
        # One that could not write holds on to the weights of its run.
        self.finish()
        recorder, notice = self._store.begin_recording(self._dataset, self._point)
        if recorder is None and self._point is not None:
            raise _NotResumedError(notice.removeprefix("This run is not kept. "))
        self._current = recorder
        self._tell(notice)
        return recorder

    def finish(self) -> None:
        """Wait for what is still to be written; tell where it is, and what could not be."""
        recorder, self._current = self._current, None
        if recorder is None:
            return
        recorder.finish()
        # A run that somebody has deleted is no failure; it has no details.
        self.lost |= bool(recorder.details)
        self._tell_of(recorder)
        if recorder.name and not recorder.problem:
            self._tell(f"Kept as {recorder.name} ({recorder.run_id}).")

    def fail(self, end: RunFailed) -> None:
        """Keep that the run under way ends so, before the process does."""
        if self._current is not None:
            self._current.record(end)
            self.finish()

    def look(self) -> None:
        """Tell of what the recorder of the run under way cannot do."""
        if self._current is not None:
            self._tell_of(self._current)

    def _tell_of(self, recorder: RunRecorder) -> None:
        self._tell(recorder.problem, recorder.details)
        self._tell(recorder.left_out)

    def _tell(self, sentence: str, details: str = "") -> None:
        """Say a sentence once; `details` are for the log."""
        if sentence and sentence not in self._told:
            self._told.add(sentence)
            where = self._log(details) if details else ""
            self._write_error(visible(f"{sentence} {where}".rstrip()))


def _tell_unreached(changes: Sequence[Change], steps: int, write_error: WriteLine) -> None:
    late = " ".join(f"--change {change}" for change in changes if change.step >= steps)
    if late:
        write_error(f"The run ended after {steps} updates, so nothing came of {late}.")


def _signal(end: RunEnded, when_done: WhenDone) -> None:
    """Tell on a terminal, if there is one, that all is done; whoever stopped it knows."""
    if isinstance(end, RunStopped):
        return
    words = end.message if isinstance(end, RunFailed) else ended_line(end)
    for stream in (sys.stderr, sys.stdout):
        if stream is not None and stream.isatty():
            stream.write(done_signal(when_done, visible(words), os.environ))
            stream.flush()
            return


def _shown(end: RunEnded, presenter: Presenter) -> int:
    presenter.show(end)
    return exit_code(end)


def _repeated(recipes: Sequence[Hyperparameters], repeat: int) -> list[Hyperparameters]:
    """Each of `recipes` with `repeat` seeds, the same recipe with all of its seeds in turn."""
    if repeat > 1 and "seed" in varied_fields(recipes):
        raise UsageError("--repeat counts the seed up itself: give --seed one value, or leave out "
                         "--repeat.")  # fmt: skip
    last = recipes[0].seed + repeat - 1
    try:
        make_hyperparameters({"seed": last})
    except HyperparametersError as error:
        raise UsageError(f"--repeat {repeat} counts the seed up too far. {error}") from error
    return [
        recipe.model_copy(update={"seed": recipe.seed + index})
        for recipe in recipes
        for index in range(repeat)
    ]


def _changes(
    texts: Sequence[str],
    recipes: Sequence[Hyperparameters],
    first_step: int = 0,
    run: str = "",
) -> tuple[Change, ...]:
    """The changes that `texts` ask for, all of which have an effect on each of `recipes`.

    None may come before `first_step`, from which `run` goes on.
    """
    unused = {name: why for recipe in recipes for name, why in unused_fields(recipe).items()}
    found = []
    for text in texts:
        try:
            change = parse_change(text)
        except ChangeError as error:
            raise UsageError(f"--change: {error}") from error
        if change.field in unused:
            raise UsageError(f"--change {change} has no effect here: {unused[change.field]}")
        found.append(change)
    for change in found:
        if change.step < first_step:
            raise UsageError(
                f"--change {change} comes too late: {run} goes on from step {first_step}."
            )
    return tuple(found)


def _presenter(stdout: TextIO, write_error: WriteLine, flags: TrainFlags) -> Presenter:
    if flags.json:
        return JsonLines(line_writer(stdout), write_error, flags.log_every)
    # A dumb terminal cannot redraw a line, which is what a progress bar does.
    if stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        from rich.console import Console

        from mnist_tui.commands.progress_bars import TerminalLines

        console = Console(file=stdout)
        return TerminalLines(console, write_error, flags.log_every)
    return PlainLines(line_writer(stdout), write_error, flags.log_every)
