"""A sweep without the app: from its flags to its exit code."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from mnist_core.backend.backend import DEFAULT_THREADS, available_cores
from mnist_core.backend.installation import installed_backends
from mnist_core.data.dataset import Dataset, split
from mnist_core.data.loader import DatasetFailed, DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.shell_commands import own_command
from mnist_core.store import RunStore, StoreError
from mnist_core.sweep.events import (
    SweepCompleted,
    SweepEnded,
    SweepEvent,
    SweepFailed,
    SweepStopped,
    TrialFailed,
)
from mnist_core.sweep.plan import SweepPlan, with_validation
from mnist_core.sweep.ranges import Range, combinations
from mnist_core.sweep.storage import (
    SweepError,
    check_installed,
    check_name,
    new_name,
    storage_text,
)
from mnist_core.user_folders import home_flag
from mnist_tui.commands.data import tell_of_data, wait_for_dataset
from mnist_tui.commands.flags import UsageError
from mnist_tui.commands.sweep import SweepFlags
from mnist_tui.commands.sweep.asked import asked_ranges
from mnist_tui.commands.sweep.presenters import (
    BestCommand,
    SweepJsonLines,
    SweepLines,
    SweepPresenter,
)
from mnist_tui.lab.recipe_text import command_line, recipe_flags
from mnist_tui.lab.sweep_progress import SweepProgress
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    OutputLost,
    WriteLine,
    line_writer,
    reader_left,
)
from mnist_tui.runtime.signals import StopSignals, stop_signals
from mnist_tui.runtime.startup import LaunchOptions
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.sweep.study import SweepStudy
    from mnist_core.sweep.sweep import SweepOrder

_TRIALS = 20
_MOST_JOBS = 16
"""Workers that are taken unasked: one process gives out the trials and answers after each epoch."""


def sweep_headless(options: LaunchOptions, flags: SweepFlags) -> int:
    """Make or resume a study, and work on it; the exit code.

    Raises:
        UsageError: ranges that are refused, or flags that do not go together.
    """
    write_error = line_writer(sys.stderr)
    ranges = asked_ranges(options, flags)
    try:
        for name in filter(None, (flags.study, flags.resume)):
            check_name(name)
    except SweepError as error:
        raise UsageError(str(error)) from error
    try:
        check_installed()
    except SweepError as error:
        write_error(str(error))
        return EXIT_FAILED
    with stop_signals() as signals:
        try:
            return _sweep(options, flags, ranges, signals, write_error)
        except (SweepError, StoreError) as error:
            write_error(visible(str(error)))
            return EXIT_FAILED
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED


def _sweep(
    options: LaunchOptions,
    flags: SweepFlags,
    ranges: tuple[Range, ...],
    signals: StopSignals,
    write_error: WriteLine,
) -> int:
    store = RunStore(options.home)
    store.tidy()
    if store.read_only:
        raise SweepError(f"A sweep keeps its runs. {store.notice}")
    study, dataset, held_out = _opened(options, flags, ranges, write_error)
    with closing(study):
        trials = flags.trials or study.trials_wanted
        if trials != study.trials_wanted:
            study.want_trials(trials)
        order = _order(options, flags, study, dataset, trials, held_out=held_out)
        end = _work(options, flags, study, order, store, signals, write_error)
        if isinstance(end, SweepStopped):
            write_error(f"To go on with it: {_resume_command(options, flags, study.name)}")
    match end:
        case SweepCompleted():
            return EXIT_DONE
        case SweepStopped():
            return EXIT_INTERRUPTED
        case SweepFailed():
            return EXIT_FAILED


def _opened(
    options: LaunchOptions,
    flags: SweepFlags,
    ranges: tuple[Range, ...],
    write_error: WriteLine,
) -> "tuple[SweepStudy, Dataset, bool]":
    """The study, its data, and whether the sweep holds samples out that the recipe did not."""
    from mnist_core.sweep.study import SweepStudy

    if flags.resume is None:
        dataset = _dataset(options.data, options, write_error, transpose=options.transpose)
        plan = _plan(options, flags, ranges, dataset)
        name = flags.study or new_name(options.home, flags.storage)
        trials = flags.trials or (len(combinations(ranges)) if plan.sampler == "grid" else _TRIALS)
        study = SweepStudy.create(options.home, flags.storage, name, plan, trials)
        return study, dataset, plan.base.validation != options.recipes[0].validation
    study = SweepStudy.resume(options.home, flags.storage, flags.resume)
    plan = study.plan
    data = options.data or plan.data
    dataset = _dataset(data, options, write_error, transpose=plan.transposed)
    if dataset.fingerprint != plan.fingerprint:
        raise SweepError(
            f"{study.name} was made with other data than {dataset.name} from "
            f"{dataset.source or dataset.data}. It used {plan.data}; say with --data where that is."
        )
    return study, dataset, False


def _dataset(
    data: str | None, options: LaunchOptions, write_error: WriteLine, *, transpose: bool
) -> Dataset:
    """The data set.

    Raises:
        SweepError: there is none, as a sentence.
    """
    loader = DatasetLoader(data, default_cache_folder(), transpose=transpose)
    try:
        answer = wait_for_dataset(loader, sys.stderr)
    finally:
        loader.leave()
    if isinstance(answer, DatasetFailed):
        write_log(options.log_file, answer.traceback)
        raise SweepError(answer.message)
    tell_of_data(answer, write_error)
    return answer.dataset


def _plan(
    options: LaunchOptions, flags: SweepFlags, ranges: Sequence[Range], dataset: Dataset
) -> SweepPlan:
    base = options.recipes[0]
    rank_on = flags.rank_on or "validation"
    try:
        if rank_on == "validation":
            base = with_validation(base, dataset)
        else:
            split(dataset, base.validation)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return SweepPlan(
        ranges=tuple(ranges),
        base=base,
        metric=flags.metric or "accuracy",
        rank_on=rank_on,
        seeds=flags.seeds or 1,
        sampler=flags.sampler or "tpe",
        pruner=flags.pruner or "median",
        dataset=dataset.name,
        data=dataset.data,
        transposed=dataset.transposed,
        fingerprint=dataset.fingerprint,
    )


def _order(
    options: LaunchOptions,
    flags: SweepFlags,
    study: "SweepStudy",
    dataset: Dataset,
    trials: int,
    *,
    held_out: bool,
) -> "SweepOrder":
    from mnist_core.sweep.sweep import SweepOrder
    from mnist_core.sweep.worker import Workplace

    jobs = flags.jobs or min(_usual_jobs(options), max(1, study.open_trials(trials)))
    validation = split(dataset, study.plan.base.validation).validation
    return SweepOrder(
        trials=trials,
        jobs=jobs,
        workplace=Workplace(
            home=options.home,
            data=dataset.data,
            transposed=dataset.transposed,
            cache=default_cache_folder(),
            device=options.device,
            threads=options.threads or DEFAULT_THREADS,
            # Beside other workers a second stream finds no core of its own.
            streams=options.streams or (1 if jobs > 1 else None),
        ),
        storage=storage_text(options.home, flags.storage, study.name),
        dataset=dataset.name,
        validation_examples=0 if validation is None else len(validation),
        held_out=held_out,
    )


def _usual_jobs(options: LaunchOptions) -> int:
    """How many workers pay: one a core, but several on one GPU wait for each other."""
    has_gpu = sys.platform == "darwin" or any("cuda" in name for name in installed_backends())
    if has_gpu and options.device != "cpu":
        return 1
    return min(available_cores(), _MOST_JOBS)


def _work(
    options: LaunchOptions,
    flags: SweepFlags,
    study: "SweepStudy",
    order: "SweepOrder",
    store: RunStore,
    signals: StopSignals,
    write_error: WriteLine,
) -> SweepEnded:
    """Work on the study, and show it; how that ended."""
    from mnist_core.sweep.sweep import Sweep

    def best_command(end: SweepCompleted | SweepStopped) -> str:
        return _best_command(end, study, store)

    def shown(events: Iterator[SweepEvent]) -> SweepEnded:
        for event in events:
            presenter.show(event)
            if isinstance(event, TrialFailed | SweepFailed):
                where = write_log(options.log_file, event.traceback) if event.traceback else ""
                if isinstance(event, SweepFailed):
                    write_error(visible(f"{event.message} {where}".rstrip()))
            if isinstance(event, SweepEnded):
                return event
        raise RuntimeError("The sweep ended without saying how it went.")

    def looked() -> bool:
        if is_left():
            raise OutputLost
        presenter.tick()
        return stop_requested()

    presenter, is_left = _presenter(flags, best_command), reader_left(sys.stdout)
    with (
        closing(presenter),
        signals.deferred() as stop_requested,
        closing(Sweep(study, order, looked)) as sweep,
    ):
        try:
            return shown(sweep.events())
        except KeyboardInterrupt:
            # The workers are given some seconds, so it does end.
            with signals.ignored():
                return shown(sweep.cut())
        except SweepError as error:
            return shown(iter([SweepFailed(str(error))]))


def _presenter(flags: SweepFlags, best_command: BestCommand) -> SweepPresenter:
    if flags.json:
        return SweepJsonLines(line_writer(sys.stdout), best_command)
    progress = SweepProgress(time.monotonic)
    if sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        from rich.console import Console

        from mnist_tui.commands.sweep.table import SweepTable

        return SweepTable(Console(file=sys.stdout), progress, best_command)
    return SweepLines(line_writer(sys.stdout), progress, best_command)


def _best_command(end: SweepCompleted | SweepStopped, study: "SweepStudy", store: RunStore) -> str:
    """What trains the best run again: on the machine that has the run, to the bit."""
    best = end.best
    if best is None:
        return ""
    try:
        return command_line(store.run(best.runs[0]))
    except StoreError:
        plan = study.plan
        recipe = make_hyperparameters(best.recipe)
        words = ["train", *(["--data", plan.data] if plan.data else []), *recipe_flags(recipe)]
        return own_command(*words)


def _resume_command(options: LaunchOptions, flags: SweepFlags, name: str) -> str:
    url = ["--storage", storage_text(options.home, flags.storage, name)] if flags.storage else []
    return own_command("sweep", "--resume", name, *url, *home_flag(options.home))
