"""The recordings of a home folder: listed, read, and added whole."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mnist_core.store.database import Database
from mnist_core.store.recording_writer import NewRecording, Points, insert_recording
from mnist_core.store.recordings import (
    NewPoints,
    RecordedImage,
    RecordedPredictions,
    RecordingRecord,
    read_recording,
    select_images,
    select_points,
    select_predictions,
    select_recordings,
)
from mnist_core.store.records import StoreError


class RecordingStore:
    """A part of `RunStore`, which deletes and names recordings as it does runs.

    Every method may raise `StoreError`, whose message is a sentence for the user.
    """

    def __init__(
        self, home: Path, database: Database, lives: Callable[[str, object, object], bool]
    ) -> None:
        self._home = home
        self._database = database
        self._lives = lives
        self.unreadable = ""
        """Which recordings `all` had to leave out and why, as a sentence; empty: none."""

    def all(self) -> list[RecordingRecord]:
        """Every recording that is not deleted, the latest first; what cannot be read is left out,
        and `unreadable` tells.
        """
        with self._database.reading() as connection:
            rows = select_recordings(connection, "WHERE deleted IS NULL ORDER BY number DESC")
        self.unreadable = ""
        records = []
        for row in rows:
            try:
                records.append(read_recording(row, self._lives))
            except StoreError as error:
                self.unreadable = str(error)
        return records

    def latest(self) -> RecordingRecord | None:
        """The one that began last; None if there is none."""
        with self._database.reading() as connection:
            rows = select_recordings(
                connection, "WHERE deleted IS NULL ORDER BY number DESC LIMIT 1"
            )
        return read_recording(rows[0], self._lives) if rows else None

    def get(self, recording_id: str) -> RecordingRecord:
        """The recording of this id as it is now."""
        with self._database.reading() as connection:
            rows = select_recordings(connection, "WHERE deleted IS NULL AND id = ?", recording_id)
        if not rows:
            raise StoreError(f"Recording {recording_id} is no longer in {self._home}.")
        return read_recording(rows[0], self._lives)

    def points(self, recording_id: str, after_write: int = 0) -> list[NewPoints]:
        """The rows of each set of names, in the order in which sets began.

        `after_write` is `RecordingRecord.writes` of an earlier look: only what was written since
        comes, with some rows from before it in front, as `NewPoints.first` tells.
        """
        with self._database.reading() as connection:
            return select_points(connection, recording_id, after_write)

    def images(self, recording_id: str) -> list[RecordedImage]:
        """All images, by name and step."""
        with self._database.reading() as connection:
            return select_images(connection, recording_id)

    def predictions(self, recording_id: str) -> RecordedPredictions | None:
        """The last ones that were recorded; None: none were."""
        with self._database.reading() as connection:
            return select_predictions(connection, recording_id)

    def has_more(self, recording_id: str) -> bool:
        """Whether there are images or predictions besides the points."""
        with self._database.reading() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM recorded_images WHERE recording = ?1) "
                "OR EXISTS (SELECT 1 FROM recorded_predictions WHERE recording = ?1)",
                (recording_id,),
            ).fetchone()
        return bool(found)

    def add(self, recordings: Sequence[tuple[NewRecording, Sequence[Points]]]) -> list[str]:
        """Keep these recordings, which are complete, all or none; their ids."""
        with self._database.writing() as connection:
            return [insert_recording(connection, new, points) for new, points in recordings]
