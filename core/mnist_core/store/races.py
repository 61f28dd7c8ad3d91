"""The races that were kept, each as one row; what is in them is JSON, which the benchmark reads."""

import json
import platform
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata

from mnist_core.store.database import Database
from mnist_core.store.plain_values import check_plain, check_times, object_in
from mnist_core.store.records import storable

_COLUMNS = ("id", "state", "failure", "started", "ended", "contest", "environment", "scores")


class RaceState(StrEnum):
    """How a race ended; only ended ones are kept."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RaceEnvironment:
    """Where a race was run. What each entrant ran on is in its description."""

    host: str
    platform: str
    versions: dict[str, str]
    """Of mnist-tui and python."""

    @classmethod
    def here(cls) -> "RaceEnvironment":
        """This machine and this process."""
        versions = {"mnist-tui": metadata.version("mnist-tui"), "python": platform.python_version()}
        return cls(socket.gethostname(), platform.platform(), versions)


@dataclass(frozen=True, slots=True)
class RaceRecord:
    """A race that has ended. Times are seconds since 1970."""

    id: str
    state: RaceState
    failure: str
    """Why it failed, as a sentence; else empty."""
    started: float
    ended: float
    environment: RaceEnvironment
    race: str
    """Who raced for what, in JSON."""
    score: str
    """What was measured, in JSON."""


class RaceStore:
    """A part of `RunStore`. Every method may raise `StoreError`, whose message is a sentence for
    the user.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[RaceRecord]:
        """Every race that can be read, the latest first; one of another version is left out."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM races ORDER BY started DESC, rowid DESC"
            ).fetchall()
        return [record for record in map(_record, rows) if record is not None]

    def keep(self, record: RaceRecord) -> None:
        """Write a race; one that was kept under its id before is replaced."""
        marks = ", ".join("?" * len(_COLUMNS))
        with self._database.writing() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO races ({', '.join(_COLUMNS)}) VALUES ({marks})",
                (
                    record.id,
                    record.state,
                    storable(record.failure),
                    record.started,
                    record.ended,
                    record.race,
                    # What is not ASCII is escaped, so any text can be stored.
                    json.dumps(asdict(record.environment)),
                    record.score,
                ),
            )

    def delete(self, race_id: str) -> None:
        """Delete a race for good; nothing happens where there is none of this id."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM races WHERE id = ?", (race_id,))


def _record(row: Sequence[str | float]) -> RaceRecord | None:
    race_id, state, failure, started, ended, race, environment, score = row
    try:
        where = object_in(environment)
        check_plain(RaceEnvironment, where)
        check_times({"started": float(started), "ended": float(ended)})
        return RaceRecord(
            str(race_id),
            RaceState(str(state)),
            str(failure),
            float(started),
            float(ended),
            RaceEnvironment(**where),
            str(race),
            str(score),
        )
    except (ValueError, TypeError, RecursionError):
        return None
