"""All runs as a list: read from the store, filtered and sorted, with what sets each apart."""

from collections.abc import Sequence

from mnist_core.store import KeptRecord, RunRecord, RunStore, StoreError
from mnist_tui.lab.recipe_text import Values, distinction, usual_values, values
from mnist_tui.runs.columns import COLUMNS, RunRow, Sorting, sort_rows
from mnist_tui.runs.run_filter import RunFilter, parse_filter
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible


class RunReader:
    """Reads all runs of a store, and knows when that is due and what is wrong with it."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._changes: int | None = None
        """What the store told of its changes before the runs were last read."""
        self.records: list[KeptRecord] = []
        """As last read, the latest first."""
        self.problem = ""
        """A sentence for the user; empty: all is well."""
        self.read_only = False

    @property
    def has_failed(self) -> bool:
        """Whether the runs could not be read, or have not been yet."""
        return self._changes is None

    @property
    def is_due(self) -> bool:
        """Whether anything has changed since; where that cannot be told, reading says why."""
        try:
            return self._store.changes() != self._changes
        except StoreError:
            return True

    def read(self) -> bool:
        """Read `records` anew; False: they cannot be read, and stay as they were."""
        try:
            self._changes = self._store.changes()
            self.records = self._store.kept()
            self.read_only = self._store.read_only
            self.problem = self._store.notice or self._store.unreadable
        except StoreError as error:
            self._changes = None
            self.problem = str(error)
        return not self.has_failed


class RunListing:
    """Holds the runs as last read; `rows` are those to show, in their order."""

    def __init__(self) -> None:
        self.rows: list[RunRow] = []
        self.every: list[RunRow] = []
        """Those that are not shown too, the latest run first."""
        self.run_filter = parse_filter("")
        self.sorting = Sorting()
        self._by_id: dict[str, RunRow] = {}
        self._base: Values = {}
        self._reference: RunRecord | None = None

    @property
    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self.every)

    @property
    def title(self) -> str:
        """How many runs are shown, in which order, and what “differs in” is told against."""
        shown, total = len(self.rows), self.total
        parts = ["Runs"]
        if total:
            parts.append(count(total) if shown == total else f"{count(shown)} of {count(total)}")
        if total > 1:
            by = f"by {COLUMNS[self.sorting.column].title} {self.sorting.arrow}"
            parts.append("newest first" if self.sorting == Sorting() else by)
            against = "what most share" if self._reference is None else self._reference.name
            parts.append(f"differences from {visible(against)}")
        return " · ".join(parts)

    def filter_by(self, run_filter: RunFilter) -> None:
        self.run_filter = run_filter
        self._arrange()

    def sort_by(self, sorting: Sorting) -> None:
        self.sorting = sorting
        self._arrange()

    def show(self, records: Sequence[KeptRecord], pinned: str | None) -> None:
        """Take the runs, the latest first; what differs is told against the pinned one if any."""
        reference = next((record for record in records if record.id == pinned), None)
        pinned_run = reference if isinstance(reference, RunRecord) else None
        self._reference = pinned_run
        base = usual_values(records) if pinned_run is None else values(pinned_run)
        # While a run goes on, all are read again each second; the others have not changed.
        known = self._by_id if base == self._base else {}
        self._base = base
        self.every = [self._row_of(record, known.get(record.id)) for record in records]
        self._by_id = {row.record.id: row for row in self.every}
        self._arrange()

    def _row_of(self, record: KeptRecord, before: RunRow | None) -> RunRow:
        same = before.of_now(record) if before is not None else None
        return same or RunRow.of(record, distinction(record, self._base))

    def record(self, run_id: str) -> KeptRecord | None:
        """The run or recording of that id, shown or not; None where it is not there any more."""
        row = self._by_id.get(run_id)
        return None if row is None else row.record

    def before(self, run_id: str) -> RunRecord | None:
        """The run that was started before this one."""
        ids = list(self._by_id)
        following = ids.index(run_id) + 1 if run_id in self._by_id else len(ids)
        earlier = (row.record for row in self.every[following:])
        return next((record for record in earlier if isinstance(record, RunRecord)), None)

    def _arrange(self) -> None:
        matching = filter(self.run_filter.matches, self.every)
        self.rows = sort_rows(matching, self.sorting)
