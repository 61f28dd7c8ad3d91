"""The thread that writes a recording twice a second, and what happens when it cannot."""

import contextlib
import sqlite3
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_core.events import failure_sentence
from mnist_core.recording.point_buffers import Buffered, PointBuffers
from mnist_core.store.database import (
    DAMAGE_ADVICE,
    FILE,
    Database,
    connect,
    file_identity,
    is_damage,
    mark_suspect,
    transaction,
)
from mnist_core.store.ownership import Ownership, lock_path
from mnist_core.store.recorder import FINISH_PATIENCE, RETRY_INTERVAL, WRITE_INTERVAL
from mnist_core.store.recording_writer import (
    Points,
    RecordingLostError,
    RecordingWriter,
    Rest,
    points_of,
)
from mnist_core.store.recordings import RecordedImage, RecordedPredictions
from mnist_core.store.records import RunState, StoreError

_FINISH_RETRY = 0.25
_MOST_IMAGES = 64 << 20
"""Bytes of images that are held while nothing can be written."""


class RecordingWarning(UserWarning):
    """A recording is not kept, or not all of it; the training goes on."""


class RecordingThread:
    """Owns a recording from its beginning to `finish`."""

    def __init__(
        self, home: Path, writer: RecordingWriter, buffers: PointBuffers, place: tuple[str, int]
    ) -> None:
        """`place`: the file and line that warnings name."""
        self._home = home
        self._writer = writer
        self._buffers = buffers
        self._place = place
        self.problem = ""
        """Why it is not being kept, and what to do, as a sentence; empty: it is."""
        self.tried = threading.Event()
        """Whether it is in the store, or could not be brought there at once."""
        self._finish = threading.Event()
        self._end: tuple[RunState, str] = (RunState.COMPLETED, "")
        self._lock = threading.Lock()
        self._images: list[RecordedImage] = []
        self._predictions: RecordedPredictions | None = None
        self._lost_images = 0
        self._taken: list[Buffered] = []
        self._ownership = Ownership(lock_path(home, writer.id))
        self._connection: sqlite3.Connection | None = None
        self._connected_to: tuple[int, ...] = ()
        self._warned = False
        self.over = False
        """Whether nothing is taken any more."""
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)

    def start(self) -> None:
        """Begin to write; where the system starts no thread for it, nothing is kept."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self.over = True
            self.tried.set()
            self._warn(failure_sentence(error))

    def add_image(self, image: RecordedImage) -> None:
        with self._lock:
            waiting = sum(each.pixels.nbytes for each in self._images)
            if waiting + image.pixels.nbytes > _MOST_IMAGES:
                self._lost_images += 1
            else:
                self._images.append(image)

    def set_predictions(self, predictions: RecordedPredictions) -> None:
        with self._lock:
            self._predictions = predictions

    def finish(self, state: RunState, failure: str) -> None:
        """Write the rest and the end; blocks until that is done, for seconds at most."""
        self._end = state, failure
        self._finish.set()
        if self._thread.ident is not None:
            self._thread.join()

    # -- inside the thread -----------------------------------------------------------------------

    def _work(self) -> None:
        next_try = wait = 0.0
        failing_since: float | None = None
        try:
            while not self.over:
                finishing = self._finish.wait(wait)
                wait = WRITE_INTERVAL
                now = time.monotonic()
                if not finishing and now < next_try:
                    continue
                written = self._try_to_write(finishing)
                self.tried.set()
                after = time.monotonic()
                failing_since = None if written else failing_since or now
                # What has failed for long already is tried once more, and no longer waited for.
                patience = FINISH_PATIENCE - (after - (failing_since or after))
                if finishing and (written or patience <= 0):
                    break
                if finishing:
                    time.sleep(_FINISH_RETRY)
                next_try = 0.0 if written else after + RETRY_INTERVAL
        finally:
            self.over = True
            self.tried.set()
            self._disconnect()
            self._ownership.discard()

    def _try_to_write(self, finishing: bool) -> bool:
        try:
            self._write(finishing)
        except RecordingLostError as error:
            self.over = True
            self._warn(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - the thread's edge: training goes on
            self._disconnect()
            self._warn(self._sentence(error))
            return False
        self.problem = ""
        return True

    def _write(self, finishing: bool) -> None:
        connection = self._connected()
        self._taken += self._buffers.take()
        with self._lock:
            images, predictions = tuple(self._images), self._predictions
        rest = Rest(_joined(self._taken), images, predictions, self._lost())
        state, failure = self._end if finishing else (RunState.RUNNING, "")
        if not (finishing or self._taken or images or predictions) and self._writer.begun:
            return
        with transaction(connection):
            if not self._writer.begun:
                self._writer.begin(connection)
            self._writer.write(connection, rest, state, failure)
        self._writer.committed()
        self._buffers.written(self._taken)
        self._taken = []
        with self._lock:
            self._images = self._images[len(images) :]
            if self._predictions is predictions:
                self._predictions = None

    def _connected(self) -> sqlite3.Connection:
        """A connection to the database that lies there now: it may have been set aside."""
        path = self._home / FILE
        if self._connection is not None and file_identity(path) != self._connected_to:
            self._disconnect()
        if self._connection is None:
            database = Database(self._home)
            try:
                if not database.writable():
                    raise StoreError(database.notice or f"{self._home} cannot be written.")
            finally:
                database.close()
            if not self._ownership.held:
                self._ownership.claim(self._writer.id)
            self._connection = connect(path)
            self._connected_to = file_identity(path)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _lost(self) -> str:
        dropped, images = self._buffers.dropped, self._lost_images
        parts = [f"{dropped} rows"] * bool(dropped) + [f"{images} images"] * bool(images)
        if not parts:
            return ""
        return f"{' and '.join(parts)} came while nothing could be written for long, and are lost."

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, StoreError):
            # Who reads it here has no command line.
            return str(error).replace("--home", "home=")
        if isinstance(error, sqlite3.Error) and is_damage(error):
            mark_suspect(self._home)
            return f"The database in {self._home} is damaged ({error}). {DAMAGE_ADVICE}"
        cause = failure_sentence(error).rstrip(".")
        if isinstance(error, OSError):
            cause = error.strerror or str(error)
        return f"It could not be written to {self._home}: {cause}. Make room or mend the folder."

    def _warn(self, problem: str) -> None:
        """Tell it once on stderr, in the way of Python's warnings."""
        self.problem = problem
        if self._warned:
            return
        self._warned = True
        name = self._writer.name or self._writer.new.name or self._writer.id
        goes_on = "" if self.over else " Training goes on, and writing is tried again."
        # Where warnings are errors, one must not end this thread.
        with contextlib.suppress(RecordingWarning):
            warnings.warn_explicit(
                f"Recording {name} is not being kept. {problem}{goes_on}",
                RecordingWarning,
                *self._place,
            )


def _joined(taken: Sequence[Buffered]) -> list[Points]:
    """The rows of each set of names, those of several takes together."""
    parts: dict[tuple[str, ...], list[Buffered]] = {}
    for each in taken:
        parts.setdefault(each[0], []).append(each)
    found = []
    for names, several in parts.items():
        flat = np.concatenate([np.frombuffer(rows) for _, rows in several])
        table = flat.reshape(-1, len(names) + 2)
        found.append((names, points_of(table[:, 0], table[:, 1], table[:, 2:])))
    return found
