"""What a person changes about stored runs: name, note, tags, and whether they are there at all."""

from collections.abc import Callable
from dataclasses import dataclass

from textual.screen import Screen

from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_tui.lab.overlay import Marks
from mnist_tui.settings.keys import key_hint
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import LineInput


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


class RunEditor:
    """Asks in dialogs, changes the store, and says what came of it."""

    def __init__(self, screen: Screen[None], store: RunStore, changed: Callable[[], None]) -> None:
        """`screen` shows dialogs and sentences; `changed` is called after each change."""
        self.deleted = DeletedRuns()
        self._screen = screen
        self._store = store
        self._changed = changed

    def rename(self, run: RunRecord) -> None:
        self._ask(
            LineInput(
                f"Rename {run.name}",
                run.name,
                problem_of=lambda name: "" if name else "A run needs a name.",
            ),
            lambda name: self._store.rename(run.id, name),
        )

    def edit_note(self, run: RunRecord) -> None:
        self._ask(
            LineInput(f"Note on {run.name}", run.note, "What this run is about"),
            lambda note: self._store.set_note(run.id, note),
        )

    def edit_tags(self, run: RunRecord) -> None:
        self._ask(
            LineInput(f"Tags of {run.name}", ", ".join(run.tags), "baseline, wide"),
            lambda text: self._store.set_tags(run.id, _tags(text)),
        )

    def delete(self, run: RunRecord, marks: Marks) -> None:
        """Delete a run until it is brought back, which also brings back what `marks` says of it."""
        deleted = DeletedRun(
            run.id, run.name, was_marked=run.id in marks.ids, was_pinned=run.id == marks.pinned
        )
        if self._change(lambda: self.deleted.delete(self._store, deleted)):
            how = f"{key_hint('undo_delete')} brings it back."
            self.say(f"Deleted {run.name}. {how}", severity="information")

    def undo_delete(self) -> DeletedRun | None:
        """Bring back the run that was deleted last; None if that failed."""
        restored: list[DeletedRun] = []
        self._change(lambda: restored.append(self.deleted.restore(self._store)))
        return restored[0] if restored else None

    def say(self, sentence: str, severity: str = "error") -> None:
        """Show a sentence that may hold anything."""
        self._screen.notify(visible(sentence), severity=severity, markup=False)  # type: ignore[arg-type]

    def _ask(self, dialog: LineInput, change: Callable[[str], None]) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                self._change(lambda: change(text))

        self._screen.app.push_screen(dialog, answered)

    def _change(self, change: Callable[[], object]) -> bool:
        """Change the store and show the result; False, and a sentence, if that failed."""
        try:
            change()
        except StoreError as error:
            self.say(str(error))
            return False
        self._changed()
        return True


def _tags(text: str) -> list[str]:
    """Each once, in their order."""
    return list(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))
