"""Loading a data set beside a living interface: threads of its own, a mailbox of events."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event, Thread

from mnist_core.data.dataset import Dataset, transpose
from mnist_core.data.registry import (
    PUBLISHED,
    SYNTHETIC,
    DatasetUnavailable,
    LoadingCancelled,
    is_cached,
    load_dataset,
)
from mnist_core.shell_commands import own_command

DEFAULT_DATASET = "mnist"
"""What is loaded when nobody names a data set."""

DEADLINE = 3.0
"""Seconds from the start to usable data when nobody names a data set."""

_LEAVE_PATIENCE = 1.0
"""Seconds to wait for the threads at the end of a process; one may be looking up an address."""

_TITLE = PUBLISHED[DEFAULT_DATASET].title


@dataclass(frozen=True, slots=True)
class DatasetProgressed:
    message: str
    """What is being done."""
    bytes_done: int
    bytes_total: int | None
    """None where the end is not known."""


@dataclass(frozen=True, slots=True)
class DatasetLoaded:
    """The data to use."""

    dataset: Dataset
    reason: str | None
    """Why these are synthetic digits and how to get others; None when it is what was asked for."""


@dataclass(frozen=True, slots=True)
class DatasetOffered:
    """The download has ended after synthetic digits were loaded in its place."""

    dataset: Dataset


@dataclass(frozen=True, slots=True)
class DatasetNotOffered:
    """The download has failed after synthetic digits were loaded in its place."""

    message: str
    """Why, and what to do."""


@dataclass(frozen=True, slots=True)
class DatasetFailed:
    """There is no data to use."""

    message: str
    """Sentences for the user."""
    traceback: str = field(repr=False)
    """For the log file."""


DatasetEvent = (
    DatasetProgressed | DatasetLoaded | DatasetOffered | DatasetNotOffered | DatasetFailed
)


Load = Callable[[str | Path, Path, Callable[[str, int, int | None], None], Event], Dataset]
"""What `mnist_core.data.registry.load_dataset` is."""


class DatasetLoader:
    """Loads one data set; `drain` it about ten times a second, or `wait` for it.

    A named data set or a folder ends in one `DatasetLoaded` or `DatasetFailed`. When nobody named
    one (source None), it is MNIST. Unless that is cached, synthetic digits are drawn while it is
    downloaded, and loaded in its place once the deadline is over or the download has failed; how a
    download ends after that, `DatasetOffered` or `DatasetNotOffered` tells. `cancel` silences it.

    The threads are daemons: looking up an address cannot be interrupted and may take minutes,
    which must not hold up the end of the process. None of them uses MLX.
    """

    def __init__(
        self,
        source: str | Path | None,
        cache: Path,
        *,
        transpose: bool = False,
        deadline: float = DEADLINE,
        load: Load = load_dataset,
    ) -> None:
        """What is loaded is given with its images transposed if that is asked for. `deadline` is
        in seconds after `start`; `load` is called in the loader's threads.
        """
        self._source = source
        self._cache = cache
        self._transpose = transpose
        self._deadline = deadline
        self._load = load
        self._cancel = Event()
        # One lock for all that follows, notified of every change.
        self._changed = Condition()
        self._mailbox: list[DatasetEvent] = []
        self._working = 0
        self._loaded = False
        self._download_failure: str | None = None
        self._end_of_patience = 0.0

    def start(self) -> None:
        self._end_of_patience = time.monotonic() + self._deadline
        try:
            self._begin(self._load_default if self._source is None else self._load_named)
        except DatasetUnavailable as error:
            self._post(DatasetFailed(str(error), traceback.format_exc()))

    def cancel(self) -> None:
        """Ask the threads to end, a download at its next block; nothing more is told."""
        with self._changed:
            self._cancel.set()
            self._mailbox.clear()
            self._changed.notify_all()

    def drain(self) -> list[DatasetEvent]:
        """The events since the last call, oldest first."""
        with self._changed:
            events, self._mailbox = self._mailbox, []
        return events

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for events to drain; False when none will come, or none did in `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._mailbox or not self._working, timeout)
            return bool(self._mailbox)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the threads to end; False if they have not after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._working, timeout)

    def leave(self) -> None:
        """Cancel, before the process ends, and wait a moment: what is half downloaded goes."""
        self.cancel()
        self.join(_LEAVE_PATIENCE)

    def _begin(self, work: Callable[[], None]) -> None:
        """Raises DatasetUnavailable where the system starts no thread."""
        with self._changed:
            self._working += 1
        try:
            Thread(target=self._work, args=(work,), name="data set", daemon=True).start()
        except RuntimeError as error:
            with self._changed:
                self._working -= 1
            raise DatasetUnavailable(
                f"No data could be loaded: {error}. End other programs, or raise the limit of "
                "processes (ulimit -u)."
            ) from error

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LoadingCancelled:
            return
        except DatasetUnavailable as error:
            self._post(DatasetFailed(str(error), traceback.format_exc()))
        except Exception as error:  # noqa: BLE001 - the thread's edge: it goes on as an event
            message = f"Loading failed unexpectedly with {type(error).__name__}: {error}."
            self._post(DatasetFailed(message, traceback.format_exc()))
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _load_named(self) -> None:
        assert self._source is not None
        self._post(DatasetLoaded(self._read(self._source), None))

    def _load_default(self) -> None:
        if is_cached(DEFAULT_DATASET, self._cache):
            self._get_mnist()
        else:
            self._begin(self._get_mnist)
        with self._changed:
            loaded = self._loaded
        if not loaded:
            self._stand_in()

    def _get_mnist(self) -> None:
        try:
            dataset = self._read(DEFAULT_DATASET)
        except DatasetUnavailable as error:
            with self._changed:
                self._download_failure = str(error)
                if self._loaded:
                    self._post(DatasetNotOffered(str(error)))
                self._changed.notify_all()
            return
        with self._changed:
            self._post(DatasetOffered(dataset) if self._loaded else DatasetLoaded(dataset, None))
            self._loaded = True

    def _stand_in(self) -> None:
        digits = self._read(SYNTHETIC)
        with self._changed:
            self._changed.wait_for(
                lambda: self._loaded or self._download_failure or self._cancel.is_set(),
                timeout=self._end_of_patience - time.monotonic(),
            )
            if not self._loaded:
                self._post(DatasetLoaded(digits, self._reason()))
                self._loaded = True

    def _reason(self) -> str:
        if self._download_failure:
            return (
                f"These digits are synthetic. {self._download_failure} "
                f"To try again: {own_command('data', 'fetch', DEFAULT_DATASET)}."
            )
        return (
            f"These digits are synthetic: {_TITLE} was not here after {self._deadline:g} seconds. "
            "Its download goes on and will be offered when it is complete. "
            "Or name a folder of IDX files with --data DIR."
        )

    def _read(self, source: str | Path) -> Dataset:
        doing = "Drawing synthetic digits" if source == SYNTHETIC else f"Loading {source}"
        self._post(DatasetProgressed(doing, 0, None))

        def tell(file: str, done: int, total: int | None) -> None:
            self._post(DatasetProgressed(f"Downloading {file}", done, total))

        dataset = self._load(source, self._cache, tell, self._cancel)
        return transpose(dataset) if self._transpose else dataset

    def _post(self, event: DatasetEvent) -> None:
        with self._changed:
            if not self._cancel.is_set():
                self._mailbox.append(event)
                self._changed.notify_all()
