"""`mnist-tui train --ranks`: several processes that train one run, and what each of them does.

The process that a person starts starts the ranks. Rank 0 does what training in one process does;
the others learn from it what to train, and neither record nor print.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from mnist_core.backend.backend import configure
from mnist_core.backend.installation import BackendMissing
from mnist_core.data.loader import DatasetFailed, DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_core.distributed.environment import StartedAs, choose_backend, started_as
from mnist_core.distributed.errors import RanksError
from mnist_core.distributed.launch import LocalRanks
from mnist_core.distributed.parent import meet_parent
from mnist_core.distributed.watchdog import DEFAULT_PATIENCE, Watchdog
from mnist_core.events import RunFailed, RunStopped, TrainingState
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.plan import OnDivergence
from mnist_core.store.checkpoints import state_from_bytes, state_to_bytes
from mnist_tui.commands.data import wait_for_dataset
from mnist_tui.commands.flags import TrainFlags, UsageError
from mnist_tui.commands.headless import to_the_end
from mnist_tui.runtime.log import open_log
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, WriteLine
from mnist_tui.runtime.program import program_command
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.runtime.startup import LaunchOptions
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.distributed.group import Group


def rank_of_this(flags: TrainFlags) -> StartedAs | None:
    """The rank that this process was started as, if it is to train in several.

    Raises:
        UsageError: flags of ranks without ranks, or a rank that was not told so.
    """
    started = started_as()
    if flags.ranks is None:
        for name in ("backend", "rank_timeout"):
            if getattr(flags, name) is not None:
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"{flag} is for several ranks; say --ranks too.")
        if started is not None:
            # Each would train the whole, beside the others.
            raise UsageError(
                f"{started.variable} says that this is one of several ranks. Say with --ranks how "
                "many there are, or unset it."
            )
    return started if (flags.ranks or 1) > 1 else None


def become_rank(started: StartedAs, options: LaunchOptions) -> None:
    """Belong to the process that has started this one here, if it was not mlx.launch.

    Call it before anything is written.
    """
    if not meet_parent(started.rank):
        return
    # What MLX says of a lost connection, line by line, is for the log.
    terminal, log = os.dup(2), open_log(options.log_file)
    os.dup2(log, 2)
    os.close(log)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, errors="backslashreplace")


def start_ranks(flags: TrainFlags, write_error: WriteLine) -> int:
    """Start the ranks on this machine with the flags of this process; the exit code."""
    assert flags.ranks is not None, "there are ranks"
    try:
        backend = choose_backend(flags.backend or "auto")
    except RanksError as error:
        write_error(str(error))
        return EXIT_FAILED
    command = program_command(sys.argv[1:])
    with LocalRanks(command, flags.ranks, backend) as ranks, _passed_on(ranks):
        code, problem = ranks.wait()
    if problem:
        write_error(visible(problem))
    return code


@contextmanager
def _passed_on(ranks: LocalRanks) -> Iterator[None]:
    """Pass signals on: the first Ctrl-C or SIGTERM stops, the second ends at once."""
    stops = 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stops
        stops += 1
        if stops == 1:
            ranks.stop()
        else:
            ranks.end()

    def suspend(_number: int, _frame: FrameType | None) -> None:
        ranks.suspend()
        os.kill(os.getpid(), signal.SIGSTOP)
        ranks.resume()

    handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
        signal.SIGINT: stop,
        signal.SIGTERM: stop,
        signal.SIGTSTP: suspend,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class RanksWork:
    """What rank 0 tells the others to train."""

    data: str | None
    transpose: bool
    recipes: Sequence[Hyperparameters]
    threads: int | None
    streams: int | None
    on_divergence: OnDivergence
    until_epoch: int | None
    changes: tuple[Change, ...]
    state: TrainingState | None

    def to_bytes(self) -> tuple[bytes, bytes]:
        """All but the state, and the state."""
        values = {
            "data": self.data,
            "transpose": self.transpose,
            "recipes": [recipe.model_dump(mode="json") for recipe in self.recipes],
            "threads": self.threads,
            "streams": self.streams,
            "on_divergence": self.on_divergence,
            "until_epoch": self.until_epoch,
            "changes": [[each.step, each.field, each.value] for each in self.changes],
        }
        state = b"" if self.state is None else state_to_bytes(self.state)
        return json.dumps(values).encode(), state

    @classmethod
    def from_bytes(cls, text: bytes, state: bytes) -> "RanksWork":
        """The other way round."""
        values = json.loads(text)
        recipes = [Hyperparameters.model_validate(recipe) for recipe in values.pop("recipes")]
        changes = tuple(Change(*change) for change in values.pop("changes"))
        went_on = state_from_bytes(state) if state else None
        return cls(recipes=recipes, changes=changes, state=went_on, **values)


class Team:
    """The ranks of this job, seen from one of them."""

    def __init__(self, group: "Group", watchdog: Watchdog) -> None:
        self.group = group
        self._watchdog = watchdog

    def tell_work(self, work: RanksWork) -> None:
        """As rank 0, tell the others."""
        for data in work.to_bytes():
            self.group.share(data)

    def hear_work(self) -> RanksWork:
        """As another rank, wait for that."""
        text = self.group.share(b"")
        return RanksWork.from_bytes(text, self.group.share(b""))

    def compare_data(self, fingerprint: str) -> None:
        """Wait until all have their data.

        Raises:
            RanksError: they are not the same.
        """
        others = self.group.compare(fingerprint)
        if others:
            which = ", ".join(map(str, others))
            raise RanksError(
                f"Rank {which} has other data than rank 0. Give all ranks the same with --data."
            )

    def before_lost(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called with a sentence before a rank that does not answer ends this one."""
        self._watchdog.tell = tell


