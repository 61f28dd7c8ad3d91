"""Where the data come from: loaded in the background, with others offered later."""

from collections.abc import Callable, Iterator
from typing import Protocol

from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import (
    DatasetEvent,
    DatasetFailed,
    DatasetLoaded,
    DatasetNotOffered,
    DatasetOffered,
    DatasetProgressed,
)
from mnist_core.store import RunRecord, StoreError
from mnist_tui.settings.keys import key_hint

LOADER_PATIENCE = 1.0
"""Seconds to wait, on leaving, for a download to end at its next block."""


class Loader(Protocol):
    """Loads a data set in the background, as `mnist_core.data.loader.DatasetLoader` does."""

    def start(self) -> None: ...
    def drain(self) -> list[DatasetEvent]: ...
    def cancel(self) -> None: ...
    def join(self, timeout: float | None = None) -> bool: ...


class DataSource:
    """The data set that runs train on, how far its loading is, and what it may be switched to."""

    def __init__(self, make_loader: Callable[[], Loader]) -> None:
        self._make_loader = make_loader
        self._loader: Loader | None = None
        self.dataset: Dataset | None = None
        self.is_loading = False
        """Whether usable data, or the reason why there are none, are still to come."""
        self.reason: str | None = None
        """Why these data are not the ones a person would expect, and what to do about it."""
        self.progress: DatasetProgressed | None = None
        self.failure: DatasetFailed | None = None
        self.offered: Dataset | None = None
        """A data set that came later and may be switched to."""

    @property
    def can_retry(self) -> bool:
        """Whether other data than the ones wanted stand in, and nothing better is offered."""
        return self.reason is not None and self.offered is None

    def load(self) -> None:
        """Start loading, or try again: after a failure, or where synthetic digits stand in."""
        if self._loader is not None:
            self._loader.cancel()
        if self.reason is not None:
            self.reason = "Trying again to get the data."
        self.failure, self.is_loading = None, True
        self._loader = self._make_loader()
        self._loader.start()

    def load_from(self, make_loader: Callable[[], Loader]) -> None:
        """Load other data; those that are there stay until these have come."""
        self._make_loader, self.reason = make_loader, None
        self.load()

    def use_offered(self) -> None:
        """Switch to the data set that was offered."""
        if self.offered is not None:
            self._use(self.offered, None)
            self.offered = None

    def news(self) -> Iterator[DatasetEvent]:
        """What the loader has told since the last call; each is taken in before it is given."""
        for event in self._loader.drain() if self._loader is not None else ():
            match event:
                case DatasetProgressed():
                    self.progress = event
                case DatasetLoaded():
                    self._use(event.dataset, event.reason)
                case DatasetOffered():
                    self.offered = event.dataset
                case DatasetNotOffered():
                    self.reason = f"These digits are synthetic. {event.message}"
                case DatasetFailed():
                    self.failure, self.progress, self.is_loading = event, None, False
            yield event

    def of(self, record: RunRecord) -> Dataset:
        """The data that are loaded, which must be those of the run.

        Raises:
            StoreError: they are others, or there are none.
        """
        dataset = self.dataset
        if dataset is None:
            raise StoreError(
                f"There are no data yet. Press {key_hint('run')} to try to get them again."
            )
        if dataset.fingerprint != record.fingerprint:
            how = f"--data {record.data}{' --transpose' * record.transposed}"
            if dataset.transposed and not record.transposed:
                how += " and without --transpose"
            raise StoreError(
                f"{record.name} was trained on {record.dataset}, and {dataset.name} is loaded now. "
                f"Start again with {how}."
            )
        return dataset

    def close(self) -> None:
        """Give up what is being loaded."""
        if self._loader is not None:
            self._loader.cancel()
            self._loader.join(LOADER_PATIENCE)

    def _use(self, dataset: Dataset, reason: str | None) -> None:
        self.dataset, self.reason, self.progress = dataset, reason, None
        self.is_loading = False
