"""Textual's command palette, held back from two of its crashes."""

from textual import on
from textual.command import CommandList, CommandPalette
from textual.widgets import Button, Input


class Palette(CommandPalette):
    """Ignores keys that arrive before its list is laid out, or after it was closed."""

    def _action_command_list(self, action: str) -> None:
        # Textual 8.2.8: page up and down look lines up that the first layout has yet to make.
        if self.query_one(CommandList)._index_to_line:
            super()._action_command_list(action)

    @on(Input.Submitted)
    @on(Button.Pressed)
    def _select_or_command(self, event: Input.Submitted | Button.Pressed | None = None) -> None:
        if event is not None:
            event.stop()
            # Textual calls the handler of the base class too, unless it is told not to.
            event.prevent_default()
        # Textual 8.2.8: a second Enter dismisses a screen that is no longer on the stack.
        if self.is_current:
            super()._select_or_command(event)
