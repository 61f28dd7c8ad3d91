"""All runs as a list: filtered and sorted, what sets each apart, and those just deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_core.store import RunRecord, RunStore
from mnist_tui.lab.differences import Values, short_difference, usual_values, values
from mnist_tui.runs.columns import RunRow, Sorting, sort_rows
from mnist_tui.runs.run_filter import RunFilter, parse_filter


@dataclass(frozen=True, slots=True)
class DeletedRun:
    id: str
    name: str
    was_marked: bool
    was_pinned: bool


class DeletedRuns:
    """What `u` undoes, the last deletion first; `purge` makes all of them final."""

    def __init__(self) -> None:
        self._runs: list[DeletedRun] = []

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(run.id for run in self._runs)

    def delete(self, store: RunStore, run: DeletedRun) -> None:
        """Raises StoreError, and deletes nothing, as `RunStore.delete` does."""
        store.delete([run.id])
        self._runs.append(run)

    def restore(self, store: RunStore) -> DeletedRun:
        """Bring back the run that was deleted last. Raises StoreError, and it stays deleted."""
        store.restore([self._runs[-1].id])
        return self._runs.pop()

    def purge(self, store: RunStore) -> None:
        """For the end of the app. Raises StoreError; the store forgets them a day later then."""
        if self._runs:
            store.purge(self.ids)
            self._runs.clear()


class Listing:
    """Holds the runs as last read; `rows` are those to show, in their order."""

    def __init__(self) -> None:
        self.rows: list[RunRow] = []
        self._every: list[RunRow] = []
        self._by_id: dict[str, RunRow] = {}
        self._base: Values = {}
        self._filter = parse_filter("")
        self._sorting = Sorting()

    @property
    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self._every)

    @property
    def every(self) -> Sequence[RunRow]:
        """All rows, the latest run first."""
        return self._every

    @property
    def run_filter(self) -> RunFilter:
        return self._filter

    @run_filter.setter
    def run_filter(self, wanted: RunFilter) -> None:
        self._filter = wanted
        self._arrange()

    @property
    def sorting(self) -> Sorting:
        return self._sorting

    @sorting.setter
    def sorting(self, sorting: Sorting) -> None:
        self._sorting = sorting
        self._arrange()

    def show(self, records: Sequence[RunRecord], pinned: str | None) -> None:
        """Take the runs, the latest first; what differs is told against the pinned one if any."""
        reference = next((record for record in records if record.id == pinned), None)
        base = usual_values(records) if reference is None else values(reference)
        # While a run goes on, all are read again each second; the others have not changed.
        known = self._by_id if base == self._base else {}
        self._base = base
        self._every = [self._row_of(record, known.get(record.id)) for record in records]
        self._by_id = {row.record.id: row for row in self._every}
        self._arrange()

    def _row_of(self, record: RunRecord, before: RunRow | None) -> RunRow:
        same = before.of_now(record) if before is not None else None
        return same or RunRow.of(record, short_difference(values(record), self._base))

    def row(self, run_id: str) -> RunRow | None:
        return self._by_id.get(run_id)

    def before(self, run_id: str) -> RunRow | None:
        """The run that was started before this one."""
        ids = list(self._by_id)
        following = ids.index(run_id) + 1 if run_id in self._by_id else len(ids)
        return self._every[following] if following < len(ids) else None

    def _arrange(self) -> None:
        matching = filter(self._filter.matches, self._every)
        self.rows = sort_rows(matching, self._sorting)
