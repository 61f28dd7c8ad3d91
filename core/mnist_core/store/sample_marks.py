"""The samples that somebody has marked in a run, each with a note."""

from dataclasses import dataclass
from typing import Literal

from mnist_core.store.database import Database
from mnist_core.store.records import StoreError, storable

SamplesOf = Literal["test", "train"]


@dataclass(frozen=True, slots=True)
class SampleMark:
    """One sample to come back to. All but index and set is text from outside."""

    samples: SamplesOf
    """The set that it is of; test is what the run was tested on."""
    index: int
    """In that set, counted from 0."""
    label: str
    """The name of its class."""
    guess: str
    """The name of the class that the model took it for when it was marked; empty: it said none."""
    note: str = ""


class SampleMarks:
    """A part of `RunStore`. Every method may raise `StoreError`, whose message is a sentence for
    the user.

    Marks are about samples and not about epochs: they stay when a run goes on or goes back, are
    copied with it, and go with it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> list[SampleMark]:
        """Those of a run, test samples first, each set by index."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT samples, sample, label, guess, note FROM sample_marks WHERE run = ? "
                "ORDER BY samples, sample",
                (run_id,),
            ).fetchall()
        return [SampleMark(*row) for row in rows]

    def put(self, run_id: str, mark: SampleMark) -> None:
        """Keep a mark, in the place of one of the same sample."""
        with self._database.writing() as connection:
            kept = connection.execute(
                "INSERT OR REPLACE INTO sample_marks (run, samples, sample, label, guess, note) "
                "SELECT id, ?, ?, ?, ?, ? FROM runs WHERE id = ? AND deleted IS NULL",
                (mark.samples, mark.index, storable(mark.label), storable(mark.guess),
                 storable(mark.note), run_id),
            )  # fmt: skip
            if kept.rowcount < 1:
                raise StoreError(
                    "The mark cannot be kept, since its run is not: it was deleted, or nothing of "
                    "it has been written yet."
                )

    def remove(self, run_id: str, samples: SamplesOf, index: int) -> None:
        """Take the mark of a sample away, if there is one."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM sample_marks WHERE run = ? AND samples = ? AND sample = ?",
                (run_id, samples, index),
            )
