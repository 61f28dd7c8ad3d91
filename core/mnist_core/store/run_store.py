"""The runs of a home folder: listed, read, renamed, copied, resumed, and recorded.

`RunStore.deleter` deletes them, and `RunStore.sample_marks` has what was marked in them. What is
kept besides is in `RunStore.races`, and of the loops of others in `RunStore.recordings`.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import merge
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, tested
from mnist_core.events import TrainingState, failure_sentence
from mnist_core.network.distributions import Distributions
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.copying import copy_run
from mnist_core.store.database import FILE, Database
from mnist_core.store.deletion import KEPT_TABLES, Deleter
from mnist_core.store.names import look_up
from mnist_core.store.ownership import Ownership, lives, lock_path
from mnist_core.store.races import RaceStore
from mnist_core.store.recorder import RunRecorder
from mnist_core.store.recording_store import RecordingStore
from mnist_core.store.recordings import KeptRecord
from mnist_core.store.records import (
    EpochRecord,
    RunRecord,
    RunState,
    StoredAnswers,
    StoredLabels,
    StoredPixels,
    StoreError,
    TrialPlace,
    is_id,
    storable,
)
from mnist_core.store.resume_point import ResumePoint
from mnist_core.store.run_writer import RunWriter
from mnist_core.store.sample_marks import SampleMarks
from mnist_core.store.tables import (
    Row,
    read_run,
    select_all_answers,
    select_answers,
    select_batches,
    select_changes,
    select_distributions,
    select_epochs,
    select_gradient_norms,
    select_labels,
    select_pixels,
    select_runs,
)


def new_run_id() -> str:
    """The id of a run to be, which nobody else has."""
    return uuid4().hex[:8]


class RunStore:
    """Reads and edits the runs under a home folder; any number of processes may, at once.

    It is used by the thread that made it, and opens the database at its first use. Every method may
    raise `StoreError`, whose message is a sentence for the user.
    """

    def __init__(self, home: Path, *, only_reads: bool = False) -> None:
        """With `only_reads` no file under `home` is made or changed, whatever it allows."""
        self.home = home
        self.unreadable = ""
        """Which runs `runs` had to leave out and why, as a sentence; empty: none."""
        self._database = Database(home, only_reads=only_reads)
        self.recordings = RecordingStore(home, self._database, self._lives)
        self.deleter = Deleter(home, self._database)
        self.races = RaceStore(self._database)
        self.sample_marks = SampleMarks(self._database)
        self._live_ids: tuple[object, list[str]] = (None, [])

    # -- reading ---------------------------------------------------------------------------------

    @property
    def read_only(self) -> bool:
        """Whether runs can be read but not kept or changed here."""
        return self._database.read_only

    @property
    def only_reads(self) -> bool:
        """Whether that was asked for; `read_only` says whether it is so."""
        return self._database.only_reads

    @property
    def notice(self) -> str:
        """What a person must know of how the database was opened; empty: nothing."""
        return self._database.notice

    @property
    def exists(self) -> bool:
        """Whether there is a database; the first use makes one."""
        return (self.home / FILE).exists()

    def changes(self) -> int:
        """A number that is another one after any process has changed the runs, or has died."""
        with self._database.reading() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            now = (self._database.opened_count, version, connection.total_changes)
            if self._live_ids[0] != now:
                rows = connection.execute(
                    "SELECT id FROM runs WHERE state IN (?1, ?2) "
                    "UNION ALL SELECT id FROM recordings WHERE state IN (?1, ?2)",
                    [state for state in RunState if state.is_live],
                ).fetchall()
                self._live_ids = (now, [row[0] for row in rows if is_id(row[0])])
        # The death of an owner writes nothing.
        return hash((now, tuple(self._lives(run_id) for run_id in self._live_ids[1])))

    def runs(self) -> list[RunRecord]:
        """Every run that is not deleted, the latest first.

        One that cannot be read, as from another version, is left out; `unreadable` tells.
        """
        with self._database.reading() as connection:
            rows = select_runs(connection, "WHERE deleted IS NULL ORDER BY number DESC")
            changes = select_changes(connection, None)
        records: list[RunRecord] = []
        problems: list[str] = []
        for row in rows:
            try:
                records.append(self._record(row, changes))
            except StoreError as error:
                problems.append(str(error))
        others = f" So it is with {len(problems) - 1} more." if len(problems) > 1 else ""
        self.unreadable = f"{problems[0]}{others}" if problems else ""
        return records

    def kept(self) -> list[KeptRecord]:
        """Every run and recording that is not deleted, the latest first; see `runs`."""
        runs: list[KeptRecord] = [*self.runs()]
        recordings: list[KeptRecord] = [*self.recordings.all()]
        self.unreadable = self.unreadable or self.recordings.unreadable
        return list(merge(runs, recordings, key=lambda record: -record.started))

    def latest(self) -> RunRecord | None:
        """The run that began last; None if there is none."""
        with self._database.reading() as connection:
            rows = select_runs(connection, "WHERE deleted IS NULL ORDER BY number DESC LIMIT 1")
            changes = select_changes(connection, str(rows[0][0])) if rows else {}
        return self._record(rows[0], changes) if rows else None

    def newest(self) -> KeptRecord | None:
        """The run or the recording that began last; None if there is neither."""
        found = [self.latest(), self.recordings.latest()]
        records = [record for record in found if record is not None]
        return max(records, key=lambda record: record.started, default=None)

    def run(self, run_id: str) -> RunRecord:
        """The run of this id, or else of this name, or else of this number, such as 3 for run 3, or
        else the one whose id begins so.
        """
        found = self.find(run_id)
        if not isinstance(found, RunRecord):
            raise StoreError(
                f"{found.name} ({found.id}) is a recording: it has curves, but no recipe and no "
                "weights. Name a run."
            )
        return found

    def find(self, name: str) -> KeptRecord:
        """The run or the recording that `name` stands for, as `run` says."""
        with self._database.reading() as connection:
            kind, found_id = look_up(connection, self.home, name)
        if kind == "recording":
            return self.recordings.get(found_id)
        with self._database.reading() as connection:
            runs = select_runs(connection, "WHERE deleted IS NULL AND id = ?", found_id)
            changes = select_changes(connection, found_id)
        if not runs:
            raise StoreError(f"Run {found_id} has been deleted from {self.home}.")
        return self._record(runs[0], changes)

    def batches(self, run_id: str, after: int = 0) -> NDArray[np.void]:
        """The batches of a run: (batches,) of `BATCH_DTYPE`, batch k being that of update k + 1.

        Only those after the update `after` come.
        """
        with self._database.reading() as connection:
            return select_batches(connection, run_id, after)

    def gradient_norms(self, run_id: str, after: int = 0) -> NDArray[np.void]:
        """The norms that were measured after the update `after`, (norms,) of `NORM_DTYPE`, in the
        order of the updates.
        """
        with self._database.reading() as connection:
            return select_gradient_norms(connection, run_id, after)

    def epochs(self, run_id: str, after: int = -1) -> list[EpochRecord]:
        """The evaluated epochs of a run after the epoch `after`, in their order, epoch 0 first."""
        with self._database.reading() as connection:
            return select_epochs(connection, run_id, after)

    def answers(self, run_id: str, epoch: int) -> StoredAnswers | None:
        """What the model of an epoch said of the test samples; None where it is not kept."""
        with self._database.reading() as connection:
            return select_answers(connection, run_id, epoch)

    def all_answers(self, run_id: str) -> list[StoredAnswers]:
        """What the model of each epoch said, without logits."""
        with self._database.reading() as connection:
            return select_all_answers(connection, run_id)

    def distributions(self, run_id: str, after: int = -1) -> dict[int, Distributions]:
        """The histograms of the epochs after `after`, by epoch, in their order.

        An earlier version kept none.
        """
        with self._database.reading() as connection:
            return select_distributions(connection, run_id, after)

    def labels(self, fingerprint: str) -> StoredLabels | None:
        """The test labels of a data set; None where an earlier version kept only its runs."""
        with self._database.reading() as connection:
            return select_labels(connection, fingerprint)

    def tested_labels(self, record: RunRecord) -> StoredLabels | None:
        """The same with `test` as the answers of `record` have it: only what it was tested on.

        That is the whole test set, or with validation “published” its last ten samples.
        """
        labels = self.labels(record.fingerprint)
        if labels is None:
            return None
        return replace(labels, test=labels.test[tested(record.hyperparameters.validation)])

    def pixels(self, fingerprint: str) -> StoredPixels | None:
        """What the images of a data set are like; None where only earlier versions had it."""
        with self._database.reading() as connection:
            return select_pixels(connection, fingerprint)

    def model(self, run_id: str, epoch: int | None = None) -> TrainingState:
        """The model of an epoch, that of the last checkpoint if None.

        The best epoch's and the last one's are kept.
        """
        checkpoints = Checkpoints.of(self.home, run_id)
        problem = ""
        if epoch is not None:
            state = checkpoints.epoch(epoch)
        else:
            last = checkpoints.last()
            # An older one would pass for the last.
            state, problem = (None if last.problem else last.state), last.problem
        if state is None:
            of = "" if epoch is None else f" of epoch {epoch}"
            raise StoreError(
                problem
                or f"The weights{of} of run {run_id} are not kept, or their file is damaged."
            )
        return state

    def model_epochs(self, run_id: str) -> list[int]:
        """The epochs whose model is kept, in their order."""
        return Checkpoints.of(self.home, run_id).epochs()

    # -- editing ---------------------------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        self._edit("name", name, run_id)

    def set_note(self, run_id: str, note: str) -> None:
        self._edit("note", note, run_id)

    def set_tags(self, run_id: str, tags: Sequence[str]) -> None:
        self._edit("tags", json.dumps(list(tags)), run_id)

    def tidy(self) -> None:
        """Purge a few runs, and remove lock files that killed processes left.

        It is for the start of a program: it takes milliseconds, and what is left is for the next.
        """
        with contextlib.suppress(StoreError):
            if self.exists and not self.read_only:
                self.deleter.tidy()

    def copy(self, run_id: str, note: str) -> str:
        """A run of its own with all that an ended run has, but for name and note; its id.

        Raises:
            StoreError: the run is being trained, or there is no room for another one.
        """
        record = self.run(run_id)
        copy_id = new_run_id()
        with self._database.writing() as connection:
            if self._lives(record.id):
                raise StoreError(f"{record.name} is being trained. Stop it before you copy it.")
            # Deleted until it is whole: what a kill leaves of it goes as deleted runs do.
            copy_run(connection, record.id, copy_id, storable(note), self.deleter.begin())
        try:
            Checkpoints.of(self.home, record.id).copy_to(Checkpoints.of(self.home, copy_id))
        except OSError as error:
            self.deleter.purge([copy_id])
            raise StoreError(f"{record.name} could not be copied: {error.strerror}.") from error
        self.deleter.restore([copy_id])
        return copy_id

    # -- training --------------------------------------------------------------------------------

    def begin_recording(
        self, dataset: Dataset, point: ResumePoint | None = None
    ) -> tuple[RunRecorder | None, str]:
        """A started recorder of a new run, or of the run at `point`; with what a person must know.

        None: the run cannot be kept, for the reason given. Training does not depend on it.
        """
        try:
            if point is None:
                recorder = self.record(dataset, dataset.data)
            else:
                recorder = self.record_again(point, dataset, dataset.data)
        except StoreError as error:
            return None, f"This run is not kept. {error}"
        try:
            recorder.start()
        except RuntimeError as error:
            recorder.finish()
            return None, f"This run is not kept. {failure_sentence(error)}"
        return recorder, self.notice

    def record(
        self,
        dataset: Dataset,
        data: str,
        name: str = "",
        *,
        run_id: str = "",
        trial: TrialPlace | None = None,
    ) -> RunRecorder:
        """A recorder for a new run, not started yet; it owns the run from now on.

        Args:
            dataset: what the run trains on.
            data: what --data takes to find it again.
            name: of the run; made up if empty.
            run_id: what `new_run_id` gave; made up if empty.
            trial: of which sweep it is a part; None: of none.
        """
        return self._recorder(run_id or new_run_id(), name, dataset, data, trial=trial)

    def resume_point(self, run_id: str) -> ResumePoint:
        """Where `run_id` can be continued.

        That is its last checkpoint, or for a run that diverged the last one with finite numbers.
        """
        record = self.run(run_id)
        if record.state.is_live:
            raise StoreError(f"{record.name} ({record.id}) is being trained at this moment.")
        return ResumePoint.of(record, Checkpoints.of(self.home, record.id))

    def record_again(self, point: ResumePoint, dataset: Dataset, data: str) -> RunRecorder:
        """A recorder that continues a run from `point`.

        Its metrics and states past that go when it starts.
        """
        record = point.record
        if dataset.fingerprint != record.fingerprint:
            raise StoreError(
                f"{record.name} was trained on other data than {dataset.name} from "
                f"{dataset.source or data}. It used {record.data}; say with --data where that is."
            )
        recorder = self._recorder(record.id, record.name, dataset, data, point)
        try:
            # Nobody else changes it now.
            point.check(self.run(record.id))
        except StoreError:
            recorder.finish()
            raise
        return recorder

    def close(self) -> None:
        """Close the database; the next use opens it again. What is deleted, nobody restores now."""
        try:
            self._database.close()
        finally:
            self.deleter.end()

    # -- inside ----------------------------------------------------------------------------------

    def _recorder(
        self,
        run_id: str,
        name: str,
        dataset: Dataset,
        data: str,
        point: ResumePoint | None = None,
        trial: TrialPlace | None = None,
    ) -> RunRecorder:
        if not self._database.writable():
            raise StoreError(
                f"The runs in {self.home} are only read."
                if self.only_reads
                else self.notice or f"{self.home} cannot be written."
            )
        ownership = Ownership(lock_path(self.home, run_id))
        try:
            ownership.claim(name or run_id)
        except OSError as error:
            raise StoreError(
                f"Runs cannot be kept in {self.home}: {error.strerror or error}."
            ) from error
        writer = RunWriter(self.home, run_id, name, data, dataset, point, trial)
        return RunRecorder(writer, ownership, Checkpoints.of(self.home, run_id))

    def _edit(self, column: str, value: str, run_id: str) -> None:
        with self._database.writing() as connection:
            for table in KEPT_TABLES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? WHERE id = ?", (storable(value), run_id)
                )

    def _record(self, row: Row, changes: Mapping[str, Sequence[Row]]) -> RunRecord:
        return read_run(row, changes.get(str(row[0]), ()), self.home, self._lives)

    def _lives(self, run_id: str, pid: object = None, host: object = None) -> bool:
        return lives(lock_path(self.home, run_id), pid, host)
