"""The runs that were deleted here and can still be brought back."""

from dataclasses import dataclass

from mnist_core.store import RunStore


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
