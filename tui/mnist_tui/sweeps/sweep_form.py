"""What the next sweep is to choose, and how: a row for each field, checked with every key."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.sweep.ranges import swept_fields
from mnist_tui.sweeps.sweep_draft import (
    CHOICES,
    SweepDraft,
    check_draft,
    range_help,
    usual_texts,
)
from mnist_tui.ui.dialogs import TextLine
from mnist_tui.ui.form_fields import Choice, FieldHelp, FieldRow

Base = Callable[[], Hyperparameters | None]
"""Gives the recipe of the train screen's form; None: it says none, or several."""

_SETTINGS = {
    "trials": ("Trials", "(20; grid: all)", "How many are to be finished in the end, completed "
               "or pruned."),
    "seeds": ("Seeds", "(1)", "Runs of each trial, with seeds that count up. Their mean ranks, and "
              "their spread is shown."),
    "jobs": ("At a time", "(one a core)", "Trials at a time, each in a process of one thread."),
    "sampler": ("Sampler", "", "How values are chosen: tpe learns from the trials before, random "
                "does not, grid takes every combination of what is named, cmaes is for two "
                "numbers or more."),
    "pruner": ("Pruner", "", "Which trials end early, judged after each epoch: those below the "
               "median of the others, none, or by hyperband."),
    "metric": ("Ranked by", "", "What ranks the trials, after the last epoch."),
    "rank_on": ("Ranked on", "", "The samples that rank. Where the recipe holds out no validation "
                "set, the sweep does. Ranked on the test set, the best figure is too good."),
}  # fmt: skip
"""(label, what an empty field means, help) of the fields that are no hyperparameters."""


class SweepForm(Widget):
    """Holds the choices of the next sweep; Enter starts it, Esc is left to the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Previous field", show=False),
        Binding("down", "move(1)", "Next field", show=False),
    ]
    DEFAULT_CSS = """
    SweepForm {
        height: 1fr;

        & > .fields {
            height: auto;
            max-height: 75%;
            overflow-y: auto;
            scrollbar-size: 0 1;
            scrollbar-gutter: stable;
            scrollbar-color: $foreground 25%;
            scrollbar-background: $background;
        }
        & Input > .input--placeholder { color: $text-muted; }
        & .trials { padding: 1 0 0 1; }
        & FieldHelp { padding: 1 1 0 1; }
    }
    """

    class Submitted(Message):
        """The user pressed Enter in a field."""

    class Changed(Message):
        """Another sweep is asked for."""

    def __init__(self, base: Base, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._base = base
        texts = usual_texts(base() or Hyperparameters())
        fields = hyperparameter_fields()
        self._rows = {
            field.name: FieldRow(
                field.name,
                field.label,
                TextLine(texts[field.name], compact=True),
                range_help(field),
            )
            for field in swept_fields()
        }
        for name, (label, usual, about) in _SETTINGS.items():
            editor = (
                Choice(CHOICES[name], texts[name])
                if name in CHOICES
                else TextLine(texts[name], placeholder=usual, compact=True)
            )
            self._rows[name] = FieldRow(name, label, editor, about)
        self._fields = Vertical(*self._rows.values(), classes="fields")
        self._help = FieldHelp()
        self._current = self._rows[next(name for name in fields if texts.get(name))]
        self.draft = SweepDraft((), (), {})
        """What the fields say, as of the last look."""
        self._looked_at: object = None

    def compose(self) -> ComposeResult:
        yield self._fields
        yield self._help

    def on_mount(self) -> None:
        self.look()
        self._show_help()

    @property
    def texts(self) -> dict[str, str]:
        """What the fields hold now, by name."""
        return {name: row.text for name, row in self._rows.items()}

    def look(self) -> SweepDraft:
        """Check the fields beside what the train screen's form says now."""
        base, texts = self._base() or Hyperparameters(), self.texts
        if (base, texts) != self._looked_at:
            self._looked_at = base, texts
            self.draft = check_draft(texts, base)
            for name, row in self._rows.items():
                row.show_problem(self.draft.problems.get(name, ""))
                if name not in _SETTINGS and isinstance(row.editor, Input):
                    field = hyperparameter_fields()[name]
                    row.editor.placeholder = f"({field.format(getattr(base, name)) or 'none'})"
            if self._current.key in self.draft.problems:
                self.call_after_refresh(self._current.scroll_visible, animate=False)
        return self.draft

    def focus_field(self, name: str = "") -> None:
        """Go to a field by name, or to the one that had the focus last."""
        # At once, since letters for it may be on their way.
        self.screen.set_focus((self._rows[name] if name else self._current).editor)

    def action_move(self, by: int) -> None:
        """Move the focus to the next row above or below."""
        rows = list(self._rows.values())
        index = rows.index(self._current) + by
        if 0 <= index < len(rows):
            # At once, since the next key may be on its way.
            self._current = rows[index]
            self.screen.set_focus(self._current.editor)

    @on(Input.Changed)
    @on(Choice.Changed)
    def _take_edit(self, event: Input.Changed | Choice.Changed) -> None:
        event.stop()
        self.look()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    @on(Choice.Submitted)
    def _submit(self, event: Input.Submitted | Choice.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())

    def on_descendant_focus(self) -> None:
        focused = self.screen.focused
        self._current = next(
            (row for row in self._rows.values() if row.editor is focused), self._current
        )
        self.border_subtitle = "↑↓ moves, enter starts"
        self._show_help()

    def on_descendant_blur(self) -> None:
        self.border_subtitle = ""

    def _show_help(self) -> None:
        self._help.show(self._current.label, self._current.help_text)
