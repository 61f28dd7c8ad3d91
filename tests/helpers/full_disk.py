"""A disk that is full for a while, for what records runs in this process."""

import errno
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

import pytest

from mnist_core.events import TrainingState
from mnist_core.store import recorder as recorder_module
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.database import transaction
from mnist_core.store.recorder import RunRecorder


class Full(Enum):
    """Where writing ends."""

    ROWS = auto()
    """In the middle of a transaction."""
    COMMIT = auto()
    """After a commit that seems to have failed, and has not."""
    CHECKPOINT = auto()
    """The rows fit, the states do not."""


class FullDisk:
    """Full as `how` says, until that is None again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.how: Full | None = None
        self.refused = Counter[str]()
        """By run, how often something of it could not be written."""
        save, write = Checkpoints.save, RunRecorder._write

        @contextmanager
        def full_transaction(connection: sqlite3.Connection) -> Iterator[None]:
            how = self.how
            with transaction(connection):
                yield
                if how is Full.ROWS:
                    raise sqlite3.OperationalError("database or disk is full")
            if how is Full.COMMIT:
                raise sqlite3.OperationalError("disk I/O error")

        def full_save(checkpoints: Checkpoints, state: TrainingState) -> None:
            if self.how is Full.CHECKPOINT:
                raise OSError(errno.ENOSPC, "No space left on device")
            save(checkpoints, state)

        def counted_write(recorder: RunRecorder) -> None:
            try:
                write(recorder)
            except (sqlite3.Error, OSError):
                self.refused[recorder.run_id] += 1
                raise

        monkeypatch.setattr(recorder_module, "transaction", full_transaction)
        monkeypatch.setattr(Checkpoints, "save", full_save)
        monkeypatch.setattr(RunRecorder, "_write", counted_write)
