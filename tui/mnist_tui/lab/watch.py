"""What an app shows that only watches: the run or recording that was named, or else the newest."""

from collections.abc import Callable

from mnist_core.store import KeptRecord, RunRecord, RunState, RunStore
from mnist_tui.lab.data_source import Loader

WATCHES = "This app only watches: mnist-tui without watch trains."


class Watch:
    """Finds what is to be shown, and says what it is."""

    def __init__(
        self, store: RunStore, make_loader: Callable[[RunRecord], Loader], name: str = ""
    ) -> None:
        """`name` is an id or a name as `RunStore.find` takes it; empty: always the newest.

        `make_loader` makes what loads the data of a run.
        """
        self.make_loader = make_loader
        self.record: KeptRecord | None = None
        """As it was last read; None: there is nothing yet."""
        self.loaded_for: str | None = None
        """The fingerprint of the data that were last asked for."""
        self._store = store
        self._name = name
        self._news = ""

    def look(self) -> KeptRecord | None:
        """Read what is to be shown now.

        Raises:
            StoreError: it cannot be read, or is no longer there.
        """
        before = self.record
        if self._name:
            # What it is called may change.
            self.record = self._store.find(before.id if before is not None else self._name)
        else:
            self.record = self._store.newest()
            if before is not None and self.record is not None and self.record.id != before.id:
                self._news = f"{self.record.name} has begun, and is watched now."
        return self.record

    def keep_to(self, record: KeptRecord) -> None:
        """Show this one from now on, whatever begins."""
        self.record, self._name = record, record.id

    def take_news(self) -> str:
        """A sentence on a change since the last call; empty: there was none."""
        news, self._news = self._news, ""
        return news

    def told(self) -> str:
        """What is watched, and what will be, in sentences."""
        record = self.record
        if record is None:
            return (
                f"There is no run in {self._store.home} yet. The first one is shown as soon as it "
                "begins."
            )
        if record.state.is_live:
            what = f"Watching {record.name}, which process {record.pid} on {record.host} trains."
            if not isinstance(record, RunRecord):
                what = f"Watching {record.name} of process {record.pid} on {record.host}."
        elif record.state is RunState.INTERRUPTED:
            what = f"{record.name} was interrupted: its process is gone."
        else:
            what = f"{record.name} has ended. {record.failure}".rstrip()
        newer = "" if self._name else " The next one is shown as soon as it begins."
        return what + newer
