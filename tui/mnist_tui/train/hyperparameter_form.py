"""The form that edits hyperparameters: a preset picker and a row for each declared field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.recipe.presets import nearest_preset, presets
from mnist_tui.text.visible_text import fitting
from mnist_tui.train.form_values import (
    EFFECT_SIGNS,
    Draft,
    FieldStatus,
    LiveValues,
    check,
    preset_words,
    summary_of,
    texts_of,
    value_of,
    values_listed,
)
from mnist_tui.ui.form_fields import QUIET, Choice, FieldHelp, FieldRow, row_for


class Legend(Widget):
    """Draws :func:`legend` on one line."""

    DEFAULT_CSS = """
    Legend { height: 1; padding: 0 1; color: $text-muted; }
    """

    def render(self) -> Content:
        return Content(legend(self.size.width))


def legend(width: int) -> str:
    """What the marks mean, in at most `width` cells."""
    longest = " ".join(f"{mark} {when.value}" for when, mark in EFFECT_SIGNS.items())
    now, epoch, run = EFFECT_SIGNS.values()
    short = f"{now} now {epoch} epoch {run} next run"
    shortest = f"{now} now {epoch} epoch {run} run"
    return fitting((longest, short, shortest), width)


PRESET_KEY = "preset"
PRESET_HELP = "Published examples. Choosing one loads its values."
_HELP_LINES = 4
"""Kept for the help and the legend where the fields alone would fill the form."""
_HELP_SHARE = 0.4
"""The part of the form that these have where the fields scroll."""
_COLOURS = {
    FieldStatus.CHANGED: "$text-accent",
    FieldStatus.ASKED: "$text-accent",
    FieldStatus.DRAFT: "$text-warning",
}


class HyperparameterForm(Widget):
    """Edits one set of hyperparameters, checking every key.

    Up and down move between the rows, Enter submits, Esc is left to the screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Previous field", show=False),
        Binding("down", "move(1)", "Next field", show=False),
    ]
    DEFAULT_CSS = """
    HyperparameterForm {
        width: 30;
        height: 1fr;

        & > .fields {
            height: auto;
            overflow-y: auto;
            scrollbar-size: 0 1;
            scrollbar-gutter: stable;
            scrollbar-color: $foreground 25%;
            scrollbar-background: $background;
        }
        & .preset {
            padding: 0 0 1 1;
            /* Names of presets are longer than other values. */
            & > Choice { margin: 0 1 0 7; }
        }
        &.-short .preset { padding: 0 0 0 1; }
        &.-short FieldHelp { padding: 0 1; }
    }
    """

    @dataclass
    class Submitted(Message):
        """The user pressed Enter in a field, and all values are valid."""

        recipes: tuple[Hyperparameters, ...]

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        preset_name: str,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._last_valid = hyperparameters
        self._draft: Draft = check(texts_of(self._last_valid), self._last_valid)
        self._preset_name = preset_name
        self._picker = Choice(tuple(presets()), "")
        self._preset_row = FieldRow(PRESET_KEY, "Preset", self._picker, PRESET_HELP)
        self._rows = {
            name: row_for(field, self._draft.texts[name])
            for name, field in hyperparameter_fields().items()
        }
        self._fields = Vertical(self._preset_row, *self._rows.values(), classes="fields")
        self._help = FieldHelp()
        self._filled_with: Mapping[str, str] = self._draft.texts
        """What the fields said before anybody edited them."""
        self._live: LiveValues | None = None
        """What the run under way follows; None: there is none."""
        self._current = self._preset_row
        """The row that has the focus, or had it last."""
        self._summary = ""
        self._summarised: object = None
        """What the summary was last made of."""

    def compose(self) -> ComposeResult:
        yield self._fields
        yield self._help
        yield Legend()

    def on_mount(self) -> None:
        self._show_draft()

    @property
    def recipes(self) -> tuple[Hyperparameters, ...]:
        """What the fields say, one for each combination of values they list; none while any value
        is refused, see `problems`.
        """
        return self._draft.recipes

    @property
    def problems(self) -> Mapping[str, str]:
        """A sentence for each refused value, by field name."""
        return self._draft.problems

    @property
    def summary(self) -> str:
        """What the fields say, in a line; * stands at what was edited and no run follows yet."""
        said = self._texts, self._filled_with, self._live, self._preset_name
        if said != self._summarised:
            usual = texts_of(presets()[self._preset_name].hyperparameters)
            self._summary = summary_of(
                {name: row.text + "*" * self._is_pending(name) for name, row in self._rows.items()},
                [name for name, row in self._rows.items() if row.text != usual[name]],
            )
            # Each value is checked for it, which is too much for every redraw.
            self._summarised = said
        return self._summary

    def _is_pending(self, name: str) -> bool:
        text = self._rows[name].text
        if self._live is None or name in self.problems:
            return text != self._filled_with[name]
        return self._live.status(name, text) not in (FieldStatus.SAME, FieldStatus.CHANGED)

    def load(
        self,
        hyperparameters: Hyperparameters,
        preset_name: str | None = None,
        *,
        keep_edits: bool = False,
    ) -> None:
        """Show other values, and the preset that they come from, or the nearest.

        With `keep_edits`, what somebody has edited since the last time stays as it is.
        """
        edits = {name: self._rows[name].text for name in self.edited}
        self._preset_name = preset_name or nearest_preset(hyperparameters).name
        self._last_valid = hyperparameters
        self._draft = check(texts_of(hyperparameters), hyperparameters)
        self._filled_with = self._draft.texts
        if keep_edits and edits:
            self._take({**self._draft.texts, **edits})
        self._show_draft()

    def show_run(self, live: LiveValues | None) -> None:
        """Mark how the values stand to a run under way; None: there is none.

        What has changed in the run since the last call changes in the form too, but for fields
        that say something else.
        """
        if live == self._live:
            return
        before, self._live = self._live, live
        # What was typed a moment ago is in the fields, and not in the draft yet.
        texts = self._texts
        if before is not None and live is not None and before.run is live.run:
            was, now = texts_of(before.in_force), texts_of(live.in_force)
            texts = {
                name: now[name]
                if now[name] != was[name] and value_of(name, text) == was[name]
                else text
                for name, text in texts.items()
            }
        if texts != self._draft.texts:
            self._take(texts)
        if before is not None and live is None:
            # What the run was trained with in the end is no edit any more.
            trained = texts_of(before.in_force)
            self._filled_with = {
                name: text if value_of(name, text) == trained[name] else self._filled_with[name]
                for name, text in texts.items()
            }
        self._show_draft()
        self._show_keys()

    @property
    def edited(self) -> list[str]:
        """The fields that say something else than what they were filled with, in their order."""
        return [name for name, row in self._rows.items() if row.text != self._filled_with[name]]

    def settle(self) -> None:
        """Take what the fields say for no edit any more, since a run is trained with it."""
        self._filled_with = self._draft.texts
        self._show_draft()

    def focus_field(self, name: str | None = None) -> None:
        """Give the focus to a field by name, or to one that is refused, or to the learning rate.

        The preset picker is named `preset`; it stands in for a field that is disabled.
        """
        # The field that is changed most, each time: what is typed behind the key goes there.
        name = name or next(iter(self.problems), "learning_rate")
        row = self._preset_row if name == PRESET_KEY else self._rows[name]
        if row.editor.disabled:
            row = self._preset_row
        # At once, since letters for it may be on their way.
        self.screen.set_focus(row.editor)

    def action_move(self, by: int) -> None:
        """Move the focus to the next usable row above or below."""
        rows = [row for row in self._all_rows if not row.editor.disabled]
        index = rows.index(self._current) + by if self._current in rows else 0
        if 0 <= index < len(rows):
            # At once, since the next key may be on its way.
            self._current = rows[index]
            self.screen.set_focus(self._current.editor)

    @property
    def _all_rows(self) -> list[FieldRow]:
        return [self._preset_row, *self._rows.values()]

    @property
    def _texts(self) -> dict[str, str]:
        """What the fields hold now, by name."""
        return {name: row.text for name, row in self._rows.items()}

    @on(Input.Changed)
    @on(Choice.Changed)
    def _take_edit(self, event: Input.Changed | Choice.Changed) -> None:
        event.stop()
        if event.control is self._picker:
            # An edit of all fields at once: what no run was trained with yet is not lost.
            self._preset_name = self._picker.value
            self._take(texts_of(presets()[self._preset_name].hyperparameters))
            self._show_draft()
            return
        texts = self._texts
        # Input also reports the texts that `load` put there.
        if texts != self._draft.texts:
            self._take(texts)
            self._show_draft()

    def _take(self, texts: Mapping[str, str]) -> None:
        self._draft = check(texts, self._last_valid)
        self._last_valid = next(iter(self._draft.recipes), self._last_valid)

    @on(Input.Submitted)
    @on(Choice.Submitted)
    def _submit(self, event: Input.Submitted | Choice.Submitted) -> None:
        event.stop()
        if self.recipes:
            self.post_message(self.Submitted(self.recipes))
        else:
            refused = next(iter(self.problems))
            self.focus_field(refused)
            self._rows[refused].select_text()

    def on_descendant_focus(self) -> None:
        # The focus may have moved on since the event was sent.
        focused = self.screen.focused
        self._current = next(
            (row for row in self._all_rows if row.editor is focused), self._current
        )
        self._show_help()
        self._show_keys()

    def on_descendant_blur(self) -> None:
        self._show_keys()

    def _show_keys(self) -> None:
        """Say which keys work in a field; the footer has those of the screen."""
        several = f" all {len(self.recipes)}" if len(self.recipes) > 1 else ""
        enter = f"enter runs{several}" if self._live is None else "enter applies"
        self.border_subtitle = f"↑↓ moves, {enter}" if self.has_focus_within else ""

    def on_resize(self) -> None:
        height = self.size.height
        self.set_class(height < len(self._all_rows) + 1 + _HELP_LINES, "-short")
        scrolls = height < len(self._all_rows) + _HELP_LINES
        kept = max(_HELP_LINES, int(_HELP_SHARE * height)) if scrolls else _HELP_LINES
        self._fields.styles.max_height = max(3, height - kept)

    def _show_draft(self) -> None:
        """Bring every row in line with the draft."""
        fields = hyperparameter_fields()
        for name, row in self._rows.items():
            row.show_text(self._draft.texts[name])
            refused = name in self._draft.problems
            row.show_problem(f"Takes {fields[name].expects}." if refused else "")
            row.show_unused(self._draft.unused.get(name, ""))
            row.show_edited(self._live is None and row.text != self._filled_with[name])
            self._show_mark(name, row)
        live = self._live is not None
        if self._current.key in self._draft.problems or (live and self._current.has_focus_within):
            self.call_after_refresh(self._current.scroll_visible, animate=False)
        self._picker.show(*preset_words(self._preset_name, self.recipes))
        self._show_help()
        self._show_keys()

    def _show_mark(self, name: str, row: FieldRow) -> None:
        live = self._live
        if live is None:
            listed = 1 if name in self._draft.problems else values_listed(name, row.text)
            remark = f"{listed} values, each in a run" if listed > 1 else ""
            row.show_mark(EFFECT_SIGNS[hyperparameter_fields()[name].takes_effect], remark)
            return
        status = live.status(name, row.text)
        colour = _COLOURS.get(status, QUIET)
        row.show_mark(EFFECT_SIGNS[live.takes_effect(name)], live.remark(name, row.text), colour)

    def _show_help(self) -> None:
        if self._current is not self._preset_row:
            self._help.show(self._current.label, self._current.help_text)
        else:
            preset = presets()[self._preset_name]
            self._help.show(preset.name, f"A published example: {preset.source}.")
