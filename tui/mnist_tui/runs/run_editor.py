"""What a person does with stored runs: mark, pin, name and describe them, delete and undo that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.notifications import SeverityLevel

from mnist_core.store import KeptRecord, RunStore, StoreError
from mnist_tui.lab.overlay import Marks
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.settings.keys import key_hint
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import LineInput


@dataclass(frozen=True, slots=True)
class DeletedRun:
    """A run that can be brought back, with its marks."""

    record: KeptRecord
    was_marked: bool
    was_pinned: bool


class RunEditor:
    """Changes the run under the cursor of the table, asks in dialogs, and says what came of it."""

    ACTIONS: ClassVar[tuple[str, ...]] = (
        "mark_run", "pin_run", "rename_run", "edit_note", "edit_tags", "delete_run", "undo_delete",
    )  # fmt: skip
    """Of keys; each is a method."""

    def __init__(
        self,
        table: RunsTable,
        store: RunStore,
        marks: Marks,
        read: Callable[[], None],
        draw: Callable[[], None],
    ) -> None:
        """`read` is called after a change of the store, `draw` after one of the marks."""
        self.deleted: list[DeletedRun] = []
        """What `u` undoes, the last deletion last."""
        self._table = table
        self._store = store
        self._marks = marks
        self._read = read
        self._draw = draw

    def mark_run(self) -> None:
        run = self._table.record
        if run is None:
            return
        if self._marks.toggle(run.id):
            self._draw()
        else:
            self._say(
                f"{len(self._marks.ids)} runs are marked, and there are no more colours. "
                f"Press {key_hint('mark_run')} on one of them first.",
                severity="warning",
            )

    def pin_run(self) -> None:
        run = self._table.record
        if run is not None:
            self._marks.pin(run.id)
            self._draw()

    def rename_run(self) -> None:
        run = self._table.record
        if run is not None:
            self._ask(
                LineInput(
                    f"Rename {run.name}",
                    run.name,
                    problem_of=lambda name: "" if name else "A run needs a name.",
                ),
                lambda name: self._store.rename(run.id, name),
            )

    def edit_note(self) -> None:
        run = self._table.record
        if run is not None:
            self._ask(
                LineInput(f"Note on {run.name}", run.note, "What this run is about"),
                lambda note: self._store.set_note(run.id, note),
                lambda note: f"{run.name} has the note “{note}”." if note else "",
            )

    def edit_tags(self) -> None:
        run = self._table.record
        if run is not None:
            self._ask(
                LineInput(f"Tags of {run.name}", ", ".join(run.tags), "baseline, wide"),
                lambda text: self._store.set_tags(run.id, _tags(text)),
                lambda text: f"{run.name} has the tags {', '.join(_tags(text))}." if text else "",
            )

    def delete_run(self) -> None:
        """Delete a run until it is brought back, which also brings back its marks."""
        run = self._table.record
        if run is None:
            return
        deleted = DeletedRun(
            run, was_marked=run.id in self._marks.ids, was_pinned=run.id == self._marks.pinned
        )

        def delete() -> None:
            self._store.deleter.delete([run.id])
            self.deleted.append(deleted)

        if self._change(delete):
            how = (
                f"Among the runs, {key_hint('undo_delete')} brings it back until the app is closed."
            )
            self._say(f"Deleted {run.name}. {how}", severity="information")

    def undo_delete(self) -> None:
        """Bring back the run that was deleted last."""
        last = self.deleted[-1]

        def restore() -> None:
            self._store.deleter.restore([last.record.id])
            self.deleted.remove(last)

        if not self._change(restore):
            return
        run_id = last.record.id
        self._table.put_cursor_on(run_id)
        if last.was_marked:
            self._marks.toggle(run_id)
        if last.was_pinned and self._marks.pinned is None:
            self._marks.pin(run_id)
        if last.was_marked or last.was_pinned:
            self._draw()
        # What said that it was deleted is not true any more.
        self._table.app.clear_notifications()
        self._say(f"{last.record.name} is back.", severity="information")

    def purge_deleted(self) -> None:
        """For the end of the app. Raises StoreError; the store forgets them a day later then."""
        if self.deleted:
            self._store.deleter.purge([run.record.id for run in self.deleted])
            self.deleted.clear()

    def _ask(
        self,
        dialog: LineInput,
        change: Callable[[str], None],
        told: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Ask for a text and make the change; `told` says so where the table may not show it."""

        def answered(text: str | None) -> None:
            if text is not None and self._change(lambda: change(text)) and told(text):
                self._say(told(text), severity="information")

        self._table.app.push_screen(dialog, answered)

    def _change(self, change: Callable[[], None]) -> bool:
        """Change the store and show the result; False, and a sentence, if that failed."""
        try:
            change()
        except StoreError as error:
            self._say(str(error), severity="error")
            return False
        self._read()
        return True

    def _say(self, sentence: str, severity: SeverityLevel) -> None:
        """Show a sentence that may hold anything."""
        self._table.notify(visible(sentence), severity=severity, markup=False)


def _tags(text: str) -> list[str]:
    """Each once, in their order."""
    return list(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))