def join_ranks(
    started: StartedAs, options: LaunchOptions, flags: TrainFlags, write_error: WriteLine
) -> Team:
    """Meet the other ranks.

    Raises:
        RanksError: they cannot be met.
        BackendMissing: MLX cannot compute here.
    """
    assert flags.ranks is not None, "there are ranks"
    configure(options.device, options.threads, options.streams)
    # It imports MLX, which is known to be usable only now.
    from mnist_core.distributed.group import Group

    watchdog = Watchdog(flags.rank_timeout or DEFAULT_PATIENCE, write_error)
    return Team(Group(started.backend, flags.ranks, watchdog), watchdog)


def leave_ranks(code: int) -> int:
    """The exit code of a rank; where it failed, the process ends here with it.

    At the end of Python, MLX waits for the other ranks, which may be waiting for this one.
    """
    if code == EXIT_FAILED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def follow(
    started: StartedAs, options: LaunchOptions, flags: TrainFlags, write_error: WriteLine
) -> int:
    """Be a rank that rank 0 leads, from the work to its end; the exit code."""
    try:
        return _follow(join_ranks(started, options, flags, write_error), options, write_error)
    except (RanksError, BackendMissing) as error:
        write_error(visible(str(error)))
        return EXIT_FAILED


def _follow(team: Team, options: LaunchOptions, write_error: WriteLine) -> int:
    work = team.hear_work()
    loader = DatasetLoader(work.data, default_cache_folder(), transpose=work.transpose)
    try:
        with Path(os.devnull).open("w") as nowhere:
            answer = wait_for_dataset(loader, nowhere)
    finally:
        loader.leave()
    if isinstance(answer, DatasetFailed):
        write_error(visible(answer.message))
        return EXIT_FAILED
    team.compare_data(answer.dataset.fingerprint)
    backend = configure(options.device, work.threads, work.streams)
    from mnist_core.training.train import train

    # A stop is for rank 0, from which it comes here with a batch.
    with stop_signals() as signals, signals.deferred():
        for recipe in work.recipes:
            events = train(
                recipe,
                answer.dataset,
                work.state,
                backend=backend,
                until_epoch=work.until_epoch,
                changes=ChangeQueue(work.changes),
                on_divergence=work.on_divergence,
                group=team.group,
            )
            for event in to_the_end(events, lambda: False, options.log_file):
                if isinstance(event, RunFailed):
                    write_error(visible(event.message))
                    return EXIT_FAILED
                if isinstance(event, RunStopped):
                    return EXIT_DONE
    return EXIT_DONE
