"""Textual's command palette, held back from its crashes."""

from contextlib import suppress

from textual import on, work
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.css.query import NoMatches
from textual.widgets import Button, Input

_gather_commands = CommandPalette._gather_commands.__wrapped__  # type: ignore[attr-defined]


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
        # Textual 8.2.8: a second Enter gives the command twice.
        if self.is_active:
            super()._select_or_command(event)

    def dismiss(self, result: None = None) -> AwaitComplete:
        # Textual 8.2.8: a click or an escape that comes behind the one that closed it takes the
        # screen below away, or the last one, which raises ScreenStackError.
        return super().dismiss(result) if self.is_active else AwaitComplete()

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)
    async def _gather_commands(self, search_value: str) -> None:
        # Textual 8.2.8: closed before the search has begun, it looks for a list that is gone.
        with suppress(NoMatches):
            await _gather_commands(self, search_value)
