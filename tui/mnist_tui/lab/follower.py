"""Shows runs as the store has them, and reads on in one that another process trains."""

from mnist_core.data.dataset import Dataset
from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.run_progress import RunProgress, restored
from mnist_tui.lab.watch import Watch


class Follower:
    """Looks whether the store has changed, and only then reads what is new."""

    def __init__(self, store: RunStore, data: DataSource, watch: Watch | None) -> None:
        self._store = store
        self._data = data
        self._watch = watch
        self._changes: int | None = None
        """What the store told of its changes at the last look; None: that does not count."""
        self.problem = ""
        """Why it cannot read on, as a sentence; empty: it can."""

    def look_anew(self) -> None:
        """Read at the next look, whether or not the store has changed."""
        self._changes = None

    def look(self, shown: RunProgress | None) -> tuple[bool, RunProgress | None]:
        """Whether there is news, and what to show now: `shown`, read on, or another run."""
        follows = shown is not None and shown.followed_as is not None
        if self._watch is None and not follows:
            return False, shown
        try:
            changes = self._store.changes()
            if changes == self._changes:
                return False, shown
            shown = self._read_on(shown)
        except StoreError as error:
            news = self.problem != str(error)
            self._changes, self.problem = None, str(error)
            return news, shown
        self._changes, self.problem = changes, ""
        return True, shown

    def _read_on(self, shown: RunProgress | None) -> RunProgress | None:
        record = self._watch.look() if self._watch is not None else None
        if not isinstance(record, RunRecord):
            # A recording has a screen of its own; the run goes on below it.
            if shown is None or shown.followed_as is None:
                return shown
            record = self._store.run(shown.run_id)
        is_shown = shown is not None and shown.run_id == record.id
        if is_shown and shown is not None and shown.read_on(self._store, record):
            return shown
        return self.restored(record) or shown

    def restored(self, record: RunRecord) -> RunProgress | None:
        """A run as the store has it, with what its last model said of the samples.

        None: its data are being loaded, and it is shown at a later look.

        Raises:
            StoreError: it cannot be shown now, as a sentence for the user.
        """
        dataset = self._data_of(record)
        found = restored(self._store, record, dataset, record.step) if dataset else None
        self.problem = ""
        return found

    def _data_of(self, record: RunRecord) -> Dataset | None:
        """The data of a run; None: they are being loaded.

        Raises:
            StoreError: they are not there; those of a run that is watched cannot be had.
        """
        data, watch = self._data, self._watch
        is_here = data.dataset is not None and data.dataset.fingerprint == record.fingerprint
        if watch is None or is_here:
            return data.of(record)
        if watch.loaded_for != record.fingerprint:
            watch.loaded_for = record.fingerprint
            data.load_from(lambda: watch.make_loader(record))
        if data.is_loading:
            return None
        why = data.failure.message if data.failure is not None else "Other data are there now."
        raise StoreError(
            f"{record.name} cannot be shown: it trains on {record.dataset}, from {record.data}, "
            f"which cannot be had. {why} Say with --data where these data are."
        )
